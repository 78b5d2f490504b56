//! How a suite's file, a size and what was given over it become a plan. It depends on nothing else: every process of a
//! suite, on whatever machine, makes the same one.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::file::{CollectKeys, SizeKeys, SuiteColumn, SuiteFile, SuiteRow, SuiteTable};
use super::grouping::{self, Job};
use super::plan::{Cell, CollectedSet, Difference, PLAN_FORMAT, SuitePlan, SuiteSize, TableHead};
use crate::env::task::OWN_REAL;
use crate::error::{Error, Result};
use crate::method::Method;
use crate::run::config::TrainConfig;
use crate::run::config::recipe::Recipe;
use crate::run::config::seeds::Seeds;
use crate::setting::Settings;

/// Most members of a group unless told otherwise: more of them gain little on a CPU, and lose more when one is killed.
pub const GROUP_MEMBERS: usize = 10;

/// What is given over a size's own keys.
#[derive(Clone, Debug)]
pub struct Overrides {
    /// Keys of a run.
    pub run: Table,
    /// Where D4RL's files lie, or those of `h2oplus collect`.
    pub data_dir: Option<PathBuf>,
    /// Most members of a group.
    pub members: usize,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            run: Table::new(),
            data_dir: None,
            members: GROUP_MEMBERS,
        }
    }
}

impl Overrides {
    /// As a plan records them.
    fn table(&self) -> Table {
        let mut all = self.run.clone();
        if let Some(dir) = &self.data_dir {
            all.insert("data_dir".into(), dir.display().to_string().into());
        }
        if self.members != GROUP_MEMBERS {
            all.insert("members".into(), (self.members as i64).into());
        }
        all
    }
}

/// The plan of `suite`, which records call `name`.
///
/// # Errors
/// Where a cell names a method, a setting, a gap or a file that is none.
pub fn plan(name: &str, suite: &SuiteFile, size: SuiteSize, over: &Overrides) -> Result<SuitePlan> {
    let draft = Draft::new(suite, size, over)?;
    let mut jobs: Vec<Job> = Vec::new();
    let mut sets: Vec<CollectedSet> = Vec::new();
    let (mut cells, mut of_cell) = (Vec::new(), Vec::new());
    for table in &suite.tables {
        for (row, column) in table.rows.iter().flat_map(|row| {
            let columns = table.columns.iter().filter_map(|name| suite.column(name));
            columns.map(move |column| (row, column))
        }) {
            let place = format!(
                "table {}, row {}, column {}",
                table.name, row.label, column.name
            );
            let (job, cell, set) = draft
                .cell(table, row, column)
                .map_err(|e| e.within(&place))?;
            if let Some(set) = set.filter(|set| !sets.contains(set)) {
                sets.push(set);
            }
            let known = jobs.iter().position(|other| *other == job);
            of_cell.push(known.unwrap_or_else(|| {
                jobs.push(job);
                jobs.len() - 1
            }));
            cells.push(cell);
        }
    }
    let (groups, runs) = grouping::groups(&jobs, &draft.seeds, over.members)?;
    for (cell, job) in cells.iter_mut().zip(of_cell) {
        cell.runs = runs[job].clone();
    }
    Ok(SuitePlan {
        format: PLAN_FORMAT,
        suite: name.to_owned(),
        title: suite.title.clone(),
        doc: suite.doc.clone(),
        unit: suite.unit.clone(),
        size,
        commit: env!("H2OPLUS_COMMIT").into(),
        version: env!("CARGO_PKG_VERSION").into(),
        keep: suite.keep.clone(),
        run: draft.run.clone(),
        overrides: over.table(),
        differences: draft.differences()?,
        columns: suite.columns.clone(),
        tables: suite.tables.iter().map(head).collect(),
        sets,
        cells,
        groups,
    })
}

fn head(table: &SuiteTable) -> TableHead {
    TableHead {
        name: table.name.clone(),
        title: table.title.clone(),
        task: table.task.clone(),
        columns: table.columns.clone(),
        rows: table.rows.iter().map(|row| row.label.clone()).collect(),
        mean: table.mean.clone(),
    }
}

/// What all cells share.
pub(super) struct Draft<'a> {
    suite: &'a SuiteFile,
    pub(super) size: SuiteSize,
    pub(super) over: &'a Overrides,
    /// The size's settings.
    settings: &'a Table,
    /// How the size has data of shifted robots made.
    pub(super) collect: Option<CollectKeys>,
    /// Keys of every run, what was given among them.
    pub(super) run: Table,
    seeds: Seeds,
}

impl<'a> Draft<'a> {
    fn new(suite: &'a SuiteFile, size: SuiteSize, over: &'a Overrides) -> Result<Self> {
        let SizeKeys {
            settings,
            collect,
            run,
        } = keys(suite, size);
        let mut run = TrainConfig::typed(run).map_err(|e| e.within(format!("[{size}]")))?;
        run.extend(TrainConfig::typed(&over.run)?);
        let recipe = run.get("recipe").and_then(Value::as_str);
        let recipe = recipe.map_or_else(|| TrainConfig::default().recipe, str::to_owned);
        // What the recipe says of these is said in the plan.
        let of_recipe = Recipe::named(&recipe)?;
        for key in ["updates", "rows", "eval_every", "eval_episodes"] {
            if let (false, Some(value)) = (run.contains_key(key), of_recipe.run().get(key)) {
                run.insert(key.into(), value.clone());
            }
        }
        run.insert("recipe".into(), recipe.into());
        let seeds = match run.get("seeds").and_then(Value::as_str) {
            Some(text) => text
                .parse()
                .map_err(|e| Error::input("seeds", e, "write 0..4"))?,
            None => TrainConfig::default().seeds,
        };
        Ok(Self {
            suite,
            size,
            over,
            settings,
            collect: collect.clone(),
            run,
            seeds,
        })
    }

