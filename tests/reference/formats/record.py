"""Record the small data files that tests/formats reads, with the libraries that define them.

    pip install "minari[hdf5]"
    python tests/reference/formats/record.py

Every value is a plain function of its place (see `ramp`), so that the tests can compute it too.
"""
import pathlib
import shutil

import gymnasium as gym
import h5py
import minari
import numpy as np

HERE = pathlib.Path(__file__).parent
ROWS, OBS, ACT, NV, WIDTH = 12, 3, 2, 2, 4


def ramp(column, *shape, dtype=np.float32):
    """column + k/64 for the k-th element: exact in float32."""
    size = int(np.prod(shape))
    return (column + np.arange(size) / 64).astype(dtype).reshape(shape)


def d4rl(path, next_observations=True, timeouts=True):
    gzip = {"compression": "gzip", "chunks": True}
    obs = ramp(1, ROWS, OBS)
    nxt = np.vstack([obs[1:], obs[-1:] + 1])
    # Episodes 0..5 (a timeout), 5..9 (a terminal), 9..12 (a timeout). True successors at their ends.
    nxt[4] += 100
    nxt[8] += 100
    with h5py.File(path, "w") as f:
        f.create_dataset("observations", data=obs, **gzip)
        if next_observations:
            f.create_dataset("next_observations", data=nxt, **gzip)
        f.create_dataset("actions", data=ramp(-0.5, ROWS, ACT), **gzip)
        f.create_dataset("rewards", data=ramp(2, ROWS), **gzip)
        f.create_dataset("terminals", data=np.arange(ROWS) == 8, **gzip)
        if timeouts:
            f.create_dataset("timeouts", data=np.isin(np.arange(ROWS), [4, 11]), **gzip)
        f.create_dataset("infos/qpos", data=ramp(3, ROWS, NV))
        if not (next_observations and timeouts):
            return
        f.create_dataset("infos/qvel", data=ramp(4, ROWS, NV))
        f.create_dataset("infos/action_log_probs", data=ramp(-5, ROWS))
        f.create_dataset("metadata/algorithm", data=np.bytes_("SAC"))
        f.create_dataset("metadata/iteration", data=np.int32(100))
        p = f.create_group("metadata/policy")
        for name, outputs, inputs in [("fc0", WIDTH, OBS), ("fc1", WIDTH, WIDTH),
                                      ("last_fc", ACT, WIDTH), ("last_fc_log_std", ACT, WIDTH)]:
            p.create_dataset(f"{name}/weight", data=ramp(-1, outputs, inputs))
            p.create_dataset(f"{name}/bias", data=ramp(0, outputs))
        p.create_dataset("nonlinearity", data=np.bytes_("relu"))
        p.create_dataset("output_distribution", data=np.bytes_("tanh_gaussian"))


def d4rl_unwritten(path):
    """A recorder that died: the extents are there, most of the actions are not."""
    with h5py.File(path, "w", libver="latest") as f:
        for name in ["observations", "next_observations"]:
            f.create_dataset(name, data=ramp(1, ROWS, OBS))
        f.create_dataset("rewards", data=ramp(2, ROWS))
        f.create_dataset("terminals", data=np.zeros(ROWS, bool))
        f.create_dataset("timeouts", data=np.zeros(ROWS, bool))
        actions = f.create_dataset("actions", (ROWS, ACT), np.float32, chunks=(4, ACT))
        actions[:4] = 0.5


def minari_folder(path):
    shutil.rmtree(path, ignore_errors=True)
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    storage = MinariStorage.new(
        path,
        observation_space=gym.spaces.Box(-np.inf, np.inf, (OBS,), np.float64),
        action_space=gym.spaces.Box(-1, 1, (ACT,), np.float32),
    )
    storage.update_metadata({"dataset_id": "tiny/ramp-v0", "minari_version": minari.__version__})
    episodes = []
    for k, (steps, terminal) in enumerate([(3, False), (2, True)]):
        ends = np.arange(steps) == steps - 1
        episodes.append(EpisodeBuffer(
            id=k, seed=k,
            observations=ramp(10 * k, steps + 1, OBS, dtype=np.float64),
            actions=ramp(-0.5, steps, ACT),
            rewards=list(ramp(k, steps, dtype=np.float64)),
            terminations=list(ends & terminal), truncations=list(ends & (not terminal)),
            infos={},
        ))
    storage.update_episodes(episodes)
    minari.MinariDataset(str(path))  # it must load what it wrote


if __name__ == "__main__":
    d4rl(HERE / "d4rl.hdf5")
    d4rl(HERE / "d4rl_old.hdf5", next_observations=False, timeouts=False)
    d4rl(HERE / "d4rl_no_next.hdf5", next_observations=False)
    d4rl_unwritten(HERE / "d4rl_unwritten.hdf5")
    minari_folder(HERE / "minari")
    for path in sorted(HERE.rglob("*")):
        print(path.relative_to(HERE), path.stat().st_size)
