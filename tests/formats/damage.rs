//! Damaged files: one message that names the file and the help, no panic, no runaway memory.

use std::path::Path;

use h2oplus::data::{Dataset, d4rl};
use h2oplus::error::Error;
use hdf5_writer::DatasetBuilder;

use crate::{reference, write_hdf5};

/// Cut `bytes` at many lengths, then flip single bits all over: every read must end in a data set
/// or in one message. Returns how many reads failed.
fn torture(bytes: &[u8], path: &Path, flips: usize) -> usize {
    let mut failures = 0;
    let mut attempt = |bytes: &[u8], what: String| {
        std::fs::write(path, bytes).expect("written");
        match Dataset::read(path) {
            Ok(data) => {
                data.validate().expect("what is read is sound");
            }
            Err(error) => {
                let text = error.to_string();
                assert!(matches!(error, Error::Input { .. }), "{what}: {text}");
                assert!(
                    text.contains(path.to_str().expect("UTF-8")),
                    "{what}: {text}"
                );
                assert!(
                    !text.contains("gave up"),
                    "{what}: the HDF5 reader panics: {text}"
                );
                failures += 1;
            }
        }
    };
    for cut in 0..100 {
        let length = bytes.len() * cut / 100;
        attempt(&bytes[..length], format!("cut at {length}"));
    }
    // Zeros in place of the tail: what a crash of the machine leaves.
    for cut in 1..10 {
        let length = bytes.len() * cut / 10;
        let mut zeroed = bytes[..length].to_vec();
        zeroed.resize(bytes.len(), 0);
        attempt(&zeroed, format!("zeros from {length}"));
    }
    for flip in 0..flips {
        let mut flipped = bytes.to_vec();
        let place = flip * bytes.len() / flips;
        flipped[place] ^= 1 << (flip % 8);
        attempt(&flipped, format!("bit {} of byte {place}", flip % 8));
    }
    failures
}

#[test]
fn cut_and_flipped_files_give_one_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let flips = std::env::var("H2OPLUS_FLIPS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(800);

    // h5py's file (format 1.8) has no checksums over its own structure; ours (1.10) has.
    let theirs = std::fs::read(reference("d4rl.hdf5")).expect("bytes");
    let failures = torture(&theirs, &folder.path().join("theirs.hdf5"), flips);
    assert!(
        failures > 100,
        "only {failures} reads failed: was the file damaged at all?"
    );

    let data = Dataset::read(reference("d4rl.hdf5")).expect("a sound file");
    let ours = folder.path().join("ours.hdf5");
    d4rl::write(&ours, &data).expect("written");
    let ours_bytes = std::fs::read(&ours).expect("bytes");
    let failures = torture(&ours_bytes, &ours, flips);
    assert!(
        failures > 100,
        "only {failures} reads failed: was the file damaged at all?"
    );

    let minari = std::fs::read(reference("minari/main_data.hdf5")).expect("bytes");
    torture(&minari, &folder.path().join("main_data.hdf5"), flips);
}

/// A D4RL file of 4 rows; `edit` may put another array in a column's place.
fn spoiled(path: &Path, edit: impl Fn(&str) -> Option<DatasetBuilder>) {
    let columns = [
        array("observations", &[4, 3], &[0.5f32; 12]),
        array("next_observations", &[4, 3], &[0.5f32; 12]),
        array("actions", &[4, 2], &[0.5f32; 8]),
        array("rewards", &[4], &[0.5f64; 4]),
        array("terminals", &[4], &[0u8, 0, 0, 1]),
        array("timeouts", &[4], &[0u8, 0, 0, 1]),
    ];
    let names = [
        "observations",
        "next_observations",
        "actions",
        "rewards",
        "terminals",
        "timeouts",
    ];
    let columns = names.into_iter().zip(columns);
    write_hdf5(
        path,
        columns
            .map(|(name, column)| edit(name).unwrap_or(column))
            .collect(),
    );
}

fn array<T: hdf5_writer::H5WriteElement>(
    name: &str,
    shape: &[u64],
    values: &[T],
) -> DatasetBuilder {
    DatasetBuilder::typed_data(name, shape, values).expect("values of that shape")
}

