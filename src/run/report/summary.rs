//! Scores, standings and totals of a part, from the scores of its runs.

use std::collections::BTreeMap;

use super::model::{Across, CellScore, ReportCell, ReportPart, ReportTable, Standing, Total};
use super::statistics::{Bootstrap, Interval, Stratum};
use super::verdict;
use crate::data::moments;

/// The scores of a cell, and the key of the draws that resample them.
type Scores = (Vec<f64>, u32);

/// Fills in whatever follows from the scores of the runs.
pub fn fill(part: &mut ReportPart, bootstrap: &Bootstrap) {
    let keys = keys(part);
    let mut tables = std::mem::take(&mut part.tables);
    for table in &mut tables {
        let one = table.columns.len() == 1 && table.rows.len() > 1;
        table.across = if one { Across::Rows } else { Across::Columns };
        let scores: Vec<Vec<Scores>> = table
            .cells
            .iter()
            .map(|row| {
                row.iter()
                    .map(|cell| (part.scores(cell), keys[&cell.runs]))
                    .collect()
            })
            .collect();
        for (row, scores) in table.cells.iter_mut().zip(&scores) {
            for (cell, scores) in row.iter_mut().zip(scores) {
                cell.score = score(scores, bootstrap);
            }
        }
        let rows = shared_rows(&scores);
        table.totals = (0..table.columns.len())
            .map(|column| total(&rows, &scores, column, bootstrap))
            .collect();
        table.improvement = improvement(table.across, &scores, bootstrap);
        stand(table);
        table.verdict = verdict::of(part, table);
    }
    part.tables = tables;
}

/// A key for every set of runs that a cell has: cells that show the same runs are drawn alike.
fn keys(part: &ReportPart) -> BTreeMap<Vec<usize>, u32> {
    let cells = part
        .tables
        .iter()
        .flat_map(|table| table.cells.iter().flatten());
    let mut keys = BTreeMap::new();
    for cell in cells {
        let next = keys.len() as u32;
        keys.entry(cell.runs.clone()).or_insert(next);
    }
    keys
}

fn stratum((scores, key): &Scores) -> Option<Stratum<'_>> {
    (!scores.is_empty()).then_some(Stratum { scores, key: *key })
}

fn score(scores: &Scores, bootstrap: &Bootstrap) -> Option<CellScore> {
    let iqm = bootstrap.interquartile_mean(&[stratum(scores)?])?;
    let (mean, std) = moments(scores.0.iter().copied());
    Some(CellScore {
        mean,
        std,
        count: scores.0.len(),
        iqm,
    })
}

/// The rows in which every column has scores that has any in the table: means over others would compare an easy row of one
/// method with a hard one of another.
fn shared_rows(scores: &[Vec<Scores>]) -> Vec<usize> {
    let columns = scores.first().map_or(0, Vec::len);
    let any = |column: &usize| scores.iter().any(|row| !row[*column].0.is_empty());
    let known: Vec<usize> = (0..columns).filter(any).collect();
    let whole = |row: &usize| {
        known
            .iter()
            .all(|column| !scores[*row][*column].0.is_empty())
    };
    (0..scores.len()).filter(whole).collect()
}

/// Of a column, over `rows`.
fn total(rows: &[usize], scores: &[Vec<Scores>], column: usize, bootstrap: &Bootstrap) -> Total {
    let strata: Vec<_> = rows
        .iter()
        .filter_map(|row| stratum(&scores[*row][column]))
        .collect();
    let mean_of = |stratum: &Stratum| moments(stratum.scores.iter().copied()).0;
    let means: Vec<f64> = strata.iter().map(mean_of).collect();
    Total {
        mean: (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64),
        iqm: bootstrap.interquartile_mean(&strata),
        rows: means.len(),
    }
}

/// By pairs of what competes, over the tasks that both have scores of.
fn improvement(
    across: Across,
    scores: &[Vec<Scores>],
    bootstrap: &Bootstrap,
) -> Vec<Vec<Option<Interval>>> {
    let columns = scores.first().map_or(0, Vec::len);
    let (entrants, tasks) = match across {
        Across::Columns => (columns, scores.len()),
        Across::Rows => (scores.len(), columns),
    };
    let of = |entrant: usize, task: usize| match across {
        Across::Columns => stratum(&scores[task][entrant]),
        Across::Rows => stratum(&scores[entrant][task]),
    };
    let mut all = vec![vec![None; entrants]; entrants];
    let pairs = (0..entrants).flat_map(|a| (a + 1..entrants).map(move |b| (a, b)));
    for (a, b) in pairs {
        let both = (0..tasks).filter_map(|task| Some((of(a, task)?, of(b, task)?)));
        let (x, y): (Vec<_>, Vec<_>) = both.unzip();
        all[a][b] = bootstrap.improvement(&x, &y);
        // The other way round it is the same draws, counted from one.
        all[b][a] = all[a][b].map(|p| Interval {
            value: 1.0 - p.value,
            low: 1.0 - p.high,
            high: 1.0 - p.low,
        });
    }
    all
}

/// Says how every cell stands among those that it competes with.
fn stand(table: &mut ReportTable) {
    match table.across {
        Across::Columns => {
            for row in &mut table.cells {
                compare(&mut row.iter_mut().collect::<Vec<_>>());
            }
        }
        Across::Rows => {
            let cells = table.cells.iter_mut().flatten();
            compare(&mut cells.collect::<Vec<_>>());
        }
    }
}

fn compare(cells: &mut [&mut ReportCell]) {
    let scored = |cell: &ReportCell| cell.score.map(|score| (score.mean, score.iqm));
    let best = cells
        .iter()
        .enumerate()
        .filter_map(|(n, cell)| Some((n, scored(cell)?)));
    let Some((best, (_, interval))) = best.max_by(|a, b| a.1.0.total_cmp(&b.1.0)) else {
        return;
    };
    let mut clear = true;
    for (_, cell) in cells.iter_mut().enumerate().filter(|(n, _)| *n != best) {
        let Some((_, other)) = scored(cell) else {
            continue;
        };
        let near = interval.low <= other.high;
        cell.standing = if near {
            Standing::Near
        } else {
            Standing::Behind
        };
        clear &= !near;
    }
    let alone = cells.iter().filter(|cell| cell.score.is_some()).count() < 2;
    cells[best].standing = match clear && !alone {
        true => Standing::Clear,
        false => Standing::Highest,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_over_rows_that_every_column_has() {
        let cell = |scores: &[f64]| (scores.to_vec(), 0);
        let easy = vec![cell(&[10.0]), cell(&[11.0]), cell(&[])];
        let hard = vec![cell(&[1.0]), cell(&[]), cell(&[])];
        let both = [easy, hard];
        // The third column has nothing yet, and keeps nobody back.
        let rows = shared_rows(&both);
        assert_eq!(rows, [0]);
        let bootstrap = Bootstrap {
            seed: 0,
            resamples: 10,
        };
        let mean = |column| total(&rows, &both, column, &bootstrap).mean;
        assert_eq!([mean(0), mean(1), mean(2)], [Some(10.0), Some(11.0), None]);
        // Negative control: over its own rows the first column's mean would be another.
        assert_eq!(total(&[0, 1], &both, 0, &bootstrap).mean, Some(5.5));
    }
}
