//! Bars of a table: a bar a cell, its interval as a whisker, the published mean as a mark.

use super::super::model::{Across, ReportCell, ReportPart, ReportTable};
use super::super::number;
use crate::run::page::Markup;

/// The axis of all bars of a table.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// From zero, or the least number, to the greatest; none without numbers.
    fn of(table: &ReportTable) -> Option<Self> {
        let cells = table.cells.iter().flatten();
        let numbers = cells.flat_map(|cell| {
            let ours = cell.score.map(|s| [s.mean, s.iqm.low, s.iqm.high]);
            let paper = cell.paper.map(|paper| paper.mean);
            ours.into_iter().flatten().chain(paper)
        });
        let (mut low, mut high) = (0.0f64, 0.0f64);
        let mut some = false;
        for value in numbers.filter(|value| value.is_finite()) {
            (low, high, some) = (low.min(value), high.max(value), true);
        }
        (some && high > low).then_some(Self { low, high })
    }

    /// The place of `value`, in percent of the axis.
    fn place(&self, value: f64) -> f64 {
        100.0 * (value.clamp(self.low, self.high) - self.low) / (self.high - self.low)
    }

    /// `left: …; width: …` from `from` to `to`.
    fn span(&self, from: f64, to: f64) -> String {
        let (a, b) = (self.place(from.min(to)), self.place(from.max(to)));
        format!("left:{a:.2}%;width:{:.2}%", b - a)
    }
}

/// The figure, or a line that says why there is none.
pub fn figure(part: &ReportPart, table: &ReportTable) -> Markup {
    let Some(axis) = Axis::of(table) else {
        return Markup::of("p", "note").text("No bars: no run has ended with an evaluation.");
    };
    let caption = format!(
        "{}, {} by {}: bar, mean over runs; whisker, 95 % interval of the interquartile mean; diamond, the published mean. {}.",
        table.title,
        part.unit_label(),
        match table.across {
            Across::Columns => "gap and method",
            Across::Rows => "setting",
        },
        range(&axis),
    );
    let mut figure = Markup::of("figure", "bars");
    for (row, cells) in table.rows.iter().zip(&table.cells) {
        let mut group = Markup::of("div", "bar-group").child(Markup::of("h4", "bar-row").text(row));
        for (column, cell) in cells.iter().enumerate() {
            let label = match table.across {
                Across::Columns => part.column(table, column).label.as_str(),
                Across::Rows => "",
            };
            group.push(bar(&axis, label, cell, table.columns[column]));
        }
        figure.push(group);
    }
    figure.child(Markup::new("figcaption").text(caption))
}

fn range(axis: &Axis) -> String {
    format!(
        "The axis runs from {} to {}",
        number::number(axis.low),
        number::number(axis.high)
    )
}

fn bar(axis: &Axis, label: &str, cell: &ReportCell, color: usize) -> Markup {
    let mut track = Markup::of("span", "track");
    if axis.low < 0.0 {
        let zero = format!("left:{:.2}%", axis.place(0.0));
        track.push(Markup::of("span", "zero").with("style", zero));
    }
    let mut said = "no result".to_owned();
    if let Some(score) = &cell.score {
        said = number::score(score);
        let span = axis.span(0.0, score.mean);
        track.push(Markup::of("span", &format!("bar c{}", color % 7)).with("style", span));
        if score.count > 1 {
            let span = axis.span(score.iqm.low, score.iqm.high);
            track.push(Markup::of("span", "whisker").with("style", span));
        }
    }
    if let Some(paper) = &cell.paper {
        let place = format!("left:{:.2}%", axis.place(paper.mean));
        let title = format!("paper {}", number::published(paper));
        track.push(
            Markup::of("span", "diamond")
                .with("style", place)
                .with("title", title),
        );
    }
    Markup::of("div", "bar-line")
        .child(Markup::of("span", "bar-label").text(label))
        .child(track)
        .child(Markup::of("span", "bar-value").text(said))
}
