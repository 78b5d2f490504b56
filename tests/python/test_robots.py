"""What other environments do not have: gaps, states, snapshots, roll-outs in the engine."""

import os

import numpy as np
import pytest

import h2oplus


def sampled(envs, k):
    return np.random.default_rng(k).uniform(-1, 1, envs.action_space.shape).astype(np.float32)


def test_every_environment_has_its_own_gap():
    envs = h2oplus.make_vec("HalfCheetah-v5", num_envs=64, gap="gravity=0.5..2.0,friction=0.3", seed=3)
    params = envs.gap_params()
    assert params.dtype.names == ("friction", "gravity") and params.shape == (64,)
    assert (params["friction"] == 0.3).all() and len(np.unique(params["gravity"])) == 64
    assert 0.5 <= params["gravity"].min() < 0.8 and 1.7 < params["gravity"].max() <= 2.0
    same = h2oplus.make_vec("HalfCheetah-v5", num_envs=64, gap="gravity=0.5..2.0,friction=0.3", seed=3)
    assert np.array_equal(same.gap_params(), params)
    # What falls further in a step is heavier.
    height = np.zeros((64, 9))
    height[:, 1] = 2
    envs.reset(seed=0)
    envs.set_state(height, np.zeros((64, 9)))
    envs.step(np.zeros((64, 6), dtype=np.float32))
    fallen = -envs.state()[1][:, 1]
    assert np.allclose(fallen, 9.81 * 0.05 * params["gravity"], rtol=1e-3)


def test_gaps_in_turn_and_redrawn():
    envs = h2oplus.make_vec("Hopper-v5", num_envs=4, gap="none/gravity=1.5", seed=0)
    assert np.isnan(envs.gap_params()["gravity"][::2]).all() and (envs.gap_params()["gravity"][1::2] == 1.5).all()
    drawn = h2oplus.make_vec("Hopper-v5", num_envs=8, gap="gravity=0.5..2.0", gap_redraw=True, seed=0)
    drawn.reset(seed=0)
    first = drawn.gap_params()["gravity"]
    drawn.reset()
    assert (drawn.gap_params()["gravity"] != first).all()
    assert not h2oplus.make_vec("Hopper-v5", num_envs=3).gap_params().dtype.names


def test_set_gap_is_that_gap_for_those_environments():
    """A vector whose gap is set goes on as one that was made with it, and the others' bits stay."""
    n, mask = 20, np.arange(20) % 3 == 1
    ours = h2oplus.make_vec("Walker2d-v5", num_envs=n, gap="friction=0.5", seed=1, autoreset_mode="SameStep")
    plain = h2oplus.make_vec("Walker2d-v5", num_envs=n, gap="friction=0.5", seed=1, autoreset_mode="SameStep")
    heavy = h2oplus.make_vec("Walker2d-v5", num_envs=n, gap="gravity=1.7", seed=1, autoreset_mode="SameStep")
    for envs in (ours, plain, heavy):
        envs.reset(seed=2)
    for k in range(5):
        for envs in (ours, plain, heavy):
            envs.step(sampled(ours, k))
    ours.set_gap(mask, "gravity=1.7")
    params = ours.gap_params()
    assert (params["gravity"][mask] == 1.7).all() and np.isnan(params["gravity"][~mask]).all()
    assert (params["friction"][~mask] == 0.5).all() and np.isnan(params["friction"][mask]).all()
    qpos, qvel = ours.state()
    heavy.set_state(qpos, qvel)
    ours.set_state(qpos, qvel)
    plain.set_state(qpos, qvel)
    apart = False
    for k in range(60):
        one, two, three = (envs.step(sampled(ours, k))[0] for envs in (ours, plain, heavy))
        assert np.array_equal(one[~mask], two[~mask]), k
        assert np.array_equal(one[mask], three[mask]), k
        apart |= bool((one[mask] != two[mask]).any())
    assert apart
    ours.set_gap(None, "none")
    assert not ours.gap_params().dtype.names
    with pytest.raises(ValueError, match="gravitas"):
        ours.set_gap(mask, "gravitas")
    with pytest.raises(ValueError, match="19 of 20"):
        ours.set_gap(mask[1:], "gravity")


