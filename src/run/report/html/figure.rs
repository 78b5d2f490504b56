//! Line figures as SVG: axes, bands, lines. Colours are those of the page, so that they follow light and dark.

use super::super::number::number;
use crate::run::page::Markup;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 38.0;

/// A point of a line: place, mean, and half the height of its band.
pub type BandPoint = (f64, f64, f64);

/// A line.
pub struct CurveLine {
    /// Which of the page's colours.
    pub color: usize,
    /// What a reader hears of it.
    pub title: String,
    /// In the order of x.
    pub points: Vec<BandPoint>,
    /// Whether its runs have not ended.
    pub unfinished: bool,
}

/// A figure of lines.
pub struct LineFigure {
    /// What it shows, for those who do not see it.
    pub title: String,
    /// Under the horizontal axis.
    pub x_label: String,
    /// Beside the vertical axis.
    pub y_label: String,
    /// Least and greatest of the vertical axis.
    pub y_range: (f64, f64),
    /// The lines.
    pub lines: Vec<CurveLine>,
}

impl LineFigure {
    /// The figure as SVG.
    pub fn svg(&self) -> Markup {
        let points = self.lines.iter().flat_map(|line| &line.points);
        let last = points.map(|point| point.0).fold(0.0, f64::max).max(1.0);
        let (low, high) = self.y_range;
        let x = |value: f64| LEFT + value / last * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| {
            let share = ((value - low) / (high - low)).clamp(-0.02, 1.02);
            HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        };
        let mut svg = Markup::of("svg", "lines")
            .with("viewBox", format!("0 0 {WIDTH} {HEIGHT}"))
            .with("role", "img")
            .child(Markup::new("title").text(&self.title));
        for value in ticks(low, high, 5) {
            let at = y(value);
            svg.push(segment("grid", (LEFT, at), (WIDTH - RIGHT, at)));
            svg.push(label((LEFT - 6.0, at + 3.5), "end", &short(value)));
        }
        for value in ticks(0.0, last, 4) {
            svg.push(segment(
                "tick",
                (x(value), HEIGHT - BOTTOM),
                (x(value), HEIGHT - BOTTOM + 4.0),
            ));
            svg.push(label(
                (x(value), HEIGHT - BOTTOM + 16.0),
                "middle",
                &short(value),
            ));
        }
        svg.push(segment(
            "axis",
            (LEFT, HEIGHT - BOTTOM),
            (WIDTH - RIGHT, HEIGHT - BOTTOM),
        ));
        svg.push(label(
            ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 5.0),
            "middle",
            &self.x_label,
        ));
        let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        let turned = label((11.0, middle), "middle", &self.y_label);
        svg.push(turned.with("transform", format!("rotate(-90 11 {middle})")));
        for line in self.lines.iter().filter(|line| line.points.len() > 1) {
            let upper = line
                .points
                .iter()
                .map(|(at, mean, half)| (x(*at), y(mean + half)));
            let lower = line
                .points
                .iter()
                .rev()
                .map(|(at, mean, half)| (x(*at), y(mean - half)));
            let band = Markup::of("polygon", &format!("band c{}", line.color % 7));
            svg.push(band.with("points", path(upper.chain(lower))));
        }
        for line in &self.lines {
            let places = line.points.iter().map(|(at, mean, _)| (x(*at), y(*mean)));
            let class = match line.unfinished {
                true => format!("line unfinished c{}", line.color % 7),
                false => format!("line c{}", line.color % 7),
            };
            let title = Markup::new("title").text(&line.title);
            svg.push(
                Markup::of("polyline", &class)
                    .with("points", path(places.clone()))
                    .child(title),
            );
            // A line of one point would not be seen.
            if let (1, Some((at, mean))) = (line.points.len(), places.clone().next()) {
                let dot = Markup::of("circle", &format!("dot c{}", line.color % 7)).with("r", 3);
                svg.push(dot.with("cx", round(at)).with("cy", round(mean)));
            }
        }
        svg
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let text = points.map(|(x, y)| format!("{},{}", round(x), round(y)));
    text.collect::<Vec<_>>().join(" ")
}

fn segment(class: &str, from: (f64, f64), to: (f64, f64)) -> Markup {
    Markup::of("line", class)
        .with("x1", round(from.0))
        .with("y1", round(from.1))
        .with("x2", round(to.0))
        .with("y2", round(to.1))
}

fn label(at: (f64, f64), anchor: &str, text: &str) -> Markup {
    Markup::new("text")
        .with("x", round(at.0))
        .with("y", round(at.1))
        .with("text-anchor", anchor)
        .text(text)
}

/// At most about `most` round numbers from `low` to `high`.
fn ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let rough = (high - low) / most as f64;
    if rough <= 0.0 || !rough.is_finite() {
        return Vec::new();
    }
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power);
    let step = step
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

/// `1500000` → `1.5M`.
fn short(value: f64) -> String {
    let trimmed = |value: f64| format!("{}", (value * 100.0).round() / 100.0);
    match value.abs() {
        size if size >= 1e6 => trimmed(value / 1e6) + "M",
        size if size >= 1e4 => trimmed(value / 1e3) + "k",
        size if size >= 10.0 => format!("{value:.0}").replace('-', "−"),
        0.0 => "0".into(),
        _ => number(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(ticks(0.0, 25_000.0, 4), [0.0, 10_000.0, 20_000.0]);
        assert_eq!(ticks(-430.0, 900.0, 5), [0.0, 500.0]);
        assert!(ticks(1.0, 1.0, 5).is_empty());
        assert_eq!(
            [25_000.0, 1e6, -400.0, 0.5].map(short),
            ["25k", "1M", "−400", "0.50"]
        );
    }
}
