//! Where simulated data lie: states on their first two principal components, coloured by value, and how many of the
//! cells of high value each method reaches.

mod judge;
mod pca;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::Serialize;

use self::judge::Judge;
use self::pca::Projection;
use super::model::{ReportPart, ReportTable};
use super::number::number;
use crate::data::moments;
use crate::error::Result;

/// Cells along a side of the map.
pub const SIDE: usize = 32;
/// States that a cell needs for its value to count.
const SOME: usize = 3;
/// The share of cells that are of high value.
const HIGH: f64 = 0.25;

/// A cell of the map: column and row.
pub type MapCell = (usize, usize);

/// The states of one row of a table, method by method.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Coverage {
    /// The table and its row.
    pub title: String,
    /// Whose V says what a state is worth; empty where there is none to ask.
    pub judge: String,
    /// States of each run that are shown.
    pub states: usize,
    /// The shares of the variance that the two components explain.
    pub explained: [f64; 2],
    /// Values of cells: the least and the greatest.
    pub values: (f64, f64),
    /// Cells of high value.
    pub high: Vec<MapCell>,
    /// The methods.
    pub methods: Vec<MethodCoverage>,
}

/// The states of a method.
#[derive(Clone, Debug, Serialize)]
pub struct MethodCoverage {
    /// Its label.
    pub label: String,
    /// By run: the share of the cells of high value that it has reached.
    pub shares: Vec<f64>,
    /// Cells that its runs have reached, with the mean value of all states there.
    pub cells: Vec<(MapCell, f64)>,
}

impl Coverage {
    /// What it came to, in a sentence.
    pub fn sentence(&self) -> String {
        if self.methods.is_empty() {
            return format!("{}: no run has left its states yet.", self.title);
        }
        let share = |method: &MethodCoverage| {
            let (mean, std) = moments(method.shares.iter().copied());
            let (mean, std) = (100.0 * mean, 100.0 * std);
            match method.shares.len() {
                1 => format!("{} {mean:.0} %", method.label),
                _ => format!("{} {mean:.0} ± {std:.0} %", method.label),
            }
        };
        let shares: Vec<_> = self.methods.iter().map(share).collect();
        format!(
            "{}: share of the high-value cells reached: {}.",
            self.title,
            shares.join(", ")
        )
    }

    /// How the map is made.
    pub fn caption(&self) -> String {
        let [first, second] = self.explained.map(|share| 100.0 * share);
        format!(
            "States of the simulator's replay, {} a run, on their first two principal components ({first:.0} % and {second:.0} % of the variance), in {SIDE} × {SIDE} cells. \
             Colour: mean of V by {} over all states in the cell, from {} to {}. Outlined: the {} cells of high value, the upper quarter of those with at least {SOME} states.",
            self.states,
            self.judge,
            number(self.values.0),
            number(self.values.1),
            self.high.len()
        )
    }
}

/// The states of a method's run.
struct RunStates {
    column: usize,
    states: Vec<f32>,
}

/// Looks for the states of every row, and maps them.
///
/// # Errors
/// Where a file of states or networks is damaged.
pub fn fill(part: &mut ReportPart) -> Result<()> {
    part.coverage = part.by_row(of_row)?;
    Ok(())
}

fn of_row(part: &ReportPart, table: &ReportTable, row: usize) -> Result<Coverage> {
    let mut coverage = Coverage {
        title: format!("{}, {}", table.title, table.rows[row]),
        ..Coverage::default()
    };
    let judges = judges(part, table, row, &mut coverage.judge)?;
    let Some(dim) = judges.first().map(Judge::obs_dim) else {
        return Ok(coverage);
    };
    let mut runs = Vec::new();
    for (column, cell) in table.cells[row].iter().enumerate() {
        for run in cell.runs.iter().map(|run| &part.runs[*run]) {
            if let Some(file) = part.kept(run, "states.safetensors") {
                let states = judge::states(&file, run.member, dim)?;
                // An offline method has been nowhere in the simulator.
                if !states.is_empty() {
                    runs.push(RunStates { column, states });
                }
            }
        }
    }
    // Who has more states reaches more cells: all show as many.
    let fewest = runs
        .iter()
        .map(|run| run.states.len() / dim)
        .min()
        .unwrap_or(0);
    if fewest == 0 {
        return Ok(coverage);
    }
    for run in &mut runs {
        let n = run.states.len() / dim;
        let kept = (0..fewest).map(|k| k * n / fewest);
        run.states = kept
            .flat_map(|k| run.states[k * dim..(k + 1) * dim].to_vec())
            .collect();
    }
    coverage.states = fewest;
    let map = Map::of(&runs, &judges, dim);
    coverage.explained = map.explained;
    let values = || map.values.values().copied();
    coverage.values = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    for (run, cells) in runs.iter().zip(&map.reached) {
        let label = &part.column(table, run.column).label;
        if coverage.methods.iter().all(|method| method.label != *label) {
            coverage.methods.push(MethodCoverage {
                label: label.clone(),
                shares: Vec::new(),
                cells: Vec::new(),
            });
        }
        let method = coverage
            .methods
            .iter_mut()
            .find(|method| method.label == *label);
        let method = method.expect("it is there or was added");
        let high = map.high.iter().filter(|cell| cells.contains(cell)).count();
        method
            .shares
            .push(high as f64 / map.high.len().max(1) as f64);
        let known: BTreeSet<MapCell> = method.cells.iter().map(|(cell, _)| *cell).collect();
        let new = cells.iter().filter(|cell| !known.contains(cell));
        method
            .cells
            .extend(new.map(|cell| (*cell, map.values[cell])));
    }
    coverage.high = map.high;
    Ok(coverage)
}

