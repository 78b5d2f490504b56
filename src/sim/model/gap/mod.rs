//! Dynamics gaps: named, typed edits of a [`Spec`] or of the action and observation channel, each with a strength.

mod channel;
mod distribution;
mod domain;
mod edit;
mod levels;
mod robot_file;
mod table;

pub use channel::{Channel, MAX_DELAY};
pub use distribution::{Normal, StrengthDistribution};
pub use domain::{DEFAULT_ROWS, GapSet};
pub use edit::{Edit, Element, Numbers, Op};
pub use robot_file::{files, without_folders};
pub use table::{GapDef, GapTable, Score};

use super::Spec;
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

#[derive(Clone, Debug, PartialEq)]
struct Part {
    name: String,
    strength: f64,
    def: GapDef,
}

/// A combination of gaps with their strengths; prints as its canonical text (`friction=0.3,gravity=2`, or `none`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gap {
    /// In the order of their names, so that equal gaps have equal text.
    parts: Vec<Part>,
}

impl Gap {
    /// No gap.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether there is no gap.
    pub fn is_none(&self) -> bool {
        self.parts.is_empty()
    }

    /// Names and strengths of its parts, by name; a part without a strength has 1.
    pub fn strengths(&self) -> impl Iterator<Item = (&str, f64)> {
        self.parts.iter().map(|p| (p.short_name(), p.strength))
    }

    /// Its text as files are named by it: robots' files without their folders.
    pub fn file_stem(&self) -> String {
        let stem = |part: &Part| match part.def.default {
            Some(_) => part.to_string(),
            None => part
                .short_name()
                .trim_start_matches(robot_file::FILE)
                .replace(".xml", ""),
        };
        let stems: Vec<String> = self.parts.iter().map(stem).collect();
        stems.join(",")
    }

    /// The scale of the benchmark's score on `robot` (MJCF model name), where it is one shift of a benchmark.
    pub fn score(&self, robot: &str) -> Option<Score> {
        match &self.parts[..] {
            [part] => part.def.scores.get(robot).cloned(),
            _ => None,
        }
    }

    /// The edited description and the channel, whether or not anything changes:
    /// for strengths that were drawn.
    ///
    /// # Errors
    /// When a gap has no edit for this robot, or names an element or attribute that the robot lacks.
    pub fn edit(&self, base: &Spec) -> Result<(Spec, Channel)> {
        let mut spec = base.clone();
        let mut channel = Channel::default();
        for part in &self.parts {
            part.edit(&mut spec, &mut channel)?;
        }
        Ok((spec, channel))
    }

    /// The edited description and the channel.
    ///
    /// # Errors
    /// When a gap has no edit for this robot, names an element or attribute that the robot lacks, makes a robot that
    /// does not compile, or changes nothing in the compiled model and the channel; also when all together do so.
    pub fn apply(&self, base: &Spec) -> Result<(Spec, Channel)> {
        let mut spec = base.clone();
        let mut channel = Channel::default();
        if self.is_none() {
            return Ok((spec, channel));
        }
        let start = spec.compile()?;
        let mut before = start.clone();
        for part in &self.parts {
            let channel_before = channel.clone();
            part.edit(&mut spec, &mut channel)?;
            let after = spec.compile().map_err(|e| impossible(part, e))?;
            if after == before && channel == channel_before {
                return Err(Error::input(
                    part,
                    format!("changes nothing in the compiled `{}`", spec.name),
                    "choose another strength or gap; `h2oplus gap list` lists what each edits",
                ));
            }
            before = after;
        }
        if before == start && channel == Channel::default() {
            return Err(Error::input(
                format!("gap `{self}`"),
                "its parts undo each other",
                "choose strengths that leave a difference, or `none`",
            ));
        }
        Ok((spec, channel))
    }
}

/// What is said of a `gap` whose robot does not compile.
pub(crate) fn impossible(gap: impl fmt::Display, error: Error) -> Error {
    match error {
        Error::Input { place, problem, .. } => Error::input(
            gap,
            format!("no such robot can be: {place}: {problem}"),
            "choose another strength",
        ),
        other => other,
    }
}

/// A strength as text that reads back to the same bits; the text names folders, so no run of zeros.
fn write_strength(f: &mut fmt::Formatter<'_>, k: f64) -> fmt::Result {
    if k == 0.0 || (1e-5..1e15).contains(&k.abs()) {
        write!(f, "{k}")
    } else {
        write!(f, "{k:e}")
    }
}

impl Part {
    fn edit(&self, spec: &mut Spec, channel: &mut Channel) -> Result<()> {
        let robot = spec.name.clone();
        if let Some(file) = &self.def.robot {
            return robot_file::replace(spec, file);
        }
        if !self.def.is_for(&robot) {
            let robots: Vec<&str> = self
                .def
                .edits
                .iter()
                .filter_map(|e| e.robot.as_deref())
                .collect();
            return Err(Error::input(
                self,
                format!("has no edit for the robot `{robot}`"),
                format!(
                    "it is defined for: {}; add an edit in a gap table of your own",
                    robots.join(", ")
                ),
            ));
        }
        for edit in self.def.edits_for(&robot) {
            edit.apply(spec, channel, self.strength)
                .map_err(|e| e.of(&self.to_string()))?;
        }
        Ok(())
    }

    /// Its name, a robot's file without its folder.
    fn short_name(&self) -> &str {
        robot_file::short(&self.name)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.def.default.is_none() {
            return Ok(());
        }
        f.write_str("=")?;
        write_strength(f, self.strength)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("none");
        }
        for (i, part) in self.parts.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{part}")?;
        }
        Ok(())
    }
}

impl FromStr for Gap {
    type Err = Error;

    /// A gap of the embedded table; see [`GapTable::gap`].
    fn from_str(text: &str) -> Result<Self> {
        GapTable::builtin().gap(text)
    }
}
