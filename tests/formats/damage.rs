//! Damaged files: one message that names the file and the mend, no panic, no runaway memory.

use std::path::Path;

use h2oplus::data::{Dataset, d4rl};
use h2oplus::error::Error;

use crate::reference;

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
        .unwrap_or(2000);

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
