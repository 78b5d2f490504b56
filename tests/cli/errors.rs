//! Bad input: one message that names the place and the help, exit code 2, nothing written.

use super::{h2oplus, stderr, stdout};

pub fn refused(args: &[&str], parts: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let out = h2oplus(dir.path(), args);
    let text = stderr(&out);
    assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
    for part in parts {
        assert!(text.contains(part), "{args:?}: no `{part}` in: {text}");
    }
    assert!(!text.contains("panicked"), "{args:?}: {text}");
    assert!(
        !dir.path().join("runs").exists(),
        "{args:?} left a run folder"
    );
}

/// Where there is no GPU, or no CUDA in the build.
#[test]
fn a_missing_gpu_is_refused_and_auto_does_without() {
    let dir = tempfile::tempdir().unwrap();
    let bench = ["bench", "learn", "--seconds", "0.1", "--format", "short"];
    let with = |device: &str| h2oplus(dir.path(), &[&bench[..], &["--device", device]].concat());
    let auto = with("auto");
    assert_eq!(auto.status.code(), Some(0), "{}", stderr(&auto));
    if !stderr(&auto).contains("device: cpu") {
        h2oplus::log!("SKIPPED: a GPU is here");
        return;
    }
    refused(
        &["train", "--device", "cuda"],
        &["--device cuda", "--device cpu"],
    );
    refused(
        &["bench", "learn", "--device", "cuda"],
        &["--device cuda", "--device cpu"],
    );
    refused(
        &["train", "--device", "cpu", "--precision", "tf32"],
        &["--precision tf32"],
    );
    if h2oplus::kernel::cpu::bf16::units().is_empty() {
        refused(
            &["train", "--device", "cpu", "--precision", "bf16"],
            &["--precision bf16", "AVX512-BF16", "precision f32"],
        );
    }
}

/// `--device` is the learner's in `train`, and the simulator's in `bench sim`.
#[test]
fn a_simulator_that_cannot_have_a_gpu_names_the_flag_that_asked() {
    refused(
        &["train", "--physics", "rapier", "--sim-device", "gpu"],
        &["--sim-device gpu", "rapier", "CPU"],
    );
    refused(
        &["bench", "sim", "--physics", "rapier", "--device", "gpu"],
        &["--device gpu: ", "rapier", "CPU"],
    );
}

#[test]
fn unknown_names_are_refused() {
    refused(&["train", "--task", "cheetah"], &["cheetah", "halfcheetah"]);
    refused(
        &["train", "--gap", "gravitation"],
        &["gravitation", "gravity"],
    );
    refused(&["train", "--algo", "ppo"], &["ppo", "h2oplus", "sac"]);
    refused(&["train", "--data", "nowhere.hdf5"], &["nowhere.hdf5"]);
    refused(&["train", "--seeds", "4..1"], &["4..1"]);
    refused(&["train", "--updates", "0"], &["--updates"]);
    refused(
        &["train", "--gap", "gravity=1"],
        &["gravity", "changes nothing"],
    );
    refused(&["train", "--device", "tpu"], &["tpu", "cuda"]);
    refused(&["eval"], &["runs", "h2oplus train"]);
    refused(&["eval", "nowhere.hdf5"], &["nowhere.hdf5"]);
    refused(
        &["train", "--resume", "nowhere"],
        &["nowhere", "run folder"],
    );
}

#[test]
fn a_setting_of_another_method_is_refused() {
    refused(
        &["train", "--algo", "sac", "--lambda", "0.5"],
        &["--lambda", "sac"],
    );
}

/// `--tau` is the Polyak rate to a user of CleanRL, and was the expectile here.
#[test]
fn flags_that_mean_something_else_elsewhere_are_refused_with_both_names() {
    for flag in [
        &["--tau", "0.005"][..],
        &["--tau=0.005"],
        &["--target-rate", "0.005"],
    ] {
        let args = [&["train"], flag].concat();
        let name = flag[0].split('=').next().unwrap();
        refused(&args, &[name, "help: ", "--polyak", "--expectile"]);
    }
    refused(
        &["train", "--vary", "tau=0.7,0.9"],
        &["--vary: ", "`--polyak`", "`--expectile`"],
    );
    refused(
        &["train", "--ratio-min", "2"],
        &["--ratio-min: is 2", "`--ratio-max` is 1"],
    );
}

#[test]
fn unknown_keys_of_a_config_file_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("c.toml"), "updates = 10\nupdatez = 3\n").unwrap();
    let out = h2oplus(dir.path(), &["train", "--config-file", "c.toml"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(
        stderr(&out).contains("c.toml") && stderr(&out).contains("updatez"),
        "{}",
        stderr(&out)
    );

    std::fs::write(dir.path().join("c.toml"), "updates = 10\n= 3\n").unwrap();
    let out = h2oplus(dir.path(), &["train", "--config-file", "c.toml"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(stderr(&out).contains("c.toml:2"), "{}", stderr(&out));
}

#[test]
fn usage_errors_and_help_have_their_codes() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        h2oplus(dir.path(), &["--no-such-flag"]).status.code(),
        Some(2)
    );
    let help = h2oplus(dir.path(), &["train", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(
        stdout(&help).contains("--lambda"),
        "the method's settings are flags"
    );
    assert_eq!(h2oplus(dir.path(), &["--version"]).status.code(), Some(0));
    assert_eq!(
        h2oplus(dir.path(), &["completions", "zsh"]).status.code(),
        Some(0)
    );
}

/// What stands where a file is to be read: nothing, a folder, nothing in it, bytes that are no text, no end.
#[test]
#[cfg(unix)]
fn every_file_that_is_read_may_be_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(at("folder.toml")).unwrap();
    std::fs::write(at("empty.toml"), "").unwrap();
    std::fs::write(at("odd.toml"), b"a = 1\nb = \"h\xf6hle\"\n").unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("endless.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", at("missing.toml")).unwrap();
    for (name, problem) in [
        ("missing", "no such file"),
        ("folder", "folder"),
        ("empty", "help:"),
        ("odd", "help:"),
        ("endless", "help:"),
    ] {
        let file = at(&format!("{name}.toml"));
        for args in [
            &["train", "--config-file", &file, "--updates", "0"][..],
            &["train", "--task", &file],
            &["gap", "list", "--task", &file],
            &["gap", "measure", &file],
            &["data", "info", &file],
            &["data", "convert", &file, "out.hdf5"],
            &["train", "--gap", &file],
            &["train", "--data", &file],
            &["eval", &file],
            &["collect", "--from", &file],
            &["verify", "physics", "--reference", &file],
            &["verify", "algorithms", "--reference", &file],
        ] {
            let out = h2oplus(dir.path(), args);
            let text = stderr(&out);
            assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
            assert!(text.contains("help: "), "{args:?}: {text}");
            assert!(!text.contains("os error"), "{args:?}: {text}");
            // Some name the folder that they looked in, or take what they cannot find for a name.
            if args[1] == "--config-file" && name != "empty" {
                assert!(text.contains(problem), "{args:?}: {text}");
            }
        }
        if name == "odd" {
            for args in [
                &["train", "--config-file", &file][..],
                &["train", "--task", &file],
                &["train", "--gap", &file],
            ] {
                refused(args, &["odd.toml:2: holds bytes that are no UTF-8 text"]);
            }
        }
    }
}
