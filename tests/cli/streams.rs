//! Where results and messages go: what cannot be written is said, and never ends in a panic.

#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Output, Stdio};

use super::{command, h2oplus, only_run, small, stderr};

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

fn root(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// A pipe whose reader has gone away.
fn gone() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn results_that_cannot_be_written_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--data", "random", "--hidden", "8", "--updates", "2"];
    for args in [
        &["gap", "list"][..],
        &["gap", "list", "--format", "json"],
        &["doctor"],
        &["bench", "sim", "--seconds", "0.1", "--format", "json"],
        &["collect", "--from", "random", "--rows", "50"],
        &[
            "verify",
            "algorithms",
            "--reference",
            &root("tests/reference/algorithms"),
        ],
        &small(&flags),
        &["eval", "--episodes", "1"],
        &["--help"],
        &["train", "--help"],
        &["--version"],
        &["completions", "bash"],
    ] {
        let out = command(dir.path(), args).stdout(full()).output().unwrap();
        let text = stderr(&out);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
        assert!(
            text.contains("error: stdout: the disk is full"),
            "{args:?}: {text}"
        );

        let out = command(dir.path(), args).stdout(gone()).output().unwrap();
        let text = stderr(&out);
        assert_eq!(out.status.code(), Some(0), "{args:?}: {text}");
        assert!(
            !text.contains("panicked") && !text.contains("stdout"),
            "{args:?}: {text}"
        );
    }
}

/// A check that was missed keeps its code where nobody reads the results.
#[test]
fn a_missed_check_is_told_to_a_closed_pipe_too() {
    let dir = tempfile::tempdir().unwrap();
    let name = "sac_default.safetensors";
    let folder = root("tests/reference/algorithms");
    let name = if Path::new(&folder).join(name).is_file() {
        name.to_owned()
    } else {
        let first = std::fs::read_dir(&folder)
            .unwrap()
            .flatten()
            .map(|e| e.file_name());
        let mut all: Vec<_> = first.map(|n| n.into_string().unwrap()).collect();
        all.retain(|n| n.ends_with(".safetensors"));
        all.sort();
        all.remove(0)
    };
    // The recorded results after the first update, doubled: the program's own cannot agree.
    let mut bytes = std::fs::read(Path::new(&folder).join(name)).unwrap();
    let (start, header) = {
        let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let text: serde_json::Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
        (8 + len, text)
    };
    for (name, entry) in header.as_object().unwrap() {
        if name.starts_with("after0.") {
            let at = |k: usize| start + entry["data_offsets"][k].as_u64().unwrap() as usize;
            for number in bytes[at(0)..at(1)].chunks_exact_mut(4) {
                let value = 2.0 * f32::from_le_bytes(number.try_into().unwrap()) + 1.0;
                number.copy_from_slice(&value.to_le_bytes());
            }
        }
    }
    std::fs::write(dir.path().join("case.safetensors"), bytes).unwrap();
    let args = ["verify", "algorithms", "--reference", "."];
    assert_eq!(h2oplus(dir.path(), &args).status.code(), Some(1));
    let out = command(dir.path(), &args).stdout(gone()).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    for log in [gone, || full().into()] {
        let dir = tempfile::tempdir().unwrap();
        let flags = ["--data", "random", "--hidden", "8", "--updates", "60"];
        let out = command(dir.path(), &small(&flags))
            .stderr(log())
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(0));
        assert!(
            only_run(dir.path())
                .join("checkpoints/step_60.safetensors")
                .is_file()
        );
        for args in [
            &["eval", "nowhere"][..],
            &["train", "--task", "none"],
            &["--no-such-flag"],
        ] {
            let out = command(dir.path(), args).stderr(log()).output().unwrap();
            assert_eq!(out.status.code(), Some(2), "{args:?}");
        }
    }
}

/// Bytes that are no UTF-8 in a path, as old Latin-1 names have them.
#[test]
fn paths_need_not_be_text() {
    let dir = tempfile::tempdir().unwrap();
    let odd = OsStr::from_bytes(b"h\xf6hle");
    let run = |args: &[&str], paths: &[&OsStr]| -> Output {
        let mut command = command(dir.path(), args);
        command.args(paths).output().unwrap()
    };
    let flags = [
        "--data",
        "random",
        "--hidden",
        "8",
        "--updates",
        "2",
        "--format",
        "json",
        "--out",
    ];
    let out = run(&small(&flags), &[odd]);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let made = dir
        .path()
        .join(odd)
        .read_dir()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert!(
        std::fs::read_to_string(made.join("meta.json"))
            .unwrap()
            .contains("--out")
    );

    let out = run(
        &["train", "--updates", "4", "--format", "json", "--resume"],
        &[made.as_os_str()],
    );
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let out = run(
        &["eval", "--episodes", "1", "--format", "json"],
        &[made.as_os_str()],
    );
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let collect = [
        "collect", "--from", "random", "--rows", "50", "--format", "json", "--out",
    ];
    let out = run(&collect, &[odd]);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let document: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(
        document[0]["file"]
            .as_str()
            .unwrap()
            .contains("halfcheetah")
    );
}
