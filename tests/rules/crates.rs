//! What a crate may build on.

use toml::{Table, Value};

use crate::source::{files, read};

/// A crate's folder, and what it must not name among its dependencies.
const FORBIDDEN: [(&str, &[&str]); 4] = [
    (
        "src/base",
        &[
            "candle-core",
            "clap",
            "wgpu",
            "h2oplus-sim",
            "h2oplus-learn",
        ],
    ),
    (
        "src/sim",
        &[
            "candle-core",
            "candle-nn",
            "clap",
            "indicatif",
            "h2oplus-learn",
        ],
    ),
    (
        "src/learn",
        &[
            "wgpu",
            "naga_oil",
            "roxmltree",
            "rapier3d",
            "clap",
            "indicatif",
            "h2oplus-sim",
        ],
    ),
    // Of the program it names what it shows: tensors and flags are not Python's.
    ("src/python", &["candle-core", "clap", "wgpu"]),
];

/// Dependencies of the crate of this manifest that are built unless a feature is left out: those that are not
/// optional, and those that a default feature asks for. Tests' own do not count. With each, the features asked of it.
fn built_on(manifest: &Table) -> Vec<(String, Vec<String>)> {
    let sections = |table: &Table| -> Vec<(String, Value)> {
        let names = ["dependencies", "build-dependencies"];
        let tables = names.iter().filter_map(|name| table.get(*name)?.as_table());
        tables
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let mut all = sections(manifest);
    let targets = manifest.get("target").and_then(Value::as_table);
    for target in targets
        .into_iter()
        .flatten()
        .filter_map(|(_, target)| target.as_table())
    {
        all.extend(sections(target));
    }
    let list = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let features = manifest.get("features").and_then(Value::as_table);
    let feature = |name: &str| list(features.and_then(|features| features.get(name)));
    let mut asked = feature("default");
    let mut at = 0;
    while at < asked.len() {
        let more = feature(&asked[at]);
        asked.extend(more);
        at += 1;
    }
    let wanted = |name: &str, value: &Value| {
        let optional = value.get("optional").and_then(Value::as_bool) == Some(true);
        !optional
            || asked
                .iter()
                .any(|asked| asked.trim_start_matches("dep:").starts_with(name))
    };
    let built = all.into_iter().filter(|(name, value)| wanted(name, value));
    built
        .map(|(name, value)| (name, list(value.get("features"))))
        .collect()
}

/// What the manifest of a crate asks for and must not: a crate of `forbidden`, or base's part for candle where candle
/// is forbidden.
fn breaches(manifest: &str, forbidden: &[&str]) -> Vec<String> {
    let manifest: Table = manifest.parse().unwrap();
    let mut found = Vec::new();
    for (name, features) in built_on(&manifest) {
        let candle = forbidden.contains(&"candle-core") && features.iter().any(|f| f == "candle");
        if candle || forbidden.contains(&name.as_str()) {
            found.push(if candle {
                format!("{name} with candle")
            } else {
                name
            });
        }
    }
    found
}

#[test]
fn crates_stand_on_what_they_may() {
    for (folder, forbidden) in FORBIDDEN {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        assert_eq!(breaches(&manifest, forbidden), [""; 0], "{folder}");
    }
    // The list of folders is whole: every crate under src has a line.
    let manifests = files("src", "toml");
    let crates = manifests
        .iter()
        .filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    let listed = FORBIDDEN.map(|(folder, _)| folder);
    for folder in crates {
        assert!(
            listed.contains(&folder),
            "{folder}: say what it must not build on"
        );
    }
}

#[test]
fn a_forbidden_dependency_is_seen() {
    let manifest = "[dependencies]\nrayon = \"1\"\nbase = { path = \"b\", features = [\"candle\"] }\nwgpu = { version = \"1\", optional = true }\n\
                    naga = { version = \"1\", optional = true }\n[target.'cfg(unix)'.dependencies]\nclap = \"4\"\n\
                    [dev-dependencies]\nindicatif = \"1\"\n[features]\ndefault = [\"gpu\"]\ngpu = [\"dep:wgpu\"]\n";
    let forbidden = ["candle-core", "clap", "wgpu", "naga", "indicatif"];
    assert_eq!(
        breaches(manifest, &forbidden),
        ["base with candle", "wgpu", "clap"]
    );
    assert_eq!(breaches(manifest, &["serde"]), [""; 0]);
}
