//! The gap table: what `envs/gaps.toml` says.

use super::Channel;
use super::edit::{Edit, Element, Op};
use super::levels::Entry;
use super::robot_file;
use crate::error::{Error, Result};
use crate::model::Spec;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Reference returns of a benchmark.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Return of a random policy: score 0.
    pub random: f64,
    /// Return of an expert: score 100.
    pub expert: f64,
}

/// A gap as a table describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct GapDef {
    /// One line for listings.
    pub doc: String,
    /// Strength when none is given; `None`: it has no strength.
    pub default: Option<f64>,
    /// What is edited.
    pub edits: Vec<Edit>,
    /// Scale of a benchmark's score, by robot (MJCF model name).
    pub scores: BTreeMap<String, Score>,
    /// The robot that takes the place of the task's, where the gap is a file.
    pub robot: Option<Box<Spec>>,
}

impl GapDef {
    /// The gap that scales one field, named as `h2oplus gap list` prints it: `geom torso size`,
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
            default: Some(1.0),
            scores: BTreeMap::new(),
            robot: None,
            edits: vec![Edit {
                robot: None,
                element,
                names: (!unnamed).then(|| vec![names.join(" ")]),
                attribute: (*attribute).to_owned(),
                op: Op::Scale,
                value: None,
            }],
        })
    }

    /// Whether it has an edit for a robot (MJCF model name).
    pub fn is_for(&self, robot: &str) -> bool {
        self.edits_for(robot).next().is_some()
    }

    /// Whether its strength is a number of env steps.
    pub(super) fn is_whole(&self) -> bool {
        let counts = |e: &Edit| (e.element, e.attribute.as_str()) == (Element::Action, "delay");
        self.edits.iter().any(|e| counts(e) && e.value.is_none())
    }

    pub(super) fn edits_for(&self, robot: &str) -> impl Iterator<Item = &Edit> {
        self.edits
            .iter()
            .filter(move |e| e.robot.as_deref().is_none_or(|r| r == robot))
    }
}

/// Robots of ODRL and OTDF as their names say them, and as their MJCF does.
const BENCHMARK_ROBOTS: [(&str, &str); 3] = [
    ("halfcheetah", "cheetah"),
    ("walker2d", "walker2d"),
    ("hopper", "hopper"),
];
/// The benchmarks' other robots.
const NOT_PLANAR: [&str; 2] = ["ant_", "antmaze_"];

/// The gaps that one may ask for, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct GapTable {
    gaps: BTreeMap<String, GapDef>,
    /// The published shifts of benchmarks, `envs/odrl.toml`.
    shifts: BTreeMap<String, GapDef>,
}

impl GapTable {
    /// The gaps that come with the program.
    pub fn builtin() -> Self {
        let parse = |source, text| parse(source, text).expect("the embedded tables are tested");
        Self {
            gaps: parse("envs/gaps.toml", include_str!("../../envs/gaps.toml")),
            shifts: parse("envs/odrl.toml", include_str!("../../envs/odrl.toml")),
        }
    }

