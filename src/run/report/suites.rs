//! A part of a report from the folders of a suite: shards of one plan are merged.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::model::{
    Published, ReportCell, ReportColumn, ReportPart, ReportTable, RunGroupResult, RunResult,
    RunState,
};
use super::records::{self, RunRecords, shown};
use crate::error::Result;
use crate::run::suite::folder::SuiteFolder;
use crate::run::suite::plan::{RunGroup, SuitePlan, TableHead};
use crate::run::suite::status::GroupStatus;

/// A plan and the folders that hold its shards.
#[derive(Debug)]
pub struct Shards {
    /// The plan, which all share.
    pub plan: SuitePlan,
    /// The folders.
    pub folders: Vec<SuiteFolder>,
}

/// A group as its shard left it.
struct Found {
    path: PathBuf,
    status: Option<GroupStatus>,
    /// Its records, or why they cannot be read.
    records: std::result::Result<RunRecords, String>,
}

impl Shards {
    /// Sorts `folders` by plan: shards of one plan belong together.
    ///
    /// # Errors
    /// Where a folder is none of a suite.
    pub fn of(folders: &[PathBuf]) -> Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for path in folders {
            let (folder, plan) = SuiteFolder::open(path)?;
            match all.iter_mut().find(|shards| shards.plan.same_as(&plan)) {
                Some(shards) if shards.folders.contains(&folder) => {}
                Some(shards) => shards.folders.push(folder),
                None => all.push(Self {
                    plan,
                    folders: vec![folder],
                }),
            }
        }
        Ok(all)
    }

    /// What these folders show; the score of a run is the mean of its last `last` evaluations.
    ///
    /// # Errors
    /// Where a status file is damaged.
    pub fn part(&self, last: usize) -> Result<ReportPart> {
        let plan = &self.plan;
        let mut part = ReportPart {
            name: plan.suite.clone(),
            title: plan.title.clone(),
            doc: plan.doc.clone(),
            unit: plan.unit.clone(),
            size: Some(plan.size.to_string()),
            overrides: texts(&plan.overrides),
            differences: plan.differences.clone(),
            columns: Vec::new(),
            tables: Vec::new(),
            runs: Vec::new(),
            folders: Vec::new(),
            coverage: Vec::new(),
            motion: Vec::new(),
        };
        let mut first_run = BTreeMap::new();
        let mut found = Vec::new();
        for (g, group) in plan.groups.iter().enumerate() {
            let at = self.find(group)?;
            part.folders.push(listed(group, at.as_ref()));
            first_run.insert(group.name.as_str(), part.runs.len());
            for member in 0..group.members {
                part.runs
                    .push(run(plan, group, g, member, at.as_ref(), last));
            }
            found.push(at);
        }
        let seeds = plan.cells.iter().flat_map(|cell| &cell.runs);
        for seed in seeds {
            part.runs[first_run[seed.group.as_str()] + seed.member].seed = seed.seed;
        }
        part.columns = plan
            .columns
            .iter()
            .map(|c| self.column(&c.name, &found))
            .collect();
        let numbered = |table: &TableHead| self.table(table, &first_run);
        part.tables = plan.tables.iter().map(numbered).collect();
        Ok(part)
    }

    /// Where `group` was trained: a shard in which it is done before one in which it failed, before one that has begun.
    fn find(&self, group: &RunGroup) -> Result<Option<Found>> {
        let mut best: Option<(u8, Found)> = None;
        for folder in &self.folders {
            let (path, status) = (folder.run(&group.name), folder.read_status(&group.name)?);
            let rank = match &status {
                Some(status) if status.is_done() => 3,
                Some(_) => 2,
                None if path.join("config.toml").is_file() => 1,
                None => continue,
            };
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                let records = RunRecords::read(&path).map_err(|e| one_line(&e.to_string()));
                best = Some((
                    rank,
                    Found {
                        path,
                        status,
                        records,
                    },
                ));
            }
        }
        Ok(best.map(|(_, found)| found))
    }

    fn column(&self, name: &str, found: &[Option<Found>]) -> ReportColumn {
        let plan = &self.plan;
        let column = plan.columns.iter().find(|column| column.name == name);
        let column = column.expect("a table names columns of its plan");
        let cells = plan.cells.iter().filter(|cell| cell.column == name);
        let mut runs = cells.flat_map(|cell| &cell.runs);
        let settings = runs.find_map(|run| {
            let group = plan.groups.iter().position(|g| g.name == run.group)?;
            let records = found[group].as_ref()?.records.as_ref().ok()?;
            (run.member < records.members().len()).then(|| records.described(run.member))
        });
        ReportColumn {
            name: column.name.clone(),
            label: column.label.clone(),
            algo: column.algo.clone(),
            settings: settings.unwrap_or_default(),
        }
    }

    fn table(&self, head: &TableHead, first_run: &BTreeMap<&str, usize>) -> ReportTable {
        let plan = &self.plan;
        let place = |name: &String| plan.columns.iter().position(|c| c.name == *name);
        let cell = |row: &String, column: &String| {
            let cell = plan
                .cells
                .iter()
                .find(|cell| cell.table == head.name && cell.row == *row && cell.column == *column);
            let Some(cell) = cell else {
                return ReportCell::default();
            };
            let numbered =
                |run: &crate::run::suite::plan::CellRun| first_run[run.group.as_str()] + run.member;
            ReportCell {
                paper: cell.paper.first().map(|&mean| Published {
                    mean,
                    std: cell.paper.get(1).copied(),
                }),
                runs: cell.runs.iter().map(numbered).collect(),
                ..ReportCell::default()
            }
        };
        let row = |row: &String| {
            head.columns
                .iter()
                .map(|column| cell(row, column))
                .collect()
        };
        ReportTable {
            name: head.name.clone(),
            title: head.title.clone(),
            task: head.task.clone(),
            columns: head.columns.iter().filter_map(place).collect(),
            rows: head.rows.clone(),
            cells: head.rows.iter().map(row).collect(),
            paper_mean: head
                .columns
                .iter()
                .map(|c| head.mean.get(c).copied())
                .collect(),
            ..ReportTable::default()
        }
    }
}

