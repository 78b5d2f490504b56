//! Minari folders: Minari's are read, ours come back the same.

use h2oplus::data::{Dataset, d4rl, minari};

use crate::{ramp, reference};

#[test]
fn minari_folder_is_read() {
    let data = Dataset::read(reference("minari")).expect("a sound folder");
    assert_eq!((data.len(), data.obs_dim, data.act_dim), (5, 3, 2));
    assert_eq!(data.episodes().collect::<Vec<_>>(), [0..3, 3..5]);
    assert_eq!(data.observations[..9], ramp(0.0, 9));
    assert_eq!(data.next_observations[..9], ramp(0.0, 12)[3..]);
    assert_eq!(data.observations[9..], ramp(10.0, 6));
    assert_eq!(data.next_observations[9..], ramp(10.0, 9)[3..]);
    assert_eq!(data.actions[..6], ramp(-0.5, 6));
    assert_eq!(data.rewards, [ramp(0.0, 3), ramp(1.0, 2)].concat());
    assert_eq!(data.terminals, [false, false, false, false, true]);
    assert_eq!(data.timeouts, [false, false, true, false, false]);
    let by_file = Dataset::read(reference("minari/main_data.hdf5")).expect("the file itself");
    assert_eq!(by_file.observations, data.observations);
    // Content decides, not the name.
    let folder = tempfile::tempdir().expect("a folder");
    let renamed = folder.path().join("d4rl.hdf5");
    std::fs::copy(reference("minari/main_data.hdf5"), &renamed).expect("copied");
    let renamed = Dataset::read(renamed).expect("still Minari");
    assert_eq!(renamed.observations, data.observations);
}

#[test]
fn written_folder_reads_back_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ramp");
    let d4rl = Dataset::read(reference("d4rl.hdf5")).expect("a sound file");
    minari::write(&path, &d4rl).expect("written");
    let back = Dataset::read(&path).expect("read back");
    let bare = Dataset {
        source: back.source.clone(),
        policy: None,
        ..d4rl
    };
    assert_eq!(back, bare);

    // From D4RL to Minari and back, nothing but the policy is lost.
    let again = folder.path().join("again.hdf5");
    d4rl::write(&again, &back).expect("written");
    let again = Dataset::read(&again).expect("read back");
    assert_eq!(
        Dataset {
            source: bare.source.clone(),
            ..again
        },
        bare
    );
}

/// Minari's metadata say which environment was recorded.
#[test]
fn the_recorded_environment_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = Dataset::read(reference("minari")).expect("a sound folder");
    minari::write(folder.path(), &data).expect("written");
    let metadata = folder.path().join("data/metadata.json");
    let text = std::fs::read_to_string(&metadata).expect("text");
    for (spec, environment) in [
        (
            r#""{\"id\": \"HalfCheetah-v5\", \"kwargs\": {}}""#,
            Some("HalfCheetah-v5"),
        ),
        (r#""no JSON""#, None),
        ("null", None),
    ] {
        let text = text.replacen('{', &format!(r#"{{"env_spec": {spec}, "#), 1);
        std::fs::write(&metadata, text).expect("written");
        let data = Dataset::read(folder.path()).expect("read");
        assert_eq!(data.environment.as_deref(), environment, "{spec}");
    }
}

#[test]
fn broken_chain_is_refused() {
    let mut data = Dataset::read(reference("d4rl.hdf5")).expect("a sound file");
    data.next_observations[3] += 1.0;
    let folder = tempfile::tempdir().expect("a folder");
    let error = minari::write(folder.path().join("x"), &data).expect_err("row 2 does not follow");
    assert!(error.to_string().contains("observations, row 2"), "{error}");
    assert!(!folder.path().join("x").exists(), "nothing is left");
}

#[test]
fn folder_and_metadata_must_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = Dataset::read(reference("minari")).expect("a sound folder");
    minari::write(folder.path(), &data).expect("written");
    let metadata = folder.path().join("data/metadata.json");
    let text = std::fs::read_to_string(&metadata).expect("text");
    for (text, part) in [
        (
            text.replace("\"total_episodes\":2", "\"total_episodes\":3"),
            "2 episodes where",
        ),
        (text[..20].to_owned(), "metadata.json"),
    ] {
        std::fs::write(&metadata, text).expect("written");
        let error = Dataset::read(folder.path())
            .expect_err("they disagree")
            .to_string();
        assert!(error.contains(part) && error.contains("help:"), "{error}");
    }
    let error = Dataset::read(folder.path().join(".."))
        .expect_err("no data here")
        .to_string();
    assert!(error.contains("main_data.hdf5"), "{error}");
}
