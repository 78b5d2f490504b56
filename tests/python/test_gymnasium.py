"""Gymnasium's interface by the book: its checker, its registry, its three autoreset modes."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import h2oplus

TASKS = [f"{robot}-v{version}" for robot in ("HalfCheetah", "Hopper", "Walker2d") for version in (2, 4, 5)]
MODES = list(AutoresetMode)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.filterwarnings("ignore:.*is out of date:DeprecationWarning")
def test_gymnasiums_checker_passes(task):
    env = gymnasium.make(f"h2oplus/{task}")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning)
        # It thinks that observations without bounds are probably a mistake; Gymnasium's own have none.
        warnings.filterwarnings("ignore", message=".*infinity. This is probably too.*")
        check_env(env.unwrapped)
    env.close()


def test_the_registry_makes_vectors():
    envs = gymnasium.make_vec("h2oplus/Walker2d-v5", num_envs=3, gap="gravity=1.5", seed=4)
    assert isinstance(envs, h2oplus.RobotVectorEnv) and envs.num_envs == 3
    assert envs.gap_params()["gravity"].tolist() == [1.5] * 3
    assert envs.spec.id == "h2oplus/Walker2d-v5"
    assert envs.spec.max_episode_steps == 1000
    brief = gymnasium.make_vec("h2oplus/HalfCheetah-v5", num_envs=2, max_episode_steps=3)
    brief.reset()
    assert [brief.step(brief.action_space.sample())[3].all() for _ in range(4)] == [False, False, True, False]
    wrapped = gymnasium.wrappers.vector.RecordEpisodeStatistics(envs)
    wrapped.reset(seed=0)
    for _ in range(200):
        *_, infos = wrapped.step(np.ones(envs.action_space.shape, dtype=np.float32))
        if "episode" in infos:
            break
    assert infos["episode"]["l"].max() > 5
    synced = gymnasium.make_vec("h2oplus/Hopper-v5", num_envs=2, vectorization_mode="sync")
    obs, _ = synced.reset(seed=1)
    assert obs.shape == (2, 11) and (obs[0] != obs[1]).any()


@pytest.mark.parametrize("task", ["HalfCheetah-v5", "Hopper-v4"])
def test_spaces_hold_what_is_returned(task):
    envs = h2oplus.make_vec(task, num_envs=5, seed=0)
    obs, _ = envs.reset(seed=0)
    assert obs in envs.observation_space and obs[0] in envs.single_observation_space
    action = envs.action_space.sample()
    obs, reward, terminated, truncated, _ = envs.step(action)
    assert obs in envs.observation_space
    assert reward.dtype == np.float32 and terminated.dtype == truncated.dtype == np.bool_
    assert reward.shape == terminated.shape == truncated.shape == (5,)


def roll(envs, steps, disabled=False):
    """What `steps` random steps returned, all copied; with `disabled`, who has ended is reset."""
    rng = np.random.default_rng(3)
    obs, infos = envs.reset(seed=0)
    out = [(np.array(obs), _copy(infos))]
    for _ in range(steps):
        actions = rng.uniform(-1.2, 1.2, envs.action_space.shape).astype(np.float32)
        obs, reward, terminated, truncated, infos = envs.step(actions)
        out.append((np.array(obs), reward.copy(), terminated.copy(), truncated.copy(), _copy(infos)))
        over = terminated | truncated
        if disabled and over.any():
            obs, infos = envs.reset(options={"reset_mask": over.copy()})
            out.append((np.array(obs), _copy(infos)))
    return out


def _copy(infos):
    return {key: _copy(value) if isinstance(value, dict) else value.copy() for key, value in infos.items()}


def same(ours, theirs):
    """Whether two nests of arrays are equal, keys and all."""
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if theirs is None or ours is None:
        return theirs is ours
    if theirs.dtype == object:
        return all(map(same, ours, theirs))
    return theirs.shape == ours.shape and np.array_equal(ours, theirs)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("task", "limit"), [("halfcheetah-v5", 7), ("hopper-v5", 25), ("walker2d-v5", 30)])
def test_every_autoreset_mode_is_gymnasiums(brief, task, limit, mode):
    """The vector returns, bit by bit, what Gymnasium makes of single environments in this mode: resets draw nothing."""
    own = brief(task, limit)
    vector = h2oplus.make_vec(own, num_envs=3, autoreset_mode=mode)
    theirs = SyncVectorEnv([lambda: h2oplus.RobotEnv(own)] * 3, autoreset_mode=mode)
    disabled = mode is AutoresetMode.DISABLED
    steps = 3 * limit
    ours, book = roll(vector, steps, disabled), roll(theirs, steps, disabled)
    ends = sum((part[2] | part[3]).sum() for part in book if len(part) == 5)
    assert ends >= 6, "episodes end"
    for at, (one, other) in enumerate(zip(ours, book, strict=True)):
        assert same(one, other), (at, one, other)
    others = [other for other in MODES if other is not mode]
    assert vector.metadata["autoreset_mode"] is mode
    for other in others:
        if AutoresetMode.DISABLED not in (mode, other):
            wrong = h2oplus.make_vec(own, num_envs=3, autoreset_mode=other)
            assert not same(roll(wrong, steps), book), "another mode returns something else"


def test_disabled_refuses_a_step_after_the_end(brief):
    envs = h2oplus.make_vec(brief("halfcheetah-v5", 2), num_envs=2, autoreset_mode="Disabled")
    envs.reset(seed=0)
    still = np.zeros((2, 6), dtype=np.float32)
    envs.step(still)
    *_, truncated, _ = envs.step(still)
    assert truncated.all()
    with pytest.raises(ValueError, match="environment 0: its episode has ended"):
        envs.step(still)
    envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ValueError, match="environment 1: its episode has ended"):
        envs.step(still)
    envs.reset(options={"reset_mask": np.array([False, True])})
    envs.step(still)


def test_a_partial_reset_leaves_the_others():
    envs = h2oplus.make_vec("Hopper-v5", num_envs=4, autoreset_mode="Disabled", seed=0)
    envs.reset(seed=0)
    obs = envs.step(envs.action_space.sample())[0].copy()
    mask = np.array([False, True, False, True])
    after, infos = envs.reset(options={"reset_mask": mask})
    assert np.array_equal(after[~mask], obs[~mask]) and (after[mask] != obs[mask]).any(axis=1).all()
    assert np.array_equal(infos["_x_position"], mask)
    for wrong in ([True] * 4, np.ones(4), np.ones(3, dtype=bool), np.zeros(4, dtype=bool)):
        with pytest.raises((TypeError, ValueError), match="reset_mask"):
            envs.reset(options={"reset_mask": wrong})


def test_a_seed_decides_all_draws():
    envs = h2oplus.make_vec("Walker2d-v2", num_envs=6, gap="joint-noise=0.5", autoreset_mode="SameStep", seed=9)

    def episode(seed):
        obs = [envs.reset(seed=seed)[0].copy()]
        for k in range(60):
            obs.append(envs.step(np.full((6, 6), np.sin(k), dtype=np.float32))[0].copy())
        return np.stack(obs)

    first = episode(5)
    assert np.array_equal(first, episode(5)) and not np.array_equal(first, episode(6))
    assert len(np.unique(first[0], axis=0)) == 6, "each environment draws its own"
    # One each, and of some alone: whatever happened before.
    envs.reset(seed=[5, 5, 5, None, 5, 5])
    mask = np.array([True, False, False, True, False, False])
    again, _ = envs.reset(seed=5, options={"reset_mask": mask})
    assert np.array_equal(again[mask], first[0][mask])
    with pytest.raises(ValueError, match="seeds for 6"):
        envs.reset(seed=[1, 2])


def test_pictures_show_the_robot():
    envs = h2oplus.make_vec("Walker2d-v5", num_envs=2, render_mode="rgb_array", seed=0)
    envs.reset(seed=0)
    qpos, qvel = envs.state()
    qpos[1, 1] += 0.4
    envs.set_state(qpos, qvel)
    low, high = envs.render()
    assert low.shape == (240, 320, 3) and low.dtype == np.uint8

    def top(picture):
        # The robot is the only thing that is dark; the sky is white.
        return np.flatnonzero((picture.min(axis=2) < 100).any(axis=1)).min()

    assert 10 < top(high) + 20 < top(low) < 200, "who is higher is drawn higher"
    assert h2oplus.make_vec("Walker2d-v5").render() is None
    single = gymnasium.make("h2oplus/HalfCheetah-v5", render_mode="rgb_array")
    single.reset()
    assert single.render().shape == (240, 320, 3)


def test_bad_input_is_refused_with_help():
    cases = [
        (dict(task="Ant-v5"), "no such task"),
        (dict(task="Hopper-v5", gap="gravitas"), "gravit"),
        (dict(task="Hopper-v5", num_envs=0), "environment"),
        (dict(task="Hopper-v5", physics="bullet"), "planar"),
        (dict(task="Hopper-v5", dtype="float16"), "float16"),
        (dict(task="Hopper-v5", device="tpu"), "tpu"),
        (dict(task="Hopper-v5", gap="gravity=2", gap_redraw=True), "nothing to redraw"),
        (dict(task="Hopper-v5", render_mode="human"), "render_mode"),
        (dict(task="Hopper-v5", max_episode_steps=0), "max_episode_steps"),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message) as refused:
            h2oplus.make_vec(**arguments)
        assert "\n  help: " in str(refused.value), refused.value
    envs = h2oplus.make_vec("Hopper-v5", num_envs=2)
    envs.reset()
    with pytest.raises(ValueError, match="component 1 is NaN"):
        envs.step(np.array([[0, 0, 0], [0, np.nan, 0]]))
    with pytest.raises(ValueError, match="actions"):
        envs.step(np.zeros((1, 3)))
    envs.step(np.zeros((2, 3)))
