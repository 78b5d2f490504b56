//! Suites' folders with made-up returns, so that every number of a report is known.

use std::fs;
use std::path::Path;

use ::h2oplus::run::config::{Given, resolve};
use ::h2oplus::run::record::metrics::Metrics;
use ::h2oplus::run::suite::file::SuiteFile;
use ::h2oplus::run::suite::folder::SuiteFolder;
use ::h2oplus::run::suite::plan::{
    Cell, CellRun, Difference, PLAN_FORMAT, RunGroup, SuitePlan, SuiteSize, TableHead,
};
use ::h2oplus::run::suite::status::{GroupState, GroupStatus};

/// Seeds of every cell.
pub const SEEDS: usize = 3;
/// Updates of every run.
pub const UPDATES: u64 = 20_000;

/// The suite of this text or name as a plan: a group a cell.
pub fn plan(name: &str, text: &str) -> SuitePlan {
    let file = SuiteFile::parse(Path::new(name), text).unwrap();
    let (mut cells, mut groups) = (Vec::new(), Vec::new());
    for table in &file.tables {
        for row in &table.rows {
            for column in table.columns.iter().map(|name| file.column(name).unwrap()) {
                let group = format!("{:03}-{}", groups.len(), column.name);
                let seed = |n: usize| CellRun {
                    seed: n as u64,
                    group: group.clone(),
                    member: n,
                };
                let gap = row.gap.as_ref().unwrap_or(&table.gap);
                cells.push(Cell {
                    table: table.name.clone(),
                    row: row.label.clone(),
                    column: column.name.clone(),
                    task: table.task.clone(),
                    algo: column.algo.clone(),
                    real_gap: "none".into(),
                    gap: gap.clone(),
                    data: table.data.clone(),
                    paper: row.paper.get(&column.name).cloned().unwrap_or_default(),
                    settings: toml::Table::new(),
                    runs: (0..SEEDS).map(seed).collect(),
                });
                groups.push(RunGroup {
                    name: group,
                    task: table.task.clone(),
                    algo: column.algo.clone(),
                    members: SEEDS,
                    updates: UPDATES,
                    cost: 1.0,
                    run: toml::Table::new(),
                    settings: toml::Table::new(),
                    vary: toml::Table::new(),
                });
            }
        }
    }
    SuitePlan {
        format: PLAN_FORMAT,
        suite: name.into(),
        title: file.title.clone(),
        doc: file.doc.clone(),
        unit: file.unit.clone(),
        size: SuiteSize::Quick,
        commit: "0123456".into(),
        version: "0.0.0".into(),
        keep: file.keep.clone(),
        run: toml::Table::new(),
        overrides: toml::toml! { seeds = "0..2" },
        differences: vec![Difference {
            what: "updates".into(),
            paper: "1000000".into(),
            here: UPDATES.to_string(),
        }],
        columns: file.columns.clone(),
        tables: file.tables.iter().map(head).collect(),
        sets: Vec::new(),
        cells,
        groups,
    }
}

fn head(table: &::h2oplus::run::suite::file::SuiteTable) -> TableHead {
    TableHead {
        name: table.name.clone(),
        title: table.title.clone(),
        task: table.task.clone(),
        columns: table.columns.clone(),
        rows: table.rows.iter().map(|row| row.label.clone()).collect(),
        mean: table.mean.clone(),
    }
}

/// Writes `plan` into `dir`, and for each group what `end` says of it: its state, and the last return of each seed; no
/// returns leave it out.
pub fn write(dir: &Path, plan: &SuitePlan, end: impl Fn(&Cell) -> (GroupState, Vec<f64>)) {
    let _ = fs::remove_dir_all(dir);
    let folder = SuiteFolder::at(dir);
    fs::create_dir_all(folder.statuses()).unwrap();
    plan.write(&folder.plan()).unwrap();
    for cell in &plan.cells {
        let (state, returns) = end(cell);
        if returns.is_empty() {
            continue;
        }
        let group = &cell.runs[0].group;
        run(&folder.run(group), cell, &returns);
        let failed = state == GroupState::Failed;
        let status = GroupStatus {
            group: group.clone(),
            state,
            error: failed.then(|| "disk: full\n  help: <make> room & go on".into()),
            diverged: vec![None; SEEDS],
            updates: UPDATES,
            seconds: 60.0,
            ended: 1,
            commit: "0123456".into(),
            version: "0.0.0".into(),
            hardware: serde_json::json!({"cpu": "A <processor>", "threads": 2, "os": "linux"}),
            shard: None,
        };
        status.write(&folder.status(group)).unwrap();
    }
}

/// A run folder that learns towards `returns`, one a seed.
pub fn run(dir: &Path, cell: &Cell, returns: &[f64]) {
    let given = Given {
        run: toml::toml! { seeds = "0..2" updates = 20000 }
            .into_iter()
            .chain([
                ("task".to_owned(), cell.task.clone().into()),
                ("algo".to_owned(), cell.algo.clone().into()),
                ("gap".to_owned(), cell.gap.clone().into()),
                ("data".to_owned(), cell.data.clone().into()),
            ])
            .collect(),
        ..Given::default()
    };
    let config = resolve(&given, None).unwrap().config;
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("config.toml"), config.to_toml().unwrap()).unwrap();
    let names: Vec<_> = config.members.iter().map(|m| m.name.as_str()).collect();
    let mut metrics = Metrics::create(dir, &names).unwrap();
    for step in (0..=UPDATES).step_by(2000) {
        let share = 1.0 - (-4.0 * step as f64 / UPDATES as f64).exp();
        let share = if step == UPDATES { 1.0 } else { share };
        for (member, value) in returns.iter().enumerate() {
            let values = [("eval/return", value * share)];
            metrics
                .log(step, step as f64 / 300.0, member, &values)
                .unwrap();
        }
    }
    metrics.flush().unwrap();
}
