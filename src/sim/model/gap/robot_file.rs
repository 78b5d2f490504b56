//! A gap that is a robot of its own: an MJCF file with the same joints and motors.

use super::table::GapDef;
use crate::error::{Error, Result};
use crate::model::Spec;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// What the name of such a gap begins with.
pub(super) const FILE: &str = "file:";
/// And ends with.
const END: &str = ".xml";

/// The gap of the file that `name` says: `file:robot.xml`.
///
/// # Errors
/// As [`Spec::load`].
pub(super) fn load(name: &str) -> Result<Option<GapDef>> {
    let Some(path) = name.strip_prefix(FILE) else {
        return Ok(None);
    };
    let robot = Spec::load(path)?;
    Ok(Some(GapDef {
        doc: format!("the robot in {path}"),
        default: None,
        edits: Vec::new(),
        scores: BTreeMap::new(),
        robot: Some(Box::new(robot)),
    }))
}

/// Where the files lie that a gap's text names, if any: robots, or the one file of distributions.
pub fn files(text: &str) -> Vec<Range<usize>> {
    let inner = text.trim();
    match inner.ends_with(".toml") {
        true => {
            let start = text.len() - text.trim_start().len();
            std::iter::once(start..start + inner.len()).collect()
        }
        false => paths(text),
    }
}

/// A gap's text as titles show it: files without their folders.
pub fn without_folders(text: &str) -> String {
    let mut short = text.to_owned();
    for file in files(text).into_iter().rev() {
        let name = Path::new(&text[file.clone()]).file_name();
        if let Some(name) = name.and_then(|name| name.to_str()) {
            short.replace_range(file, name);
        }
    }
    short
}

/// `name` without the folder of a file.
pub(super) fn short(name: &str) -> &str {
    let path = name.strip_prefix(FILE).map(Path::new);
    let file = path.and_then(|path| path.file_name()?.to_str());
    file.unwrap_or(name)
}

/// Where paths of files lie in a gap's text. Whatever they hold, they are one word.
fn paths(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(FILE).map(|i| at + i + FILE.len()) {
        let after = text[start..]
            .match_indices(END)
            .map(|(i, _)| start + i + END.len());
        let ends = |end: &usize| {
            let rest = text[*end..].trim_start();
            rest.is_empty() || rest.starts_with([',', '/'])
        };
        let end = after.into_iter().find(ends).unwrap_or(text.len());
        found.push(start..end);
        at = end;
    }
    found
}

/// `text` between separators that stand outside of paths.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let paths = paths(text);
    let outside = |at: &usize| !paths.iter().any(|path| path.contains(at));
    let cuts = text
        .match_indices(separator)
        .map(|(at, _)| at)
        .filter(outside);
    let (mut pieces, mut from) = (Vec::new(), 0);
    for at in cuts {
        pieces.push(&text[from..at]);
        from = at + separator.len_utf8();
    }
    pieces.push(&text[from..]);
    pieces
}

/// Puts `file` in the place of `spec`. Its name, and how its capsules weigh and its margins combine, stay: these are the task's.
///
/// # Errors
/// Where joints, motors or their order differ.
pub(super) fn replace(spec: &mut Spec, file: &Spec) -> Result<()> {
    let joints = |s: &Spec| -> Vec<String> {
        let joint = |j: &crate::model::spec::Joint| j.name.clone();
        s.joints.iter().map(joint).collect()
    };
    let parents = |s: &Spec| -> Vec<_> { s.bodies.iter().map(|b| b.parent).collect() };
    let motors = |s: &Spec| -> Vec<String> {
        let joint = |m: &crate::model::spec::Motor| s.joints[m.joint].name.clone();
        s.motors.iter().map(joint).collect()
    };
    let differ = |line: u32, what: &str, has: &[String], want: &[String]| {
        let problem = format!(
            "its {what} are [{}], those of `{}` are [{}]",
            has.join(" "),
            spec.name,
            want.join(" ")
        );
        let help = "a gap may be a file of the same joints and motors in the same order; another robot is a task of its own";
        Err(Error::input(file.place(line), problem, help))
    };
    let (has, want) = (joints(file), joints(spec));
    if has != want {
        let at = has.iter().zip(&want).position(|(a, b)| a != b);
        let joint = file.joints.get(at.unwrap_or(has.len().min(want.len())));
        return differ(joint.map_or(1, |j| j.line), "joints", &has, &want);
    }
    if parents(file) != parents(spec) {
        let other = file
            .bodies
            .iter()
            .zip(&spec.bodies)
            .find(|(a, b)| a.parent != b.parent);
        let line = other.map_or(1, |(body, _)| body.line);
        let problem = format!(
            "its joints hang on one another as those of `{}` do not",
            spec.name
        );
        let help = "a gap may be a file of the same tree; another robot is a task of its own";
        return Err(Error::input(file.place(line), problem, help));
    }
    let (has, want) = (motors(file), motors(spec));
    if has != want {
        let line = file.motors.first().map_or(1, |m| m.line);
        return differ(line, "motors' joints", &has, &want);
    }
    let (name, compiler) = (spec.name.clone(), spec.compiler.clone());
    *spec = file.clone();
    spec.name = name;
    spec.compiler.capsule_mass = compiler.capsule_mass;
    spec.compiler.contact_margin = compiler.contact_margin;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_words() {
        let text = "none/gravity=2,file:a/b.xml.d/c,d.xml,friction=0.3/file:../x.xml";
        assert_eq!(
            split(text, '/'),
            [
                "none",
                "gravity=2,file:a/b.xml.d/c,d.xml,friction=0.3",
                "file:../x.xml"
            ]
        );
        assert_eq!(
            split("file:a/b.xml,gravity", ','),
            ["file:a/b.xml", "gravity"]
        );
        assert_eq!(short("file:a/b.xml"), "b.xml");
    }
}
