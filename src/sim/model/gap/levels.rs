//! An entry of a gap table. One with levels is a gap for each of them: `morph_torso` is `morph_torso_easy`, ….

use super::edit::{Edit, Element, Numbers, Op};
use super::table::{GapDef, Score};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is one for all levels, or has one for each.
#[derive(Deserialize)]
#[serde(untagged)]
enum ByLevel<T> {
    Levels(BTreeMap<String, T>),
    All(T),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelEdit {
    robot: Option<String>,
    element: Element,
    names: Option<Vec<String>>,
    attribute: String,
    #[serde(default)]
    op: Op,
    value: Option<ByLevel<Numbers>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelScore {
    random: f64,
    expert: ByLevel<f64>,
}

/// An entry as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    doc: String,
    default: Option<f64>,
    #[serde(default)]
    levels: Vec<String>,
    edits: Vec<LevelEdit>,
    #[serde(default)]
    score: BTreeMap<String, LevelScore>,
}

/// A problem and its help.
pub(super) type Fault = (String, &'static str);

impl<T: Clone> ByLevel<T> {
    fn at(&self, level: Option<&str>) -> Result<T, Fault> {
        let help = "give one for each of `levels`, or one for all";
        match (self, level) {
            (Self::All(one), _) => Ok(one.clone()),
            (Self::Levels(_), None) => Err(("it has no levels".to_owned(), help)),
            (Self::Levels(each), Some(level)) => {
                let missing = || (format!("nothing is said of the level `{level}`"), help);
                each.get(level).cloned().ok_or_else(missing)
            }
        }
    }
}

impl Entry {
    /// The gaps that the entry called `name` describes.
    pub fn gaps(&self, name: &str) -> Result<Vec<(String, GapDef)>, Fault> {
        if self.levels.is_empty() {
            return Ok(vec![(name.to_owned(), self.gap(None)?)]);
        }
        if self.default.is_some() {
            let help = "leave out `default`: a level is its own strength";
            return Err(("has both levels and a default strength".to_owned(), help));
        }
        let level = |level: &String| Ok((format!("{name}_{level}"), self.gap(Some(level))?));
        self.levels.iter().map(level).collect()
    }

    fn gap(&self, level: Option<&str>) -> Result<GapDef, Fault> {
        let edit = |edit: &LevelEdit| {
            let value = edit.value.as_ref().map(|v| v.at(level)).transpose()?;
            if value.is_none() && self.default.is_none() {
                let help = "give a `default` strength to the gap, or a `value` to every edit";
                return Err((format!("what of `{}`?", edit.attribute), help));
            }
            Ok(Edit {
                robot: edit.robot.clone(),
                element: edit.element,
                names: edit.names.clone(),
                attribute: edit.attribute.clone(),
                op: edit.op,
                value,
            })
        };
        let score = |(robot, score): (&String, &LevelScore)| {
            let (random, expert) = (score.random, score.expert.at(level)?);
            Ok((robot.clone(), Score { random, expert }))
        };
        Ok(GapDef {
            doc: match level {
                Some(level) => format!("{} ({level})", self.doc),
                None => self.doc.clone(),
            },
            default: self.default,
            edits: self.edits.iter().map(edit).collect::<Result<_, _>>()?,
            scores: self.score.iter().map(score).collect::<Result<_, _>>()?,
            robot: None,
        })
    }
}
