"""A tour, cell by cell: robots with gaps, their states, policies inside the engine, data. Runs in seconds."""

# %% Robots, each under its own gravity, behind Gymnasium's vector interface
import tempfile

import numpy as np

import h2oplus

envs = h2oplus.make_vec("HalfCheetah-v5", num_envs=1024, gap="gravity=0.5..2.0", seed=0)
observations, infos = envs.reset(seed=0)
for _ in range(50):
    observations, rewards, terminations, truncations, infos = envs.step(envs.action_space.sample())
gravity = envs.gap_params()["gravity"]
print(f"{observations.shape} observations, gravity × {gravity.min():.2f} to × {gravity.max():.2f}")
print(f"the farthest is at x = {infos['x_position'].max():.2f} m")

# %% The future twice, from one moment
moment = envs.snapshot()
actions = np.zeros(envs.action_space.shape, dtype=np.float32)
first = envs.step(actions)[0].copy()
envs.restore(moment)
assert np.array_equal(envs.step(actions)[0], first), "to the bit"

# %% A state of one's own, and another gap for half of them, from now on
qpos, qvel = envs.state()
qpos[:], qvel[:] = 0, 0
qpos[:, 1] = 1.0
envs.set_state(qpos, qvel)
envs.set_gap(np.arange(1024) % 2 == 0, "gravity=3")
envs.step(actions)
falls = -envs.state()[1][:, 1]
print(f"falling at {falls[::2].mean():.2f} m/s, the others at {falls[1::2].min():.2f} to {falls[1::2].max():.2f} m/s")

# %% Data of a policy that is shipped; the policy itself, inside the engine, on robots that it never met
with tempfile.TemporaryDirectory() as folder:
    [(file, data)] = h2oplus.collect("halfcheetah-v2", from_="shipped", quality="medium", rows=2000, out=folder).items()
    print(f"{len(data)} transitions, {data.rewards.mean():.2f} a step")
    policy = h2oplus.load_policy(file)
for gap in ("none", "gravity=2", "friction=0.3"):
    robots = h2oplus.make_vec("halfcheetah-v2", num_envs=32, gap=gap, seed=1)
    robots.reset(seed=1)
    transitions = robots.rollout(policy, 1000, deterministic=True)
    returns = transitions["rewards"].sum(axis=0)
    print(f"{gap:14} returns {returns.mean():7.0f} ± {returns.std():.0f}")

# %% The same policy as arrays, which torch.nn.Linear has in this layout
layers = [(weight.copy(), bias.copy()) for weight, bias in policy.layers]
again = h2oplus.Policy(layers)
assert np.array_equal(again.act(observations), policy.act(observations))
