"""PPO in the shape of CleanRL's single file for continuous actions. `python tests/python/ppo.py --total-timesteps 5000000`"""

import argparse
import time

import gymnasium as gym
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.distributions.normal import Normal

import h2oplus


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--env-id", default="h2oplus/HalfCheetah-v5")
    parser.add_argument("--gap", default="none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--num-steps", type=int, default=128)
    parser.add_argument("--total-timesteps", type=int, default=5_000_000)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--gae-lambda", type=float, default=0.95)
    parser.add_argument("--num-minibatches", type=int, default=8)
    parser.add_argument("--update-epochs", type=int, default=10)
    parser.add_argument("--clip-coef", type=float, default=0.2)
    parser.add_argument("--vf-coef", type=float, default=0.5)
    parser.add_argument("--max-grad-norm", type=float, default=0.5)
    return parser


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    def __init__(self, obs_dim, act_dim):
        super().__init__()

        def mlp(out, std):
            hidden = (layer_init(nn.Linear(obs_dim, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh())
            return nn.Sequential(*hidden, layer_init(nn.Linear(64, out), std=std))

        self.critic, self.actor_mean = mlp(1, 1.0), mlp(act_dim, 0.01)
        self.actor_logstd = nn.Parameter(torch.zeros(1, act_dim))

    def get_action_and_value(self, x, action=None):
        mean = self.actor_mean(x)
        probs = Normal(mean, self.actor_logstd.expand_as(mean).exp())
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action).sum(1), self.critic(x).view(-1)


def make(args):
    """The wrappers of CleanRL's PPO, whose environments of Gymnasium's default mode begin anew in the next step."""
    envs = gym.make_vec(args.env_id, num_envs=args.num_envs, gap=args.gap, seed=args.seed)
    envs = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    envs = gym.wrappers.vector.ClipAction(envs)
    envs = gym.wrappers.vector.NormalizeObservation(envs)
    return gym.wrappers.vector.NormalizeReward(envs, gamma=args.gamma)


def main(args):
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    envs = make(args)
    obs_dim, act_dim = envs.single_observation_space.shape[0], envs.single_action_space.shape[0]
    agent = Agent(obs_dim, act_dim)
    optimizer = optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
    shape = (args.num_steps, args.num_envs)
    obs, actions = torch.zeros(*shape, obs_dim), torch.zeros(*shape, act_dim)
    logprobs, rewards, dones, values = torch.zeros(4, *shape)
    returns_seen, start = [], time.time()
    batch = args.num_steps * args.num_envs
    size = batch // args.num_minibatches

    def tensor(array):
        return torch.as_tensor(np.asarray(array), dtype=torch.float32)

    first, _ = envs.reset(seed=args.seed)
    next_obs, next_done = tensor(first).clone(), torch.zeros(args.num_envs)
    for iteration in range(args.total_timesteps // batch):
        for step in range(args.num_steps):
            obs[step], dones[step] = next_obs, next_done
            with torch.no_grad():
                actions[step], logprobs[step], values[step] = agent.get_action_and_value(next_obs)
            seen, reward, terminations, truncations, infos = envs.step(actions[step].numpy())
            rewards[step] = tensor(reward)
            next_obs, next_done = tensor(seen).clone(), tensor(terminations | truncations)
            if "episode" in infos:
                returns_seen.extend(infos["episode"]["r"][infos["_episode"]].tolist())
        with torch.no_grad():
            next_value = agent.critic(next_obs).view(-1)
            advantages, last = torch.zeros_like(rewards), 0
            for t in reversed(range(args.num_steps)):
                nonterminal = 1.0 - (next_done if t == args.num_steps - 1 else dones[t + 1])
                following = next_value if t == args.num_steps - 1 else values[t + 1]
                delta = rewards[t] + args.gamma * following * nonterminal - values[t]
                advantages[t] = last = delta + args.gamma * args.gae_lambda * nonterminal * last
            returns = advantages + values
        # A step that is a reset (the one after an end) is no transition of the policy's.
        b_inds = np.flatnonzero(dones.reshape(-1).numpy() == 0)
        flat = [part.reshape(batch, *part.shape[2:]) for part in (obs, actions, logprobs, advantages, returns)]
        for _ in range(args.update_epochs):
            rng.shuffle(b_inds)
            for begin in range(0, len(b_inds), size):
                b_obs, b_act, b_logprob, b_adv, b_ret = (part[b_inds[begin : begin + size]] for part in flat)
                _, newlogprob, newvalue = agent.get_action_and_value(b_obs, b_act)
                ratio = (newlogprob - b_logprob).exp()
                b_adv = (b_adv - b_adv.mean()) / (b_adv.std() + 1e-8)
                clipped = torch.clamp(ratio, 1 - args.clip_coef, 1 + args.clip_coef)
                pg_loss = torch.max(-b_adv * ratio, -b_adv * clipped).mean()
                v_loss = 0.5 * ((newvalue - b_ret) ** 2).mean()
                optimizer.zero_grad()
                (pg_loss + args.vf_coef * v_loss).backward()
                nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
                optimizer.step()
        if returns_seen:
            steps = (iteration + 1) * batch
            mean, sps = np.mean(returns_seen[-100:]), steps / (time.time() - start)
            print(f"global_step={steps} episodic_return={mean:.1f} SPS={sps:.0f}", flush=True)
    envs.close()
    return agent, returns_seen


if __name__ == "__main__":
    assert h2oplus.__all__, "importing it registers the tasks"
    main(arguments().parse_args())
