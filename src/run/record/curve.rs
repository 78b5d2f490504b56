//! Learning curves as SVG.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::data::replace_file;
use crate::error::{Error, Result};

/// Colours that readers with any colour vision tell apart (Okabe and Ito, 2008), for the k-th series
/// `PALETTE[k % 7]`.
pub const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];

const SIZE: (u32, u32) = (860, 520);
pub(super) const INK: RGBColor = RGBColor(40, 44, 52);
pub(super) const FAINT: RGBColor = RGBColor(228, 230, 234);
/// Values beyond are drawn at it: the ticks of an axis need a range that is finite.
const FAR: f64 = 1e100;
pub(super) const FONT: &str = "DejaVu Sans, Helvetica, Arial, sans-serif";

/// A figure of one or several curves.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// Above the curves.
    pub title: String,
    /// Under the horizontal axis.
    pub x_label: String,
    /// Beside the vertical axis.
    pub y_label: String,
    /// The curves, in the legend's order.
    pub series: Vec<Series>,
    /// Dashed horizontal lines, such as the return of the data's behaviour policy.
    pub references: Vec<ReferenceLine>,
}

/// A curve.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its colour.
    pub color: RGBColor,
    /// In the order of x. Those that are not finite are left out; what lies beyond ±1e100 is drawn there.
    pub points: Vec<Point>,
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Horizontal place.
    pub x: f64,
    /// Vertical place.
    pub y: f64,
    /// Lower and upper edge of the band around it (a standard deviation, a confidence interval).
    pub band: Option<(f64, f64)>,
}

/// A dashed horizontal line with its name on it.
#[derive(Clone, Debug)]
pub struct ReferenceLine {
    /// Written above the line.
    pub name: String,
    /// Vertical place.
    pub y: f64,
}

impl Figure {
    /// Draw it to `path`, through a temporary name.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no point to draw; [`Error::Io`].
    pub fn write_svg(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let svg = self.svg().map_err(|problem| {
            Error::input(
                path.display(),
                problem,
                "let the run evaluate at least once",
            )
        })?;
        replace_file(path, |out| {
            out.write_all(svg.as_bytes()).map_err(Error::io(path))
        })
    }

    fn svg(&self) -> std::result::Result<String, String> {
        let (x, y) = self.ranges().ok_or("no point to draw")?;
        let mut svg = String::new();
        self.draw(&mut svg, x, y)
            .map_err(|error| error.to_string())?;
        Ok(svg)
    }

    /// The least and greatest of each axis, with some room above and below.
    fn ranges(&self) -> Option<((f64, f64), (f64, f64))> {
        let points = || {
            self.series
                .iter()
                .flat_map(|series| series.points.iter().filter(finite))
        };
        let x = bounds(points().map(|point| point.x))?;
        let (low, high) = bounds(
            points()
                .flat_map(|point| {
                    [
                        Some(point.y),
                        point.band.map(|b| b.0),
                        point.band.map(|b| b.1),
                    ]
                })
                .flatten()
                .chain(self.references().map(|(_, y)| y)),
        )?;
        let room = 0.06 * (high - low).max(1e-6 * high.abs().max(low.abs()).max(1.0));
        // Far out, half an update is less than a number's last digit.
        let half = 0.5f64.max(1e-6 * x.1.abs());
        let x = if x.1 - x.0 > 1e-9 * x.1.abs() {
            x
        } else {
            (x.0 - half, x.1 + half)
        };
        Some((x, (low - room, high + room)))
    }

    /// The dashed lines that can be drawn.
    fn references(&self) -> impl Iterator<Item = (&str, f64)> {
        let finite = self.references.iter().filter(|r| r.y.is_finite());
        finite.map(|r| (r.name.as_str(), near(r.y)))
    }

