//! Rankings and histograms as SVG, drawn as [curves](super::curve) are.

use std::io::Write;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::curve::{FAINT, FONT, INK, PALETTE, short};
use crate::data::{Histogram, replace_file};
use crate::error::{Error, Result};

/// What a drawing function gives.
type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;
/// Where it draws.
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Positive numbers with names, drawn as bars on a logarithmic axis in the order given.
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    /// Above the bars.
    pub title: String,
    /// Under the axis.
    pub label: String,
    /// Name, number, and how far a line goes on behind it.
    pub bars: Vec<(String, f64, f64)>,
}

/// Width of a figure, pixels.
const WIDTH: u32 = 860;
/// Height of a bar with the space under it.
const BAR: i32 = 26;
/// Where bars begin.
const LEFT: i32 = 210;
/// Where they end.
const RIGHT: i32 = 760;
/// Height above them.
const TOP: i32 = 56;
/// Decades at most: what is smaller is drawn as if it were just so small.
const DECADES: i32 = 12;

impl Ranking {
    /// Draw it to `path`, through a temporary name.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no bar; [`Error::Io`].
    pub fn write_svg(&self, path: &Path) -> Result<()> {
        let height = TOP as u32 + BAR as u32 * self.bars.len() as u32 + 60;
        draw(path, (WIDTH, height), |root| self.draw(root))
    }

    fn draw(&self, root: &Area<'_>) -> Drawn {
        let text = |size: u32| (FONT, size).into_font().color(&INK);
        let at = |h, v| Pos::new(h, v);
        let ends = self.bars.iter().flat_map(|(_, x, end)| [*x, *end]);
        let finite = ends.filter(|x| *x > 0.0 && x.is_finite());
        let logs: Vec<f64> = finite.map(f64::log10).collect();
        let high = logs
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
            .ceil();
        let low = logs.iter().copied().fold(f64::INFINITY, f64::min).floor();
        let (high, low) = if high.is_finite() {
            (high as i32, low as i32)
        } else {
            (0, -1)
        };
        let low = low.clamp(high - DECADES, high - 1);
        let place = |x: f64| {
            let log = if x > 0.0 {
                x.log10()
            } else {
                f64::NEG_INFINITY
            };
            let share =
                (log.clamp(low.into(), high.into()) - f64::from(low)) / f64::from(high - low);
            LEFT + (share * f64::from(RIGHT - LEFT)).round() as i32
        };
        let bottom = TOP + BAR * self.bars.len() as i32;
        let title = text(19).pos(at(HPos::Center, VPos::Top));
        root.draw(&Text::new(
            self.title.clone(),
            (WIDTH as i32 / 2, 16),
            title,
        ))?;
        for decade in low..=high {
            let x = place(10f64.powi(decade));
            root.draw(&PathElement::new([(x, TOP - 4), (x, bottom)], FAINT))?;
            let style = text(13).pos(at(HPos::Center, VPos::Top));
            root.draw(&Text::new(format!("1e{decade}"), (x, bottom + 6), style))?;
        }
        for (k, (name, x, end)) in self.bars.iter().enumerate() {
            let (top, middle) = (TOP + BAR * k as i32, TOP + BAR * k as i32 + BAR / 2);
            let style = text(13).pos(at(HPos::Right, VPos::Center));
            root.draw(&Text::new(name.clone(), (LEFT - 8, middle), style))?;
            let bar = [(LEFT, top + 4), (place(*x).max(LEFT + 1), top + BAR - 4)];
            root.draw(&Rectangle::new(bar, PALETTE[0].filled()))?;
            let line = [(place(*x), middle), (place(*end), middle)];
            root.draw(&PathElement::new(line, INK.mix(0.6)))?;
            let style = text(12).pos(at(HPos::Left, VPos::Center));
            root.draw(&Text::new(
                format!("{x:.1e}"),
                (place(*end).max(place(*x)) + 6, middle),
                style,
            ))?;
        }
        let style = text(14).pos(at(HPos::Center, VPos::Top));
        root.draw(&Text::new(
            self.label.clone(),
            ((LEFT + RIGHT) / 2, bottom + 28),
            style,
        ))?;
        Ok(())
    }
}

/// Histograms side by side, each of the same quantity in several data sets.
#[derive(Clone, Debug, Default)]
pub struct Histograms {
    /// Above them.
    pub title: String,
    /// Names of the data sets.
    pub names: Vec<String>,
    /// What is counted, and its histogram in each data set; those of one panel have the same bounds.
    pub panels: Vec<(String, Vec<Option<Histogram>>)>,
}

impl Histograms {
    /// Draw them to `path`, through a temporary name.
    ///
    /// # Errors
    /// [`Error::Input`] where there is nothing to draw; [`Error::Io`].
    pub fn write_svg(&self, path: &Path) -> Result<()> {
        let (rows, legend) = (
            self.panels.len().div_ceil(2) as u32,
            20 * self.names.len() as u32,
        );
        draw(path, (WIDTH, 60 + 250 * rows + legend), |root| {
            self.draw(root)
        })
    }

