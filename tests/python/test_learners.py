"""What people bring: loops in CleanRL's shape, and Stable-Baselines3."""

import numpy as np
import pytest
from conftest import need

import h2oplus

# Hoppers learn not to fall at once within seconds; what random actions return is the control.
QUICK = ["--env-id", "h2oplus/Hopper-v5"]


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small are slower on several threads."""
    need("torch").set_num_threads(1)


@pytest.fixture(scope="module")
def chance():
    """Mean return of episodes under random actions."""
    envs = h2oplus.make_vec("Hopper-v5", num_envs=256, seed=0, autoreset_mode="SameStep")
    envs.reset(seed=0)
    rng, running, ended = np.random.default_rng(0), np.zeros(256), []
    for _ in range(150):
        _, reward, terminated, truncated, _ = envs.step(rng.uniform(-1, 1, (256, 3)).astype(np.float32))
        running += reward
        over = terminated | truncated
        ended.extend(running[over])
        running[over] = 0
    return float(np.mean(ended))


def test_sac_learns(chance):
    sac = need("sac")
    args = [*QUICK, "--total-timesteps", "8000", "--learning-starts", "2000", "--batch-size", "64"]
    _, returns, losses = sac.main(sac.arguments().parse_args(args))
    assert np.isfinite(losses).all()
    assert np.mean(returns[-20:]) > 2 * chance, (np.mean(returns[-20:]), chance)


def test_ppo_learns(chance):
    ppo = need("ppo")
    args = [*QUICK, "--total-timesteps", "100000", "--num-steps", "64"]
    _, returns = ppo.main(ppo.arguments().parse_args(args))
    assert np.mean(returns[-50:]) > 2 * chance, (np.mean(returns[-50:]), chance)


def test_stable_baselines3s_ppo_learns_on_a_vector(chance):
    ppo = need("stable_baselines3").PPO
    sb3 = need("h2oplus.sb3")
    envs = sb3.SB3VecEnv(h2oplus.make_vec("Hopper-v5", num_envs=64, seed=0, autoreset_mode="SameStep"))
    model = ppo("MlpPolicy", envs, n_steps=64, batch_size=512, n_epochs=10, seed=0, device="cpu")
    model.learn(100_000)
    returns = [episode["r"] for episode in model.ep_info_buffer]
    assert np.mean(returns) > 2 * chance, (np.mean(returns), chance)
    assert all(episode["l"] >= 1 for episode in model.ep_info_buffer)
    envs.close()
    with pytest.raises(ValueError, match="SAME_STEP"):
        sb3.SB3VecEnv(h2oplus.make_vec("Hopper-v5", num_envs=2))


def test_stable_baselines3_takes_one_by_its_id():
    ppo = need("stable_baselines3").PPO
    model = ppo("MlpPolicy", "h2oplus/HalfCheetah-v5", n_steps=128, batch_size=64, n_epochs=1, seed=0, device="cpu")
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(256)
    after = list(model.policy.parameters())
    assert any((a != b).any() for a, b in zip(after, before))
