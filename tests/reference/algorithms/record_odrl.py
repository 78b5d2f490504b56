"""Record updates of DARA, SAC with BC, PAR with BC and SAC with CQL for `h2oplus verify algorithms`.

    pip install torch safetensors
    python tests/reference/algorithms/record_odrl.py

An implementation of its own in PyTorch, after the rules that ODRL (Lyu et al., NeurIPS 2024) publishes; losses, gradients and
Adam's steps are PyTorch's. As in all methods here, every loss of an update is taken at the parameters before it (classifiers
and encoder step first), and the targets follow at its end. The policy's log sigma is m * raw + o, the classifiers' heads are
2 * tanh, as in the other cases.

The targets begin apart from the networks, Q has both signs, the correction's clip binds, and the encoder steps in every
second update, so that confusing what these tell apart shows.
"""
import copy
import json
import math
import pathlib

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

OBS, ACT, HIDDEN, HALF, UPDATES = 11, 3, [16, 16], 12, 4
COMMON = {"discount": 0.99, "soft_target_update_rate": 0.005}
SAC = COMMON | {"actor_lr": 3e-4, "critic_lr": 3e-4, "reward_scale": 1.0, "temperature": 0.2}
SETTINGS = {
    "sac-bc": SAC | {"weight": 5.0},
    "par-bc": SAC | {
        "weight": 5.0, "penalty": 0.1, "encoder_update": 2, "encoder_width": 8, "encoder_rows": HALF,
        "encoder_lr": 3e-4,
    },
    "sac-cql": SAC | {"cql_min_q_weight": 10.0, "cql_temp": 1.0, "cql_n_actions": 10, "cql_importance_sample": True},
    "dara": COMMON | {
        "lr": 3e-4, "expectile": 0.7, "beta": 3.0, "exp_advantage_max": 100.0, "max_steps": 20, "penalty_coefficient": 20.0,
        "penalty_clip": 0.1, "noise_std_discriminator": 1.0, "batch_size": HALF,
    },
}
BOUND = [-20.0, 2.0]


def network(inputs, outputs, *last):
    sizes = [inputs, *HIDDEN]
    hidden = [layer for io in zip(sizes, sizes[1:]) for layer in (nn.Linear(*io), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs), *last)


def step(optimiser, loss):
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def lesser(pair, s, a):
    return torch.min(*(pair[name](torch.cat([s, a], -1)).squeeze(-1) for name in ("qf1", "qf2")))


class Agent:
    """Critics, their targets, and what else steps or follows: `nets` and `targets` by name."""

    def __init__(self, settings):
        self.k = settings
        self.nets = {name: network(OBS + ACT, 1) for name in ("qf1", "qf2")}
        self.targets = {name: network(OBS + ACT, 1) for name in ("qf1", "qf2")}
        with torch.no_grad():
            for nets in (self.nets, self.targets):
                for net in nets.values():
                    net[-1].weight *= 4
                    net[-1].bias.fill_(0.3)
        critics = [p for name in ("qf1", "qf2") for p in self.nets[name].parameters()]
        self.critic_step = torch.optim.Adam(critics, lr=settings.get("critic_lr", settings.get("lr")))
        self.scalars = {}

    def follow(self):
        rate = self.k["soft_target_update_rate"]
        with torch.no_grad():
            for name, target in self.targets.items():
                for p, t in zip(self.nets[name].parameters(), target.parameters()):
                    t.copy_(rate * p + (1 - rate) * t)

    def td(self, batch, y):
        s, a, *_ = batch
        pair = (self.nets[name](torch.cat([s, a], 1)).squeeze(1) for name in ("qf1", "qf2"))
        return sum(F.mse_loss(q, y) for q in pair)

    def state(self, prefix):
        nets = [*self.nets.items(), *((f"target_{name}", net) for name, net in self.targets.items())]
        tensors = {f"{prefix}.{name}.{key}": value for name, net in nets for key, value in net.state_dict().items()}
        tensors |= {f"{prefix}.{name}": value for name, value in self.scalars.items()}
        return {name: value.detach().clone().contiguous() for name, value in tensors.items()}


