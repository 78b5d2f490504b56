//! The gap table: what `envs/gaps.toml` says.

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
    /// Kinds that a robot's description has.
    const DESCRIBED: [Self; 6] = [
        Self::Option,
        Self::Compiler,
        Self::Body,
        Self::Geom,
        Self::Joint,
        Self::Motor,
    ];

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
    /// The gap that scales one field, named as `h2oplus gaps` prints it: `geom torso size`,
    /// `option gravity`; `None` where `name` is no such name.
    pub(super) fn field(name: &str) -> Option<Self> {
        let words: Vec<&str> = name.split(' ').collect();
        let [kind, names @ .., attribute] = &words[..] else {
            return None;
        };
        let element = *Element::DESCRIBED.iter().find(|e| e.kind() == *kind)?;
        let unnamed = matches!(element, Element::Option | Element::Compiler);
        if unnamed != names.is_empty() {
            return None;
        }
        Some(Self {
            doc: format!("{name} x k"),
            default: 1.0,
            edits: vec![Edit {
                robot: None,
                element,
                names: (!unnamed).then(|| vec![names.join(" ")]),
                attribute: (*attribute).to_owned(),
                op: Op::Scale,
            }],
        })
    }

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
        Self::parse("envs/gaps.toml", include_str!("../../envs/gaps.toml"))
            .expect("the embedded gap table is tested")
    }

    /// Reads a gap table.
    ///
    /// # Errors
    /// When the file cannot be read or says something unknown.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = crate::text::read(path)?;
        Self::parse(&path.display().to_string(), &text)
    }

    fn parse(source: &str, text: &str) -> Result<Self> {
        let table: BTreeMap<String, GapDef> = crate::model::toml_input(source, text)?;
        for (name, def) in &table {
            let bad = |problem: &str, help: &str| {
                Err(Error::input(
                    source,
                    format!("gap `{name}`: {problem}"),
                    help,
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

    /// What a gap edits, or the field of this name.
    pub fn get(&self, name: &str) -> Option<GapDef> {
        self.0.get(name).cloned().or_else(|| GapDef::field(name))
    }

    /// Names that have an edit for a robot.
    pub fn names_for(&self, robot: &str) -> Vec<&str> {
        self.iter()
            .filter(|(_, d)| d.is_for(robot))
            .map(|(n, _)| n)
            .collect()
    }
}
