//! Links of the guides lead to files that are there.

use crate::source::{read, root};

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

/// The links of the guide at `path` that lead nowhere.
fn broken(path: &str, text: &str) -> Vec<String> {
    let folder = root().join(path);
    let folder = folder.parent().unwrap();
    let gone = links(text)
        .into_iter()
        .filter(|link| !folder.join(link).exists());
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
    let text = "[a](Cargo.toml), [b](src/no.rs#top), [c](https://example.org/no), [d](#here)";
    assert_eq!(broken("README.md", text), ["README.md: src/no.rs"]);
}