class Sac(Agent):
    def __init__(self, settings):
        super().__init__(settings)
        self.nets["policy"] = network(OBS, 2 * ACT)
        self.scalars = {
            "policy.log_std_multiplier": torch.tensor([1.0]), "policy.log_std_offset": torch.tensor([-1.0]),
            "log_alpha": torch.tensor([math.log(settings["temperature"])]),
        }
        own = [self.scalars[name].requires_grad_() for name in list(self.scalars)[:2]]
        self.actor_step = torch.optim.Adam([*self.nets["policy"].parameters(), *own], lr=settings["actor_lr"])

    def actions(self, s, eps):
        """Actions and their log-densities; `eps` may have samples of each state along its second dimension."""
        mean, raw = self.nets["policy"](s).chunk(2, dim=-1)
        log_std = (self.scalars["policy.log_std_multiplier"] * raw + self.scalars["policy.log_std_offset"]).clamp(*BOUND)
        if eps.dim() == 3:
            mean, log_std = mean[:, None], log_std[:, None]
        u = mean + log_std.exp() * eps
        normal = -0.5 * eps**2 - log_std - 0.5 * math.log(2 * math.pi)
        return u.tanh(), (normal - 2 * (math.log(2) - u - F.softplus(-2 * u))).sum(-1)

    def target(self, batch, eps):
        _, _, r, s2, done = batch
        with torch.no_grad():
            a2, log_pi = self.actions(s2, eps)
            q2 = lesser(self.targets, s2, a2) - self.k["temperature"] * log_pi
            return r + (1 - done) * self.k["discount"] * q2

    def actor(self, s, eps):
        a, log_pi = self.actions(s, eps)
        q = lesser(self.nets, s, a)
        return (self.k["temperature"] * log_pi - q).mean(), q

    def finish(self, critic, actor):
        step(self.actor_step, actor)  # the critics' gradients of this loss are cleared by their own step
        step(self.critic_step, critic)
        self.follow()
        return {"critic_loss": critic.item(), "actor_loss": actor.item()}


class SacBc(Sac):
    def update(self, number, real, sim, draw):
        both = [torch.cat(pair) for pair in zip(real, sim)]
        now, next_, cloned = draw("normal", 2 * HALF), draw("normal", 2 * HALF), draw("normal", HALF)
        # Both losses are taken before either step.
        y = self.target(both, next_)
        actor, q = self.actor(both[0], now)
        a, _ = self.actions(real[0], cloned)
        actor = self.k["weight"] / q.abs().mean().detach() * actor + F.mse_loss(a, real[1])
        return self.finish(self.td(both, y), actor)


class Encoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        sizes = {"zs1": OBS, "zs2": width, "zs3": width, "zsa1": width + ACT, "zsa2": width, "zsa3": width}
        for name, inputs in sizes.items():
            setattr(self, name, nn.Sequential(nn.Linear(inputs, width)))

    def f(self, s):
        z = self.zs3(F.elu(self.zs2(F.elu(self.zs1(s)))))
        return z / z.abs().mean(-1, keepdim=True).clamp(min=1e-8)

    def g(self, z, a):
        return self.zsa3(F.elu(self.zsa2(F.elu(self.zsa1(torch.cat([z, a], 1))))))


class ParBc(SacBc):
    def __init__(self, settings):
        super().__init__(settings)
        self.nets["encoder"], self.targets["encoder"] = (Encoder(settings["encoder_width"]) for _ in range(2))
        self.encoder_step = torch.optim.Adam(self.nets["encoder"].parameters(), lr=settings["encoder_lr"])

    def update(self, number, real, sim, draw):
        s, a, s2 = draw("rows", HALF)
        net, old = self.nets["encoder"], self.targets["encoder"]
        if (number + 1) % self.k["encoder_update"] == 0:
            step(self.encoder_step, F.mse_loss(net.g(net.f(s), a), net.f(s2).detach()))
        with torch.no_grad():
            s, a, r, s2, done = sim
            far = ((old.g(old.f(s), a) - old.f(s2)) ** 2).mean(1)
        return super().update(number, real, (s, a, r - self.k["penalty"] * far, s2, done), draw)


class SacCql(Sac):
    def update(self, number, real, sim, draw):
        both = [torch.cat(pair) for pair in zip(real, sim)]
        now, next_ = draw("normal", 2 * HALF), draw("normal", 2 * HALF)
        count = self.k["cql_n_actions"]
        random, here, there = draw("uniform", HALF, count), draw("normal", HALF, count), draw("normal", HALF, count)
        y = self.target(both, next_)
        critic = self.td(real, y[:HALF]) + self.td(sim, y[HALF:])
        s, a, _, s2, _ = real
        with torch.no_grad():
            sampled = [self.actions(s, here), self.actions(s2, there)]
        actions = torch.cat([random, *(a for a, _ in sampled)], 1)
        density = torch.cat([torch.full([HALF, count], ACT * math.log(0.5)), *(log_pi for _, log_pi in sampled)], 1)
        rows = torch.cat([s[:, None].expand(-1, actions.shape[1], -1), actions], 2)
        for name in ("qf1", "qf2"):
            q, temperature = self.nets[name](rows).squeeze(2), self.k["cql_temp"]
            worst = temperature * torch.logsumexp((q - density) / temperature, 1)
            data = self.nets[name](torch.cat([s, a], 1)).squeeze(1)
            critic = critic + self.k["cql_min_q_weight"] * (worst - data).mean()
        actor, _ = self.actor(both[0], now)
        return self.finish(critic, actor)


