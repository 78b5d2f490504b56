//! One word for one thing: the names of the physics are MuJoCo's, the same in Rust and in WGSL, and
//! a comment that cites DYNAMICS.md cites a section that is there.

use std::collections::BTreeSet;
use std::path::Path;

const PLANAR: &str = "src/sim/engine/planar";

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What follows each occurrence of `before` at the beginning of a line, up to the end of the word.
fn declared<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let lines = text
        .lines()
        .filter_map(|l| l.trim_start().strip_prefix(before));
    lines
        .map(|l| &l[..l.find(|c| !is_word(c)).unwrap_or(l.len())])
        .filter(|name| !name.is_empty())
        .collect()
}

/// The text of struct `name`.
fn structure<'a>(text: &'a str, name: &str) -> &'a str {
    let from = text.find(&format!("pub struct {name}<")).expect(name);
    &text[from..from + text[from..].find("\n}").expect("an end")]
}

/// The fields of a block's scratch and state, as the shaders name them.
fn rust_names(work: &str, integrate: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (part, prefix) in [
        ("Contacts", "contact_"),
        ("Limits", "limit_"),
        ("Pairs", "pair_"),
        ("Rolls", "roll_"),
        ("Work", ""),
    ] {
        let text = structure(work, part);
        for field in declared(text, "pub ") {
            // A vector at the anchors is an array for each of its parts.
            if text.contains(&format!("pub {field}: Spatial<R>")) {
                names.extend(["x", "z", "w"].map(|part| format!("{field}_{part}")));
            } else {
                names.insert(format!("{prefix}{field}"));
            }
        }
    }
    let state = declared(structure(integrate, "State"), "pub ");
    names.extend(state.into_iter().map(str::to_owned));
    names
}

/// Private to the shader: the sets of rows, as bits. The CPU keeps a mask with each row instead, and
/// has the Newton step in the gradient's place.
const ONLY_IN_WGSL: [&str; 18] = [
    "Mgrad",
    "touching",
    "exceeded",
    "pressed",
    "active_plus",
    "active_minus",
    "active_normal",
    "active_roll_plus",
    "active_roll_minus",
    "active_limits",
    "active_pairs",
    "now_plus",
    "now_minus",
    "now_normal",
    "now_roll_plus",
    "now_roll_minus",
    "now_limits",
    "now_pairs",
];

