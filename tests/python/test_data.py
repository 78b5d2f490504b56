"""Data sets, gaps, policies from files, and the command line."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, need

import h2oplus

FORMATS = ROOT / "tests/reference/formats"


def test_a_d4rl_file_is_what_h5py_reads():
    h5py = need("h5py")
    data = h2oplus.Dataset.load(FORMATS / "d4rl.hdf5")
    with h5py.File(FORMATS / "d4rl.hdf5") as file:
        for name in ("observations", "actions", "rewards", "terminals", "timeouts", "next_observations"):
            assert np.array_equal(getattr(data, name), file[name][:]), name
        assert np.array_equal(data.qpos, file["infos/qpos"][:].astype(np.float32))
    assert len(data) == len(data.rewards) and data.observations.dtype == np.float32
    assert data.terminals.dtype == np.bool_
    episodes = list(data.episodes())
    assert episodes[0].start == 0 and episodes[-1].stop == len(data)
    assert all(one.stop == two.start for one, two in zip(episodes, episodes[1:]))


def test_a_minari_folder_is_read():
    folder = FORMATS / "minari"
    data = h2oplus.Dataset.load(folder)
    assert len(data) == 5 and data.observations.shape == (5, 3)


def test_what_cannot_be_read_is_refused(tmp_path):
    with pytest.raises((OSError, ValueError), match="none.hdf5"):
        h2oplus.Dataset.load(tmp_path / "none.hdf5")
    broken = tmp_path / "broken.hdf5"
    broken.write_bytes((FORMATS / "d4rl.hdf5").read_bytes()[:3000])
    with pytest.raises(ValueError, match="broken.hdf5"):
        h2oplus.Dataset.load(broken)


def test_collect_measure_and_load_a_policy(tmp_path):
    made = h2oplus.collect("walker2d-v2", from_="shipped", quality="medium", rows=500, gap="gravity=1.5", out=tmp_path)
    [(file, data)] = made.items()
    assert file.is_file() and len(data) == 500 and (data.gap["gravity"] == 1.5).all()
    found = h2oplus.measure_gap(file, gap=["none", "gravity=1.5", "friction=0.3"], rows=100)
    assert found["nearest"] == "gravity=1.5" and len(found["gaps"]) == 3
    policy = h2oplus.load_policy(file)
    assert (policy.obs_dim, policy.act_dim) == (17, 6)
    envs = h2oplus.make_vec("walker2d-v2", num_envs=16, seed=0)
    envs.reset(seed=0)
    paid = envs.rollout(policy, 300, seed=0)["rewards"].mean()
    still = h2oplus.Policy([(np.zeros((6, 17)), np.zeros(6))], distribution="deterministic")
    envs.reset(seed=0)
    assert paid > envs.rollout(still, 300)["rewards"].mean() + 0.5, "it walks"
    snapshots = ROOT / "assets/behaviour/walker2d-v2.safetensors"
    last, first = h2oplus.load_policy(snapshots), h2oplus.load_policy(snapshots, 0)
    assert not np.array_equal(last.layers[0][0], first.layers[0][0])
    with pytest.raises(ValueError, match="quality"):
        h2oplus.collect("walker2d-v2", from_="shipped", quality="expert", out=tmp_path)


def test_gaps_are_listed():
    assert {"gravity", "friction"} <= {one["gap"] for one in h2oplus.gaps()["gaps"]}
    report = h2oplus.gaps("hopper-v2", "gravity=1.5")
    assert report["robot"] == "hopper" and len(report["gaps"]) == 1
    with pytest.raises(ValueError, match="help: "):
        h2oplus.gaps("hopper-v2", "gravitas")


def test_the_command_line_is_the_programs():
    def run(*words):
        return subprocess.run([sys.executable, "-m", "h2oplus", *words], capture_output=True, text=True, check=False)

    version = run("--version")
    assert version.returncode == 0 and version.stdout.startswith("h2oplus ")
    wrong = run("eval", "nowhere")
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: ") and "help: " in wrong.stderr
    assert run("no-such-command").returncode == 2
    listed = run("gap", "list")
    assert listed.returncode == 0 and "gravity" in listed.stdout
