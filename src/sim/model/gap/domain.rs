//! Domains: what the gaps of a batch's environments are, one for all, several in turn, or drawn.

use super::{
    Channel, Gap, GapDef, GapTable, Part, StrengthDistribution, impossible, robot_file, table,
};
use crate::error::{Error, Result};
use crate::model::{Spec, toml_input};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Rows that are drawn unless a file or a flag says otherwise.
pub const DEFAULT_ROWS: usize = 1024;
/// More rows than this are refused: each takes some 10 KB.
const MAX_ROWS: usize = 1 << 16;

/// A gap whose strength may be drawn.
#[derive(Clone, Debug, PartialEq)]
struct Field {
    name: String,
    strength: StrengthDistribution,
    def: GapDef,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.def.default {
            Some(_) => write!(f, "{}={}", self.name, self.strength),
            None => f.write_str(&self.name),
        }
    }
}

/// The gaps of a batch. Environments take the alternatives in turn; strengths are fixed or drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct GapSet {
    /// What it is called: its canonical text, or the stem of its file.
    name: String,
    /// At least one; the fields of each in the order of their names.
    alternatives: Vec<Vec<Field>>,
    /// Rows that are drawn where something is to be drawn: a continuous distribution is realised as
    /// a finite, seeded sample.
    rows: usize,
    /// Whether an environment's row is drawn anew at every reset.
    redraw: bool,
}

/// A file of distributions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DomainFile {
    rows: Option<usize>,
    #[serde(default)]
    redraw: bool,
    gaps: BTreeMap<String, StrengthDistribution>,
}

impl GapSet {
    /// With `rows` rows, where given, and `redraw` or as its file says.
    ///
    /// # Errors
    /// Where the number is out of range, or either is asked of one fixed gap.
    pub fn with(mut self, rows: Option<usize>, redraw: bool) -> Result<Self> {
        let place = format!("gap `{self}`");
        if redraw && self.alternatives.len() == 1 && !self.is_random() {
            return Err(Error::input(
                place,
                "there is nothing to redraw",
                "give a range (gravity=0.5..2.0), a list (none/gravity) or a file of distributions",
            ));
        }
        if let Some(rows) = rows {
            if !self.is_random() {
                return Err(Error::input(
                    place,
                    "no strength is drawn, so the number of rows is given",
                    "leave the number of rows out, or give a range (gravity=0.5..2.0)",
                ));
            }
            self.rows = check_rows(&place, rows)?;
        }
        self.redraw |= redraw;
        Ok(self)
    }

    /// Whether a strength is drawn.
    pub fn is_random(&self) -> bool {
        self.alternatives
            .iter()
            .flatten()
            .any(|f| f.strength.is_random())
    }

    /// Whether an environment's row is drawn anew at every reset.
    pub fn redraws(&self) -> bool {
        self.redraw
    }

    /// Parameter rows for a batch of `envs` environments: a multiple of the alternatives; where
    /// strengths are drawn, as many as asked for, but without redrawing no more than can be used.
    pub fn rows(&self, envs: usize) -> usize {
        let wanted = match (self.is_random(), self.redraw) {
            (false, _) => 1,
            (true, true) => self.rows,
            (true, false) => self.rows.min(envs),
        };
        wanted.next_multiple_of(self.alternatives.len())
    }

    /// The gap of row `row` under `seed`, a function of both and the domain alone.
    pub fn draw(&self, seed: u64, row: usize) -> Gap {
        let fields = &self.alternatives[row % self.alternatives.len()];
        let part = |(i, field): (usize, &Field)| Part {
            name: field.name.clone(),
            strength: match field.def.is_whole() {
                true => field.strength.draw_whole(seed, row as u32, i as u32),
                false => field.strength.draw(seed, row as u32, i as u32),
            },
            def: field.def.clone(),
        };
        Gap {
            parts: fields.iter().enumerate().map(part).collect(),
        }
    }

    /// Each alternative as a domain of its own.
    pub fn split(&self) -> Vec<Self> {
        let one = |fields: &Vec<Field>| Self {
            name: text(std::slice::from_ref(fields)),
            alternatives: vec![fields.clone()],
            ..self.clone()
        };
        match &self.alternatives[..] {
            [_] => vec![self.clone()],
            several => several.iter().map(one).collect(),
        }
    }

