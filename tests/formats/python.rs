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