    /// Reads a gap table.
    ///
    /// # Errors
    /// When the file cannot be read or says something unknown.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = crate::text::read(path)?;
        Ok(Self {
            gaps: parse(&path.display().to_string(), &text)?,
            shifts: BTreeMap::new(),
        })
    }

    /// Name and description, by name; without the shifts of benchmarks.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &GapDef)> {
        self.gaps.iter().map(|(n, d)| (n.as_str(), d))
    }

    /// What a gap edits, or the field of this name, or the shift of a benchmark: `morph_torso_easy`, or
    /// `walker2d_morph_torso_easy`, which is for that robot alone.
    pub fn get(&self, name: &str) -> Option<GapDef> {
        let known = self.gaps.get(name).or_else(|| self.shifts.get(name));
        known
            .cloned()
            .or_else(|| self.full(name))
            .or_else(|| GapDef::field(name))
    }

    /// The shift that a benchmark's full name says.
    fn full(&self, name: &str) -> Option<GapDef> {
        let (_, robot, part) = full(name)?;
        let mut def = self.shifts.get(part)?.clone();
        def.edits
            .retain(|e| e.robot.as_deref().is_none_or(|r| r == robot));
        for edit in &mut def.edits {
            edit.robot = Some(robot.to_owned());
        }
        Some(def)
    }

    /// Names that have an edit for a robot.
    pub fn names_for(&self, robot: &str) -> Vec<&str> {
        named(&self.gaps, robot)
    }

    /// Names of benchmarks' shifts that have an edit for a robot.
    pub fn shifts_for(&self, robot: &str) -> Vec<&str> {
        named(&self.shifts, robot)
    }

    /// The benchmark's shift that a file's name says after the robot: `gravity_0.5_medium.hdf5` is of
    /// `gravity_0.5`.
    pub fn shift_in(&self, rest: &str) -> Option<&str> {
        let fits = |name: &&String| {
            let after = rest.strip_prefix(name.as_str());
            after.is_some_and(|after| after.is_empty() || after.starts_with(['_', '.', '-']))
        };
        let longest = self
            .shifts
            .keys()
            .filter(fits)
            .max_by_key(|name| name.len());
        longest.map(String::as_str)
    }

    /// The robot and the shift that a benchmark's name of a task says.
    pub fn benchmark_task(name: &str) -> Option<(&str, &str)> {
        let (_, _, shift) = full(name)?;
        let known = Self::builtin().shifts.contains_key(shift);
        known.then(|| (&name[..name.len() - shift.len() - 1], shift))
    }

    /// What `name` describes.
    ///
    /// # Errors
    /// Where nothing has that name. The place is `place`.
    pub(super) fn def(&self, name: &str, place: &str) -> Result<GapDef> {
        if let Some(def) = robot_file::load(name)? {
            return Ok(def);
        }
        if NOT_PLANAR.iter().any(|robot| name.starts_with(robot)) {
            return Err(Error::input(
                place,
                "Ant is not planar; robots here move in the x-z plane",
                "ODRL's planar robots are halfcheetah, walker2d and hopper",
            ));
        }
        self.get(name).ok_or_else(|| {
            let names: Vec<_> = self.gaps.keys().map(String::as_str).collect();
            let benchmark = match self.shifts.is_empty() {
                true => "",
                false => "; those of ODRL and OTDF, which `gap list` prints",
            };
            Error::input(
                place,
                format!("there is no gap `{name}`"),
                format!(
                    "gaps: none, {}{benchmark}; a robot's file, file:robot.xml; or a field that the command `gap list` prints, as \
                     `joint bthigh damping`",
                    names.join(", ")
                ),
            )
        })
    }
}

/// Robot, its MJCF model name and the shift in a benchmark's full name.
fn full(name: &str) -> Option<(&str, &'static str, &str)> {
    let (robot, part) = name.split_once('_')?;
    let known = BENCHMARK_ROBOTS.iter().find(|(r, _)| *r == robot)?;
    Some((robot, known.1, part))
}

/// The name that a gap goes by: `morph_torso_easy` for `walker2d_morph_torso_easy`.
pub(super) fn part(name: &str) -> &str {
    full(name).map_or(name, |(_, _, part)| part)
}

fn named<'a>(gaps: &'a BTreeMap<String, GapDef>, robot: &str) -> Vec<&'a str> {
    let fits = |(name, def): (&'a String, &GapDef)| def.is_for(robot).then_some(name.as_str());
    gaps.iter().filter_map(fits).collect()
}

fn parse(source: &str, text: &str) -> Result<BTreeMap<String, GapDef>> {
    let table: BTreeMap<String, Entry> = crate::model::toml_input(source, text)?;
    let mut gaps = BTreeMap::new();
    for (name, entry) in &table {
        let place = format!("gap `{name}`: ");
        let bad = |problem: &str, help: &str| {
            Err(Error::input(source, format!("{place}{problem}"), help))
        };
        if name == "none" || name.is_empty() || name.contains(['=', ',', '.', '/', ' ', ':']) {
            return bad(
                "no fit name",
                "use letters, digits and `-`; `none` means no gap",
            );
        }
        let own = match entry.gaps(name) {
            Ok(own) => own,
            Err((problem, help)) => return bad(&problem, help),
        };
        for (_, def) in &own {
            if def.default.is_some_and(|k| !k.is_finite()) {
                return bad("default is no finite number", "give a finite strength");
            }
            if def.edits.is_empty() {
                return bad("no edits", "give at least one edit");
            }
            for edit in &def.edits {
                let known = Channel::attributes(edit.element);
                let attribute = edit.attribute.as_str();
                if !known.is_empty() && (edit.names.is_some() || !known.contains(&attribute)) {
                    let (kind, known) = (edit.element.kind(), known.join(", "));
                    return bad(
                        &format!("the {kind}'s attributes are {known}, without `names`"),
                        &format!(
                            "as {{ element = \"{kind}\", attribute = \"noise\", op = \"set\" }}"
                        ),
                    );
                }
            }
        }
        gaps.extend(own);
    }
    Ok(gaps)
}