    /// The gap, where it is one fixed gap.
    pub fn fixed(&self) -> Option<Gap> {
        (self.alternatives.len() == 1 && !self.is_random()).then(|| self.draw(0, 0))
    }

    /// Refuses what cannot be on `robot`, or changes nothing there. A strength that a distribution
    /// may give is free to change nothing as long as another does.
    ///
    /// # Errors
    /// As [`Gap::apply`], for fixed strengths together and for each drawn one at its bounds.
    pub fn check(&self, robot: &Spec) -> Result<()> {
        let plain = robot.compile()?;
        for fields in &self.alternatives {
            let (drawn, fixed): (Vec<_>, Vec<_>) =
                fields.iter().partition(|f| f.strength.is_random());
            let part = |field: &Field, strength| Part {
                name: field.name.clone(),
                strength,
                def: field.def.clone(),
            };
            let parts = fixed.iter().map(|f| part(f, f.strength.extremes()[0]));
            Gap {
                parts: parts.collect(),
            }
            .apply(robot)?;
            for field in drawn {
                let mut changes = false;
                for strength in field.strength.extremes() {
                    let gap = Gap {
                        parts: vec![part(field, strength)],
                    };
                    let (edited, channel) = gap.edit(robot)?;
                    let edited = edited.compile().map_err(|e| impossible(&gap, e))?;
                    changes |= channel != Channel::default() || edited != plain;
                }
                if !changes {
                    return Err(Error::input(
                        format!("{}={}", field.name, field.strength),
                        format!("changes nothing in the compiled `{}`", robot.name),
                        "choose other strengths or another gap; `h2oplus gap list` lists what each edits",
                    ));
                }
            }
        }
        Ok(())
    }
}

fn check_rows(place: &str, rows: usize) -> Result<usize> {
    if (1..=MAX_ROWS).contains(&rows) {
        return Ok(rows);
    }
    Err(Error::input(
        place,
        format!("{rows} parameter rows"),
        format!("give 1 to {MAX_ROWS} rows"),
    ))
}

fn text(alternatives: &[Vec<Field>]) -> String {
    let one = |fields: &Vec<Field>| match &fields[..] {
        [] => "none".to_owned(),
        fields => fields
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(","),
    };
    alternatives.iter().map(one).collect::<Vec<_>>().join("/")
}

impl fmt::Display for GapSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl From<&Gap> for GapSet {
    fn from(gap: &Gap) -> Self {
        let field = |part: &Part| Field {
            name: part.name.clone(),
            strength: StrengthDistribution::Fixed(part.strength),
            def: part.def.clone(),
        };
        Self::of(vec![gap.parts.iter().map(field).collect()])
    }
}

impl Default for GapSet {
    /// No gap.
    fn default() -> Self {
        Self::of(vec![Vec::new()])
    }
}

impl GapSet {
    fn of(alternatives: Vec<Vec<Field>>) -> Self {
        Self {
            name: text(&alternatives),
            alternatives,
            rows: DEFAULT_ROWS,
            redraw: false,
        }
    }
}

impl GapTable {
    /// Reads the gaps of a batch:
    /// - `gravity`, `gravity=1.5`, `gravity=1.5,friction=0.3`, `none`: one gap for all;
    /// - `none/gravity=1.5/friction=0.3`: several, which environments take in turn;
    /// - `gravity=0.5..2.0,friction=0.3`: a strength drawn uniformly, one a parameter row;
    /// - `morph_torso_easy`, `walker2d_morph_torso_easy`: a benchmark's shift, which has no strength;
    /// - `file:robot.xml`: an MJCF file of the same joints;
    /// - `joint bthigh damping=0.5`: a field as `h2oplus gap list` prints it in a gap's place, scaled;
    /// - a path that ends in `.toml`: a file of distributions.
    ///
    /// # Errors
    /// On an unknown or repeated name, a strength that is no number, a range upside down, or a file
    /// that cannot be read or says something unknown.
    pub fn domain(&self, text: &str) -> Result<GapSet> {
        if text.trim().ends_with(".toml") {
            return self.domain_file(Path::new(text.trim()));
        }
        let alternatives = robot_file::split(text, '/');
        let alternatives = alternatives.iter().map(|one| self.fields(one, text));
        Ok(GapSet::of(alternatives.collect::<Result<_>>()?))
    }

