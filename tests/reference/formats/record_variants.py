"""Record the files of tests/formats/variants.rs: one data set, stored in every way that h5py reads, and in
ways that are refused by name.

    pip install h5py
    python tests/reference/formats/record_variants.py

The data set: 60 rows, 3 episodes of 20, observations r + c/4 in row r and column c, reward 1.
"""
import os
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np

OUT = pathlib.Path(__file__).parent / "variants"
N, OBS, ACT = 60, 3, 2
rows = np.arange(N)
obs = (rows[:, None] + np.arange(OBS) / 4).astype(np.float32)
nxt = obs + 1
ends = rows % 20 == 19
nxt[ends] += 100
COLUMNS = {
    "observations": obs,
    "next_observations": nxt,
    "actions": np.tile(np.array([0.5, -0.25], np.float32), (N, 1)),
    "rewards": np.ones(N, np.float32),
    "terminals": np.zeros(N, bool),
    "timeouts": ends,
}


def record(name, change=lambda f: None, without=(), fcpl={}, **options):
    """The data set, each column made with `options`, then changed."""
    with h5py.File(OUT / name, "w", **fcpl) as f:
        for column, values in COLUMNS.items():
            if column not in without:
                f.create_dataset(column, data=values, **options)
        change(f)


def typed(name, dtype, columns=COLUMNS):
    with h5py.File(OUT / name, "w") as f:
        for column, values in COLUMNS.items():
            f[column] = values.astype(dtype) if column in columns else values


def soft(**links):
    return lambda f: [f.__setitem__(name, h5py.SoftLink(to)) for name, to in links.items()]


def renamed(f):
    f["kept/successors"], f["kept/truncations"] = COLUMNS["next_observations"], COLUMNS["timeouts"]
    soft(next_observations="/here/successors", timeouts="here/truncations", here="kept")(f)


def dense(f):
    for k in range(20):
        f[f"other_{k}"] = h5py.SoftLink("/observations")
    f["ends"] = COLUMNS["timeouts"]
    f["timeouts"] = h5py.SoftLink("/ends")


def columns(f):
    for name in ["rewards", "terminals", "timeouts"]:
        del f[name]
        f[name] = COLUMNS[name][:, None]
    f["infos/action_log_probs"] = np.full((N, 1), -2, np.float32)


def log_probs_nan(f):
    values = np.full(N, -2, np.float32)
    values[7] = np.nan
    f["infos/action_log_probs"] = values
    f["infos/qpos"] = np.zeros(3, np.float32)
    f["infos/qvel"] = h5py.SoftLink("/nowhere")


def bits(f):
    for name in ["terminals", "timeouts"]:
        d = h5py.h5d.create(f.id, name.encode(), h5py.h5t.STD_B8LE, h5py.h5s.create_simple((N,)))
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, COLUMNS[name].astype(np.uint8), h5py.h5t.STD_B8LE)


def unwritten(**options):
    def change(f):
        f.create_dataset("terminals", (N,), bool, **options)
    return change


def elsewhere(f):
    with h5py.File(OUT / "parts/elsewhere.hdf5", "w") as other:
        other["deep/next"] = COLUMNS["next_observations"]
        other["next"] = h5py.SoftLink("/deep/next")
        other["flags/timeouts"] = COLUMNS["timeouts"]
    f["next_observations"] = h5py.ExternalLink("parts/elsewhere.hdf5", "/next")
    f["flags"] = h5py.ExternalLink("parts/elsewhere.hdf5", "/flags")
    f["timeouts"] = h5py.SoftLink("/flags/timeouts")


def virtual(f):
    layout = h5py.VirtualLayout((N,), np.float32)
    layout[:] = h5py.VirtualSource("parts/rewards.hdf5", "rewards", (N,))
    f.create_virtual_dataset("rewards", layout)


def outside(f):
    f.create_dataset("rewards", (N,), np.float32, external=[("rewards.raw", 0, 4 * N)])


def pair(f):
    f["rewards"] = np.zeros(N, [("a", "f4"), ("b", "f4")])


def bfloat(f):
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_size(2)
    kind.set_ebias(127)
    h5py.h5d.create(f.id, b"rewards", kind, h5py.h5s.create_simple((N,)))