    fn draw(&self, root: &Area<'_>) -> Drawn {
        let text = |size: u32| (FONT, size).into_font().color(&INK);
        let title = text(19).pos(Pos::new(HPos::Center, VPos::Top));
        root.draw(&Text::new(
            self.title.clone(),
            (WIDTH as i32 / 2, 14),
            title,
        ))?;
        for (k, name) in self.names.iter().enumerate() {
            let y = 50 + 20 * k as i32;
            let color = PALETTE[k % PALETTE.len()];
            root.draw(&Rectangle::new(
                [(30, y - 5), (44, y + 5)],
                color.mix(0.5).filled(),
            ))?;
            let style = text(13).pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(name.clone(), (52, y), style))?;
        }
        let head = 44 + 20 * self.names.len() as u32;
        let (_, below) = root.split_vertically(head);
        let areas = below.split_evenly((self.panels.len().div_ceil(2), 2));
        for ((label, histograms), area) in self.panels.iter().zip(&areas) {
            panel(area, label, histograms)?;
        }
        Ok(())
    }
}

/// Shares of the values in each bin, a colour a data set.
fn panel(area: &Area<'_>, label: &str, histograms: &[Option<Histogram>]) -> Drawn {
    let text = |size: u32| (FONT, size).into_font().color(&INK);
    let Some(first) = histograms.iter().flatten().next() else {
        return Ok(());
    };
    let shares = |h: &Histogram| -> Vec<f64> {
        let all = h.counts.iter().sum::<usize>().max(1) as f64;
        h.counts.iter().map(|n| *n as f64 / all).collect()
    };
    let most = histograms
        .iter()
        .flatten()
        .flat_map(shares)
        .fold(1e-9, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_right(22)
        .x_label_area_size(40)
        .y_label_area_size(54)
        .build_cartesian_2d(first.low..first.high, 0.0..1.06 * most)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(INK.mix(0.5))
        .x_labels(6)
        .y_labels(5)
        .x_label_formatter(&|&x| short(x))
        .y_label_formatter(&|&y| format!("{:.0} %", 100.0 * y))
        .x_desc(label)
        .label_style(text(12))
        .axis_desc_style(text(13))
        .draw()?;
    for (k, histogram) in histograms.iter().enumerate() {
        let Some(histogram) = histogram else { continue };
        let color = PALETTE[k % PALETTE.len()];
        let bins = shares(histogram);
        let edge = |n: usize| histogram.edge(n);
        let bar = |(n, share): (usize, &f64)| {
            Rectangle::new(
                [(edge(n), 0.0), (edge(n + 1), *share)],
                color.mix(0.35).filled(),
            )
        };
        chart.draw_series(bins.iter().enumerate().map(bar))?;
        let outline = bins.iter().enumerate();
        let outline = outline.flat_map(|(n, share)| [(edge(n), *share), (edge(n + 1), *share)]);
        chart.draw_series(LineSeries::new(outline, color.stroke_width(1)))?;
    }
    Ok(())
}

/// Has `fill` draw on a white page, which is written to `path`.
fn draw(path: &Path, size: (u32, u32), fill: impl FnOnce(&Area<'_>) -> Drawn) -> Result<()> {
    let mut svg = String::new();
    let draw = |svg: &mut String| -> Drawn {
        let root = SVGBackend::with_string(svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        fill(&root)?;
        root.present()?;
        Ok(())
    };
    draw(&mut svg).map_err(|e| {
        let help = "report this as a fault of the program";
        Error::input(path.display(), format!("cannot be drawn: {e}"), help)
    })?;
    replace_file(path, |out| {
        out.write_all(svg.as_bytes()).map_err(Error::io(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(write: impl FnOnce(&Path) -> Result<()>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        write(&path).unwrap();
        let svg = std::fs::read_to_string(path).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        svg
    }

    #[test]
    fn bars_are_as_long_as_their_logarithms() {
        let ranking = Ranking {
            title: "t".into(),
            label: "l".into(),
            bars: [
                ("a", 1e-4, 1e-3),
                ("b", 1e-2, 1.0),
                ("none", 0.0, f64::INFINITY),
            ]
            .map(|(name, x, end)| (name.to_owned(), x, end))
            .into(),
        };
        let svg = drawn(|path| ranking.write_svg(path));
        // Four decades, 1e-4 to 1, between the ends: 1e-2 lies in the middle.
        let middle = (LEFT + RIGHT) / 2 - LEFT;
        assert!(svg.contains(&format!("width=\"{middle}\"")), "{svg}");
        for part in ["1e-4", "1e0", "1.0e-2", "none"] {
            assert!(svg.contains(part), "no {part} in {svg}");
        }
        drawn(|path| Ranking::default().write_svg(path));
    }

    #[test]
    fn histograms_of_any_numbers_are_drawn() {
        let of = |values: &[f64]| Histogram::of(values.iter().copied(), 8, None);
        let panels = vec![
            ("return".to_owned(), vec![of(&[1.0, 2.0, 2.5]), of(&[])]),
            ("length".to_owned(), vec![of(&[5.0]), of(&[5.0, 5.0])]),
            ("nothing".to_owned(), vec![of(&[]), None]),
        ];
        let names = vec!["a.hdf5".into(), "b.hdf5".into()];
        let title = "two".to_owned();
        let all = Histograms {
            title,
            names,
            panels,
        };
        let svg = drawn(|path| all.write_svg(path));
        for part in ["a.hdf5", "b.hdf5", "return", "length", "100 %"] {
            assert!(svg.contains(part), "no {part} in {svg}");
        }
    }
}