    /// Reads `gravity`, `gravity=1.5`, `gravity=1.5,friction=0.3` or `none`.
    ///
    /// # Errors
    /// As [`domain`](Self::domain), and where that is not one fixed gap.
    pub fn gap(&self, text: &str) -> Result<Gap> {
        self.domain(text)?.fixed().ok_or_else(|| {
            Error::input(
                format!("gap `{text}`"),
                "one gap of fixed strength is wanted here",
                "name one gap and one strength, as gravity=1.5",
            )
        })
    }

    /// One alternative of `whole`.
    fn fields(&self, text: &str, whole: &str) -> Result<Vec<Field>> {
        let place = || format!("gap `{whole}`");
        let wrong = |problem: String, help: &str| Err(Error::input(place(), problem, help));
        if text.trim() == "none" {
            return Ok(Vec::new());
        }
        let mut fields: Vec<Field> = Vec::new();
        for item in robot_file::split(text, ',') {
            let strength = item
                .split_once('=')
                .filter(|_| !item.contains(robot_file::FILE));
            let (name, strength) = match strength {
                Some((name, strength)) => (name.trim(), Some(strength.trim())),
                None => (item.trim(), None),
            };
            let def = self.def(name, &place())?;
            let name = table::part(name);
            let number = |number: &str| match number.trim().parse::<f64>() {
                // -0 and 0 are one strength and must have one text.
                Ok(k) if k.is_finite() => Ok(k + 0.0),
                _ => Err(Error::input(
                    place(),
                    format!("strength `{number}` of {name} is no finite number"),
                    format!("say {name}={}", def.default.unwrap_or(1.0)),
                )),
            };
            let strength = match strength.map(|s| (s, s.split_once(".."))) {
                None if name.contains(' ') => {
                    return wrong(
                        format!("`{name}` has no strength"),
                        "a field is scaled by its strength, as `joint bthigh damping=0.5`",
                    );
                }
                None => StrengthDistribution::Fixed(def.default.unwrap_or(1.0)),
                Some(_) if def.default.is_none() => {
                    return wrong(
                        format!("`{name}` has no strength"),
                        "leave the number out; levels are gaps of their own, as morph_torso_easy",
                    );
                }
                Some((one, None)) => StrengthDistribution::Fixed(number(one)?),
                Some((_, Some((low, high)))) => {
                    StrengthDistribution::Uniform(number(low)?, number(high)?)
                }
            };
            strength.check(format!("{}: {name}", place()))?;
            if fields.iter().any(|f| f.name == name) {
                return wrong(format!("{name} stands there twice"), "give each gap once");
            }
            fields.push(Field {
                name: name.to_owned(),
                strength,
                def,
            });
        }
        // A robot's file comes first: the others edit it.
        fields.sort_by(|a, b| {
            let key = |f: &Field| (f.def.robot.is_none(), f.name.clone());
            key(a).cmp(&key(b))
        });
        if fields.iter().filter(|f| f.def.robot.is_some()).count() > 1 {
            return wrong(
                "two robots' files".to_owned(),
                "give one file, or several in turn: file:a.xml/file:b.xml",
            );
        }
        Ok(fields)
    }

    fn domain_file(&self, path: &Path) -> Result<GapSet> {
        let source = path.display().to_string();
        let text = crate::text::read(path)?;
        let file: DomainFile = toml_input(&source, &text)?;
        let mut fields = Vec::new();
        for (name, strength) in file.gaps {
            let place = format!("{source}: gaps.{name}");
            let def = self.def(&name, &place)?;
            if def.default.is_none() {
                let problem = "has no strength that could be drawn";
                return Err(Error::input(place, problem, "leave it out"));
            }
            strength.check(&place)?;
            fields.push(Field {
                name,
                strength,
                def,
            });
        }
        let stem = path.file_stem().unwrap_or_default();
        let domain = GapSet {
            name: stem.to_string_lossy().into_owned(),
            alternatives: vec![fields],
            rows: match file.rows {
                Some(rows) => check_rows(&format!("{source}: rows"), rows)?,
                None => DEFAULT_ROWS,
            },
            redraw: file.redraw,
        };
        if !domain.is_random() {
            return Err(Error::input(
                format!("{source}: gaps"),
                "no strength is drawn",
                "draw at least one, as gravity = { uniform = [0.5, 2.0] }; fixed gaps need no file",
            ));
        }
        Ok(domain)
    }
}