KILLED = """
import sys, os, h5py
f = h5py.File(sys.argv[1], "w", libver="latest")
f.create_dataset("rewards", data=[0.0] * 60, chunks=(60,), maxshape=(None,))
f.swmr_mode = True
f.flush()
os._exit(1)
"""

if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "parts").mkdir(parents=True)
    record("plain.hdf5")
    # What reads like plain.hdf5.
    record("link_beside.hdf5", soft(latest="/observations", gone="/nowhere"))
    record("renamed_by_links.hdf5", renamed, ["next_observations", "timeouts"])
    record("many_links.hdf5", dense, ["timeouts"], {"libver": "latest"})
    record("elsewhere.hdf5", elsewhere, ["next_observations", "timeouts"])
    record("columns.hdf5", columns)
    typed("half.hdf5", np.float16, ["observations", "next_observations", "actions", "rewards"])
    typed("double.hdf5", np.float64)
    typed("big_endian.hdf5", ">f4")
    typed("integer_flags.hdf5", np.int64, ["terminals", "timeouts"])
    record("bit_flags.hdf5", bits, ["terminals", "timeouts"])
    record("latest.hdf5", fcpl={"libver": "latest"}, chunks=True)
    record("latest_growing.hdf5", lambda f: [
        f.create_dataset(name, data=values, chunks=(7,) + values.shape[1:], compression="gzip", maxshape=(None,) + values.shape[1:])
        for name, values in COLUMNS.items()], COLUMNS, {"libver": "latest"})
    record("odd_chunks.hdf5", lambda f: [
        f.create_dataset(name, data=values, chunks=(7, 2)[: values.ndim], compression="gzip", shuffle=True, fletcher32=True)
        for name, values in COLUMNS.items()], COLUMNS)
    record("lzf.hdf5", chunks=True, compression="lzf")
    record("user_block.hdf5", fcpl={"userblock_size": 512})
    record("unwritten_flags.hdf5", unwritten(), ["terminals"])
    record("unwritten_chunks.hdf5", unwritten(chunks=(7,)), ["terminals"])
    record("useless_infos.hdf5", log_probs_nan)
    # What is refused by name.
    record("dangling.hdf5", soft(next_observations="/nowhere"), ["next_observations"])
    record("endless.hdf5", soft(next_observations="/later", later="/next_observations"), ["next_observations"])
    record("lost_part.hdf5", lambda f: f.__setitem__("timeouts", h5py.ExternalLink("lost.hdf5", "/timeouts")), ["timeouts"])
    record("virtual.hdf5", virtual, ["rewards"])
    record("external_storage.hdf5", outside, ["rewards"])
    record("pairs.hdf5", pair, ["rewards"])
    record("bfloat.hdf5", bfloat, ["rewards"])
    record("unwritten_rewards.hdf5", lambda f: f.create_dataset("rewards", (N,), np.float32), ["rewards"])
    record("text.hdf5", lambda f: f.__setitem__("rewards", ["1"] * N), ["rewards"])
    subprocess.run([sys.executable, "-c", KILLED, str(OUT / "killed.hdf5")], check=False)
    # Minari: a combined data set is links into its parts.
    for part in ["a", "b"]:
        (OUT / part / "data").mkdir(parents=True)
        with h5py.File(OUT / part / "data/main_data.hdf5", "w") as f:
            for k in range(2):
                g = f.create_group(f"episode_{k}")
                g["observations"] = np.arange(21.0 * OBS).reshape(21, OBS)
                g["actions"] = np.zeros((20, ACT), np.float32)
                g["rewards"] = np.full((20, 1), 1.0 if part == "a" else 2.0)
                g["terminations"] = np.zeros(20, bool)
                g["truncations"] = np.arange(20) == 19
    (OUT / "ab/data").mkdir(parents=True)
    with h5py.File(OUT / "ab/data/main_data.hdf5", "w") as f:
        for k, (part, of) in enumerate([("a", 0), ("a", 1), ("b", 0), ("b", 1)]):
            f[f"episode_{k}"] = h5py.ExternalLink(f"../../{part}/data/main_data.hdf5", f"/episode_{of}")
    for kind in ["arrow", "parquet"]:
        (OUT / kind / "data").mkdir(parents=True)
        (OUT / kind / "data/metadata.json").write_text('{"total_episodes": 2, "data_format": "%s"}\n' % kind)
