//! Files are short, or say at their head why they are not.

use crate::source::{File, files};

/// What has a limit: folder, ending, lines.
const LIMITS: [(&str, &str, usize); 6] = [
    ("src", "rs", 400),
    ("tests", "rs", 400),
    ("benches", "rs", 400),
    ("shaders", "wgsl", 200),
    ("src", "cu", 200),
    ("src", "cuh", 200),
];

/// Lines of a head, in which the reason stands.
const HEAD: usize = 12;

/// Files of more than `limit` lines whose head has no comment `Longer than <limit> lines because …`.
fn too_long(files: &[File], limit: usize) -> Vec<String> {
    let reason = format!("Longer than {limit} lines because ");
    let reasoned = |file: &File| {
        let mut head = file.text.lines().take(HEAD);
        head.any(|line| line.starts_with("//") && line.contains(&reason))
    };
    let long = files
        .iter()
        .filter(|file| file.text.lines().count() > limit);
    let lines = |file: &File| format!("{}: {} lines", file.path, file.text.lines().count());
    long.filter(|file| !reasoned(file)).map(lines).collect()
}

#[test]
fn files_are_short_or_say_why_not() {
    for (folder, ending, limit) in LIMITS {
        let long = too_long(&files(folder, ending), limit);
        assert!(
            long.is_empty(),
            "split them, or say at the head `Longer than {limit} lines because …`:\n{}",
            long.join("\n")
        );
    }
}

#[test]
fn a_long_file_is_seen() {
    let body = "\n".repeat(20);
    let files = [
        File::of("short.rs", "//! Short.\n"),
        File::of("long.rs", &format!("//! Long.\n{body}")),
        File::of(
            "late.rs",
            &format!("//! Long.\n{body}// Longer than 20 lines because it is.\n"),
        ),
        File::of(
            "table.rs",
            &format!("//! A table.\n//! Longer than 20 lines because it is one table.\n{body}"),
        ),
        File::of(
            "code.rs",
            &format!("let s = \"// Longer than 20 lines because \";\n{body}"),
        ),
    ];
    assert_eq!(
        too_long(&files, 20),
        [
            "long.rs: 21 lines",
            "late.rs: 22 lines",
            "code.rs: 21 lines"
        ]
    );
}
