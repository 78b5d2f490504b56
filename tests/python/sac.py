"""SAC in the shape of CleanRL's single file, on a vector of robots. `python tests/python/sac.py --total-timesteps 1000000`"""

import argparse
import time

import gymnasium as gym
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

import h2oplus

LOG_STD_MAX, LOG_STD_MIN = 2, -5


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--env-id", default="h2oplus/HalfCheetah-v5")
    parser.add_argument("--gap", default="none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--num-envs", type=int, default=16)
    parser.add_argument("--total-timesteps", type=int, default=1_000_000)
    parser.add_argument("--buffer-size", type=int, default=1_000_000)
    parser.add_argument("--learning-starts", type=int, default=5_000)
    parser.add_argument("--updates-per-step", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--tau", type=float, default=0.005)
    parser.add_argument("--policy-lr", type=float, default=3e-4)
    parser.add_argument("--q-lr", type=float, default=1e-3)
    return parser


class Buffer:
    """A ring of transitions."""

    def __init__(self, size, obs_dim, act_dim):
        self.obs, self.next_obs = np.zeros((2, size, obs_dim), dtype=np.float32)
        self.actions = np.zeros((size, act_dim), dtype=np.float32)
        self.rewards, self.dones = np.zeros((2, size), dtype=np.float32)
        self.at, self.full, self.size = 0, False, size

    def add(self, obs, next_obs, actions, rewards, dones):
        rows = (self.at + np.arange(len(obs))) % self.size
        self.obs[rows], self.next_obs[rows], self.actions[rows] = obs, next_obs, actions
        self.rewards[rows], self.dones[rows] = rewards, dones
        self.full |= self.at + len(obs) >= self.size
        self.at = (self.at + len(obs)) % self.size

    def sample(self, n, rng):
        rows = rng.integers(0, self.size if self.full else self.at, n)
        parts = (self.obs, self.next_obs, self.actions, self.rewards, self.dones)
        return [torch.from_numpy(part[rows]) for part in parts]


class SoftQNetwork(nn.Module):
    def __init__(self, obs_dim, act_dim):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(obs_dim + act_dim, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 1)
        )

    def forward(self, x, a):
        return self.net(torch.cat([x, a], 1)).view(-1)


class Actor(nn.Module):
    def __init__(self, obs_dim, act_dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(obs_dim, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU())
        self.fc_mean, self.fc_logstd = nn.Linear(256, act_dim), nn.Linear(256, act_dim)

    def get_action(self, x):
        x = self.net(x)
        mean, log_std = self.fc_mean(x), torch.tanh(self.fc_logstd(x))
        log_std = LOG_STD_MIN + 0.5 * (LOG_STD_MAX - LOG_STD_MIN) * (log_std + 1)
        normal = torch.distributions.Normal(mean, log_std.exp())
        x_t = normal.rsample()
        action = torch.tanh(x_t)
        log_prob = normal.log_prob(x_t) - torch.log(1 - action.pow(2) + 1e-6)
        return action, log_prob.sum(1)


def main(args):
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    envs = gym.make_vec(
        args.env_id,
        num_envs=args.num_envs,
        gap=args.gap,
        seed=args.seed,
        autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,
    )
    envs = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    obs_dim, act_dim = envs.single_observation_space.shape[0], envs.single_action_space.shape[0]
    actor = Actor(obs_dim, act_dim)
    qf1, qf2, qf1_target, qf2_target = (SoftQNetwork(obs_dim, act_dim) for _ in range(4))
    qf1_target.load_state_dict(qf1.state_dict())
    qf2_target.load_state_dict(qf2.state_dict())
    q_optimizer = optim.Adam([*qf1.parameters(), *qf2.parameters()], lr=args.q_lr)
    actor_optimizer = optim.Adam(actor.parameters(), lr=args.policy_lr)
    log_alpha = torch.zeros(1, requires_grad=True)
    a_optimizer = optim.Adam([log_alpha], lr=args.q_lr)
    rb = Buffer(args.buffer_size, obs_dim, act_dim)
    returns, losses, start = [], [], time.time()

    obs, _ = envs.reset(seed=args.seed)
    for global_step in range(0, args.total_timesteps, args.num_envs):
        if global_step < args.learning_starts:
            actions = rng.uniform(-1, 1, (args.num_envs, act_dim)).astype(np.float32)
        else:
            with torch.no_grad():
                actions = actor.get_action(torch.from_dlpack(obs))[0].numpy()
        next_obs, rewards, terminations, truncations, infos = envs.step(actions)
        real_next_obs = next_obs
        over = terminations | truncations
        if over.any():
            real_next_obs = next_obs.copy()
            for idx in np.flatnonzero(over):
                real_next_obs[idx] = infos["final_obs"][idx]
            returns.extend(infos["episode"]["r"][over].tolist())
        # obs still holds what was acted on: a view lasts until the second step after it.
        rb.add(obs, real_next_obs, actions, rewards, terminations)
        obs = next_obs
        if global_step < args.learning_starts:
            continue
        for _ in range(args.updates_per_step):
            b_obs, b_next, b_act, b_rew, b_done = rb.sample(args.batch_size, rng)
            alpha = log_alpha.exp().item()
            with torch.no_grad():
                next_action, next_log_pi = actor.get_action(b_next)
                min_q = torch.min(qf1_target(b_next, next_action), qf2_target(b_next, next_action))
                target = b_rew + (1 - b_done) * args.gamma * (min_q - alpha * next_log_pi)
            qf_loss = F.mse_loss(qf1(b_obs, b_act), target) + F.mse_loss(qf2(b_obs, b_act), target)
            q_optimizer.zero_grad()
            qf_loss.backward()
            q_optimizer.step()

            pi, log_pi = actor.get_action(b_obs)
            actor_loss = (alpha * log_pi - torch.min(qf1(b_obs, pi), qf2(b_obs, pi))).mean()
            actor_optimizer.zero_grad()
            actor_loss.backward()
            actor_optimizer.step()
            alpha_loss = (-log_alpha.exp() * (log_pi.detach() - act_dim)).mean()
            a_optimizer.zero_grad()
            alpha_loss.backward()
            a_optimizer.step()
            with torch.no_grad():
                for net, target_net in ((qf1, qf1_target), (qf2, qf2_target)):
                    for p, target_p in zip(net.parameters(), target_net.parameters()):
                        target_p.lerp_(p, args.tau)
            losses.append(qf_loss.item())
        if global_step % 10_000 < args.num_envs and returns:
            sps = global_step / (time.time() - start)
            print(f"global_step={global_step} episodic_return={np.mean(returns[-20:]):.1f} SPS={sps:.0f}", flush=True)
    envs.close()
    return actor, returns, losses


if __name__ == "__main__":
    assert h2oplus.__all__, "importing it registers the tasks"
    main(arguments().parse_args())
