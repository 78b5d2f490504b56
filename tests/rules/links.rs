//! Links and paths in the guides lead to files that are there.

use crate::source::{read, root};

/// Folders of the repository: a path in backticks begins with one of them.
const FOLDERS: [&str; 6] = ["assets/", "benches/", "envs/", "shaders/", "src/", "tests/"];

/// Targets of the relative links in `text`, Markdown, without what follows a `#`.
fn links(text: &str) -> Vec<&str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    let files = targets.map(|(target, _)| target.split_once('#').map_or(target, |(file, _)| file));
    files
        .filter(|file| !file.is_empty() && !file.contains("://"))
        .collect()
}

/// Paths in backticks in `text`, Markdown; not patterns such as `envs/*.toml`.
fn paths(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    let ticked = prose.flat_map(|part| part.split('`').skip(1).step_by(2));
    let plain = |path: &&str| !path.contains([' ', '*', '<', '…', '{']);
    let ours = |path: &&str| FOLDERS.iter().any(|folder| path.starts_with(folder));
    ticked.filter(|path| ours(path) && plain(path)).collect()
}

/// The links and paths of the guide at `path` that lead nowhere.
fn broken(path: &str, text: &str) -> Vec<String> {
    let folder = root().join(path);
    let folder = folder.parent().unwrap();
    let gone = links(text)
        .into_iter()
        .filter(|link| !folder.join(link).exists());
    let gone = gone.chain(
        paths(text)
            .into_iter()
            .filter(|path| !root().join(path).exists()),
    );
    gone.map(|link| format!("{path}: {link}")).collect()
}

#[test]
fn links_lead_somewhere() {
    for path in ["README.md", "ARCHITECTURE.md"] {
        let text = read(path);
        assert!(!links(&text).is_empty(), "{path} has links");
        assert_eq!(broken(path, &text), [""; 0]);
    }
}

#[test]
fn a_broken_link_is_seen() {
    let text = "[a](Cargo.toml), [b](src/no.rs#top), [c](https://example.org/no), [d](#here), `src/gone/`, `src/lib.rs`\n\
                `envs/*.toml` `src` ```\n`src/not/read`\n``` `tests/no.rs`";
    assert_eq!(
        broken("README.md", text),
        [
            "README.md: src/no.rs",
            "README.md: src/gone/",
            "README.md: tests/no.rs"
        ]
    );
}
