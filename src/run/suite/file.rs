//! A suite's file: which tables it has, what each cell of them trains, and what was published beside it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::plan::Difference;
use crate::error::{Error, Result};

/// A suite as its file says it. A cell is a row of a table under a column: what the column's method comes to in the
/// row's gap, on the row's data.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteFile {
    /// One line.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub doc: String,
    /// What the published numbers are: `return` or `score`.
    #[serde(default = "default_unit")]
    pub unit: String,
    /// What finished runs keep beside their metrics and policies.
    #[serde(default)]
    pub keep: Vec<Keep>,
    /// What differs from the publication in every size.
    #[serde(default)]
    pub differs: Vec<Difference>,
    /// Methods with settings, in the order in which tables show them.
    pub columns: Vec<SuiteColumn>,
    /// As published.
    pub paper: SizeKeys,
    /// A night on two cores at most.
    pub quick: SizeKeys,
    /// Minutes.
    pub smoke: SizeKeys,
    /// At least one.
    pub tables: Vec<SuiteTable>,
}

fn default_unit() -> String {
    "return".into()
}

/// What a finished run may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Rows of each member's replay in the simulator, and its networks.
    States,
    /// How each member's robots move on the real task at the end.
    Motion,
}

/// A method with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteColumn {
    /// Its name in rows and in records.
    pub name: String,
    /// As a table's head shows it.
    pub label: String,
    /// The method; its name is the column's unless this says otherwise.
    #[serde(default)]
    pub algo: String,
    /// Settings of the method, over the recipe's.
    #[serde(default)]
    pub settings: Table,
}

/// What a size says: keys of a run (`recipe`, `updates`, `seeds` …), and settings for the methods that have them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct SizeKeys {
    /// Settings.
    #[serde(default)]
    pub settings: Table,
    /// How data of shifted real robots are made.
    pub collect: Option<CollectKeys>,
    /// Keys of a run.
    #[serde(flatten)]
    pub run: Table,
}

/// How the data of a shifted real robot are made, as `collect` makes them: SAC is trained on it and rolled out.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectKeys {
    /// Transitions of each data set.
    pub rows: usize,
    /// Updates of SAC at most.
    pub updates: u64,
    /// The normalised score that counts as medium, at which training ends unless an expert is wanted.
    pub medium: f64,
    /// Whose settings SAC has, where they are not the published ones.
    pub recipe: Option<String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteTable {
    /// Its name in records.
    pub name: String,
    /// One line.
    pub title: String,
    /// The real task.
    pub task: String,
    /// The real data of its rows.
    pub data: String,
    /// What differs in the simulator, where its rows do not say.
    #[serde(default = "default_gap")]
    pub gap: String,
    /// Further keys of its runs.
    #[serde(default)]
    pub run: Table,
    /// The published data set that `data` stands in for.
    pub d4rl: Option<D4rlSet>,
    /// Names of its columns; all of the suite's, unless this says otherwise.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The published means over the rows, by column.
    #[serde(default)]
    pub mean: BTreeMap<String, f64>,
    /// At least one.
    pub rows: Vec<SuiteRow>,
}

fn default_gap() -> String {
    "none".into()
}

/// A data set of D4RL.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct D4rlSet {
    /// The name of its file.
    pub file: String,
    /// Its transitions.
    pub rows: usize,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteRow {
    /// As the table shows it.
    pub label: String,
    /// The task, where it is not the table's.
    pub task: Option<String>,
    /// The gap, where it is not the table's.
    pub gap: Option<String>,
    /// What differs on the real robot, whose data are then its own.
    pub real_gap: Option<String>,
    /// The data, where they are not the table's.
    pub data: Option<String>,
    /// Further keys of its runs.
    #[serde(default)]
    pub run: Table,
    /// Its runs' updates, in multiples of the size's.
    #[serde(default = "one")]
    pub times: u32,
    /// Settings, for the methods that have them.
    #[serde(default)]
    pub settings: Table,
    /// What was published, by column: mean and deviation over seeds, or the mean alone.
    #[serde(default)]
    pub paper: BTreeMap<String, Vec<f64>>,
}

fn one() -> u32 {
    1
}

impl SuiteFile {
    /// Reads `text`, which errors call `place`.
    ///
    /// # Errors
    /// Where it is no suite: the place, with the line where there is one.
    pub fn parse(place: &Path, text: &str) -> Result<Self> {
        let mut suite: Self = toml::from_str(text).map_err(|e| {
            let before = e.span().map(|span| &text[..span.start.min(text.len())]);
            let line = before.map_or(1, |before| 1 + before.matches('\n').count());
            let help = "correct the file there; envs/suites has the shipped ones";
            Error::input(
                format!("{}:{line}", place.display()),
                e.message().trim(),
                help,
            )
        })?;
        for column in &mut suite.columns {
            if column.algo.is_empty() {
                column.algo.clone_from(&column.name);
            }
        }
        let names: Vec<_> = suite.columns.iter().map(|c| c.name.clone()).collect();
        for table in &mut suite.tables {
            if table.columns.is_empty() {
                table.columns.clone_from(&names);
            }
        }
        suite.check().map_err(|e| e.within(place.display()))?;
        Ok(suite)
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&SuiteColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Refuses names that are there twice or belong to nothing, and tables without cells.
    fn check(&self) -> Result<()> {
        let columns: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
        let tables: Vec<_> = self.tables.iter().map(|t| t.name.as_str()).collect();
        distinct("columns", &columns)?;
        distinct("tables", &tables)?;
        for table in &self.tables {
            let place = format!("table {}", table.name);
            let labels: Vec<_> = table.rows.iter().map(|r| r.label.as_str()).collect();
            distinct(&place, &labels)?;
            let known = |name: &String| match columns.contains(&name.as_str()) {
                true => Ok(()),
                false => {
                    let problem = format!("there is no column `{name}`");
                    let help = format!("columns: {}", columns.join(", "));
                    Err(Error::input(&place, problem, help))
                }
            };
            table.columns.iter().try_for_each(known)?;
            table.mean.keys().try_for_each(known)?;
            for row in &table.rows {
                row.paper.keys().try_for_each(known)?;
                if let Some((name, _)) = row.paper.iter().find(|(_, n)| !(1..3).contains(&n.len()))
                {
                    let problem =
                        format!("`{}`: the published `{name}` is no [mean, std]", row.label);
                    let help = "write [mean, std], or [mean] alone";
                    return Err(Error::input(&place, problem, help));
                }
            }
        }
        Ok(())
    }
}

/// Refuses an empty list of names, and a name that is there twice.
fn distinct(place: &str, names: &[&str]) -> Result<()> {
    if names.is_empty() {
        return Err(Error::input(place, "has nothing in it", "add a first one"));
    }
    match (1..names.len()).find(|&n| names[..n].contains(&names[n])) {
        None => Ok(()),
        Some(n) => {
            let problem = format!("`{}` is there twice", names[n]);
            Err(Error::input(place, problem, "give each its own name"))
        }
    }
}
