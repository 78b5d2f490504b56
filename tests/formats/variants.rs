//! One data set in every way that h5py reads, and ways of storage that are refused by their names.
//! `tests/reference/formats/record_variants.py` recorded the files.

use std::path::Path;

use h2oplus::data::Dataset;
use h2oplus::error::Error;

use crate::reference;

fn read(name: &str) -> Result<Dataset, Error> {
    Dataset::read(reference("variants").join(name))
}

/// The columns that every variant has in common.
fn columns(data: Dataset) -> Dataset {
    Dataset {
        source: String::new(),
        notes: Vec::new(),
        qpos: None,
        qvel: None,
        action_log_probs: None,
        ..data
    }
}

#[test]
fn every_way_of_storage_reads_alike() {
    let plain = read("plain.hdf5").expect("a sound file");
    assert_eq!((plain.len(), plain.obs_dim, plain.act_dim), (60, 3, 2));
    let episodes: Vec<_> = plain.episodes().collect();
    assert_eq!(episodes, [0..20, 20..40, 40..60]);
    assert_eq!(plain.observations[3..6], [1.0, 1.25, 1.5]);
    assert_eq!(plain.next_observations[57..60], [120.0, 120.25, 120.5]);
    assert_eq!(plain.actions[..2], [0.5, -0.25]);
    assert!(plain.rewards.iter().all(|&r| r == 1.0));
    let plain = columns(plain);
    for name in [
        "link_beside",
        "renamed_by_links",
        "many_links",
        "elsewhere",
        "columns",
        "half",
        "double",
        "big_endian",
        "integer_flags",
        "bit_flags",
        "latest",
        "latest_growing",
        "odd_chunks",
        "lzf",
        "user_block",
    ] {
        let data = read(&format!("{name}.hdf5")).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(data.notes, [""; 0], "{name}");
        assert!(columns(data) == plain, "{name} reads otherwise");
    }
}

#[test]
fn flags_that_were_never_written_are_false() {
    let plain = columns(read("plain.hdf5").expect("a sound file"));
    for (name, note) in [
        ("unwritten_flags.hdf5", "terminals: never written; "),
        (
            "unwritten_chunks.hdf5",
            "terminals: 0 of 9 chunks were written; ",
        ),
    ] {
        let data = read(name).expect("read");
        assert_eq!(data.notes.len(), 1, "{:?}", data.notes);
        assert!(data.notes[0].contains(note), "{:?}", data.notes);
        assert!(columns(data) == plain, "{name} reads otherwise");
    }
    let error = read("unwritten_rewards.hdf5")
        .expect_err("no rewards")
        .to_string();
    assert!(
        error.contains("rewards: its values are missing: never written"),
        "{error}"
    );
    assert!(!error.contains("damaged"), "{error}");
}

#[test]
fn what_training_does_not_use_never_stops_a_file() {
    let data = read("columns.hdf5").expect("read");
    assert_eq!(data.action_log_probs, Some(vec![-2.0; 60]), "[n, 1] is [n]");
    let data = read("useless_infos.hdf5").expect("read");
    for fault in [
        "infos/qpos: shape [3] where",
        "infos/qvel: a link to /nowhere",
        "infos/action_log_probs, row 7, column 0: NaN",
    ] {
        let found = data.notes.iter().filter(|note| note.contains(fault));
        assert_eq!(found.count(), 1, "{fault} in {:?}", data.notes);
    }
    assert!(data.qpos.is_none() && data.qvel.is_none() && data.action_log_probs.is_none());
    assert!(columns(data) == columns(read("plain.hdf5").expect("a sound file")));
}

/// The message on `path`; it has a help, and names nothing of the libraries beneath.
fn refused(path: &Path) -> String {
    let error = Dataset::read(path).expect_err("refused");
    assert!(matches!(error, Error::Input { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("\n  help: "), "{text}");
    for word in [
        "damaged",
        "::",
        "hdf5_reader",
        "Hdf5",
        "superblock",
        "os error",
    ] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    text
}

#[test]
fn what_is_not_read_is_called_by_its_name() {
    let variants = reference("variants");
    for (name, problem, help) in [
        ("virtual.hdf5", "rewards: a virtual data set", "h5repack"),
        (
            "external_storage.hdf5",
            "rewards: its values lie in another file",
            "h5repack",
        ),
        ("killed.hdf5", "its recorder was killed", "h5clear -s"),
        (
            "dangling.hdf5",
            "/next_observations: a link to /nowhere, which is not there",
            "link",
        ),
        (
            "endless.hdf5",
            "links, one behind the other",
            "lead to the data",
        ),
        (
            "lost_part.hdf5",
            "lost.hdf5, which is not there",
            "put that file in its place",
        ),
        (
            "pairs.hdf5",
            "rewards: holds records of several fields",
            "float32",
        ),
        (
            "bfloat.hdf5",
            "rewards: holds floats of a format of their own",
            "float32",
        ),
        ("text.hdf5", "text", "float32"),
        ("arrow", "stored as arrow", "data_format=\"hdf5\""),
        ("parquet", "stored as parquet", "data_format=\"hdf5\""),
    ] {
        let text = refused(&variants.join(name));
        assert!(
            text.contains(problem) && text.contains(help),
            "{name}: {text}"
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.hdf5");
    for (head, problem, help) in [
        (&b"PK\x03\x04rest"[..], "zip archive (as .npz is)", "numpy"),
        (b"\x93NUMPY\x01", "NumPy array", "h5py"),
        (b"\x80\x04\x95", "pickle", "h5py"),
        (b"\x1f\x8b\x08", "gzip", "gunzip"),
        (b"PAR1", "Parquet", "hdf5"),
        (b"ARROW1", "Arrow", "hdf5"),
        (
            b"version https://git-lfs.github.com",
            "Git LFS",
            "git lfs pull",
        ),
        (b"<!DOCTYPE html>", "web page", "download"),
        (b"", "empty", "again"),
        (b"rewards,1,2", "without HDF5's first bytes", "D4RL"),
    ] {
        std::fs::write(&path, head).expect("written");
        let text = refused(&path);
        assert!(text.contains("no HDF5 file: "), "{text}");
        assert!(text.contains(problem) && text.contains(help), "{text}");
    }
    let text = refused(&folder.path().join("none.hdf5"));
    assert!(text.contains("none.hdf5: no such file"), "{text}");
}

/// What may not be read is not called damaged. (The superuser may read everything.)
#[cfg(unix)]
#[test]
fn a_file_without_permission_is_said_to_be_one() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.hdf5");
    std::fs::copy(reference("variants/plain.hdf5"), &path).expect("copied");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("set");
    if std::fs::read(&path).is_ok() {
        h2oplus::log!("SKIPPED: this user may read every file");
        return;
    }
    let text = refused(&path);
    assert!(
        text.contains("permission denied") && text.contains("chmod"),
        "{text}"
    );
}

#[test]
fn combined_minari_data_are_read_through_their_links() {
    let data = read("ab").expect("read");
    let episodes: Vec<_> = data.episodes().collect();
    assert_eq!(episodes, [0..20, 20..40, 40..60, 60..80]);
    assert_eq!((data.rewards[39], data.rewards[40]), (1.0, 2.0));
    // A part that is gone is named.
    let folder = tempfile::tempdir().expect("a folder");
    let alone = folder.path().join("main_data.hdf5");
    std::fs::copy(reference("variants/ab/data/main_data.hdf5"), &alone).expect("copied");
    let text = refused(&alone);
    assert!(text.contains("episode_0: a link into"), "{text}");
}