/// The V networks of a row's runs: those of the last column that has any. `name` becomes whose they are.
fn judges(
    part: &ReportPart,
    table: &ReportTable,
    row: usize,
    name: &mut String,
) -> Result<Vec<Judge>> {
    for (column, cell) in table.cells[row].iter().enumerate().rev() {
        let head = part.column(table, column);
        let norm = head.settings.iter().find(|(key, _)| key == "value_norm");
        let normed = norm.is_some_and(|(_, norm)| norm != "none");
        let mut judges = Vec::new();
        for run in cell.runs.iter().map(|run| &part.runs[*run]) {
            if let Some(file) = part.kept(run, "networks.safetensors") {
                judges.extend(Judge::read(&file, run.member, normed)?);
            }
        }
        if !judges.is_empty() {
            name.clone_from(&head.label);
            return Ok(judges);
        }
    }
    Ok(Vec::new())
}

/// All states on one map.
struct Map {
    explained: [f64; 2],
    /// Mean value of the states in a cell, where there are any.
    values: BTreeMap<MapCell, f64>,
    high: Vec<MapCell>,
    /// By run.
    reached: Vec<BTreeSet<MapCell>>,
}

impl Map {
    fn of(runs: &[RunStates], judges: &[Judge], dim: usize) -> Self {
        let all: Vec<f32> = runs.iter().flat_map(|run| &run.states).copied().collect();
        let projection = Projection::of(&all, dim);
        let places: Vec<[f64; 2]> = all
            .par_chunks_exact(dim)
            .map(|s| projection.project(s))
            .collect();
        let edges = [0, 1].map(|axis| edges(places.iter().map(|place| place[axis]).collect()));
        let cell = |place: &[f64; 2]| {
            let at = |axis: usize| {
                let (low, high) = edges[axis];
                let share = (place[axis] - low) / (high - low).max(f64::MIN_POSITIVE);
                ((share * SIDE as f64) as usize).min(SIDE - 1)
            };
            (at(0), at(1))
        };
        let worth = |state: &[f32]| {
            let sum: f64 = judges
                .iter()
                .map(|judge| f64::from(judge.value(state)))
                .sum();
            sum / judges.len() as f64
        };
        let worths: Vec<f64> = all.par_chunks_exact(dim).map(worth).collect();
        let mut sums: BTreeMap<MapCell, (f64, usize)> = BTreeMap::new();
        for (place, worth) in places.iter().zip(&worths) {
            let (sum, n) = sums.entry(cell(place)).or_default();
            *sum += worth;
            *n += 1;
        }
        let values: BTreeMap<_, _> = sums
            .iter()
            .map(|(cell, (sum, n))| (*cell, sum / *n as f64))
            .collect();
        let sure = sums.iter().filter(|(_, (_, n))| *n >= SOME);
        let mut sure: Vec<MapCell> = sure.map(|(cell, _)| *cell).collect();
        sure.sort_by(|a, b| values[b].total_cmp(&values[a]));
        sure.truncate((sure.len() as f64 * HIGH).ceil() as usize);
        sure.sort_unstable();
        let mut places = places.iter();
        let reached = runs.iter().map(|run| {
            let own = places.by_ref().take(run.states.len() / dim);
            own.map(cell).collect()
        });
        Self {
            explained: projection.explained,
            reached: reached.collect(),
            values,
            high: sure,
        }
    }
}

/// Between which places the map lies: all but the outermost two thousandths, which would leave it empty otherwise.
fn edges(mut places: Vec<f64>) -> (f64, f64) {
    places.sort_unstable_by(f64::total_cmp);
    let cut = places.len() / 1000;
    (places[cut], places[places.len() - 1 - cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two runs on a plane: one everywhere, one in its lower half alone, where V, the second coordinate, is low.
    #[test]
    fn a_run_that_stays_low_reaches_no_high_cell() {
        let plane = |scale: f32| -> Vec<f32> {
            let grid = (0..6400).map(|k| ((k % 80) as f32 / 80.0, (k / 80) as f32 / 80.0));
            grid.flat_map(|(x, y)| [3.0 * x + 0.3 * y, y * scale])
                .collect()
        };
        let of = |column, states| RunStates { column, states };
        let runs = [of(0, plane(1.0)), of(1, plane(0.4))];
        let map = Map::of(&runs, &[Judge::second_of_two()], 2);
        let share = |run: usize| {
            let high = map
                .high
                .iter()
                .filter(|cell| map.reached[run].contains(cell));
            high.count() as f64 / map.high.len() as f64
        };
        assert!(map.high.len() > 50, "{}", map.high.len());
        assert!(
            share(0) > 0.9 && share(1) < 0.1,
            "{} {}",
            share(0),
            share(1)
        );
    }
}
