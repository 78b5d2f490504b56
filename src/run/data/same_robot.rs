//! Whether a file's rows are the task's robot's: by its name, by what it says of itself, and by what
//! the planar kernel makes of its states.

use std::path::Path;

use crate::data::Dataset;
use crate::engine::planar::Precision;
use crate::env::Task;
use crate::error::{Error, Result};
use crate::measure::replay::{DataGap, Transitions};
use crate::model::Gap;

/// Rows that are replayed.
const SAMPLE: usize = 256;
/// Half of the replayed rows miss their successors' velocities by this share: another robot, or
/// another world.
const MISS: f64 = 0.2;
/// Another robot whose misses are smaller by this factor is the rows' own.
const BETTER: f64 = 0.1;

/// The robot and the version that a name says: `HalfCheetah-v5`, `halfcheetah_medium-v2.hdf5`,
/// `walker2d-v5-random.hdf5`. D4RL's files end in the version of the data, recorded on v2.
fn said(name: &str) -> Option<(&'static str, u32)> {
    let name = name.to_ascii_lowercase();
    let robot = Task::names()
        .filter_map(|task| task.split('-').next())
        .find(|robot| name.starts_with(robot))?;
    let rest = &name[robot.len()..];
    let digits = rest.strip_prefix("-v").and_then(|v| {
        let end = v.find(|c: char| !c.is_ascii_digit()).unwrap_or(v.len());
        v[..end].parse().ok()
    });
    Some((robot, digits.unwrap_or(2)))
}

/// The task that a file's name begins with: `hopper-v5-medium.hdf5` → `hopper-v5`, `walker2d_medium-v2.hdf5` →
/// `walker2d`.
pub fn task_of(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let whole = Task::names().find(|task| lower.starts_with(task));
    let robot = || said(name).map(|(robot, _)| robot);
    whole.or_else(robot).map(str::to_owned)
}

/// The benchmark's shift that a file's name says: `walker2d_gravity_0.5_medium.hdf5` → `gravity_0.5`.
pub fn shift_of(name: &str, task: &Task) -> Option<String> {
    let (robot, _) = said(name)?;
    let rest = name[robot.len()..]
        .trim_start_matches(|c: char| c == '-' || c == 'v' || c.is_ascii_digit());
    let shift = task.gaps.shift_in(rest.strip_prefix('_')?)?;
    Some(shift.to_owned())
}

/// The robot that a file's name says, or what it says of itself.
pub fn robot_of(path: &Path, data: &Dataset) -> Option<&'static str> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
    let sources = [name, data.environment.clone()].into_iter().flatten();
    sources
        .filter_map(|text| said(&text))
        .map(|(robot, _)| robot)
        .next()
}

/// Refuses rows of another robot; notes another version of it, and another world.
///
/// # Errors
/// Where the file's name, its metadata or its states are another shipped robot's.
pub fn check(path: &Path, data: &mut Dataset, task: &Task) -> Result<()> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
    let refused = |problem: String, robot: &str| {
        let help = format!("train on its own robot (--task {robot}), or give data of this one");
        Err(Error::input(path.display(), problem, help))
    };
    let recorded = data.environment.clone();
    let sources = [(recorded, "its metadata say"), (name, "its name says")];
    if let Some((mine, version)) = said(&task.name) {
        for (robot, theirs, who) in sources
            .into_iter()
            .filter_map(|(text, who)| said(&text?).map(|(robot, v)| (robot, v, who)))
        {
            if robot != mine {
                let problem = format!("{who} {robot}, the task is {}", task.name);
                return refused(problem, &format!("{robot}-v{theirs}"));
            }
            if theirs != version {
                data.notes.push(format!(
                    "{}: {who} {robot}-v{theirs}, the task is {}: physics and rewards may differ",
                    data.source, task.name
                ));
                break;
            }
        }
    }
    let shift = path
        .file_name()
        .and_then(|n| shift_of(&n.to_string_lossy(), task));
    if let Some(shift) = shift.filter(|shift| *shift != task.real.to_string()) {
        data.notes.push(format!(
            "{}: its name says {shift}, the real robot is {}: `real_gap` names the robot whose data are learnt from",
            data.source,
            task.title()
        ));
    }
    // Rows of another gap miss the real robot, and say so themselves.
    if !made_under(data, &task.real) {
        if !task.real.is_none() {
            let made: Vec<&str> = data.gap.keys().map(String::as_str).collect();
            data.notes.push(format!(
                "{}: its rows were made under the gaps {}, the real robot is {}",
                data.source,
                made.join(", "),
                task.title()
            ));
        }
        return Ok(());
    }
    let Some(miss) = miss(data, task).filter(|m| *m > MISS) else {
        return Ok(());
    };
    let mut others = Vec::new();
    let own = said(&task.name).map(|(robot, _)| robot);
    let another = |other: &&str| said(other).map(|(robot, _)| robot) != own;
    for other in Task::names().filter(another) {
        let other = Task::load(other)?;
        let theirs = self::miss(data, &other).unwrap_or(f64::INFINITY);
        others.push((theirs, other.name));
    }
    others.sort_by(|a, b| a.0.total_cmp(&b.0));
    match others.into_iter().next() {
        Some((theirs, other)) if theirs < BETTER * miss => {
            let problem = format!(
                "its recorded states are not {}'s: replayed, half of them miss the next velocities by {:.0} % or more, \
                 as {other} by {:.1} %",
                task.title(),
                100.0 * miss,
                100.0 * theirs
            );
            refused(problem, &other)
        }
        _ => {
            data.notes.push(format!(
                "{}: its recorded states, replayed on {}, miss the next velocities by {:.0} % at the median: \
                 they are of another robot or another world",
                data.source,
                task.title(),
                100.0 * miss
            ));
            Ok(())
        }
    }
}

