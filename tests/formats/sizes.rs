//! Files of any size open in every reader: h5py, h5dump (another HDF5), Minari and ourselves.

use std::path::Path;
use std::process::Command;

use h2oplus::data::{Dataset, d4rl, minari};

use crate::python::python;
use crate::reference;

/// Around the size where a chunk's extent needs another byte, and well beyond.
const ROWS: [usize; 4] = [65_535, 65_536, 65_537, 1_000_000];

/// `n` rows in episodes of `length`, whose numbers tell their row.
fn counted(n: usize, length: usize) -> Dataset {
    let column = |add: f32| (0..n).map(|row| row as f32 + add).collect::<Vec<_>>();
    Dataset {
        source: format!("{n} rows"),
        obs_dim: 1,
        act_dim: 1,
        observations: column(0.0),
        next_observations: column(1.0),
        actions: (0..n).map(|row| (row % 3) as f32 - 1.0).collect(),
        rewards: column(0.5),
        terminals: (0..n).map(|row| row + 1 == n).collect(),
        timeouts: (0..n)
            .map(|row| row % length == length - 1 && row + 1 < n)
            .collect(),
        ..Dataset::default()
    }
}

/// h5py reads every array of a file whole; `length` and `n` are those of `counted`.
const D4RL_WHOLE: &str = r#"
import sys, h5py, numpy as np
n, length = int(sys.argv[2]), int(sys.argv[3])
row = np.arange(n)
want = {"observations": row[:, None], "next_observations": row[:, None] + 1, "actions": row[:, None] % 3 - 1,
        "rewards": row + 0.5, "terminals": row == n - 1, "timeouts": (row % length == length - 1) & (row < n - 1)}
with h5py.File(sys.argv[1]) as f:
    assert set(f) == set(want), set(f)
    for name, values in want.items():
        assert np.array_equal(f[name][()], values), name
    assert f["timeouts"].dtype == bool
"#;

/// The bytes of an array as h5dump reads them; `None`, said loudly, where it is not installed.
fn h5dump(file: &Path, array: &str) -> Option<Vec<u8>> {
    if Command::new("h5dump").arg("--version").output().is_err() {
        let required = std::env::var("H2OPLUS_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
        assert!(!required, "h5dump (hdf5-tools) is required here");
        h2oplus::log!("SKIPPED: h5dump is not here");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = folder.path().join("bytes");
    let out = Command::new("h5dump")
        .args(["-b", "FILE", "-d", array, "-o"])
        .args([&bytes, file])
        .output()
        .expect("it ran");
    let error = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{array}: {error}");
    Some(std::fs::read(bytes).expect("written"))
}

/// Every column of a D4RL file in h5dump's eyes.
fn same_in_h5dump(path: &Path, data: &Dataset) {
    let floats = |values: &[f32]| {
        values
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let flags = |values: &[bool]| values.iter().map(|&x| u8::from(x)).collect::<Vec<_>>();
    for (name, want) in [
        ("/observations", floats(&data.observations)),
        ("/next_observations", floats(&data.next_observations)),
        ("/actions", floats(&data.actions)),
        ("/rewards", floats(&data.rewards)),
        ("/terminals", flags(&data.terminals)),
        ("/timeouts", flags(&data.timeouts)),
    ] {
        if let Some(bytes) = h5dump(path, name) {
            assert!(bytes == want, "{name} differs in h5dump");
        }
    }
}

#[test]
fn d4rl_files_of_every_size_open_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    for n in ROWS {
        let path = folder.path().join(format!("{n}.hdf5"));
        let data = counted(n, 1000);
        d4rl::write(&path, &data).expect("written");
        let mut back = Dataset::read(&path).expect("read back");
        back.source.clone_from(&data.source);
        assert!(back == data, "{n} rows read back otherwise");
        let place = path.to_str().expect("UTF-8");
        python("h5py", D4RL_WHOLE, &[place, &n.to_string(), "1000"]);
        same_in_h5dump(&path, &data);
    }
}

const MINARI_WHOLE: &str = r#"
import sys, minari, numpy as np
data = minari.MinariDataset(sys.argv[1])
at = 0
for episode in data.iterate_episodes():
    n = len(episode)
    row = np.arange(at, at + n)
    assert np.array_equal(episode.observations[:, 0], np.arange(at, at + n + 1))
    assert np.array_equal(episode.actions[:, 0], row % 3 - 1)
    assert np.array_equal(episode.rewards, row + 0.5)
    assert not episode.terminations[:-1].any() and not episode.truncations[:-1].any()
    at += n
assert at == data.total_steps == int(sys.argv[2]), at
"#;

#[test]
fn minari_folders_of_every_size_open_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    // One episode of all rows, and thousands of short ones.
    for (n, length) in ROWS.map(|n| (n, n)).into_iter().chain([(30_000, 10)]) {
        let path = folder.path().join(format!("{n}"));
        let data = counted(n, length);
        minari::write(&path, &data).expect("written");
        let mut back = Dataset::read(&path).expect("read back");
        back.source.clone_from(&data.source);
        assert!(back == data, "{n} rows read back otherwise");
        let inner = path.join("data");
        let place = inner.to_str().expect("UTF-8");
        python("minari, h5py", MINARI_WHOLE, &[place, &n.to_string()]);
        let rewards = h5dump(&inner.join("main_data.hdf5"), "/episode_0/rewards");
        let want = data.rewards[..length]
            .iter()
            .flat_map(|&r| f64::from(r).to_le_bytes());
        if let Some(rewards) = rewards {
            assert!(
                rewards == want.collect::<Vec<_>>(),
                "{n}: rewards differ in h5dump"
            );
        }
    }
}

/// What `collect` writes unless told otherwise: 100,000 rows.
#[test]
fn what_collect_writes_by_default_opens_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = Command::new(assert_cmd::cargo::cargo_bin!("h2oplus"))
        .args(["collect", "--from", "shipped", "--format", "short", "--out"])
        .arg(folder.path())
        .output()
        .expect("it ran");
    let error = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{error}");
    for kind in ["medium", "medium-replay"] {
        let path = folder.path().join(format!("halfcheetah-v2-{kind}.hdf5"));
        let data = Dataset::read(&path).expect("read back");
        assert_eq!((data.len(), data.notes.len()), (100_000, 0));
        let script = "import sys, h5py\nf = h5py.File(sys.argv[1])\n\
                      visit = lambda name, x: hasattr(x, 'dtype') and x[()]\n\
                      f.visititems(visit)\n\
                      assert f['timeouts'][:].sum() == int(sys.argv[2])";
        let ends = data.timeouts.iter().filter(|&&end| end).count();
        python(
            "h5py",
            script,
            &[path.to_str().expect("UTF-8"), &ends.to_string()],
        );
        same_in_h5dump(&path, &data);
    }
}

/// Files of versions up to 0.2, whose chunks of 65,536 rows newer readers refuse, are still read by us.
#[test]
fn files_written_before_are_still_read() {
    for name in ["before/d4rl.hdf5", "before/minari"] {
        let data = Dataset::read(reference(name)).expect("read");
        assert_eq!((data.len(), data.obs_dim, data.act_dim), (65_536, 1, 1));
        assert!(data.rewards.iter().all(|&r| r == 1.0) && data.terminals[65_535]);
        let ends = data.timeouts.iter().filter(|&&end| end).count();
        assert_eq!(ends, if name.ends_with("minari") { 0 } else { 65 });
    }
}
