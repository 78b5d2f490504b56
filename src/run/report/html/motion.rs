//! How robots moved: displacement, velocity and pitch over time, a line a method.

use super::super::model::ReportPart;
use super::super::motion::{MethodMotion, MotionPoint, RowMotion};
use super::curves::{key_of, range};
use super::figure::{CurveLine, LineFigure};
use crate::run::page::Markup;

/// What is drawn: its name, its unit, and where its points are.
type Quantity = (
    &'static str,
    &'static str,
    fn(&MethodMotion) -> &Vec<MotionPoint>,
);

const QUANTITIES: [Quantity; 3] = [
    ("Displacement", "m", |method| &method.x),
    ("Velocity", "m/s", |method| &method.velocity),
    ("Pitch", "rad", |method| &method.pitch),
];

/// The figures of all rows.
pub fn block(part: &ReportPart) -> Markup {
    let mut block = Markup::of("section", "table-block");
    block.push(Markup::new("h2").text("Motion on the real task"));
    for motion in &part.motion {
        block.push(Markup::of("p", "verdict").text(motion.sentence()));
        if !motion.methods.is_empty() {
            block.push(figure(motion));
        }
    }
    block
}

fn figure(motion: &RowMotion) -> Markup {
    let methods = motion.methods.iter();
    let key = key_of(methods.map(|method| (method.column, method.label.clone())));
    let mut panels = Markup::of("div", "panels");
    for (name, unit, of) in QUANTITIES {
        let line = |method: &MethodMotion| CurveLine {
            color: method.column,
            title: method.label.clone(),
            points: of(method).clone(),
            unfinished: false,
        };
        let lines: Vec<_> = motion.methods.iter().map(line).collect();
        let Some(y_range) = range(lines.iter()) else {
            continue;
        };
        let figure = LineFigure {
            title: format!("{name}, {}", motion.title),
            x_label: "seconds".into(),
            y_label: unit.into(),
            y_range,
            lines,
        };
        let panel = Markup::of("div", "panel").child(Markup::new("h4").text(name));
        panels.push(panel.child(figure.svg()));
    }
    let caption = "The last policies' deterministic actions on the real task; line, mean over the episodes of all runs that go on; band, ± standard deviation; \
                   a line ends where more than half of the episodes have ended.";
    Markup::of("figure", "curves")
        .child(key)
        .child(panels)
        .child(Markup::new("figcaption").text(caption))
}
