"""Record updates of TD3+BC for `h2oplus verify algorithms` and tests/algo/published.rs.

    pip install torch safetensors
    python tests/reference/algorithms/record.py

An implementation of its own in PyTorch, after the paper (Fujimoto and Gu, NeurIPS 2021) and its authors' code.
The targets begin apart from the networks, Q has both signs, and actions reach the clip at 1, so that confusing what
these tell apart shows.
The policy and the targets move in every second update. States are taken to be standardised.
"""
import copy
import json
import pathlib

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

OBS, ACT, HIDDEN, BATCH, UPDATES = 11, 3, [16, 16], 16, 4
SETTINGS = {
    "discount": 0.99, "tau": 0.005, "policy_noise": 0.2, "noise_clip": 0.5, "policy_freq": 2, "alpha": 2.5,
    "actor_lr": 3e-4, "critic_lr": 3e-4,
}


def network(inputs, outputs, *last):
    sizes = [inputs, *HIDDEN]
    hidden = [layer for io in zip(sizes, sizes[1:]) for layer in (nn.Linear(*io), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs), *last)


class Td3Bc:
    def __init__(self):
        make = {
            "policy": lambda: network(OBS, ACT, nn.Tanh()),
            "qf1": lambda: network(OBS + ACT, 1),
            "qf2": lambda: network(OBS + ACT, 1),
        }
        self.nets = {name: of() for name, of in make.items()}
        self.targets = {name: of() for name, of in make.items()}
        with torch.no_grad():
            for nets in (self.nets, self.targets):
                nets["policy"][-2].weight *= 12
                for name in ("qf1", "qf2"):
                    nets[name][-1].weight *= 4
                    nets[name][-1].bias.fill_(0.3)
        critics = [*self.nets["qf1"].parameters(), *self.nets["qf2"].parameters()]
        self.critic_step = torch.optim.Adam(critics, lr=SETTINGS["critic_lr"])
        self.actor_step = torch.optim.Adam(self.nets["policy"].parameters(), lr=SETTINGS["actor_lr"])

    def update(self, number, s, a, r, s2, done, normals):
        k, qf, target = SETTINGS, ("qf1", "qf2"), self.targets
        with torch.no_grad():
            noise = (k["policy_noise"] * normals).clamp(-k["noise_clip"], k["noise_clip"])
            a2 = (target["policy"](s2) + noise).clamp(-1, 1)
            q2 = torch.min(*(target[name](torch.cat([s2, a2], 1)) for name in qf))
            y = r[:, None] + (1 - done[:, None]) * k["discount"] * q2
        critic_loss = sum(F.mse_loss(self.nets[name](torch.cat([s, a], 1)), y) for name in qf)
        self.critic_step.zero_grad()
        critic_loss.backward()
        self.critic_step.step()
        losses = {"critic_loss": critic_loss.item()}
        if (number + 1) % k["policy_freq"] == 0:
            pi = self.nets["policy"](s)
            q = self.nets["qf1"](torch.cat([s, pi], 1))
            actor_loss = -k["alpha"] / q.abs().mean().detach() * q.mean() + F.mse_loss(pi, a)
            self.actor_step.zero_grad()
            actor_loss.backward()
            self.actor_step.step()
            losses["actor_loss"] = actor_loss.item()
            with torch.no_grad():
                for name, net in self.nets.items():
                    for p, t in zip(net.parameters(), target[name].parameters()):
                        t.copy_(k["tau"] * p + (1 - k["tau"]) * t)
        return losses

    def state(self, prefix):
        both = [(name, net) for name, net in self.nets.items()]
        both += [(f"target_{name}", net) for name, net in self.targets.items()]
        return {
            f"{prefix}.{name}.{key}": copy.deepcopy(value)
            for name, net in both for key, value in net.state_dict().items()
        }


torch.manual_seed(0)
agent = Td3Bc()
tensors, updates = agent.state("before"), []
for number in range(UPDATES):
    s, s2 = torch.randn(BATCH, OBS), torch.randn(BATCH, OBS)
    a, r, done = torch.randn(BATCH, ACT).tanh(), torch.randn(BATCH), (torch.rand(BATCH) < 0.2).float()
    normals = 2 * torch.randn(BATCH, ACT)  # wide, so that many reach the clip
    fields = {"observations": s, "actions": a, "rewards": r, "next_observations": s2, "dones": done}
    tensors |= {f"update{number}.batch0.{name}": value for name, value in fields.items()}
    tensors[f"update{number}.draw0"] = normals
    losses = agent.update(number, s, a, r, s2, done, normals)
    updates.append({"batches": ["all/full"], "draws": [f"normal[{BATCH}, {ACT}]"], "losses": losses})
    tensors |= agent.state(f"after{number}")

shapes = {"obs": OBS, "act": ACT, "hidden": HIDDEN, "batch": BATCH}
text = {"case": "td3bc", "settings": SETTINGS, "shapes": shapes, "updates": updates}
text = {key: value if key == "case" else json.dumps(value) for key, value in text.items()}
path = pathlib.Path(__file__).with_name("td3bc.safetensors")
save_file({name: t.detach().contiguous() for name, t in tensors.items()}, path, metadata=text)
print(updates)