#[test]
fn each_fault_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.hdf5");
    spoiled(&path, |_| None);
    let sound = Dataset::read(&path).expect("the file is sound until it is spoiled");
    assert_eq!(sound.timeouts, [false, false, false, true]);

    let mut nan = [0.5f32; 12];
    nan[7] = f32::NAN;
    let text = DatasetBuilder::fixed_string_data("terminals", [4], &["no", "no", "no", "yes"]);
    let faults: Vec<(&str, DatasetBuilder, &str)> = vec![
        (
            "observations",
            array("observations", &[4, 3], &nan),
            "observations, row 2, column 1: NaN where a number",
        ),
        (
            "rewards",
            // Finite as f64, not as f32.
            array("rewards", &[4], &[0.5f64, 1e300, 0.5, 0.5]),
            "rewards, row 1, column 0: inf where a number",
        ),
        (
            "observations",
            array("observations", &[3, 3], &[0.5f32; 9]),
            "observations: shape [3, 3] where [4, 3] is needed\n  help: store observations as [4, 3]",
        ),
        (
            "next_observations",
            array("next_observations", &[3, 4], &[0.5f32; 12]),
            "next_observations: shape [3, 4] where [4, 3] is needed",
        ),
        (
            "actions",
            array("actions", &[8], &[0.5f32; 8]),
            "actions: shape [8] where [rows, columns] is needed\n  help: store actions as [rows, columns]",
        ),
        (
            "rewards",
            array("rewards", &[4, 2], &[0.5f32; 8]),
            "rewards: shape [4, 2] where [rows] is needed\n  help: store rewards as [rows]",
        ),
        (
            "timeouts",
            array("timeouts", &[4], &[0u8, 0, 2, 1]),
            "timeouts, row 2: 2 is no flag",
        ),
        (
            "terminals",
            text.expect("short"),
            "terminals: holds text where numbers are needed",
        ),
        (
            "observations",
            array::<f32>("observations", &[0, 3], &[]),
            "observations: shape [0, 3] where [4, 3] is needed",
        ),
        (
            "actions",
            array::<f32>("actions", &[4, 0], &[]),
            "actions: shape [4, 0] where [rows, columns] is needed",
        ),
    ];
    for (column, fault, message) in faults {
        spoiled(&path, |name| (name == column).then(|| fault.clone()));
        let error = Dataset::read(&path).expect_err(message);
        assert!(matches!(error, Error::Input { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(message) && text.contains("data.hdf5"),
            "{message} in\n{text}"
        );
        assert!(text.contains("\n  help: "), "{text}");
    }
}

#[test]
fn what_is_no_data_file_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.hdf5");
    let error = Dataset::read(&path).expect_err("no file").to_string();
    assert!(error.contains("data.hdf5"), "{error}");
    for bytes in [&b""[..], b"not HDF5", &[0; 4096]] {
        std::fs::write(&path, bytes).expect("written");
        let error = Dataset::read(&path).expect_err("no HDF5").to_string();
        assert!(error.contains("data.hdf5: no HDF5 file"), "{error}");
    }
    // HDF5 reads storage that was never written as zeros: a recorder that died leaves that.
    let error = Dataset::read(reference("d4rl_unwritten.hdf5"))
        .expect_err("no data")
        .to_string();
    assert!(
        error.contains("actions: its values are missing: 1 of 3 chunks were written"),
        "{error}"
    );

    write_hdf5(&path, Vec::new());
    let error = Dataset::read(&path).expect_err("nothing in it").to_string();
    assert!(
        error.contains("data.hdf5: rewards: no such array"),
        "{error}"
    );
    write_hdf5(&path, vec![array("rewards/inner", &[1], &[0.5f32])]);
    let error = Dataset::read(&path).expect_err("a group").to_string();
    assert!(
        error.contains("rewards: a group where one array is needed"),
        "{error}"
    );
}

/// A file of a few hundred bytes that claims a terabyte is refused at once.
#[test]
fn claimed_size_is_checked_before_memory_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.hdf5");
    spoiled(&path, |_| None);
    let bytes = std::fs::read(&path).expect("bytes");
    // In h5py's old format no checksum guards the extents: claim 2^40 rows in every array.
    let theirs = std::fs::read(reference("d4rl.hdf5")).expect("bytes");
    for bytes in [bytes, theirs] {
        let mut claimed = bytes.clone();
        for row in [4u64, 12] {
            let place = |at: usize| bytes[at..].starts_with(&row.to_le_bytes());
            for at in (0..bytes.len() - 8).filter(|&at| place(at)) {
                claimed[at..at + 8].copy_from_slice(&(1u64 << 40).to_le_bytes());
            }
        }
        assert_ne!(claimed, bytes);
        std::fs::write(&path, claimed).expect("written");
        let error = Dataset::read(&path).expect_err("a terabyte").to_string();
        assert!(error.contains("not a sound HDF5 file"), "{error}");
    }
}

#[test]
fn failed_write_keeps_what_was_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.hdf5");
    let mut data = Dataset::read(reference("d4rl.hdf5")).expect("a sound file");
    d4rl::write(&path, &data).expect("written");
    let before = std::fs::read(&path).expect("bytes");
    data.actions[3] = f32::INFINITY;
    let error = d4rl::write(&path, &data)
        .expect_err("an infinite action")
        .to_string();
    assert!(error.contains("actions, row 1, column 1: inf"), "{error}");
    let full = h2oplus::data::replace_file(&path, |_| {
        Err(Error::Io {
            path: path.clone(),
            source: std::io::ErrorKind::StorageFull.into(),
        })
    });
    assert!(full.is_err());
    assert_eq!(std::fs::read(&path).expect("bytes"), before);
    assert_eq!(
        folder.path().read_dir().expect("a folder").count(),
        1,
        "no temporary is left"
    );
}
