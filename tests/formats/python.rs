//! The libraries that define the formats open what we write. Skipped, loudly, where Python lacks
//! them; `H2OPLUS_REQUIRE_PYTHON=1` makes their absence a failure.

use std::process::Command;

use h2oplus::data::{Dataset, d4rl, minari};

use crate::reference;

/// Run a Python script on `args`; `false` where `modules` cannot be imported.
pub fn python(modules: &str, script: &str, args: &[&str]) -> bool {
    let found = Command::new("python3")
        .args(["-c", &format!("import {modules}")])
        .output()
        .is_ok_and(|out| out.status.success());
    if !found {
        let required = std::env::var("H2OPLUS_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
        assert!(!required, "python3 with {modules} is required here");
        h2oplus::log!("SKIPPED: python3 with {modules} is not here");
        return false;
    }
    let out = Command::new("python3")
        .arg("-c")
        .arg(script)
        .args(args)
        .output()
        .expect("it ran");
    let error = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{error}");
    true
}

/// h5py sees the same names, dtypes, filters and values in our file as in its own.
const SAME_HDF5: &str = r#"
import sys, h5py, numpy as np
def contents(path):
    found = {}
    with h5py.File(path) as f:
        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                found[name] = (item.dtype, item[()], item.chunks, item.compression)
        f.visititems(visit)
    return found
theirs, ours = contents(sys.argv[1]), contents(sys.argv[2])
assert theirs.keys() == ours.keys(), theirs.keys() ^ ours.keys()
for name, (dtype, values, chunks, compression) in theirs.items():
    assert ours[name][0] == dtype, (name, ours[name][0], dtype)
    assert np.shape(ours[name][1]) == np.shape(values), name
    assert np.array_equal(ours[name][1], values), name
    if compression:
        assert ours[name][2] and ours[name][3] == compression, (name, ours[name][2:])
assert ours["terminals"][0] == np.dtype(bool)
"#;

#[test]
fn h5py_opens_our_d4rl_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = folder.path().join("ours.hdf5");
    let theirs = reference("d4rl.hdf5");
    let mut data = Dataset::read(&theirs).expect("a sound file");
    d4rl::write(&ours, &data).expect("written");
    let args = [&theirs, &ours].map(|path| path.to_str().expect("UTF-8"));
    if !python("h5py", SAME_HDF5, &args) {
        return;
    }
    // Negative control: one value changed must be seen.
    data.rewards[7] += 1.0;
    d4rl::write(&ours, &data).expect("written");
    let caught = std::panic::catch_unwind(|| python("h5py", SAME_HDF5, &args));
    assert!(caught.is_err(), "a changed reward went unseen");
}

const LOAD_MINARI: &str = r#"
import sys, minari, numpy as np
theirs, ours = minari.MinariDataset(sys.argv[1]), minari.MinariDataset(sys.argv[2])
assert ours.total_episodes == theirs.total_episodes and ours.total_steps == theirs.total_steps
assert ours.observation_space == theirs.observation_space, ours.observation_space
assert ours.action_space == theirs.action_space, ours.action_space
assert ours.spec.dataset_id == "copy-v0", ours.spec.dataset_id
for a, b in zip(theirs.iterate_episodes(), ours.iterate_episodes(), strict=True):
    assert a.id == b.id and len(a) == len(b)
    for key in ["observations", "actions", "rewards", "terminations", "truncations"]:
        x, y = getattr(a, key), getattr(b, key)
        assert x.dtype == y.dtype and np.array_equal(x, y), (key, x, y)
assert [m["total_steps"] for m in ours.storage.get_episode_metadata([0, 1])] == [3, 2]
sampled = ours.sample_episodes(2)
"#;

#[test]
fn minari_loads_our_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = folder.path().join("copy");
    let theirs = reference("minari");
    let data = Dataset::read(&theirs).expect("a sound folder");
    minari::write(&ours, &data).expect("written");
    let ours = ours.join("data");
    let args = [&theirs, &ours].map(|path| path.to_str().expect("UTF-8"));
    python("minari, h5py", LOAD_MINARI, &args);
}

/// Arrays of a D4RL file lie under the same names in Minari's folder and in a safetensors file.
const CONVERTED: &str = r#"
import json, struct, sys, h5py, minari, numpy as np
d4rl, folder, tensors = h5py.File(sys.argv[1]), minari.MinariDataset(sys.argv[2]), sys.argv[3]
columns = ["observations", "actions", "rewards", "terminals", "timeouts"]
infos = ["qpos", "qvel", "action_log_probs"]
raw = open(tensors, "rb").read()
size = struct.unpack("<Q", raw[:8])[0]
header = json.loads(raw[8:8 + size])
def tensor(name):
    about = header[name]
    kind = {"F32": np.float32, "F64": np.float64, "BOOL": np.bool_}[about["dtype"]]
    start, end = about["data_offsets"]
    return np.frombuffer(raw[8 + size + start:8 + size + end], kind).reshape(about["shape"])
names = columns + ["next_observations"] + ["infos/" + name for name in infos] + ["infos/gap/gravity"]
for name in names:
    assert np.array_equal(tensor(name), d4rl[name][()], equal_nan=True), name
start = 0
for episode in folder.iterate_episodes():
    end = start + len(episode)
    theirs = [episode.observations[:-1], episode.actions, episode.rewards, episode.terminations, episode.truncations]
    for name, values in zip(columns, theirs, strict=True):
        assert np.array_equal(values, d4rl[name][start:end]), (name, start)
    assert np.array_equal(episode.observations[1:], d4rl["next_observations"][start:end])
    for name in infos:
        assert len(episode.infos[name]) == len(episode) + 1
        assert np.array_equal(episode.infos[name][:-1], d4rl["infos/" + name][start:end]), name
        assert np.isnan(episode.infos[name][-1]).all()
    gap = episode.infos["gap"]["gravity"][:-1]
    assert np.array_equal(gap, d4rl["infos/gap/gravity"][start:end], equal_nan=True)
    start = end
assert start == len(d4rl["rewards"])
assert folder.env_spec.id == "HalfCheetah-v5", folder.env_spec
"#;

#[test]
fn minari_and_numpy_read_what_is_converted() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = ["a.hdf5", "b", "c.safetensors"].map(|name| folder.path().join(name));
    let mut data = Dataset::read(reference("d4rl.hdf5")).expect("a sound file");
    data.gap.insert("gravity".into(), vec![1.5; data.len()]);
    data.environment = Some("HalfCheetah-v5".into());
    at.iter()
        .for_each(|path| data.write(path).expect("written"));
    let paths = [at[0].clone(), at[1].join("data"), at[2].clone()];
    let args = paths.each_ref().map(|path| path.to_str().expect("UTF-8"));
    if !python("minari, h5py, numpy", CONVERTED, &args) {
        return;
    }
    // Negative control: one state changed must be seen.
    data.qpos.as_mut().expect("recorded")[4] += 1.0;
    data.write(&at[2]).expect("written");
    let seen = std::panic::catch_unwind(|| python("minari, h5py, numpy", CONVERTED, &args));
    assert!(seen.is_err(), "a changed state went unseen");
}