    /// What a cell trains, and the cell, whose runs are still to be found; and the data set that is made for it.
    fn cell(
        &self,
        table: &SuiteTable,
        row: &SuiteRow,
        column: &SuiteColumn,
    ) -> Result<(Job, Cell, Option<CollectedSet>)> {
        let method = Method::named(&column.algo)?;
        let task = row.task.as_ref().unwrap_or(&table.task);
        let gap = row.gap.as_ref().unwrap_or(&table.gap);
        let own = self.own_settings(method, row, column)?;
        let mut settings = known(method, self.settings)?;
        settings.extend(own.clone());
        let mut run = self.run.clone();
        for key in ["seeds", "algo", "task", "gap", "data"] {
            run.remove(key);
        }
        run.extend(TrainConfig::typed(&table.run)?);
        run.extend(TrainConfig::typed(&row.run)?);
        if let Some(Value::Integer(updates)) = run.get_mut("updates") {
            *updates = updates.saturating_mul(row.times.into());
        }
        let mut data = row.data.clone().unwrap_or_else(|| table.data.clone());
        let mut set = None;
        if let Some(real_gap) = &row.real_gap {
            run.insert("real_gap".into(), real_gap.clone().into());
            (data, set) = self.shifted(task, real_gap, data)?;
        } else if row.data.is_none() {
            (data, set) = self.data(table, task)?;
            self.size_rows(table, &mut run);
        }
        let cell = Cell {
            table: table.name.clone(),
            row: row.label.clone(),
            column: column.name.clone(),
            task: task.clone(),
            algo: column.algo.clone(),
            gap: gap.clone(),
            real_gap: row.real_gap.clone().unwrap_or_else(|| OWN_REAL.into()),
            data: data.clone(),
            paper: row.paper.get(&column.name).cloned().unwrap_or_default(),
            settings: own,
            runs: Vec::new(),
        };
        if !method.uses_data() {
            (data, set) = ("none".into(), None);
            run.remove("rows");
        }
        let gap = if method.offline { "none" } else { gap };
        let job = Job {
            task: task.clone(),
            algo: column.algo.clone(),
            gap: gap.to_owned(),
            data,
            run,
            settings,
        };
        Ok((job, cell, set))
    }

    /// The settings of a cell itself. A column's belong to its method, a row's to those that have them.
    fn own_settings(&self, method: &Method, row: &SuiteRow, column: &SuiteColumn) -> Result<Table> {
        let mut own = Table::new();
        for (key, value) in &column.settings {
            own.insert(key.clone(), method.value(key, value)?);
        }
        own.extend(known(method, &row.settings)?);
        Ok(own)
    }

    /// How the runs differ from the published ones.
    fn differences(&self) -> Result<Vec<Difference>> {
        let paper = &self.suite.paper.run;
        let shown = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "not said".into(),
        };
        let mut all = self.suite.differs.clone();
        for what in ["recipe", "updates", "seeds", "eval_every", "eval_episodes"] {
            let (paper, here) = (shown(paper.get(what)), shown(self.run.get(what)));
            let what = what.to_owned();
            if paper != here {
                all.push(Difference { what, paper, here });
            }
        }
        if let (Some(collect), None) = (&self.collect, &self.over.data_dir) {
            all.push(Difference {
                what: "data".into(),
                paper: "the benchmark's own files".into(),
                here: format!(
                    "{} rows of SAC (recipe “{}”) that learns for at most {} updates on the shifted robot, “medium” at a score of {}",
                    collect.rows,
                    collect.recipe.as_deref().unwrap_or("paper"),
                    collect.updates,
                    collect.medium
                ),
            });
        }
        let mut known: Vec<&str> = Vec::new();
        for table in &self.suite.tables {
            let Some(set) = &table.d4rl else { continue };
            if self.over.data_dir.is_some() || known.contains(&set.file.as_str()) {
                continue;
            }
            known.push(&set.file);
            let mut run = self.run.clone();
            self.size_rows(table, &mut run);
            let rows = run
                .get("rows")
                .and_then(Value::as_integer)
                .filter(|n| *n > 0);
            let (rows, name) = (rows.unwrap_or(100_000), &table.data);
            all.push(Difference {
                what: format!("data of {}", table.title),
                paper: format!("D4RL's {}, {} rows", set.file, set.rows),
                here: match self.whole_replay(table, &table.task)? {
                    Some(_) => format!("“{name}”, {rows} rows, which stand in for it: all that SAC did in its first {rows} steps"),
                    None => format!("“{name}”, {rows} rows rolled out from shipped policies"),
                },
            });
        }
        Ok(all)
    }
}

/// The keys of `size`.
pub fn keys(suite: &SuiteFile, size: SuiteSize) -> &SizeKeys {
    match size {
        SuiteSize::Paper => &suite.paper,
        SuiteSize::Quick => &suite.quick,
        SuiteSize::Smoke => &suite.smoke,
    }
}

/// Those of `settings` that `method` has, as its fields take them.
fn known(method: &Method, settings: &Table) -> Result<Table> {
    let has = settings
        .iter()
        .filter(|(key, _)| method.setting(key).is_some());
    has.map(|(key, value)| Ok((key.clone(), method.value(key, value)?)))
        .collect()
}

/// A name without folders and ending, in letters that every file system takes.
pub(super) fn plain(name: &str) -> String {
    let stem = Path::new(name).file_stem().unwrap_or_default();
    let kept = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    stem.to_string_lossy().chars().map(kept).collect()
}