    fn draw(
        &self,
        svg: &mut String,
        (x0, x1): (f64, f64),
        (y0, y1): (f64, f64),
    ) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let text = |size: u32| (FONT, size).into_font().color(&INK);
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, text(19))
            .margin(14)
            .margin_right(26)
            .x_label_area_size(46)
            .y_label_area_size(64)
            .build_cartesian_2d(x0..x1, y0..y1)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(FAINT)
            .light_line_style(TRANSPARENT)
            .axis_style(INK.mix(0.5))
            .x_labels(8)
            .y_labels(8)
            .x_label_formatter(&|&x| short(x))
            .y_label_formatter(&|&y| short(y))
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .label_style(text(13))
            .axis_desc_style(text(14))
            .draw()?;

        for (name, y) in self.references() {
            let line = [(x0, y), (x1, y)];
            chart.draw_series(DashedLineSeries::new(
                line,
                6,
                4,
                INK.mix(0.6).stroke_width(1),
            ))?;
            let label = text(12).pos(Pos::new(HPos::Left, VPos::Bottom));
            let place = (x0 + 0.01 * (x1 - x0), y + 0.006 * (y1 - y0));
            chart.draw_series([Text::new(name.to_owned(), place, label)])?;
        }
        for Series { color, points, .. } in &self.series {
            let banded = || {
                points
                    .iter()
                    .filter(finite)
                    .filter(|point| point.band.is_some())
            };
            let edge = |upper: bool| {
                move |p: &Point| {
                    let y = p.band.map_or(p.y, |b| if upper { b.1 } else { b.0 });
                    (near(p.x), near(y))
                }
            };
            let outline: Vec<_> = banded()
                .map(edge(true))
                .chain(banded().rev().map(edge(false)))
                .collect();
            if outline.len() > 2 {
                chart.draw_series([Polygon::new(outline, color.mix(0.16))])?;
            }
        }
        for Series {
            name,
            color,
            points,
        } in &self.series
        {
            let near = |point: &Point| (near(point.x), near(point.y));
            let line = points.iter().filter(finite).map(near);
            let style = color.stroke_width(2);
            chart
                .draw_series(LineSeries::new(line.clone(), style))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
            if let (1, Some(only)) = (line.clone().count(), line.clone().next()) {
                chart.draw_series([Circle::new(only, 3, color.filled())])?;
            }
        }
        if self.series.iter().any(|series| !series.name.is_empty()) {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::LowerRight)
                .margin(14)
                .legend_area_size(26)
                .background_style(WHITE.mix(0.85))
                .border_style(FAINT)
                .label_font(text(13))
                .draw()?;
        }
        root.present()?;
        Ok(())
    }
}

fn finite(point: &&Point) -> bool {
    let edges = point.band.unwrap_or_default();
    [point.x, point.y, edges.0, edges.1]
        .iter()
        .all(|value| value.is_finite())
}

/// `value`, or the place where one that lies farther out is drawn.
fn near(value: f64) -> f64 {
    value.clamp(-FAR, FAR)
}

fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .map(|value| (near(value), near(value)))
        .reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
}

/// `1500000` → `1.5M`.
pub(super) fn short(value: f64) -> String {
    let trim = |scaled: f64, unit: &dyn Display| {
        let text = format!("{scaled:.3}");
        format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    match value.abs() {
        size if size >= 1e6 => trim(value / 1e6, &"M"),
        size if size >= 1e4 => trim(value / 1e3, &"k"),
        size if size < 1e-3 && size > 0.0 => format!("{value:.1e}"),
        _ => trim(value, &""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1_500_000.0, "1.5M"),
            (20_000.0, "20k"),
            (4_500.0, "4500"),
            (-0.25, "-0.25"),
            (1e-5, "1.0e-5"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    /// Ranges that are infinite, empty, or narrower than the last digits of their ends.
    #[test]
    fn any_numbers_are_drawn_in_no_time() {
        for (x, y) in [
            ([0.0, 1.0], [1e308, -1e308]),
            ([0.0, 1.0], [f64::MAX, f64::MAX]),
            ([1.8e19, 1.8e19], [1e100, 1e100]),
            ([0.0, 0.0], [1e16, 1e16 + 2.0]),
            ([0.0, f64::MAX], [-1e-300, 1e-300]),
            ([5.0, 5.0], [-1e300, 7.0]),
        ] {
            let point = |(x, y)| Point {
                x,
                y,
                band: Some((y - 1.0, (y + 1e300).min(f64::MAX))),
            };
            let figure = Figure {
                series: vec![Series {
                    name: "a".into(),
                    color: PALETTE[0],
                    points: x.into_iter().zip(y).map(point).collect(),
                }],
                references: [f64::NAN, f64::INFINITY, 1e308]
                    .map(|y| ReferenceLine {
                        name: "b".into(),
                        y,
                    })
                    .into(),
                ..Figure::default()
            };
            let (sender, receiver) = std::sync::mpsc::channel();
            std::thread::spawn(move || sender.send(figure.svg()));
            let svg = receiver.recv_timeout(std::time::Duration::from_secs(20));
            let svg = svg.expect("drawn in time").expect("drawn");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn nothing_to_draw_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let points = vec![Point {
            x: 1.0,
            y: f64::NAN,
            band: None,
        }];
        let series = vec![Series {
            name: "a".into(),
            color: PALETTE[0],
            points,
        }];
        let figure = Figure {
            series,
            ..Figure::default()
        };
        let error = figure
            .write_svg(folder.path().join("a.svg"))
            .expect_err("no finite point");
        assert!(error.to_string().contains("no point"), "{error}");
    }
}
