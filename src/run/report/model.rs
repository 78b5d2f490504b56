//! What a report shows, computed: everything here comes from the plans, configs and metrics of the runs. The writers
//! of HTML, Markdown, LaTeX and CSV read nothing else.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::coverage::Coverage;
use super::motion::RowMotion;
use super::statistics::Interval;
use crate::error::Result;
use crate::run::suite::plan::Difference;

/// A report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of the program that reports.
    pub version: &'static str,
    /// Its commit.
    pub commit: &'static str,
    /// How many of a run's last evaluations its score is the mean of.
    pub last: usize,
    /// Resamples of every interval.
    pub resamples: u32,
    /// A part for each suite, and one for the runs that belong to none.
    pub parts: Vec<ReportPart>,
}

/// A suite, or runs that were given as they are.
#[derive(Clone, Debug, Serialize)]
pub struct ReportPart {
    /// Its short name.
    pub name: String,
    /// One line.
    pub title: String,
    /// What it shows.
    pub doc: String,
    /// What scores are: `return`, `score`.
    pub unit: String,
    /// Which size of the suite: `paper`, `quick`, `smoke`; none for runs that belong to no suite.
    pub size: Option<String>,
    /// What was given over the size's own keys.
    pub overrides: Vec<(String, String)>,
    /// How the runs differ from the published ones.
    pub differences: Vec<Difference>,
    /// Methods with their settings.
    pub columns: Vec<ReportColumn>,
    /// The tables.
    pub tables: Vec<ReportTable>,
    /// All runs; cells name them by their number.
    pub runs: Vec<RunResult>,
    /// Where they were trained.
    pub folders: Vec<RunGroupResult>,
    /// Where the simulated data lie, for suites that keep states.
    pub coverage: Vec<Coverage>,
    /// How the robots moved, for suites that keep it.
    pub motion: Vec<RowMotion>,
}

/// A method with its settings.
#[derive(Clone, Debug, Serialize)]
pub struct ReportColumn {
    /// Its name in records.
    pub name: String,
    /// As tables show it.
    pub label: String,
    /// The method.
    pub algo: String,
    /// Keys and settings of its first run, by name.
    pub settings: Vec<(String, String)>,
}

/// A table of the paper, or of runs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReportTable {
    /// Its name in records.
    pub name: String,
    /// One line.
    pub title: String,
    /// The real task.
    pub task: String,
    /// Numbers of its columns among those of the part.
    pub columns: Vec<usize>,
    /// Labels of its rows.
    pub rows: Vec<String>,
    /// By row, then column.
    pub cells: Vec<Vec<ReportCell>>,
    /// What is compared.
    pub across: Across,
    /// The cells' totals, by column.
    pub totals: Vec<Total>,
    /// The published means over the rows, by column.
    pub paper_mean: Vec<Option<f64>>,
    /// `improvement[a][b]`: the probability that `a` is higher than `b`; the entrants are columns or rows, as `across`
    /// says.
    pub improvement: Vec<Vec<Option<Interval>>>,
    /// Who won, in words.
    pub verdict: TableVerdict,
}

/// What competes in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Across {
    /// Methods, in every row.
    #[default]
    Columns,
    /// Rows, in a table of one column.
    Rows,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReportCell {
    /// What was published.
    pub paper: Option<Published>,
    /// Numbers of its runs among those of the part, one a seed; none where the table leaves the cell empty.
    pub runs: Vec<usize>,
    /// Over those of its runs that count; none where no run does.
    pub score: Option<CellScore>,
    /// How it stands among those that it competes with.
    pub standing: Standing,
}

/// A published number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Published {
    /// Mean over seeds.
    pub mean: f64,
    /// Deviation over seeds, where it was published.
    pub std: Option<f64>,
}

/// The score of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CellScore {
    /// Mean over runs.
    pub mean: f64,
    /// Deviation over runs (divisor: their number).
    pub std: f64,
    /// Runs.
    pub count: usize,
    /// Interquartile mean with its interval.
    pub iqm: Interval,
}

/// How a cell stands among those that it competes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Lower, and its interval ends below that of the highest.
    #[default]
    Behind,
    /// Lower, and its interval overlaps that of the highest.
    Near,
    /// The highest mean; the interval of another overlaps its own.
    Highest,
    /// The highest mean, its interval above all others.
    Clear,
}

/// A column over all rows of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Total {
    /// Mean over rows of the cells' means.
    pub mean: Option<f64>,
    /// Interquartile mean over all runs.
    pub iqm: Option<Interval>,
    /// Rows that have a score.
    pub rows: usize,
}