class Dara(Agent):
    def __init__(self, settings):
        super().__init__(settings)
        make = {
            "policy": (OBS, ACT, nn.Tanh()), "vf": (OBS, 1), "d_sa": (OBS + ACT, 2), "d_sas": (2 * OBS + ACT, 2),
        }
        self.nets |= {name: network(*sizes) for name, sizes in make.items()}
        with torch.no_grad():
            self.nets["vf"][-1].bias.fill_(2.0)
        self.scalars = {"policy.log_std": torch.zeros(ACT, requires_grad=True)}
        parameters = lambda *names: [p for name in names for p in self.nets[name].parameters()]
        self.ratio_step = torch.optim.Adam(parameters("d_sa", "d_sas"), lr=settings["lr"])
        self.value_step = torch.optim.Adam(parameters("vf"), lr=settings["lr"])
        own = [*parameters("policy"), self.scalars["policy.log_std"]]
        self.actor_step = torch.optim.Adam(own, lr=settings["lr"])
        self.fall = torch.optim.lr_scheduler.CosineAnnealingLR(self.actor_step, settings["max_steps"])

    def heads(self, s, a, s2):
        sa, sas = torch.cat([s, a], 1), torch.cat([s, a, s2], 1)
        return 2 * self.nets["d_sa"](sa).tanh(), 2 * self.nets["d_sas"](sas).tanh()

    def classify(self, real, sim, draw):
        loss = 0
        for label, rows in enumerate((real, sim)):
            rows = [x + self.k["noise_std_discriminator"] * draw("field", *x.shape) for x in rows]
            sa, sas = self.heads(*rows)
            label = torch.full([len(sa)], label)
            loss = loss + F.cross_entropy(sa, label) + F.cross_entropy(sas + sa, label)
        step(self.ratio_step, loss)

    def update(self, number, real, sim, draw):
        self.classify(draw("rows", HALF), draw("rows", HALF), draw)
        k = self.k
        with torch.no_grad():
            s, a, r, s2, done = sim
            _, sas = self.heads(s, a, s2)
            ratio = (sas[:, 0] - sas[:, 1]).clamp(-k["penalty_clip"], k["penalty_clip"])
            sim = s, a, r + k["penalty_coefficient"] * ratio, s2, done
        s, a, r, s2, done = both = [torch.cat(pair) for pair in zip(real, sim)]
        v = self.nets["vf"](s).squeeze(1)
        with torch.no_grad():
            advantage = lesser(self.targets, s, a) - v
            y = r + (1 - done) * k["discount"] * self.nets["vf"](s2).squeeze(1)
            weight = (k["beta"] * advantage).exp().clamp(max=k["exp_advantage_max"])
            q = lesser(self.targets, s, a)
        error = q - v
        value = ((k["expectile"] - (error.detach() < 0).float()).abs() * error**2).mean()
        critic = self.td(both, y)
        normal = torch.distributions.Normal(self.nets["policy"](s), self.scalars["policy.log_std"].clamp(*BOUND).exp())
        actor = -(weight * normal.log_prob(a).sum(1)).mean()
        for optimiser, loss in ((self.value_step, value), (self.critic_step, critic), (self.actor_step, actor)):
            step(optimiser, loss)
        self.fall.step()
        self.follow()
        return {"value_loss": value.item(), "critic_loss": critic.item(), "actor_loss": actor.item()}


def rows():
    s, s2 = torch.randn(HALF, OBS), torch.randn(HALF, OBS)
    return s, torch.randn(HALF, ACT).tanh(), torch.randn(HALF), s2, (torch.rand(HALF) < 0.2).float()


FIELDS = ["observations", "actions", "rewards", "next_observations", "dones"]
for case, method in {"sac-bc": SacBc, "par-bc": ParBc, "sac-cql": SacCql, "dara": Dara}.items():
    torch.manual_seed(0)
    agent = method(SETTINGS[case])
    tensors, updates = agent.state("before"), []
    for number in range(UPDATES):
        batches, draws = [rows(), rows()], []

        def draw(kind, *size):
            if kind == "rows":
                batches.append(rows())
                return [batches[-1][FIELDS.index(name)] for name in ("observations", "actions", "next_observations")]
            size = size if kind == "field" else (*size, ACT)
            draws.append(2 * torch.rand(size) - 1 if kind == "uniform" else torch.randn(size))
            return draws[-1]

        losses = agent.update(number, *batches, draw)
        for n, batch in enumerate(batches):
            tensors |= {f"update{number}.batch{n}.{name}": value for name, value in zip(FIELDS, batch)}
        tensors |= {f"update{number}.draw{n}": value for n, value in enumerate(draws)}
        updates.append({"batches": len(batches), "draws": [list(d.shape) for d in draws], "losses": losses})
        tensors |= agent.state(f"after{number}")
    shapes = {"obs": OBS, "act": ACT, "hidden": HIDDEN, "batch": HALF}
    text = {"settings": SETTINGS[case], "shapes": shapes, "updates": updates}
    text = {"case": case} | {key: json.dumps(value) for key, value in text.items()}
    path = pathlib.Path(__file__).with_name(f"{case}.safetensors")
    save_file(tensors, path, metadata=text)
    print(case, updates[-1]["losses"])
