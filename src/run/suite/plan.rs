//! A suite's plan, resolved: every cell, the runs that give it, and the groups in which these are trained. It is the
//! `suite.toml` of a suite's folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::file::{Keep, SuiteColumn};
use crate::env::task::OWN_REAL;
use crate::error::{Error, Result};
use crate::run::record::run_folder::write;

/// What this program writes and reads.
pub const PLAN_FORMAT: u64 = 1;

/// A plan of runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuitePlan {
    /// [`PLAN_FORMAT`].
    pub format: u64,
    /// The suite's name.
    pub suite: String,
    /// One line.
    pub title: String,
    /// What it shows.
    pub doc: String,
    /// What the published numbers are.
    pub unit: String,
    /// Which size.
    pub size: SuiteSize,
    /// Commit of the program that planned.
    pub commit: String,
    /// Its version.
    pub version: String,
    /// What finished runs keep beside their metrics and policies.
    pub keep: Vec<Keep>,
    /// Keys that all runs share.
    pub run: Table,
    /// What was given over the size's own keys.
    pub overrides: Table,
    /// How the runs differ from the published ones.
    pub differences: Vec<Difference>,
    /// The columns.
    pub columns: Vec<SuiteColumn>,
    /// The tables.
    pub tables: Vec<TableHead>,
    /// Data sets that are made before the runs that learn from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<CollectedSet>,
    /// The cells of all tables, row by row.
    pub cells: Vec<Cell>,
    /// What is trained, in this order.
    pub groups: Vec<RunGroup>,
}

/// How large a suite is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuiteSize {
    /// As published.
    Paper,
    /// A night on two cores at most.
    Quick,
    /// Minutes.
    Smoke,
}

impl std::fmt::Display for SuiteSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Paper => "paper",
            Self::Quick => "quick",
            Self::Smoke => "smoke",
        })
    }
}

/// Something that differs from what was published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// What it is.
    pub what: String,
    /// As published.
    pub paper: String,
    /// In these runs.
    pub here: String,
}

/// A table without its cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableHead {
    /// Its name in cells.
    pub name: String,
    /// One line.
    pub title: String,
    /// The real task.
    pub task: String,
    /// Names of its columns, in order.
    pub columns: Vec<String>,
    /// Labels of its rows, in order.
    pub rows: Vec<String>,
    /// The published means over the rows, by column.
    pub mean: BTreeMap<String, f64>,
}

/// A data set that is made before the runs, as `collect` makes it: of a shifted real robot, or a whole replay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectedSet {
    /// Its file, as runs name it; it lies in the suite's `data/`.
    pub file: String,
    /// The task.
    pub task: String,
    /// What differs on the real robot.
    pub real_gap: String,
    /// Which policies act: `medium`.
    pub quality: String,
    /// Transitions.
    pub rows: usize,
    /// Whether it is everything that SAC did while it was trained.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// Updates of SAC at most; none: those in which the transitions are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updates: Option<u64>,
    /// The return that counts as medium, where the robot's score has a scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<f64>,
    /// What else `collect` is given: `recipe`, `precision`.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub training: Table,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Name of its table.
    pub table: String,
    /// Label of its row.
    pub row: String,
    /// Name of its column.
    pub column: String,
    /// The real task.
    pub task: String,
    /// The method.
    pub algo: String,
    /// The gap that its row names. A method without a simulator is trained once for all of them.
    pub gap: String,
    /// What differs on the real robot.
    #[serde(default = "own_real", skip_serializing_if = "is_own_real")]
    pub real_gap: String,
    /// The real data that its row names. A method that uses none is trained once for all of them.
    pub data: String,
    /// The published mean and deviation over seeds; the mean alone; or nothing.
    pub paper: Vec<f64>,
    /// Settings of its own.
    pub settings: Table,
    /// A run a seed.
    pub runs: Vec<CellRun>,
}

fn own_real() -> String {
    OWN_REAL.into()
}

fn is_own_real(gap: &str) -> bool {
    gap == OWN_REAL
}

/// Where a run of a cell is to be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellRun {
    /// Its seed.
    pub seed: u64,
    /// Name of the group, which is that of its run folder.
    pub group: String,
    /// Which member of it.
    pub member: usize,
}

/// A population that is trained in one run folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunGroup {
    /// Its name.
    pub name: String,
    /// The real task.
    pub task: String,
    /// The method.
    pub algo: String,
    /// Members.
    pub members: usize,
    /// Updates of each.
    pub updates: u64,
    /// Seconds on two slow cores, from fixed weights: shares of the plan are balanced by it.
    pub cost: f64,
    /// Keys of the run, as a config file would have them.
    pub run: Table,
    /// Settings of its method.
    pub settings: Table,
    /// What its members differ in beside their seeds.
    pub vary: Table,
}

impl SuitePlan {
    /// Reads the plan in `path`.
    ///
    /// # Errors
    /// Where it is none that this program wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let help = "restore the file as `h2oplus suite` wrote it";
        let text = crate::text::read(path)?;
        let plan: Self = toml::from_str(&text)
            .map_err(|e| Error::input(path.display(), e.message().trim(), help))?;
        if plan.format != PLAN_FORMAT {
            let problem = format!("is of format {}, not {PLAN_FORMAT}", plan.format);
            let help = "use the version of h2oplus that wrote it";
            return Err(Error::input(path.display(), problem, help));
        }
        for run in plan.cells.iter().flat_map(|cell| &cell.runs) {
            let members = plan.group(&run.group).map_or(0, |group| group.members);
            if run.member >= members {
                let problem = format!(
                    "a cell names member {} of `{}`, which is none",
                    run.member, run.group
                );
                return Err(Error::input(path.display(), problem, help));
            }
        }
        Ok(plan)
    }

    /// Writes it to `path`: the same plan gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let text =
            toml::to_string(self).map_err(|e| Error::input("suite", e, "report this as a bug"))?;
        write(path, text.as_bytes())
    }

    /// The group called `name`.
    pub fn group(&self, name: &str) -> Option<&RunGroup> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// Runs, which is members of all groups.
    pub fn runs(&self) -> usize {
        self.groups.iter().map(|group| group.members).sum()
    }

    /// Whether `other` trains the same: the commit that planned it does not count.
    pub fn same_as(&self, other: &Self) -> bool {
        let other = Self {
            commit: self.commit.clone(),
            version: self.version.clone(),
            ..other.clone()
        };
        *self == other
    }
}