/// Who won a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TableVerdict {
    /// The winner's label, or what stands in the way of naming one.
    pub headline: String,
    /// Sentences with the numbers.
    pub sentences: Vec<String>,
    /// By row: who won it, in words; in tables whose columns compete.
    pub rows: Vec<String>,
}

/// A run: one member of a population.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunResult {
    /// Number of its folder among those of the part.
    pub folder: usize,
    /// Which member of its folder.
    pub member: usize,
    /// Its name there.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub state: RunState,
    /// Update and value of each evaluation on the real task.
    pub evaluations: Vec<(u64, f64)>,
    /// What it comes to; none where it does not count.
    pub score: Option<f64>,
    /// The page on which one sees what its policy does, where the run left one.
    pub player: Option<PathBuf>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Trained to its end.
    Done,
    /// Stands still since this update; its last policy counts.
    Diverged(u64),
    /// What ended it.
    Failed(String),
    /// Updates so far.
    Unfinished(u64),
    /// Not begun, or in a shard that was not given.
    Missing,
}

impl RunState {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Diverged(_) => "diverged",
            Self::Failed(_) => "failed",
            Self::Unfinished(_) => "unfinished",
            Self::Missing => "missing",
        }
    }

    /// What there is to say beyond the word.
    pub fn detail(&self) -> String {
        match self {
            Self::Done | Self::Missing => String::new(),
            Self::Diverged(at) => format!("at update {at}; its last finite policy counts"),
            Self::Failed(error) => error.clone(),
            Self::Unfinished(updates) => format!("after {updates} updates"),
        }
    }
}

/// A population that was trained in one folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunGroupResult {
    /// Its name.
    pub name: String,
    /// The folder; none where there is none yet.
    pub path: Option<PathBuf>,
    /// The method.
    pub algo: String,
    /// Members.
    pub members: usize,
    /// Updates of each that were planned.
    pub updates: u64,
    /// Updates done by all members together.
    pub done: u64,
    /// Seconds of work on it.
    pub seconds: f64,
    /// What it ran on, in words; empty where it is not known.
    pub hardware: String,
    /// Version and commit of the program; empty likewise.
    pub program: String,
}

impl ReportPart {
    /// Runs whose state is `word`.
    pub fn count(&self, word: &str) -> usize {
        let runs = self.runs.iter();
        runs.filter(|run| run.state.word() == word).count()
    }

    /// The column that stands at place `column` of `table`.
    pub fn column(&self, table: &ReportTable, column: usize) -> &ReportColumn {
        &self.columns[table.columns[column]]
    }

    /// The labels of what competes in `table`.
    pub fn entrants(&self, table: &ReportTable) -> Vec<String> {
        match table.across {
            Across::Rows => table.rows.clone(),
            Across::Columns => {
                let columns = table.columns.iter();
                columns.map(|c| self.columns[*c].label.clone()).collect()
            }
        }
    }

    /// Scores of the cell's runs that count.
    pub fn scores(&self, cell: &ReportCell) -> Vec<f64> {
        let runs = cell.runs.iter();
        runs.filter_map(|run| self.runs[*run].score).collect()
    }

    /// The file `name` that `run` has kept, where it counts and has.
    pub fn kept(&self, run: &RunResult, name: &str) -> Option<PathBuf> {
        let folder = self.folders[run.folder].path.as_ref()?;
        let file = folder.join(name);
        (run.score.is_some() && file.is_file()).then_some(file)
    }

    /// `of` every row of every table, in turn.
    ///
    /// # Errors
    /// Those of `of`.
    pub fn by_row<T>(
        &self,
        of: impl Fn(&Self, &ReportTable, usize) -> Result<T>,
    ) -> Result<Vec<T>> {
        let rows = |table: &ReportTable| 0..table.rows.len();
        let all = self
            .tables
            .iter()
            .flat_map(|t| rows(t).map(move |row| (t, row)));
        all.map(|(table, row)| of(self, table, row)).collect()
    }

    /// A player of one of the cell's runs.
    pub fn player(&self, cell: &ReportCell) -> Option<&Path> {
        let mut runs = cell.runs.iter().map(|run| &self.runs[*run]);
        runs.find_map(|run| run.player.as_deref())
    }

    /// What the numbers are, for axes and captions.
    pub fn unit_label(&self) -> &str {
        match self.unit.as_str() {
            "return" => "return on the real task",
            "score" => "normalised score on the real task",
            unit => unit,
        }
    }
}
