//! Every crate packages: it says what it is, and its package holds each file that its source includes.

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

use crate::source::{File, Rust, files, read, root};

/// Name and folder of each crate that a registry would get; the wheel's is none of them.
const CRATES: [(&str, &str); 4] = [
    ("h2oplus-base", "src/base"),
    ("h2oplus-sim", "src/sim"),
    ("h2oplus-learn", "src/learn"),
    ("h2oplus", "."),
];

/// What a manifest does not say of its crate; `shared` is the workspace's table.
fn unsaid(manifest: &Table, shared: &Table) -> Vec<String> {
    let package = manifest["package"].as_table().unwrap();
    let said = |key: &str| match package.get(key)? {
        Value::Table(from) if from.contains_key("workspace") => shared["package"].get(key),
        value => Some(value),
    };
    let mut found: Vec<String> = Vec::new();
    for key in [
        "description",
        "license",
        "readme",
        "version",
        "rust-version",
    ] {
        let text = said(key).and_then(Value::as_str).unwrap_or_default();
        found.extend(text.is_empty().then(|| key.to_owned()));
    }
    for key in ["keywords", "categories"] {
        // A registry takes five of each.
        let count = said(key).and_then(Value::as_array).map_or(0, Vec::len);
        found.extend((!(1..=5).contains(&count)).then(|| key.to_owned()));
    }
    let dependencies = [manifest, shared].map(|table| table.get("dependencies"));
    for (name, value) in dependencies
        .into_iter()
        .flatten()
        .filter_map(Value::as_table)
        .flatten()
    {
        if value.get("path").is_some() && value.get("version").is_none() {
            found.push(format!("the version of {name}"));
        }
    }
    found
}

/// What cargo would put in the package of `name`.
fn packaged(name: &str) -> Vec<String> {
    let out = Command::new(env!("CARGO"))
        .args([
            "package",
            "--list",
            "--offline",
            "--allow-dirty",
            "-p",
            name,
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// `path` without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leaves the crate", path.display()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// Files that `sources` of a crate include by a plain name and that `packaged` lacks. Paths are the crate's own.
fn missing(sources: &[File], packaged: &[String]) -> Vec<String> {
    let mut lacking = Vec::new();
    for file in sources {
        let rust = Rust::of(&file.text);
        // A text is `""` in the code: how many stand before it says which one it is.
        for (at, _) in rust.code.match_indices("include_").filter(|(at, _)| {
            let call = &rust.code[*at..];
            ["include_str!(\"\"", "include_bytes!(\"\""]
                .iter()
                .any(|start| call.starts_with(start))
        }) {
            let before = rust.code[..at].matches("\"\"").count();
            let folder = Path::new(&file.path).parent().unwrap();
            let path = plain(&folder.join(&rust.texts[before].1));
            let path = path.to_str().unwrap().to_owned();
            if !packaged.contains(&path) {
                lacking.push(format!("{}: {path}", file.path));
            }
        }
    }
    lacking
}

#[test]
fn every_crate_says_what_it_is() {
    let shared: Table = read("Cargo.toml").parse().unwrap();
    let shared = shared["workspace"].as_table().unwrap();
    for (name, folder) in CRATES {
        let manifest: Table = read(&format!("{folder}/Cargo.toml")).parse().unwrap();
        assert_eq!(unsaid(&manifest, shared), [""; 0], "{name}");
    }
}

#[test]
fn a_package_holds_what_its_source_includes() {
    for (name, folder) in CRATES {
        let own = |file: &File| {
            folder != "." || !CRATES[..3].iter().any(|(_, of)| file.path.starts_with(of))
        };
        let mut sources = files(if folder == "." { "src" } else { folder }, "rs");
        sources.retain(own);
        for file in &mut sources {
            let path = file.path.strip_prefix(&format!("{folder}/"));
            file.path = path.unwrap_or(&file.path).to_owned();
        }
        let packaged = packaged(name);
        assert_eq!(missing(&sources, &packaged), [""; 0], "{name}");
        assert!(packaged.contains(&"README.md".to_owned()), "{name}");
    }
}

#[test]
fn packages_hold_shaders_kernels_tasks_and_robots() {
    let held = |name: &str, folder: &str, from: &str, ending: &str| {
        let packaged = packaged(name);
        for file in files(from, ending) {
            let path = file.path.strip_prefix(folder).unwrap();
            assert!(
                packaged.iter().any(|held| held == path),
                "{name} lacks {path}"
            );
        }
    };
    held("h2oplus-sim", "", "shaders", "wgsl");
    held("h2oplus-sim", "", "envs", "toml");
    held("h2oplus-sim", "", "assets", "xml");
    held("h2oplus-learn", "src/learn/", "src/learn", "cu");
    held("h2oplus-learn", "src/learn/", "src/learn", "cuh");
}

#[test]
fn what_is_missing_is_seen() {
    let source = "// include_str!(\"no.txt\")\nlet a = (\"x\", include_str!(\"../a.txt\"));\nlet b = include_bytes!(\"b.bin\");\n";
    let sources = [File::of("inner/lib.rs", source)];
    let packaged = ["inner/b.bin".to_owned()];
    assert_eq!(missing(&sources, &packaged), ["inner/lib.rs: a.txt"]);

    let shared: Table = "[package]\nversion = \"1\"\n".parse().unwrap();
    let manifest = "[package]\nversion.workspace = true\nlicense.workspace = true\ndescription = \"x\"\nreadme = \"R\"\nrust-version = \"1\"\n\
                    keywords = []\ncategories = [\"a\"]\n[dependencies]\nb = { path = \"b\" }\n";
    let unsaid = unsaid(&manifest.parse().unwrap(), &shared);
    assert_eq!(unsaid, ["license", "keywords", "the version of b"]);
}
