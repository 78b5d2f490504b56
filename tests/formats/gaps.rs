//! The strengths that each transition was recorded under.

use h2oplus::data::{Dataset, d4rl};

use crate::python::python;
use crate::reference;

/// Strengths that no float32 holds, absent in the last row.
fn recorded() -> Dataset {
    let mut data = Dataset::read(reference("d4rl.hdf5")).expect("a sound file");
    assert!(data.gap.is_empty(), "a file without gaps has none");
    let mut gravity: Vec<f64> = (0..12).map(|row| 1.0 + f64::from(row) / 3.0).collect();
    gravity[11] = f64::NAN;
    data.gap.insert("gravity".into(), gravity);
    data.gap.insert("joint-noise".into(), vec![0.1; 12]);
    data
}

fn bits(data: &Dataset) -> Vec<(String, Vec<u64>)> {
    let column = |(name, strengths): (&String, &Vec<f64>)| {
        (
            name.clone(),
            strengths.iter().map(|k| k.to_bits()).collect(),
        )
    };
    data.gap.iter().map(column).collect()
}

#[test]
fn strengths_read_back_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.hdf5");
    let data = recorded();
    for bare in [false, true] {
        let mut data = data.clone();
        if bare {
            (data.qpos, data.qvel, data.action_log_probs) = (None, None, None);
        }
        d4rl::write(&path, &data).expect("written");
        let back = Dataset::read(&path).expect("read back");
        assert_eq!(bits(&back), bits(&data));
        assert_eq!((&back.rewards, &back.qpos), (&data.rewards, &data.qpos));
    }
}

#[test]
fn rows_keep_their_strengths() {
    let mut data = recorded();
    let without = Dataset::read(reference("d4rl.hdf5")).expect("a sound file");
    let whole = Dataset::concat(&[without.clone(), data.clone(), without]).expect("one task");
    let gravity = &whole.gap["gravity"];
    assert_eq!(gravity.len(), 36);
    assert!(
        gravity[..12]
            .iter()
            .chain(&gravity[23..])
            .all(|k| k.is_nan())
    );
    assert_eq!(gravity[12..23], data.gap["gravity"][..11]);
    data.retain_rows(|row| row % 3 == 0);
    assert_eq!(data.gap["gravity"], [1.0, 2.0, 3.0, 4.0]);
    data.validate().expect("sound");
    data.gap.insert("friction".into(), vec![f64::INFINITY; 4]);
    let error = data.validate().unwrap_err().to_string();
    assert!(error.contains("infos/gap/friction, row 0"), "{error}");
    data.gap.insert("friction".into(), vec![0.5; 3]);
    let error = data.validate().unwrap_err().to_string();
    assert!(error.contains("infos/gap/friction"), "{error}");
}

const READ: &str = r#"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as f:
    assert sorted(f["infos/gap"]) == ["gravity", "joint-noise"], list(f["infos/gap"])
    gravity = f["infos/gap/gravity"]
    assert gravity.dtype == np.float64 and gravity.shape == f["rewards"].shape
    assert gravity.compression == "gzip"
    want = 1 + np.arange(12) / 3
    assert np.array_equal(gravity[:11], want[:11]) and np.isnan(gravity[11])
"#;

#[test]
fn h5py_reads_the_strengths() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.hdf5");
    let mut data = recorded();
    d4rl::write(&path, &data).expect("written");
    let args = [path.to_str().expect("UTF-8")];
    if !python("h5py", READ, &args) {
        return;
    }
    // Negative control: one strength off by a last bit must be seen.
    let strength = &mut data.gap.get_mut("gravity").expect("recorded")[4];
    *strength = strength.next_up();
    d4rl::write(&path, &data).expect("written");
    let caught = std::panic::catch_unwind(|| python("h5py", READ, &args));
    assert!(caught.is_err(), "a changed strength went unseen");
}
