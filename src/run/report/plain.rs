//! A part of a report from run folders of `train`, as they are: a table for each task and data set, a row a gap, a
//! column for each method with its settings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::model::{ReportCell, ReportColumn, ReportPart, ReportTable, RunResult, RunState};
use super::records::RunRecords;
use super::suites::score;
use crate::error::Result;

/// What decides a run, by name, and as text.
type Described = BTreeMap<String, String>;

/// A member, and where it stands in the tables.
struct Placed {
    run: RunResult,
    keys: Described,
}

/// Keys that say where a run is shown, or where it was computed: no two methods differ by them.
const PLACES: [&str; 6] = ["task", "gap", "data", "algo", "device", "sim_device"];

/// What the run folders `paths` show; the score of a run is the mean of its last `last` evaluations.
///
/// # Errors
/// Where one is none, or is damaged.
pub fn part(paths: &[PathBuf], last: usize) -> Result<ReportPart> {
    let (mut placed, mut folders) = (Vec::new(), Vec::new());
    for path in paths {
        let records = RunRecords::read(path)?;
        for member in 0..records.members().len() {
            placed.push(place(&records, path, folders.len(), member, last));
        }
        folders.push(records.group(name(path), path));
    }
    let columns = columns(&placed);
    let mut part = ReportPart {
        name: "runs".into(),
        title: "Runs".into(),
        doc: "What these runs came to, by task, data and gap; they belong to no suite, so nothing published stands beside them."
            .into(),
        unit: "return".into(),
        size: None,
        overrides: Vec::new(),
        differences: Vec::new(),
        tables: tables(&placed, &columns),
        columns: columns.into_iter().map(|(_, column)| column).collect(),
        runs: Vec::new(),
        folders,
        coverage: Vec::new(),
        motion: Vec::new(),
    };
    part.runs = placed.into_iter().map(|placed| placed.run).collect();
    Ok(part)
}

fn name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = whole.file_name().unwrap_or(whole.as_os_str());
    name.to_string_lossy().into_owned()
}

fn place(records: &RunRecords, path: &Path, folder: usize, member: usize, last: usize) -> Placed {
    let known = &records.members()[member];
    let evaluations = records.evaluations(member, "return");
    let score = score(&evaluations, last);
    let state = match score {
        None => RunState::Failed("its records hold no evaluation".into()),
        Some(_) => records.state(member),
    };
    Placed {
        run: RunResult {
            folder,
            member,
            name: known.name.clone(),
            seed: known.seed,
            state,
            score,
            evaluations,
            player: records.player(path, member),
        },
        keys: records.described(member).into_iter().collect(),
    }
}

/// The columns, each with what its runs agree in: a method, and those keys in which runs of the method differ.
fn columns(placed: &[Placed]) -> Vec<(Described, ReportColumn)> {
    let mut columns: Vec<(Described, ReportColumn)> = Vec::new();
    for one in placed {
        let algo = one.keys["algo"].clone();
        let same = placed.iter().filter(|other| other.keys["algo"] == algo);
        let differing: BTreeSet<&String> = one
            .keys
            .iter()
            .filter(|(key, value)| {
                !PLACES.contains(&key.as_str())
                    && same
                        .clone()
                        .any(|other| other.keys.get(*key) != Some(value))
            })
            .map(|(key, _)| key)
            .collect();
        let mut own: Described = [("algo".to_owned(), algo.clone())].into();
        own.extend(
            differing
                .iter()
                .map(|key| ((*key).clone(), one.keys[*key].clone())),
        );
        if columns.iter().any(|(other, _)| *other == own) {
            continue;
        }
        let settings = differing
            .iter()
            .map(|key| format!(" {key}={}", one.keys[*key]));
        let label = algo.clone() + &settings.collect::<String>();
        let column = ReportColumn {
            name: label.clone(),
            label,
            algo,
            settings: one.keys.clone().into_iter().collect(),
        };
        columns.push((own, column));
    }
    columns
}

fn tables(placed: &[Placed], columns: &[(Described, ReportColumn)]) -> Vec<ReportTable> {
    let of = |one: &Placed| [one.keys["task"].clone(), one.keys["data"].clone()];
    let mut heads: Vec<[String; 2]> = Vec::new();
    for one in placed {
        if !heads.contains(&of(one)) {
            heads.push(of(one));
        }
    }
    let table = |head: &[String; 2]| {
        let runs = placed
            .iter()
            .enumerate()
            .filter(|(_, one)| of(one) == *head);
        let mut rows: Vec<String> = Vec::new();
        for (_, one) in runs.clone() {
            if !rows.contains(&one.keys["gap"]) {
                rows.push(one.keys["gap"].clone());
            }
        }
        let belongs = |one: &Placed, own: &Described| {
            own.iter()
                .all(|(key, value)| one.keys.get(key) == Some(value))
        };
        let shown: Vec<usize> = (0..columns.len())
            .filter(|c| runs.clone().any(|(_, one)| belongs(one, &columns[*c].0)))
            .collect();
        let cell = |row: &String, column: &usize| {
            let here = runs
                .clone()
                .filter(|(_, one)| one.keys["gap"] == *row && belongs(one, &columns[*column].0));
            ReportCell {
                runs: here.map(|(n, _)| n).collect(),
                ..ReportCell::default()
            }
        };
        let [task, data] = head;
        ReportTable {
            name: format!("{task}-{data}"),
            title: format!("{task}, data {data}"),
            task: task.clone(),
            cells: rows
                .iter()
                .map(|row| shown.iter().map(|c| cell(row, c)).collect())
                .collect(),
            paper_mean: vec![None; shown.len()],
            columns: shown,
            rows,
            ..ReportTable::default()
        }
    };
    heads.iter().map(table).collect()
}