def test_a_curriculum_keeps_no_old_gaps():
    envs = h2oplus.make_vec("Hopper-v5", num_envs=6, gap="gravity=0.5..2.0", gap_redraw=True, seed=0)
    envs.reset(seed=0)
    for k in range(1, 30):
        envs.set_gap([True, False, False, True, True, False], f"gravity={1 + 0.01 * k}")
        envs.reset()
    strengths = envs.gap_params()["gravity"]
    assert (strengths[[0, 3, 4]] == 1.29).all() and len(np.unique(strengths[[1, 2, 5]])) == 3


@pytest.mark.parametrize("physics", ["planar", "rapier"])
@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_a_snapshot_is_exact(physics, mode):
    arguments = dict(num_envs=11, gap="gravity=0.5..2.0,joint-noise=0.2,delay=0..2,sensor-noise=0.1", gap_redraw=True, seed=5, physics=physics)
    envs = h2oplus.make_vec("Hopper-v5", autoreset_mode=mode, **arguments)
    envs.reset(seed=8)
    for k in range(37):
        envs.step(sampled(envs, k))
    kept, obs = envs.snapshot(), envs.step(sampled(envs, 99))[0].copy()
    envs.restore(kept)

    def goes_on(envs):
        return [[np.copy(part) for part in envs.step(sampled(envs, 100 + k))[:4]] for k in range(50)]

    delays = envs.gap_params()["delay"]
    assert (delays == np.round(delays)).all() and 0 <= delays.min() < delays.max() <= 2
    first = goes_on(envs)
    assert any((part[2] | part[3]).any() for part in first), "episodes end"
    assert np.array_equal(envs.restore(kept), envs.restore(kept)), "what sensors showed"
    assert np.array_equal(envs.step(sampled(envs, 99))[0], obs)
    envs.restore(kept)
    assert all(np.array_equal(a, b) for one, two in zip(goes_on(envs), first) for a, b in zip(one, two))
    # Another vector of the same making, on one thread.
    other = h2oplus.make_vec("Hopper-v5", autoreset_mode=mode, threads=1, **arguments)
    other.restore(kept)
    assert all(np.array_equal(a, b) for one, two in zip(goes_on(other), first) for a, b in zip(one, two))
    other.set_gap(None, "gravity=2")
    with pytest.raises(ValueError, match="other gaps"):
        other.restore(kept)
    with pytest.raises(ValueError, match="snapshot"):
        envs.restore(kept[:100])


def test_states_come_back_and_only_where_asked():
    envs = h2oplus.make_vec("Walker2d-v5", num_envs=6, seed=0, dtype="float64")
    envs.reset(seed=0)
    qpos, qvel = envs.state()
    assert qpos.shape == qvel.shape == (6, 9) and qpos.dtype == np.float64
    qpos[:, 0] += np.arange(6)
    mask = np.arange(6) > 3
    obs = envs.set_state(qpos, qvel, mask)
    now, _ = envs.state()
    assert np.array_equal(now[mask], qpos[mask]) and (now[:4, 0] != qpos[:4, 0])[1:].all()
    assert np.allclose(obs[:, :8], now[:, 1:], atol=1e-7)
    for wrong in (qpos[:, :5], np.full_like(qpos, np.nan)):
        with pytest.raises(ValueError, match="qpos"):
            envs.set_state(wrong, qvel)


@pytest.fixture
def on_gpu():
    """Makes robots on a GPU, or on what poses as one; without either the test is skipped, or fails as in CI."""

    def make(**arguments):
        try:
            return h2oplus.make_vec("Hopper-v5", device="gpu", seed=0, **arguments)
        except ValueError as error:
            if os.environ.get("H2OPLUS_REQUIRE_GPU"):
                raise
            pytest.skip(f"no GPU: {error}")

    return make


