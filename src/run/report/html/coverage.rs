//! Maps of where simulated data lie.

use std::collections::BTreeMap;

use super::super::coverage::{Coverage, MapCell, MethodCoverage, SIDE};
use super::super::model::ReportPart;
use crate::run::page::Markup;

/// Pixels of a cell.
const CELL: f64 = 10.0;

/// Low to high, told apart by every colour vision, on light and dark ground (after cividis).
const SCALE: [[f64; 3]; 5] = [
    [0.0, 52.0, 110.0],
    [78.0, 87.0, 108.0],
    [124.0, 123.0, 120.0],
    [186.0, 172.0, 104.0],
    [254.0, 232.0, 56.0],
];

/// The maps of all rows.
pub fn block(part: &ReportPart) -> Markup {
    let mut block = Markup::of("section", "table-block");
    block.push(Markup::new("h2").text("Coverage of the states of high value"));
    for coverage in &part.coverage {
        block.push(Markup::of("p", "verdict").text(coverage.sentence()));
        if !coverage.methods.is_empty() {
            block.push(figure(coverage));
        }
    }
    block
}

fn figure(coverage: &Coverage) -> Markup {
    let panels = coverage.methods.iter().map(|method| {
        let panel = Markup::of("div", "panel").child(Markup::new("h4").text(&method.label));
        panel.child(map(coverage, method))
    });
    let low = color(0.0);
    let stops = (0..=4)
        .map(|n| color(f64::from(n) / 4.0))
        .collect::<Vec<_>>()
        .join(",");
    let swatch = Markup::of("div", "swatch")
        .with(
            "style",
            format!("background:{low};background:linear-gradient(to right,{stops})"),
        )
        .with("role", "img")
        .with("aria-label", "colours from low to high value");
    Markup::of("figure", "coverage")
        .child(Markup::of("div", "panels").children(panels))
        .child(swatch)
        .child(Markup::new("figcaption").text(coverage.caption()))
}

fn map(coverage: &Coverage, method: &MethodCoverage) -> Markup {
    let size = CELL * SIDE as f64;
    let title = format!(
        "{}: {} of {} × {} cells reached",
        method.label,
        method.cells.len(),
        SIDE,
        SIDE
    );
    let mut svg = Markup::of("svg", "map")
        .with("viewBox", format!("-2 -2 {} {}", size + 24.0, size + 24.0))
        .with("role", "img")
        .child(Markup::new("title").text(title));
    let (low, high) = coverage.values;
    // Cells of a colour share one path: a rectangle each would be most of the file.
    let mut paths: BTreeMap<u32, String> = BTreeMap::new();
    for (cell, value) in &method.cells {
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        let path = paths.entry((share * 24.0).round() as u32).or_default();
        *path += &square(*cell);
    }
    for (share, path) in paths {
        let fill = color(f64::from(share) / 24.0);
        svg.push(Markup::new("path").with("d", path).with("fill", fill));
    }
    let high: String = coverage.high.iter().map(|cell| square(*cell)).collect();
    svg.push(Markup::of("path", "outlined").with("d", high));
    let label = |x: f64, y: f64, text: &str| {
        Markup::new("text")
            .with("x", x)
            .with("y", y)
            .with("text-anchor", "middle")
            .text(text)
    };
    svg.push(label(size / 2.0, size + 16.0, "first component"));
    let turned = label(size + 14.0, size / 2.0, "second component");
    svg.child(turned.with(
        "transform",
        format!("rotate(-90 {} {})", size + 14.0, size / 2.0),
    ))
}

/// A cell as part of a path; the second component points up.
fn square((column, row): MapCell) -> String {
    format!(
        "M{} {}h{CELL}v{CELL}h-{CELL}z",
        CELL * column as f64,
        CELL * (SIDE - 1 - row) as f64
    )
}

/// The colour of a share from 0 to 1.
fn color(share: f64) -> String {
    let place = share.clamp(0.0, 1.0) * 4.0;
    let below = (place as usize).min(3);
    let part = place - below as f64;
    let mixed = [0, 1, 2].map(|k| SCALE[below][k] + part * (SCALE[below + 1][k] - SCALE[below][k]));
    let [red, green, blue] = mixed.map(|x| x.round() as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}
