//! The towers neither print nor name flags: the program words what they return.

use crate::source::{File, Rust, files, without_tests};

const TOWERS: [&str; 2] = ["src/sim", "src/learn"];

const PRINTING: [&str; 6] = ["print!", "println!", "eprint!", "eprintln!", "dbg!", "log!"];

/// Options of NVRTC and of cargo, not ours.
const FOREIGN: [&str; 4] = ["--gpu-architecture=", "--std=", "--release", "--features"];

/// Where `files` print.
fn prints(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let code = Rust::of(without_tests(&file.text)).code;
        for (n, line) in code.lines().enumerate() {
            for name in PRINTING {
                let free = |c: char| !c.is_alphanumeric() && c != '_';
                let calls = |at: usize| line[..at].chars().last().is_none_or(free);
                if line.match_indices(name).any(|(at, _)| calls(at)) {
                    found.push(format!("{}:{}: {name}", file.path, n + 1));
                }
            }
        }
    }
    found
}

/// Where texts of `files` name a flag.
fn flags(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (line, text) in Rust::of(without_tests(&file.text)).texts {
            let ours = |at: usize| {
                let before = text[..at].chars().last();
                text[at + 2..].starts_with(|c: char| c.is_ascii_lowercase())
                    && before.is_none_or(|c| !c.is_alphanumeric() && c != '-')
                    && !FOREIGN
                        .iter()
                        .any(|foreign| text[at..].starts_with(foreign))
            };
            if text.match_indices("--").any(|(at, _)| ours(at)) {
                found.push(format!("{}:{line}: {text:?}", file.path));
            }
        }
    }
    found
}

#[test]
fn the_towers_do_not_print() {
    for tower in TOWERS {
        assert_eq!(prints(&files(tower, "rs")), [""; 0]);
    }
}

#[test]
fn the_towers_name_no_flags() {
    for tower in TOWERS {
        assert_eq!(flags(&files(tower, "rs")), [""; 0]);
    }
}

#[test]
fn printing_and_flags_are_seen() {
    let text = "fn f() {\n    // println!(\"no\")\n    eprintln!(\"take `--device cpu`\");\n    my_log!(\"a--b\");\n    g(\"--std=c++17\");\n}\n\
                #[cfg(test)]\nmod tests {\n    fn g() { println!(\"--rows\") }\n}\n";
    let files = [File::of("a.rs", text)];
    assert_eq!(prints(&files), ["a.rs:3: eprintln!"]);
    assert_eq!(flags(&files), ["a.rs:3: \"take `--device cpu`\""]);
}