/// Whether all rows say that they were made under `real`, or none says anything.
fn made_under(data: &Dataset, real: &Gap) -> bool {
    let has = |(name, strength): (&str, f64)| {
        let column = data.gap.get(name);
        column.is_some_and(|column| column.iter().all(|k| *k == strength))
    };
    data.gap.is_empty() || (data.gap.len() == real.strengths().count() && real.strengths().all(has))
}

/// Median error of the next velocities of the first rows, by max(1, |qvel|), under `task`'s real robot;
/// none where the rows do not say their states, or are none of its shape.
fn miss(data: &Dataset, task: &Task) -> Option<f64> {
    let (qpos, qvel) = (data.qpos.as_ref()?, data.qvel.as_ref()?);
    let n = data.len().min(SAMPLE);
    let (nv, nu) = (qpos.len() / data.len().max(1), data.act_dim);
    if nu != task.act_dim() || data.obs_dim != task.obs_dim() || qvel.len() != qpos.len() {
        return None;
    }
    let rows = Transitions {
        qpos: &qpos[..n * nv],
        qvel: &qvel[..n * nv],
        actions: &data.actions[..n * nu],
        rewards: &data.rewards[..n],
        ends: (0..n)
            .map(|row| data.terminals[row] || data.timeouts[row])
            .collect(),
    };
    let replay = DataGap::measure(task, &task.real, &rows, SAMPLE, Precision::F64).ok()?;
    Some(replay.scaled_qvel.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_robot_and_version() {
        for (name, want) in [
            ("HalfCheetah-v5", Some(("halfcheetah", 5))),
            ("halfcheetah_medium-v2.hdf5", Some(("halfcheetah", 2))),
            ("walker2d-medium-replay-v0.hdf5", Some(("walker2d", 2))),
            ("walker2d-v5-random.hdf5", Some(("walker2d", 5))),
            ("hopper.hdf5", Some(("hopper", 2))),
            ("data.hdf5", None),
        ] {
            assert_eq!(said(name), want, "{name}");
        }
    }

    #[test]
    fn names_say_shifts() {
        let task = Task::load("walker2d").unwrap();
        for (name, want) in [
            ("walker2d_gravity_0.5_medium.hdf5", Some("gravity_0.5")),
            ("walker2d_kinematic_medium_expert.hdf5", Some("kinematic")),
            (
                "walker2d_kinematic_footjnt_medium_medium-replay.hdf5",
                Some("kinematic_footjnt_medium"),
            ),
            (
                "walker2d-v5_morph_leg_easy_random.hdf5",
                Some("morph_leg_easy"),
            ),
            ("walker2d-v2-medium.hdf5", None),
            ("walker2d_medium-v2.hdf5", None),
        ] {
            assert_eq!(shift_of(name, &task).as_deref(), want, "{name}");
        }
    }

    #[test]
    fn every_task_is_known_by_the_name_of_its_files() {
        for task in Task::names() {
            let file = format!("{task}-medium.hdf5");
            assert_eq!(task_of(&file).as_deref(), Some(task));
            let (robot, _) = said(task).unwrap();
            let file = format!("{robot}_medium-v2.hdf5");
            assert_eq!(task_of(&file).as_deref(), Some(robot));
        }
        assert_eq!(task_of("data.hdf5"), None);
    }
}
