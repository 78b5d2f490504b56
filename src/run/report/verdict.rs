//! Who won, in words, from the numbers alone.

use super::model::{Across, ReportCell, ReportPart, ReportTable, Standing, TableVerdict};
use super::number::{count, interval, number, probability, score};
use super::statistics::Interval;

/// The verdict of `table`, whose standings, totals and improvements are there.
pub fn of(part: &ReportPart, table: &ReportTable) -> TableVerdict {
    let labels = part.entrants(table);
    let mut verdict = match table.across {
        Across::Columns => over_columns(table, &labels),
        Across::Rows => over_rows(table, &labels),
    };
    if let Some(text) = lacking(part, table) {
        verdict.sentences.push(text);
    }
    if table.across == Across::Columns {
        verdict.rows = table.cells.iter().map(|row| of_row(row, &labels)).collect();
    }
    verdict
}

/// The place of the greatest value.
fn greatest(values: impl Iterator<Item = Option<f64>>) -> Option<(usize, f64)> {
    let known = values
        .enumerate()
        .filter_map(|(n, value)| Some((n, value?)));
    known.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn over_columns(table: &ReportTable, labels: &[String]) -> TableVerdict {
    let Some((best, mean)) = greatest(table.totals.iter().map(|total| total.mean)) else {
        let some = table
            .cells
            .iter()
            .flatten()
            .any(|cell| cell.score.is_some());
        return if some { no_whole_row() } else { nothing() };
    };
    let total = &table.totals[best];
    let label = &labels[best];
    let rows = table.rows.len();
    let (mut highest, mut clear) = (0, 0);
    for cell in table.cells.iter().map(|row| &row[best]) {
        highest += usize::from(matches!(cell.standing, Standing::Highest | Standing::Clear));
        clear += usize::from(cell.standing == Standing::Clear);
    }
    let mut sentences = Vec::new();
    let rivals = table.totals.iter().enumerate().filter(|(n, _)| *n != best);
    let second = rivals.max_by(|a, b| {
        let mean = |n: &Option<f64>| n.unwrap_or(f64::NEG_INFINITY);
        mean(&a.1.mean).total_cmp(&mean(&b.1.mean))
    });
    let second = second.filter(|(_, total)| total.mean.is_some());
    let iqm = total
        .iqm
        .map(|iqm| format!(" (interquartile mean {})", interval(&iqm)));
    let mut first = format!(
        "Mean over {}: {label} {}{}",
        count(total.rows, "row"),
        number(mean),
        iqm.unwrap_or_default()
    );
    let mut headline = format!("{label} alone has results");
    if let Some((rival, other)) = second {
        let other_mean = other.mean.unwrap_or_default();
        first += &format!(", then {} {}", labels[rival], number(other_mean));
        let beside: Vec<_> = (0..labels.len())
            .filter(|n| {
                *n != best
                    && table.totals[*n]
                        .iqm
                        .zip(total.iqm)
                        .is_some_and(|(a, b)| a.high >= b.low)
            })
            .map(|n| labels[n].as_str())
            .collect();
        (headline, first) = match beside.as_slice() {
            [] => (
                format!("{label} is ahead, clear of all others on average"),
                first + "; its 95 % interval lies above all others",
            ),
            beside => {
                let all = table.totals.iter().filter_map(|total| total.iqm);
                (
                    format!(
                        "{label} is ahead on average, but not clear of {}",
                        listed(beside)
                    ),
                    format!("{first}; {}", overlap(all, beside)),
                )
            }
        };
    }
    sentences.push(first + ".");
    if second.is_some() {
        sentences.push(format!(
            "{label} has the highest mean in {highest} of {} and is clear of every other there in {clear}.",
            count(rows, "row")
        ));
    }
    if let Some(p) = second.and_then(|(rival, _)| table.improvement[best][rival]) {
        let rival = &labels[second.map_or(0, |(n, _)| n)];
        sentences.push(format!(
            "A run of {label} beats one of {rival} with probability {}.",
            probability(&p)
        ));
    }
    sentences.extend(published(table, labels));
    TableVerdict {
        headline,
        sentences,
        rows: Vec::new(),
    }
}

/// What the paper says of the same table.
fn published(table: &ReportTable, labels: &[String]) -> Option<String> {
    let of_column = |column: usize| {
        let rows = table.cells.iter();
        let means: Option<Vec<f64>> = rows.map(|row| Some(row[column].paper?.mean)).collect();
        let mean = means.map(|means| means.iter().sum::<f64>() / means.len().max(1) as f64);
        table.paper_mean[column].or(mean)
    };
    let (best, mean) = greatest((0..labels.len()).map(of_column))?;
    let rows: Vec<_> = table
        .cells
        .iter()
        .filter_map(|row| greatest(row.iter().map(|cell| Some(cell.paper?.mean))))
        .collect();
    let won = rows.iter().filter(|(n, _)| *n == best).count();
    Some(format!(
        "In the paper {} is highest on average ({}) and in {won} of {}.",
        labels[best],
        number(mean),
        count(rows.len(), "row")
    ))
}

fn over_rows(table: &ReportTable, labels: &[String]) -> TableVerdict {
    let cells: Vec<&ReportCell> = table.cells.iter().filter_map(|row| row.first()).collect();
    let means = cells.iter().map(|cell| Some(cell.score?.mean));
    let Some((best, _)) = greatest(means) else {
        return nothing();
    };
    let of = |cell: &ReportCell| cell.score.map(|s| score(&s)).unwrap_or_default();
    let near: Vec<_> = (0..cells.len())
        .filter(|n| cells[*n].standing == Standing::Near)
        .map(|n| labels[n].as_str())
        .collect();
    let label = &labels[best];
    let (headline, overlap) = match (cells[best].standing, near.as_slice()) {
        (Standing::Clear, _) => (
            format!("{label} is ahead, clear of all others"),
            "its 95 % interval lies above all others".to_owned(),
        ),
        (_, []) => (
            format!("{label} alone has results"),
            "nothing stands beside it".into(),
        ),
        (_, near) => (
            format!("{label} is highest, but not clear of {}", listed(near)),
            overlap(cells.iter().filter_map(|cell| Some(cell.score?.iqm)), near),
        ),
    };
    let mut sentences = vec![format!("{label} has {}: {overlap}.", of(cells[best]))];
    let paper = greatest(cells.iter().map(|cell| Some(cell.paper?.mean)));
    sentences.extend(
        paper.map(|(n, mean)| format!("In the paper {} is highest ({}).", labels[n], number(mean))),
    );
    TableVerdict {
        headline,
        sentences,
        rows: Vec::new(),
    }
}

/// Why the highest is not clear of those `beside` it.
fn overlap(mut all: impl Iterator<Item = Interval>, beside: &[&str]) -> String {
    match all.all(|interval| interval.is_known()) {
        true => format!("its 95 % interval overlaps that of {}", listed(beside)),
        false => "where a cell has one run, nothing says how much of that is chance".to_owned(),
    }
}

fn no_whole_row() -> TableVerdict {
    TableVerdict {
        headline: "No row has results in every column yet".into(),
        sentences: vec!["Means over rows are taken of rows that all columns have.".into()],
        rows: Vec::new(),
    }
}

fn nothing() -> TableVerdict {
    TableVerdict {
        headline: "No results yet".into(),
        sentences: vec!["No run of this table has ended with an evaluation.".into()],
        rows: Vec::new(),
    }
}

/// Who won a row.
fn of_row(row: &[ReportCell], labels: &[String]) -> String {
    let with = |standing: Standing| {
        let cells = row.iter().zip(labels);
        let cells =
            cells.filter(move |(cell, _)| cell.standing == standing && cell.score.is_some());
        cells.map(|(_, label)| label.as_str()).collect::<Vec<_>>()
    };
    match (
        with(Standing::Clear).as_slice(),
        with(Standing::Highest).as_slice(),
    ) {
        ([label], _) => format!("{label}, clear"),
        (_, [label]) => match with(Standing::Near).as_slice() {
            [] => format!("{label} alone"),
            near => format!("{label} ≈ {}", near.join(", ")),
        },
        _ => "no result".into(),
    }
}

/// What is missing from the table's runs.
fn lacking(part: &ReportPart, table: &ReportTable) -> Option<String> {
    let mut runs: Vec<usize> = table
        .cells
        .iter()
        .flatten()
        .flat_map(|cell| cell.runs.clone())
        .collect();
    runs.sort_unstable();
    runs.dedup();
    let words = ["failed", "diverged", "unfinished", "missing"];
    let counts = words.map(|word| {
        let runs = runs
            .iter()
            .filter(|run| part.runs[**run].state.word() == word);
        (runs.count(), word)
    });
    let some: Vec<_> = counts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    (!some.is_empty()).then(|| format!("Of {}: {}.", count(runs.len(), "run"), some.join(", ")))
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
