//! `motion.csv`: how robots moved in the episodes of one evaluation, a line a moment and one where an episode ends.

use std::fmt::Write;
use std::path::Path;

use h2oplus_base::choice::Choice;
use h2oplus_base::choices;
use serde::Serialize;

use super::run_folder::write;
use crate::error::{Error, Result};
use crate::text;

const HEAD: &str = "member,episode,time_s,x_m,velocity_m_per_s,pitch_rad,end";

/// A robot at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// Since the episode's beginning, s.
    pub time: f64,
    /// Of its root along x, m.
    pub x: f64,
    /// Of its root along x, m/s.
    pub velocity: f64,
    /// Of its root, rad.
    pub pitch: f64,
}

choices! {
    /// How an episode ended.
    pub enum MotionEnd {
        /// At the task's step limit
        Limit = "limit",
        /// The task's condition of health failed
        Fell = "fell",
        /// The state was not finite any more
        Broke = "broke",
    }
}

/// An episode of a member.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Motion {
    /// Number of the member.
    pub member: usize,
    /// Number of the episode among the member's.
    pub episode: usize,
    /// In order.
    pub moments: Vec<Moment>,
    /// How long the episode was, s.
    pub seconds: f64,
    /// How it ended.
    pub end: MotionEnd,
}

impl Motion {
    /// An episode that has not begun.
    pub fn of(member: usize, episode: usize) -> Self {
        Self {
            member,
            episode,
            moments: Vec::new(),
            seconds: 0.0,
            end: MotionEnd::default(),
        }
    }

    /// Writes `all` to the file `path`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(all: &[Self], path: &Path) -> Result<()> {
        let mut out = format!("{HEAD}\n");
        for motion in all {
            let Self {
                member,
                episode,
                seconds,
                end,
                ..
            } = motion;
            for m in &motion.moments {
                let _ = writeln!(
                    out,
                    "{member},{episode},{:.4},{:.5},{:.5},{:.5},",
                    m.time, m.x, m.velocity, m.pitch
                );
            }
            let _ = writeln!(out, "{member},{episode},{seconds:.4},,,,{end}");
        }
        write(path, out.as_bytes())
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// Where the file cannot be read; the line where it is damaged.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let text = text::read(path)?;
        let mut all: Vec<Self> = Vec::new();
        let mut open: Option<Self> = None;
        for (n, line) in text.lines().enumerate() {
            let damaged = |problem: String| {
                let help = "the file is damaged: train the run anew";
                Error::input(text::place(path, n + 1), problem, help)
            };
            if n == 0 {
                if line != HEAD {
                    return Err(damaged(format!("is not the line `{HEAD}`")));
                }
                continue;
            }
            let fields: Vec<&str> = line.split(',').collect();
            let &[member, episode, time, x, velocity, pitch, end] = &fields[..] else {
                return Err(damaged(format!("has {} fields where 7 are", fields.len())));
            };
            let number = |text: &str| match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(value),
                _ => Err(damaged(format!("`{text}` is no finite number"))),
            };
            let count = |text: &str| {
                let parsed = text.parse::<usize>();
                parsed.map_err(|_| damaged(format!("`{text}` is no count")))
            };
            let (member, episode) = (count(member)?, count(episode)?);
            let motion = open.get_or_insert_with(|| Self::of(member, episode));
            if (motion.member, motion.episode) != (member, episode) {
                return Err(damaged("the episode before has no end".into()));
            }
            if end.is_empty() {
                motion.moments.push(Moment {
                    time: number(time)?,
                    x: number(x)?,
                    velocity: number(velocity)?,
                    pitch: number(pitch)?,
                });
                continue;
            }
            let known = MotionEnd::ALL.iter().find(|(_, word, _)| *word == end);
            let Some((known, ..)) = known else {
                return Err(damaged(format!("`{end}` is no end of an episode")));
            };
            (motion.seconds, motion.end) = (number(time)?, *known);
            all.extend(open.take());
        }
        match open {
            None => Ok(all),
            Some(_) => {
                let help = "the file is damaged: train the run anew";
                Err(Error::input(
                    path.display(),
                    "its last episode has no end",
                    help,
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_told_by_line() {
        let moment = |time| Moment {
            time,
            x: -0.25,
            velocity: 1.5,
            pitch: 0.125,
        };
        let motion = |episode, end| Motion {
            moments: vec![moment(0.0), moment(0.05)],
            seconds: 0.0652,
            end,
            ..Motion::of(1, episode)
        };
        let all = [motion(0, MotionEnd::Fell), motion(1, MotionEnd::Limit)];
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("motion.csv");
        Motion::write(&all, &path).expect("written");
        assert_eq!(Motion::read(&path).expect("read"), all);
        let text = std::fs::read_to_string(&path).expect("text");
        for (from, to, place) in [
            ("-0.25000", "west", "motion.csv:2"),
            ("fell", "slept", "motion.csv:4"),
            ("1,0,0.0652,,,,fell\n", "", "motion.csv:4"),
            ("time_s", "time", "motion.csv:1"),
            ("1,1,0.0652,,,,limit\n", "", "has no end"),
        ] {
            std::fs::write(&path, text.replacen(from, to, 1)).expect("written");
            let error = Motion::read(&path).expect_err(from).to_string();
            assert!(error.contains(place), "{from}: {error}");
        }
    }
}