/// Globals of `wgsl` that `rust` does not have.
fn strangers(wgsl: &str, rust: &BTreeSet<String>) -> Vec<String> {
    let globals = declared(wgsl, "var<private> ");
    assert!(globals.len() > 30, "{globals:?}");
    let known = |name: &&str| rust.contains(*name) || ONLY_IN_WGSL.contains(name);
    globals
        .into_iter()
        .filter(|name| !known(name))
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_the_shaders_compute_is_named_as_on_the_cpu() {
    let work = read(&format!("{PLANAR}/work.rs"));
    let integrate = read(&format!("{PLANAR}/integrate.rs"));
    let shader = read("shaders/shared/work.wgsl");
    let rust = rust_names(&work, &integrate);
    assert_eq!(strangers(&shader, &rust), [""; 0]);
    // A name changed on one side is told.
    let other = shader.replace("limit_efc_D", "limit_weight");
    assert_eq!(strangers(&other, &rust), ["limit_weight"]);
    let other = work.replace("cvel:", "velocity:");
    let other = rust_names(&other, &integrate);
    assert_eq!(strangers(&shader, &other), ["cvel_x", "cvel_z", "cvel_w"]);
}

#[test]
fn the_stages_functions_are_named_as_on_the_cpu() {
    // The shader takes the same product inside `pair_gradient`; where limbs touch, films of the CPU's robots alone ask.
    const ONLY_IN_RUST: [&str; 3] = ["pair_product", "roll_lines", "touching_point"];
    let mut seen = 0;
    for stage in [
        "kinematics",
        "smooth",
        "contact",
        "pair",
        "roll",
        "inertia",
        "solver",
    ] {
        let rust = read(&format!("{PLANAR}/{stage}.rs"));
        let wgsl = read(&format!("shaders/shared/{stage}.wgsl"));
        let there = declared(&wgsl, "fn ");
        let public = declared(&rust, "pub fn ");
        let within = declared(&rust, "pub(super) fn ");
        for name in public.into_iter().chain(within) {
            let has = there.contains(&name) || ONLY_IN_RUST.contains(&name);
            assert!(has, "{stage}.wgsl has no `{name}`");
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

/// Does `text` have `name` as a word of its own, or with a prefix or suffix of a part?
fn has(text: &str, name: &str) -> bool {
    text.split(|c| !is_word(c)).any(|word| {
        word == name
            || word.starts_with(&format!("{name}_"))
            || word.ends_with(&format!("_{name}"))
            || word.contains(&format!("_{name}_"))
    })
}

/// The text of all files in `folder` whose names end in `ext`.
fn texts(folder: &Path, ext: &str, into: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Links lead to what is read elsewhere.
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            texts(&path, ext, into);
        } else if path.extension().is_some_and(|e| e == ext) {
            let text = std::fs::read_to_string(&path).unwrap();
            into.push((path.display().to_string(), text));
        }
    }
}

fn all(folders: &[&str], ext: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in folders {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        texts(&root.join(folder), ext, &mut found);
    }
    found
}

#[test]
fn mujocos_names_stand_on_both_sides_and_in_the_document() {
    let whole = |files: Vec<(String, String)>| -> String {
        files.into_iter().map(|(_, text)| text + "\n").collect()
    };
    let rust = whole(all(&[PLANAR], "rs"));
    let wgsl = whole(all(&["shaders/shared"], "wgsl"));
    let document = read(&format!("{PLANAR}/DYNAMICS.md"));
    for name in [
        "qpos",
        "qvel",
        "qacc",
        "qfrc_actuator",
        "qfrc_passive",
        "qfrc_bias",
        "qfrc_smooth",
        "efc_J",
        "efc_pos",
        "efc_vel",
        "efc_D",
        "efc_aref",
        "efc_Jaref",
        "efc_force",
        "cinert",
        "crb",
        "cvel",
        "cacc",
        "cfrc_int",
        "qM",
        "qLD",
        "grad",
        "Mgrad",
    ] {
        for (where_, text) in [("Rust", &rust), ("WGSL", &wgsl), ("DYNAMICS.md", &document)] {
            assert!(has(text, name), "{where_} has no {name}");
        }
    }
    assert!(!has(&rust, "efc_R"));
}

/// Numbers of the sections of the document.
fn sections() -> BTreeSet<String> {
    let document = read(&format!("{PLANAR}/DYNAMICS.md"));
    let heading = |line: &str| {
        let title = line.strip_prefix("## ").or(line.strip_prefix("### "))?;
        let number = title.split_whitespace().next()?;
        Some(number.trim_end_matches('.').to_owned())
    };
    document.lines().filter_map(heading).collect()
}

/// Sections that `text` cites, as in "DYNAMICS.md 4.4".
fn cited(text: &str) -> Vec<String> {
    // In two parts, so that this line cites nothing.
    let mark = concat!("DYNAMICS", ".md ");
    text.split(mark)
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
            rest[..end.unwrap_or(rest.len())]
                .trim_end_matches('.')
                .to_owned()
        })
        .filter(|number| !number.is_empty())
        .collect()
}

#[test]
fn cited_sections_are_there() {
    let sections = sections();
    assert!(sections.contains("5") && sections.contains("4.4") && !sections.contains("99"));
    assert_eq!(cited(concat!("see DYNAMICS", ".md 9.3). Then")), ["9.3"]);
    let mut files = all(&["src", "tests"], "rs");
    files.extend(all(&["shaders"], "wgsl"));
    let mut seen = 0;
    for (path, text) in files {
        for number in cited(&text) {
            assert!(sections.contains(&number), "{path} cites section {number}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