def test_a_gpu_steps_as_the_lanes_do(on_gpu):
    gpu = on_gpu(num_envs=33, autoreset_mode="SameStep")
    cpu = h2oplus.make_vec("Hopper-v5", num_envs=33, autoreset_mode="SameStep", seed=0)
    for envs in (gpu, cpu):
        obs, infos = envs.reset(seed=7)
    assert np.allclose(gpu.reset(seed=7)[0], cpu.reset(seed=7)[0], atol=1e-6) and gpu.step(sampled(gpu, 0))[4] == {}
    cpu.step(sampled(cpu, 0))
    for k in range(1, 15):
        ours, theirs = gpu.step(sampled(gpu, k)), cpu.step(sampled(cpu, k))
        assert np.median(np.abs(ours[0] - theirs[0])) < 1e-3 and np.array_equal(ours[2], theirs[2]), k
    for k in range(60):
        *_, terminated, _, infos = gpu.step(np.ones((33, 3), dtype=np.float32))
        if terminated.any():
            assert infos["final_obs"][np.argmax(terminated)].shape == (11,)
            break
    kept = gpu.snapshot()
    first = gpu.step(sampled(gpu, 3))[0].copy()
    gpu.reset(seed=1)
    gpu.restore(kept)
    assert np.array_equal(gpu.step(sampled(gpu, 3))[0], first)


@pytest.mark.parametrize("mode", ["NextStep", "Disabled"])
def test_episodes_on_a_gpu_are_in_the_callers_hand(on_gpu, mode):
    arguments = dict(num_envs=21, autoreset_mode=mode, max_episode_steps=6)
    gpu, cpu = on_gpu(**arguments), h2oplus.make_vec("Hopper-v5", seed=0, **arguments)
    part = np.arange(21) < 3
    for envs in (gpu, cpu):
        envs.reset(seed=7)
        envs.step(sampled(envs, 0))
        envs.set_gap(np.arange(21) > 10, "gravity=1.5")
    parts = [envs.reset(seed=5, options={"reset_mask": part})[0] for envs in (gpu, cpu)]
    assert np.allclose(*parts, atol=1e-4)
    for k in range(1, 14):
        ours, theirs = gpu.step(sampled(gpu, k)), cpu.step(sampled(cpu, k))
        assert np.median(np.abs(ours[0] - theirs[0])) < 1e-3, k
        assert np.array_equal(ours[2], theirs[2]) and np.array_equal(ours[3], theirs[3]), k
        if mode == "Disabled" and (ended := ours[2] | ours[3]).any():
            with pytest.raises(ValueError, match="reset it"):
                gpu.step(sampled(gpu, k))
            fresh = [envs.reset(options={"reset_mask": ended})[0] for envs in (gpu, cpu)]
            assert np.allclose(fresh[0][ended], fresh[1][ended], atol=1e-6)
    assert k == 13 and np.array_equal(gpu.gap_params()["gravity"], cpu.gap_params()["gravity"], equal_nan=True)


@pytest.mark.parametrize("distribution", ["tanh_gaussian", "clipped_gaussian", "deterministic"])
def test_a_policy_acts_on_the_gpu_as_it_does_on_the_cpu(on_gpu, distribution):
    outputs = 3 if distribution == "deterministic" else 6
    policy = h2oplus.Policy(network(11, outputs), distribution=distribution)
    arguments = dict(num_envs=33, autoreset_mode="SameStep", max_episode_steps=8)
    gpu, cpu = on_gpu(**arguments), h2oplus.make_vec("Hopper-v5", seed=0, **arguments)
    rolled = []
    for envs in (gpu, cpu):
        envs.reset(seed=7)
        rolled.append(envs.rollout(policy, 9, seed=4))
    for name, ours in rolled[0].items():
        theirs = rolled[1][name]
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype, name
        assert np.allclose(ours[:5], theirs[:5], atol=5e-3), name
    assert rolled[0]["truncations"][7].any()
    # Steps go on from there, and means are what the policy says of what is seen.
    after = gpu.step(sampled(gpu, 3))[0].copy()
    on = gpu.rollout(policy, 2, deterministic=True)
    assert np.array_equal(on["observations"][0], after)
    assert np.allclose(on["actions"][1], policy.act(on["observations"][1]), atol=1e-5)


def network(obs_dim, outputs, seed=0):
    rng = np.random.default_rng(seed)
    sizes = [obs_dim, 32, 24, outputs]
    return [(rng.normal(0, 0.4, (b, a)), rng.normal(0, 0.1, b)) for a, b in zip(sizes, sizes[1:])]


def forward(layers, x):
    for k, (weight, bias) in enumerate(layers):
        x = x @ weight.T + bias
        if k + 1 < len(layers):
            x = np.maximum(x, 0)
    return x


