"""Step by step what Gymnasium's environments compute in MuJoCo."""

import numpy as np
import pytest
from conftest import need

import h2oplus

TASKS = ["HalfCheetah-v5", "Walker2d-v5", "Hopper-v5"]
STEPS = 400


@pytest.fixture(scope="module", params=TASKS)
def recorded(request):
    """Steps of Gymnasium's own environment under random actions: state before, action, and what it returned."""
    need("mujoco")
    gymnasium = need("gymnasium")
    env = gymnasium.make(request.param)
    rng = np.random.default_rng(1)
    rows, begins = [], []
    obs, info = env.reset(seed=1)
    for _ in range(STEPS):
        data = env.unwrapped.data
        before = data.qpos.copy(), data.qvel.copy()
        action = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        obs, reward, terminated, truncated, info = env.step(action)
        rows.append((*before, action, obs, reward, terminated, info))
        begins.append(before)
        if terminated or truncated:
            env.reset()
    qpos, qvel, actions, obs, reward, terminated, infos = map(list, zip(*rows, strict=True))
    return request.param, *map(np.array, (qpos, qvel, actions, obs, reward, terminated)), infos


def stepped(recorded, **arguments):
    """Each recorded step from its own state: errors of observation and reward over max(1, size), and what was returned."""
    task, qpos, qvel, actions, obs, reward, terminated, infos = recorded
    envs = h2oplus.make_vec(task, num_envs=STEPS, autoreset_mode="Disabled", seed=0, **arguments)
    envs.reset(seed=0)
    envs.set_state(qpos, qvel)
    returned = envs.step(actions)

    def error(is_, want):
        return np.abs(is_ - want) / np.maximum(1, np.abs(want))

    return error(returned[0], obs).max(axis=1), error(returned[1], reward), returned


def test_steps_are_gymnasiums(recorded):
    task, *_, terminated, infos = recorded
    obs, reward, returned = stepped(recorded, dtype="float64")
    # Observations and rewards are rounded to float32.
    assert obs.max() < 1e-6 and reward.max() < 1e-6, (obs.max(), reward.max())
    assert np.array_equal(returned[2], terminated)
    assert not returned[3].any()
    if task != "HalfCheetah-v5":
        assert terminated.any(), "episodes end"
    ours = returned[4]
    assert {key for key in ours if not key.startswith("_")} == set(infos[0])
    for key in infos[0]:
        want = np.array([info[key] for info in infos])
        assert np.allclose(ours[key], want, rtol=1e-6, atol=1e-6), key
        assert ours[f"_{key}"].all()


def test_float32_lanes_follow_within_their_format(recorded):
    obs, reward, returned = stepped(recorded)
    assert np.median(obs) < 1e-5 and obs.max() < 1e-2, (np.median(obs), obs.max())
    assert np.median(reward) < 1e-5 and reward.max() < 1e-2, (np.median(reward), reward.max())
    assert np.array_equal(returned[2], recorded[-2])


def test_another_robot_is_seen(recorded):
    obs, reward, _ = stepped(recorded, gap="gravity=1.01", dtype="float64")
    assert np.median(obs) > 1e-4, np.median(obs)


def test_resets_are_drawn_as_gymnasiums(recorded):
    gymnasium, task = need("gymnasium"), recorded[0]
    env = gymnasium.make(task)
    theirs = np.stack([env.reset(seed=seed)[0] for seed in range(400)])
    envs = h2oplus.make_vec(task, num_envs=400, seed=0)
    ours, infos = envs.reset(seed=0)
    spread = theirs.std(axis=0)
    assert np.allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.3 * spread.max())
    assert np.allclose(ours.std(axis=0), spread, rtol=0.2)
    _, info = env.reset(seed=0)
    assert {key for key in infos if not key.startswith("_")} == set(info)