/// The folder of `group`, as reports list it.
fn listed(group: &RunGroup, found: Option<&Found>) -> RunGroupResult {
    let mut listed = RunGroupResult {
        name: group.name.clone(),
        path: found.map(|found| found.path.clone()),
        algo: group.algo.clone(),
        members: group.members,
        updates: group.updates,
        done: 0,
        seconds: 0.0,
        hardware: String::new(),
        program: String::new(),
    };
    let Some(found) = found else {
        return listed;
    };
    if let Ok(records) = &found.records {
        listed = RunGroupResult {
            updates: group.updates,
            ..records.group(group.name.clone(), &found.path)
        };
    }
    if let Some(status) = &found.status {
        listed.done = listed.done.max(status.updates * group.members as u64);
        listed.seconds = status.seconds;
        listed.hardware = records::hardware(&status.hardware);
        listed.program = records::program(&status.version, &status.commit);
    }
    listed
}

/// Member `member` of `group`, the `folder`-th of its plan.
fn run(
    plan: &SuitePlan,
    group: &RunGroup,
    folder: usize,
    member: usize,
    found: Option<&Found>,
    last: usize,
) -> RunResult {
    let mut run = RunResult {
        folder,
        member,
        name: String::new(),
        seed: 0,
        state: RunState::Missing,
        evaluations: Vec::new(),
        score: None,
        player: None,
    };
    let Some(found) = found else {
        return run;
    };
    let failed = found.status.as_ref().filter(|status| !status.is_done());
    let done = found.status.as_ref().filter(|status| status.is_done());
    let error = failed.map(|status| {
        status
            .error
            .clone()
            .unwrap_or("no reason is recorded".into())
    });
    run.state = match (&found.records, error) {
        (_, Some(error)) => RunState::Failed(one_line(&error)),
        (Err(error), None) => RunState::Failed(error.clone()),
        (Ok(records), None) if records.members().len() != group.members => {
            let have = records.members().len();
            RunState::Failed(format!(
                "its folder has {have} members where {} are planned",
                group.members
            ))
        }
        (Ok(records), None) => match (records.state(member), done) {
            (state @ RunState::Diverged(_), Some(_)) => state,
            (_, Some(status)) => match status.diverged.get(member).copied().flatten() {
                Some(at) => RunState::Diverged(at),
                None => RunState::Done,
            },
            (_, None) => RunState::Unfinished(records.updates(member)),
        },
    };
    if let Ok(records) = &found.records
        && let Some(known) = records.members().get(member)
    {
        run.name.clone_from(&known.name);
        run.player = records.player(&found.path, member);
        run.evaluations = records.evaluations(member, &plan.unit);
    }
    if matches!(run.state, RunState::Done | RunState::Diverged(_)) {
        run.score = score(&run.evaluations, last);
        if run.score.is_none() {
            run.state = RunState::Failed("its records hold no evaluation".into());
        }
    }
    run
}

/// The mean of the last `last` evaluations; none without any.
pub fn score(evaluations: &[(u64, f64)], last: usize) -> Option<f64> {
    let from = evaluations.len().saturating_sub(last);
    let counted = &evaluations[from..];
    let sum: f64 = counted.iter().map(|(_, value)| value).sum();
    (!counted.is_empty()).then(|| sum / counted.len() as f64)
}

/// Keys and values as texts.
fn texts(table: &toml::Table) -> Vec<(String, String)> {
    let texts = table.iter().map(|(key, value)| (key.clone(), shown(value)));
    texts.collect()
}

/// A message of several lines as one.
fn one_line(message: &str) -> String {
    let lines: Vec<_> = message.lines().map(str::trim).collect();
    lines.join("; ")
}