def test_a_policy_acts_as_its_arrays_say():
    obs = np.random.default_rng(1).normal(size=(9, 11)).astype(np.float32)
    noise = np.random.default_rng(2).normal(size=(9, 3)).astype(np.float32)
    layers = network(11, 6)
    mean, log_std = np.split(forward(layers, obs), 2, axis=1)
    policy = h2oplus.Policy(layers)
    assert (policy.obs_dim, policy.act_dim) == (11, 3)
    assert np.allclose(policy.act(obs), np.tanh(mean), atol=1e-5)
    assert np.allclose(policy.act(obs[0]), np.tanh(mean[0]), atol=1e-5)
    # log-std is bounded as SAC's.
    sample = policy.act(obs, noise)
    assert np.allclose(sample, np.tanh(mean + np.exp(np.clip(log_std, -20, 2)) * noise), atol=1e-4)
    for given, (weight, bias) in zip(layers, policy.layers, strict=True):
        assert np.allclose(given[0], weight) and np.allclose(given[1], bias)
    own = h2oplus.Policy(network(11, 3), distribution="deterministic")
    assert own.act_dim == 3 and own.distribution == "deterministic"
    assert np.allclose(own.act(obs), np.tanh(forward(network(11, 3), obs)), atol=1e-5)
    for wrong, message in [
        (dict(layers=[]), "layers"),
        (dict(layers=network(11, 5)), "5 outputs"),
        (dict(layers=layers[1:] + layers[:1]), "layer 2"),
        (dict(layers=layers, distribution="beta"), "distribution"),
        (dict(layers=[(np.full((2, 3), np.inf), np.zeros(2))]), "finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            h2oplus.Policy(**wrong)


@pytest.mark.parametrize("mode", ["SameStep", "NextStep", "Disabled"])
def test_a_rollout_is_the_same_steps_one_by_one(mode):
    policy = h2oplus.Policy(network(11, 3), distribution="deterministic")
    arguments = dict(num_envs=200, gap="gravity=0.7..1.5", seed=3)
    inside = h2oplus.make_vec("Hopper-v5", autoreset_mode=mode, **arguments)
    outside = h2oplus.make_vec("Hopper-v5", autoreset_mode="SameStep", **arguments)
    obs, _ = outside.reset(seed=4)
    inside.reset(seed=4)
    rolled = inside.rollout(policy, 60)
    assert rolled["observations"].shape == (60, 200, 11) and rolled["actions"].shape == (60, 200, 3)
    for t in range(60):
        actions = policy.act(obs)
        assert np.array_equal(rolled["observations"][t], obs), t
        assert np.array_equal(rolled["actions"][t], actions), t
        obs, reward, terminated, truncated, infos = outside.step(actions)
        successor = obs.copy()
        for env in np.flatnonzero(terminated | truncated):
            successor[env] = infos["final_obs"][env]
        assert np.array_equal(rolled["next_observations"][t], successor), t
        assert np.array_equal(rolled["rewards"][t], reward)
        assert np.array_equal(rolled["terminations"][t], terminated)
        assert np.array_equal(rolled["truncations"][t], truncated)
    assert rolled["terminations"].any(), "episodes end"
    # And steps go on from there, in the vector's own mode.
    after = inside.step(policy.act(obs))
    assert np.array_equal(after[1], outside.step(policy.act(obs))[1])


def test_sampled_rollouts_are_keyed_by_their_seed():
    def rolled(**arguments):
        envs = h2oplus.make_vec("HalfCheetah-v5", num_envs=8, seed=0, threads=arguments.pop("threads", 0))
        envs.reset(seed=0)
        return envs.rollout(h2oplus.Policy(network(17, 12)), 20, **arguments)["actions"]

    one = rolled(seed=1)
    assert np.array_equal(one, rolled(seed=1, threads=1)) and not np.array_equal(one, rolled(seed=2))
    assert not np.array_equal(one, rolled(deterministic=True)) and len(np.unique(one[0, :, 0])) == 8
    with pytest.raises(ValueError, match="policy"):
        h2oplus.make_vec("Hopper-v5").rollout(h2oplus.Policy(network(17, 12)), 5)
