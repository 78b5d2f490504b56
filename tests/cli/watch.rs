//! The live view: on this machine alone, as the run's records say, and gone with the run.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{command, only_run, small};

/// A run that is watched; killed where a test fails.
struct Watched {
    child: Child,
    port: u16,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watched {
    fn start(dir: &std::path::Path, args: &[&str]) -> Self {
        let mut child = command(dir, args);
        let mut child = child
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().map(|line| line.unwrap());
        let address = address
            .filter_map(|line| {
                line.strip_prefix("watch: http://127.0.0.1:")
                    .map(str::to_owned)
            })
            .next()
            .expect("its address is said");
        let port = address.trim_end_matches('/').parse().unwrap();
        // Or the run would wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }

    /// Status and contents of `path`, asked for as `host`.
    fn ask(&self, path: &str, host: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        // Long answers come in chunks, each after its length.
        let body = match head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked")
        {
            false => body.to_owned(),
            true => {
                let (mut rest, mut whole) = (body, String::new());
                while let Some((length, after)) = rest.split_once("\r\n") {
                    let length = usize::from_str_radix(length, 16).ok()?;
                    whole += &after[..length];
                    rest = after[length..].trim_start_matches("\r\n");
                }
                whole
            }
        };
        Some((status, body))
    }

    fn json(&self, path: &str) -> Value {
        let (status, text) = self.ask(path, "127.0.0.1").expect("an answer");
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}: {text}"))
    }
}

#[test]
fn a_run_is_watched_until_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let args = small(&["--updates", "1000000", "--seeds", "0..1", "--watch"]);
    let mut run = Watched::start(dir, &args);
    let since = Instant::now();
    let state = loop {
        let state = run.json("/state");
        if state["updates"].as_u64().unwrap() >= 40 && !state["policy"].is_null() {
            break state;
        }
        assert!(since.elapsed() < Duration::from_secs(300), "{state}");
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_eq!(state["total"], 1_000_000);
    let members = state["members"].as_array().unwrap();
    assert_eq!(members.len(), 2);
    assert!(members[1]["name"] == "seed 1" && members[1]["diverged"].is_null());
    assert!(members[0]["latest"].is_number() && state["spent"]["learning"].as_f64().unwrap() > 0.0);

    // The metrics are the file's lines, each once.
    let first = run.json("/metrics?from=0");
    let next = first["next"].as_u64().unwrap();
    let seen = first["lines"].as_array().unwrap();
    let file = std::fs::read_to_string(only_run(dir).join("metrics.jsonl")).unwrap();
    let line: Value = serde_json::from_str(file.lines().next().unwrap()).unwrap();
    assert_eq!(seen[0], line);
    assert_eq!(file[..next as usize].lines().count(), seen.len());
    let second = run.json(&format!("/metrics?from={next}"));
    assert!(
        second["lines"]
            .as_array()
            .unwrap()
            .iter()
            .all(|line| !seen.contains(line))
    );
    // Of another run's length: from the beginning again.
    let again = run.json("/metrics?from=999999999");
    assert_eq!(again["lines"][0], seen[0]);

    let film = run.json("/film");
    assert_eq!(film["tracks"].as_array().unwrap().len(), 3);
    assert_ne!(film["tracks"][0]["poses"], film["tracks"][1]["poses"]);
    let (status, page) = run.ask("/", "localhost:1").unwrap();
    assert!(status == 200 && page.contains("h2oplusPlayer") && !page.contains("https:"));
    assert_eq!(run.ask("/nothing", "127.0.0.1").unwrap().0, 404);
    // A page elsewhere whose name leads to this machine.
    for host in ["example.org", "example.org:80", "127.0.0.1.example.org", ""] {
        let (status, text) = run.ask("/state", host).unwrap();
        assert!(
            status == 403 && !text.contains("members"),
            "{host}: {status} {text}"
        );
    }

    let since = Instant::now();
    let pid = run.child.id().to_string();
    let done = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(done.unwrap().success());
    assert_eq!(run.child.wait().unwrap().code(), Some(130), "saved");
    assert!(since.elapsed() < Duration::from_secs(60));
    assert!(
        TcpStream::connect(("127.0.0.1", run.port)).is_err(),
        "it is gone"
    );
}
