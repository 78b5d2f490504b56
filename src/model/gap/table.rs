//! The gap table: what `envs/gaps.toml` says, and gaps read by name from it.

use super::{Gap, Part};
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Which kind of element an edit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// `<option>`.
    Option,
    /// `<compiler>`.
    Compiler,
    /// `<body>`.
    Body,
    /// `<geom>`.
    Geom,
    /// `<joint>`.
    Joint,
    /// `<motor>`.
    Motor,
    /// The action channel, whose one attribute is `noise`.
    Action,
}

impl Element {
    /// As [`ElementMut::kind`](super::spec::ElementMut::kind) names it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::Compiler => "compiler",
            Self::Body => "body",
            Self::Geom => "geom",
            Self::Joint => "joint",
            Self::Motor => "motor",
            Self::Action => "action",
        }
    }
}

/// What an edit does with its strength k.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// x → k x.
    #[default]
    Scale,
    /// x → k.
    Set,
    /// x → x + k.
    Add,
}

impl Op {
    pub(super) fn apply(self, x: f64, k: f64) -> f64 {
        match self {
            Self::Scale => x * k,
            Self::Set => k,
            Self::Add => x + k,
        }
    }
}

/// One edit of a gap.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// MJCF model that it is for; `None`: every robot.
    pub robot: Option<String>,
    /// Kind of element.
    pub element: Element,
    /// Elements by name; `None`: all that have the attribute.
    pub names: Option<Vec<String>>,
    /// MJCF attribute.
    pub attribute: String,
    /// Scale, set or add.
    #[serde(default)]
    pub op: Op,
}

/// A gap as `envs/gaps.toml` describes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GapDef {
    /// One line for listings.
    pub doc: String,
    /// Strength when none is given.
    pub default: f64,
    /// What is edited.
    pub edits: Vec<Edit>,
}

impl GapDef {
    /// Whether it has an edit for a robot (MJCF model name).
    pub fn is_for(&self, robot: &str) -> bool {
        self.edits_for(robot).next().is_some()
    }

    pub(super) fn edits_for(&self, robot: &str) -> impl Iterator<Item = &Edit> {
        self.edits
            .iter()
            .filter(move |e| e.robot.as_deref().is_none_or(|r| r == robot))
    }
}

/// The gaps of a file by name.
#[derive(Clone, Debug, PartialEq)]
pub struct GapTable(BTreeMap<String, GapDef>);

impl GapTable {
    /// The gaps that come with the program.
    pub fn builtin() -> Self {
        Self::parse("envs/gaps.toml", include_str!("../../../envs/gaps.toml"))
            .expect("the embedded gap table is tested")
    }

    /// Reads a gap table.
    ///
    /// # Errors
    /// When the file cannot be read or says something unknown.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        Self::parse(&path.display().to_string(), &text)
    }

    fn parse(source: &str, text: &str) -> Result<Self> {
        let table: BTreeMap<String, GapDef> = crate::model::toml_input(source, text)?;
        for (name, def) in &table {
            let bad = |problem: &str, mend: &str| {
                Err(Error::input(
                    source,
                    format!("gap `{name}`: {problem}"),
                    mend,
                ))
            };
            if name == "none" || name.is_empty() || name.contains(['=', ',', '.', '/', ' ']) {
                return bad(
                    "no fit name",
                    "use letters, digits and `-`; `none` means no gap",
                );
            }
            if !def.default.is_finite() {
                return bad("default is no finite number", "give a finite strength");
            }
            if def.edits.is_empty() {
                return bad("no edits", "give at least one edit");
            }
            for edit in &def.edits {
                if edit.element == Element::Action
                    && (edit.attribute != "noise" || edit.names.is_some())
                {
                    return bad(
                        "the action channel's only attribute is `noise`, on all joints",
                        "{ element = \"action\", attribute = \"noise\", op = \"set\" }",
                    );
                }
            }
        }
        Ok(Self(table))
    }

    /// Name and description, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &GapDef)> {
        self.0.iter().map(|(n, d)| (n.as_str(), d))
    }

    /// Names that have an edit for a robot.
    pub fn names_for(&self, robot: &str) -> Vec<&str> {
        self.iter()
            .filter(|(_, d)| d.is_for(robot))
            .map(|(n, _)| n)
            .collect()
    }

    /// Reads `gravity`, `gravity=1.5`, `gravity=1.5,friction=0.3` or `none`.
    ///
    /// # Errors
    /// On an unknown or repeated name, a strength that is no number, or a range.
    pub fn gap(&self, text: &str) -> Result<Gap> {
        let wrong =
            |problem: String, mend: &str| Err(Error::input(format!("gap `{text}`"), problem, mend));
        if text.trim() == "none" {
            return Ok(Gap::none());
        }
        let mut parts: Vec<Part> = Vec::new();
        for item in text.split(',') {
            let (name, strength) = match item.split_once('=') {
                Some((name, strength)) => (name.trim(), Some(strength.trim())),
                None => (item.trim(), None),
            };
            let Some(def) = self.0.get(name) else {
                let known: Vec<&str> = self.iter().map(|(n, _)| n).collect();
                return wrong(
                    format!("there is no gap `{name}`"),
                    &format!("gaps: none, {}", known.join(", ")),
                );
            };
            let strength = match strength {
                None => def.default,
                Some(range) if range.contains("..") => {
                    return wrong(
                        format!("a range of strengths ({name}={range}) is not supported yet"),
                        &format!("give one strength: {name}={}", def.default),
                    );
                }
                Some(number) => match number.parse::<f64>() {
                    Ok(k) if k.is_finite() => k,
                    _ => {
                        return wrong(
                            format!("strength `{number}` of {name} is no finite number"),
                            &format!("say {name}={}", def.default),
                        );
                    }
                },
            };
            if parts.iter().any(|p| p.name == name) {
                return wrong(format!("{name} stands there twice"), "give each gap once");
            }
            parts.push(Part {
                name: name.to_owned(),
                // -0 and 0 are one strength and must have one text.
                strength: strength + 0.0,
                def: def.clone(),
            });
        }
        parts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Gap { parts })
    }
}
