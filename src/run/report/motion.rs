//! How robots moved on the real task at the end of their training: how long they stood, how far they went, how fast.

use std::collections::BTreeMap;

use serde::Serialize;

use super::model::{ReportPart, ReportTable};
use crate::data::moments;
use crate::error::Result;
use crate::run::record::motion::{Moment, Motion, MotionEnd};

/// A time, the mean over episodes, and the deviation.
pub type MotionPoint = (f64, f64, f64);

/// One row of a table, method by method.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RowMotion {
    /// The table and its row.
    pub title: String,
    /// The methods.
    pub methods: Vec<MethodMotion>,
}

/// How the robots of a method moved.
#[derive(Clone, Debug, Serialize)]
pub struct MethodMotion {
    /// Number of its column among those of the part.
    pub column: usize,
    /// Its label.
    pub label: String,
    /// By run: mean length of its episodes, s.
    pub seconds: Vec<f64>,
    /// Episodes that ended by a fall, and all.
    pub fell: (usize, usize),
    /// Displacement along x, m, as long as at least half of all episodes go on.
    pub x: Vec<MotionPoint>,
    /// Velocity along x, m/s.
    pub velocity: Vec<MotionPoint>,
    /// Pitch, rad.
    pub pitch: Vec<MotionPoint>,
}

impl RowMotion {
    /// What it came to, in a sentence.
    pub fn sentence(&self) -> String {
        if self.methods.is_empty() {
            return format!("{}: no run has left its motion yet.", self.title);
        }
        let said = |method: &MethodMotion| {
            let (mean, std) = moments(method.seconds.iter().copied());
            let (fell, all) = method.fell;
            let label = &method.label;
            match fell {
                0 => format!("{label} {mean:.1} s (no fall in {all} episodes)"),
                _ => format!("{label} {mean:.1} ± {std:.1} s (falls in {fell} of {all})"),
            }
        };
        let said: Vec<_> = self.methods.iter().map(said).collect();
        format!("{}: time until falling: {}.", self.title, said.join(", "))
    }
}

/// Looks for the motion of every row.
///
/// # Errors
/// Where a file of it is damaged.
pub fn fill(part: &mut ReportPart) -> Result<()> {
    part.motion = part.by_row(of_row)?;
    Ok(())
}

fn of_row(part: &ReportPart, table: &ReportTable, row: usize) -> Result<RowMotion> {
    let mut of_row = RowMotion {
        title: format!("{}, {}", table.title, table.rows[row]),
        methods: Vec::new(),
    };
    for (place, cell) in table.cells[row].iter().enumerate() {
        let mut runs = Vec::new();
        for run in cell.runs.iter().map(|run| &part.runs[*run]) {
            if let Some(file) = part.kept(run, "motion.csv") {
                let mut episodes = Motion::read(&file)?;
                episodes.retain(|motion| motion.member == run.member);
                runs.extend((!episodes.is_empty()).then_some(episodes));
            }
        }
        if !runs.is_empty() {
            let label = part.column(table, place).label.clone();
            of_row
                .methods
                .push(MethodMotion::of(table.columns[place], label, &runs));
        }
    }
    Ok(of_row)
}

impl MethodMotion {
    fn of(column: usize, label: String, runs: &[Vec<Motion>]) -> Self {
        let seconds = |run: &Vec<Motion>| moments(run.iter().map(|motion| motion.seconds)).0;
        let episodes: Vec<&Motion> = runs.iter().flatten().collect();
        let fell = episodes.iter().filter(|m| m.end == MotionEnd::Fell).count();
        let line = |quantity: fn(&Moment) -> f64| over_time(&episodes, quantity);
        Self {
            column,
            label,
            seconds: runs.iter().map(seconds).collect(),
            fell: (fell, episodes.len()),
            x: line(|m| m.x),
            velocity: line(|m| m.velocity),
            pitch: line(|m| m.pitch),
        }
    }
}

/// Mean and deviation over the episodes that go on, at each moment at which at least half of all do.
fn over_time(episodes: &[&Motion], quantity: fn(&Moment) -> f64) -> Vec<MotionPoint> {
    let mut values: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for moment in episodes.iter().flat_map(|motion| &motion.moments) {
        // Times have four decimals, so that equal ones are one key.
        let key = (moment.time * 1e4).round() as u64;
        values.entry(key).or_default().push(quantity(moment));
    }
    values.retain(|_, values| 2 * values.len() >= episodes.len());
    let point = |(key, values): (u64, Vec<f64>)| {
        let (mean, std) = moments(values.into_iter());
        (key as f64 / 1e4, mean, std)
    };
    values.into_iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_most_have_fallen() {
        let motion = |episode: usize, count: usize, x: f64| Motion {
            moments: (0..count)
                .map(|n| Moment {
                    time: 0.05 * n as f64,
                    x: x * n as f64,
                    velocity: x,
                    pitch: 0.0,
                })
                .collect(),
            seconds: 0.05 * count as f64,
            end: MotionEnd::Fell,
            ..Motion::of(0, episode)
        };
        let runs = [
            vec![motion(0, 4, 1.0), motion(1, 2, 3.0)],
            vec![
                motion(0, 1, 5.0),
                Motion {
                    end: MotionEnd::Limit,
                    ..motion(1, 3, 1.0)
                },
            ],
        ];
        let method = MethodMotion::of(2, "A".into(), &runs);
        assert_eq!(method.fell, (3, 4));
        assert_eq!(method.seconds.len(), 2);
        assert!(
            (method.seconds[0] - 0.15).abs() < 1e-12,
            "{:?}",
            method.seconds
        );
        // Two of four go on at 0.1 s, one at 0.15 s.
        let times: Vec<f64> = method.x.iter().map(|point| point.0).collect();
        assert_eq!(times, [0.0, 0.05, 0.1]);
        let (_, mean, std) = method.velocity[1];
        assert!(
            (mean - 5.0 / 3.0).abs() < 1e-12 && std > 0.9,
            "{mean} {std}"
        );
        let row = RowMotion {
            title: "t".into(),
            methods: vec![method],
        };
        assert_eq!(
            row.sentence(),
            "t: time until falling: A 0.1 ± 0.0 s (falls in 3 of 4)."
        );
    }
}
