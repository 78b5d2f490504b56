"""Views without a copy and how long they hold, DLPack, threads, forks."""

import contextlib
import gc
import os
import threading
import time

import numpy as np
import pytest
from conftest import need

import h2oplus


def address(array):
    return array.__array_interface__["data"][0]


def made(num_envs=40, **arguments):
    envs = h2oplus.make_vec("HalfCheetah-v5", num_envs=num_envs, seed=0, autoreset_mode="SameStep", **arguments)
    obs, _ = envs.reset(seed=0)
    return envs, obs


def acted(k, num_envs=40):
    return np.full((num_envs, 6), np.sin(k), dtype=np.float32)


def test_a_view_holds_until_the_second_step_after_it():
    envs, first = made()
    kept = first.copy()
    second = envs.step(acted(0))[0]
    assert np.array_equal(first, kept) and not np.array_equal(second, kept)
    assert not np.shares_memory(first, second)
    third = envs.step(acted(1))[0]
    assert address(third) == address(first), "two places in turn: nothing is allocated"
    assert not np.array_equal(first, kept)
    # A reset, or a state that is set, leaves the latest step's numbers too.
    numbers = third.copy()
    after, _ = envs.reset()
    assert np.array_equal(third, numbers) and not np.shares_memory(after, third)


def test_views_outlive_their_environments():
    envs, obs = made()
    values = envs.step(acted(0))[0]
    kept = values.copy()
    envs.close()
    del envs, obs
    gc.collect()
    others = [made()[0] for _ in range(3)]
    assert np.array_equal(values, kept) and len(others) == 3


def test_copies_are_the_callers():
    envs, first = made(copy=True)
    kept = first.copy()
    out = envs.step(acted(0))
    infos = {key: value.copy() for key, value in out[4].items()}
    numbers = [array.copy() for array in out[:4]]
    for k in range(3):
        envs.step(acted(k))
    assert np.array_equal(first, kept)
    assert all(map(np.array_equal, out[:4], numbers))
    assert all(np.array_equal(out[4][key], infos[key]) for key in infos)


def test_writing_into_a_view_moves_no_robot():
    envs, obs = made()
    other, _ = made()
    obs[:] = 1e6
    ours, theirs = envs.step(acted(0)), other.step(acted(0))
    assert np.array_equal(ours[0], theirs[0]) and np.array_equal(ours[1], theirs[1])


def test_torch_reads_without_a_copy():
    torch = need("torch")
    envs, obs = made()
    tensor = torch.from_dlpack(obs)
    assert tensor.data_ptr() == address(obs) and tensor.shape == (40, 17)
    assert torch.utils.dlpack.from_dlpack(obs.__dlpack__()).data_ptr() == address(obs)
    # A loop: policy in torch, actions back without a copy, observations in place.
    policy = torch.nn.Linear(17, 6)
    for _ in range(4):
        with torch.no_grad():
            actions = torch.tanh(policy(torch.from_dlpack(obs)))
        obs, reward, *_ = envs.step(actions.numpy())
        assert torch.from_dlpack(obs).data_ptr() == address(obs)
        assert torch.from_dlpack(reward).data_ptr() == address(reward)
    before = torch.from_dlpack(obs).clone()
    assert np.array_equal(before.numpy(), obs)


def workers():
    names = []
    for task in os.listdir("/proc/self/task"):
        # A thread may end between the listing and the open, or between the open and the read.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/self/task/{task}/comm") as name:
                names.append(name.read().strip())
    return sum(name.startswith("h2oplus-") for name in names)


def become(count):
    """Whether there are soon so many workers: threads begin and end in their own time."""
    for _ in range(200):
        if workers() == count:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_threads_end_with_their_environments():
    gc.collect()
    before = workers()
    envs, _ = made(threads=3)
    assert become(before + 3)
    envs.close()
    assert become(before)
    made(threads=2)[0].step(acted(0))
    gc.collect()
    assert become(before), "and without close, with the last reference"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_goes_on_with_threads_of_its_own():
    envs, _ = made(threads=2)
    twin, _ = made(threads=2)
    want = twin.step(acted(1))[0].copy()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if np.array_equal(envs.step(acted(1))[0], want) else 2
        finally:
            os.write(write, bytes([code]))
            os._exit(code)
    deadline = time.time() + 60
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        assert time.time() < deadline, "the child hangs"
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(ended[1]) == 0 and os.read(read, 1) == b"\0"
    assert np.array_equal(envs.step(acted(1))[0], want), "the parent, too"


def test_other_threads_run_while_robots_step():
    envs = h2oplus.make_vec("HalfCheetah-v5", num_envs=8192, seed=0, threads=1)
    envs.reset(seed=0)
    actions, counted = envs.action_space.sample(), 0
    stepping = threading.Thread(target=lambda: [envs.step(actions) for _ in range(10)])
    stepping.start()
    while stepping.is_alive():
        counted += 1
        time.sleep(0.0005)
    # With the interpreter's lock held, this thread would wake up once a step.
    assert counted > 20, counted


def test_jax_reads_without_a_copy():
    # Last here: a process that has JAX's threads should not fork.
    dlpack = need("jax.dlpack")
    for num_envs in (1, 40, 1000):
        envs, obs = made(num_envs)
        # Both places that steps are written to in turn.
        for step in range(2):
            assert dlpack.from_dlpack(obs, copy=False).unsafe_buffer_pointer() == address(obs)
            obs, reward, *_ = envs.step(acted(step, num_envs))
            assert dlpack.from_dlpack(reward, copy=False).unsafe_buffer_pointer() == address(reward)
