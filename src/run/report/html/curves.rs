//! Learning curves: a panel a row of a table, a line a method, with a band over runs.

use std::collections::BTreeMap;

use super::super::model::{Across, ReportPart, ReportTable, RunResult};
use super::figure::{BandPoint, CurveLine, LineFigure};
use crate::data::moments;
use crate::run::page::Markup;

/// Mean and deviation over `runs` after each number of updates that all of them have reached and were evaluated at.
pub fn band(runs: &[&RunResult]) -> Vec<BandPoint> {
    let mut values: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (step, value) in runs.iter().flat_map(|run| &run.evaluations) {
        values.entry(*step).or_default().push(*value);
    }
    values.retain(|_, values| values.len() == runs.len());
    let point = |(step, values): (u64, Vec<f64>)| {
        let (mean, std) = moments(values.into_iter());
        (step as f64, mean, std)
    };
    values.into_iter().map(point).collect()
}

/// The panels, or nothing where no run was evaluated.
pub fn figure(part: &ReportPart, table: &ReportTable) -> Markup {
    let panels: Vec<(String, Vec<CurveLine>)> = match table.across {
        Across::Columns => {
            let rows = table.cells.iter().zip(&table.rows);
            let panel = |(cells, row): (&Vec<_>, &String)| {
                let labels = (0..table.columns.len()).map(|c| part.column(table, c).label.clone());
                let lines = cells.iter().zip(labels).zip(&table.columns);
                let lines = lines.filter_map(|((cell, label), n)| line(part, cell, label, *n));
                (row.clone(), lines.collect())
            };
            rows.map(panel).collect()
        }
        Across::Rows => {
            let cells = table.cells.iter().filter_map(|row| row.first());
            let lines = cells.zip(&table.rows).enumerate();
            let lines = lines.filter_map(|(n, (cell, label))| line(part, cell, label.clone(), n));
            vec![(table.title.clone(), lines.collect())]
        }
    };
    let Some(y_range) = range(panels.iter().flat_map(|(_, lines)| lines)) else {
        return Markup::of("p", "note").text("No learning curves: no run has been evaluated.");
    };
    let mut grid = Markup::of("div", "panels");
    for (title, lines) in panels {
        let said = format!("Learning curves, {title}");
        let figure = LineFigure {
            title: said,
            x_label: "updates".into(),
            y_label: part.unit.clone(),
            y_range,
            lines,
        };
        let panel = Markup::of("div", "panel").child(Markup::new("h4").text(&title));
        grid.push(panel.child(figure.svg()));
    }
    let caption = format!(
        "Learning curves: {} by updates; line, mean over runs; band, ± standard deviation over runs. Dashed: runs that have not ended.",
        part.unit_label()
    );
    Markup::of("figure", "curves")
        .child(key(part, table))
        .child(grid)
        .child(Markup::new("figcaption").text(caption))
}

fn line(
    part: &ReportPart,
    cell: &super::super::model::ReportCell,
    label: String,
    color: usize,
) -> Option<CurveLine> {
    let runs: Vec<_> = cell.runs.iter().map(|run| &part.runs[*run]).collect();
    let ended: Vec<_> = runs
        .iter()
        .copied()
        .filter(|run| run.score.is_some())
        .collect();
    let begun = runs.into_iter().filter(|run| !run.evaluations.is_empty());
    let begun: Vec<_> = begun.collect();
    let unfinished = ended.is_empty() || ended.iter().any(|run| run.state.word() == "unfinished");
    let runs = if ended.is_empty() { begun } else { ended };
    let points = band(&runs);
    (!points.is_empty()).then_some(CurveLine {
        color,
        title: label,
        points,
        unfinished,
    })
}

/// Least and greatest over all lines, so that panels can be compared.
pub fn range<'a>(lines: impl Iterator<Item = &'a CurveLine>) -> Option<(f64, f64)> {
    let edges = lines.flat_map(|line| &line.points);
    let edges = edges.flat_map(|(_, mean, half)| [mean - half, mean + half]);
    let range = edges
        .filter(|edge| edge.is_finite())
        .fold(None, |range, edge| match range {
            None => Some((edge, edge)),
            Some((low, high)) => Some((f64::min(low, edge), f64::max(high, edge))),
        });
    range.map(|(low, high)| match high - low {
        width if width > 0.0 => (low - 0.03 * width, high + 0.03 * width),
        _ => (low - 1.0, high + 1.0),
    })
}

/// Which colour is whose.
fn key(part: &ReportPart, table: &ReportTable) -> Markup {
    let entrants = part.entrants(table).into_iter().enumerate();
    key_of(entrants.map(|(n, label)| match table.across {
        Across::Columns => (table.columns[n], label),
        Across::Rows => (n, label),
    }))
}

/// Colours and whose they are.
pub fn key_of(entrants: impl Iterator<Item = (usize, String)>) -> Markup {
    let item = |(color, label): (usize, String)| {
        let sample = Markup::of("span", &format!("sample c{}", color % 7));
        Markup::of("span", "key-item").child(sample).text(label)
    };
    Markup::of("p", "key").children(entrants.map(item))
}
