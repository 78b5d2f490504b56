//! Signals: work that can save does so and ends with 130; other work ends at once; what was ignored stays ignored.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{command, h2oplus, only_run, small, stderr};

/// Waits for `true`, a minute at most.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    let kill = Command::new("kill").args([signal, &id]).status();
    assert!(kill.unwrap().success());
}

/// The exit code, which comes within `seconds`.
fn code(mut child: Child, seconds: u64) -> Option<i32> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("did not end within {seconds} s");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A run far longer than the test, and a checkpoint of it.
const LONG: [&str; 4] = ["--updates", "1000000", "--hidden", "16"];

fn start(dir: &Path, more: &[&str]) -> Child {
    let all = small(&[&LONG[..], more].concat());
    command(dir, &all).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait_for_checkpoint(dir: &Path) {
    let is_there = || -> Option<bool> {
        let run = std::fs::read_dir(dir.join("runs"))
            .ok()?
            .next()?
            .ok()?
            .path();
        Some(run.join("checkpoints").read_dir().ok()?.count() > 0)
    };
    until("a checkpoint", || is_there() == Some(true));
}

fn said(mut child: Child, seconds: u64) -> (Option<i32>, String) {
    let pipe = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || std::io::read_to_string(pipe).unwrap());
    (code(child, seconds), reader.join().unwrap())
}

#[test]
fn each_signal_saves_and_says_how_to_go_on() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let dir = tempfile::tempdir().unwrap();
        let child = start(dir.path(), &[]);
        wait_for_checkpoint(dir.path());
        send(signal, &child);
        let (code, text) = said(child, 60);
        assert_eq!(code, Some(130), "{signal}: {text}");
        let (updates, again) = text
            .lines()
            .find_map(|line| {
                line.strip_prefix("stopped after ")?
                    .split_once(" updates; go on with: ")
            })
            .expect("the command to go on with");
        let saved = format!("checkpoints/step_{updates}.safetensors");
        assert!(
            only_run(dir.path()).join(saved).is_file(),
            "{signal}: {text}"
        );
        assert!(again.starts_with("h2oplus train --resume runs/"), "{text}");
    }
}

/// `timeout`, and a terminal that closes, send the same signal twice.
#[test]
fn two_at_once_are_one_request() {
    let dir = tempfile::tempdir().unwrap();
    let child = start(dir.path(), &[]);
    wait_for_checkpoint(dir.path());
    send("-TERM", &child);
    send("-HUP", &child);
    let (code, text) = said(child, 60);
    assert_eq!(code, Some(130), "{text}");
}

#[test]
fn an_evaluation_is_cut_short_and_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--data", "random", "--hidden", "16", "--updates", "40"];
    let many = ["--eval-episodes", "4000"];
    let child = command(dir.path(), &small_but_evaluated(&flags, &many))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first evaluation begins with the run.
    until("a config", || {
        let run = std::fs::read_dir(dir.path().join("runs"))
            .ok()
            .and_then(|mut d| d.next());
        run.is_some_and(|run| run.unwrap().path().join("config.toml").is_file())
    });
    std::thread::sleep(Duration::from_millis(300));
    send("-INT", &child);
    let (code, text) = said(child, 20);
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("stopped after 0 updates"), "{text}");
    let run = only_run(dir.path());
    assert!(run.join("checkpoints/step_0.safetensors").is_file());
    let lines = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(
        !lines.contains("eval/return"),
        "half an evaluation was recorded"
    );

    // The run that goes on evaluates first: update 0 has its line.
    let out = h2oplus(dir.path(), &["train", "--resume", run.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let lines = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let first = lines.lines().next().unwrap();
    assert!(
        first.starts_with("{\"step\":0,") && first.contains("eval/return"),
        "{first}"
    );
}

/// [`small`] with another number of episodes.
fn small_but_evaluated<'a>(flags: &[&'a str], episodes: &[&'a str]) -> Vec<&'a str> {
    let mut all = small(flags);
    let at = all
        .iter()
        .position(|flag| *flag == "--eval-episodes")
        .unwrap();
    all[at + 1] = episodes[1];
    all
}

/// Work without anything to save: one signal of any kind is enough.
#[test]
fn other_work_ends_at_once() {
    for (args, begun) in [
        (&["bench", "sim", "--seconds", "600"][..], 1000),
        (&["collect", "--from", "random", "--rows", "5000000"], 1000),
        (
            &[
                "gap",
                "effect",
                "--trajectories",
                "200000",
                "--task",
                "walker2d",
            ],
            1000,
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let child = command(dir.path(), args)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(begun));
        send("-TERM", &child);
        assert_eq!(code(child, 5), Some(130), "{args:?}");
    }
}

/// A second signal, a while after the first, ends work that does not come to its end; nothing claims to be saved.
#[test]
fn a_second_signal_ends_unsaved() {
    let dir = tempfile::tempdir().unwrap();
    // A resident update of this width takes seconds, and the poll comes between updates.
    let flags = [
        "--hidden",
        "1024,1024",
        "--real-batch",
        "4096",
        "--sim-batch",
        "4096",
    ];
    let child = command(
        dir.path(),
        &small(&[&flags[..], &["--updates", "9"]].concat()),
    )
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    until("the first evaluation's end", || {
        let read = || -> Option<String> {
            let run = std::fs::read_dir(dir.path().join("runs"))
                .ok()?
                .next()?
                .ok()?
                .path();
            std::fs::read_to_string(run.join("metrics.jsonl")).ok()
        };
        read().is_some_and(|text| text.contains("eval/return"))
    });
    send("-INT", &child);
    std::thread::sleep(Duration::from_millis(400));
    send("-INT", &child);
    let (code, text) = said(child, 5);
    assert_eq!(code, Some(131), "{text}");
}

/// `nohup` ignores SIGHUP, and a shell's `&` SIGINT, before the program begins.
#[test]
fn what_was_ignored_stays_ignored() {
    for (signal, name) in [("-HUP", "HUP"), ("-INT", "INT")] {
        let dir = tempfile::tempdir().unwrap();
        let program: PathBuf = assert_cmd::cargo::cargo_bin!("h2oplus").into();
        let script = format!("trap '' {name}; exec \"$0\" \"$@\"");
        let mut child = Command::new("sh")
            .current_dir(dir.path())
            .args(["-c", &script])
            .arg(program)
            .args(small(&LONG))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for_checkpoint(dir.path());
        send(signal, &child);
        std::thread::sleep(Duration::from_millis(700));
        assert!(
            child.try_wait().unwrap().is_none(),
            "{name} was to be ignored"
        );
        send("-TERM", &child);
        assert_eq!(code(child, 60), Some(130), "{name}");
    }
}

#[test]
fn a_stopped_collect_names_its_own_command() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "collect",
        "--task",
        "walker2d",
        "--updates",
        "200000",
        "--rows",
        "70",
        "--out",
        "my sets",
    ];
    let child = command(dir.path(), &args)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("a run folder", || dir.path().join("runs").is_dir());
    std::thread::sleep(Duration::from_millis(1500));
    send("-INT", &child);
    let (code, text) = said(child, 60);
    assert_eq!(code, Some(130), "{text}");
    let again = text
        .split("go on with: h2oplus ")
        .nth(1)
        .expect("a command")
        .trim();
    assert!(again.starts_with("collect --resume runs/"), "{text}");
}
