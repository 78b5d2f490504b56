//! The real data of a run: each data set once, and which of them a member learns from.

use std::path::Path;

use super::behaviour::{Behaviour, Quality};
use super::same_robot;
use crate::data::{Dataset, EpisodeRules};
use crate::env::{ActionScale, Task};
use crate::error::{Error, Result};
use crate::model::GapSet;
use crate::run::config::resolved::Run;

/// Shipped recipes give the same rows in every run.
const DATA_SEED: u64 = 0;

/// Actions may leave their range by this share before it is worth a note: `tanh` policies and rounding
/// stay within.
const ACTION_SLACK: f64 = 1e-3;

/// Data sets of a population.
#[derive(Clone, Debug)]
pub struct RealData {
    /// At least one, all different.
    pub sets: Vec<Dataset>,
    /// The data set of each member.
    pub set: Vec<usize>,
}

impl RealData {
    /// The data sets that the members of `run` name, made or read.
    pub fn load(run: &Run) -> Result<Self> {
        // A data set is of a real robot.
        let mut known: Vec<(&str, &Task)> = Vec::new();
        let mut set = Vec::new();
        for (member, task) in run.members().iter().zip(&run.reals) {
            let name = member.data.as_str();
            let same = |one: &(&str, &Task)| one.0 == name && one.1.real == task.real;
            let there = known.iter().position(same);
            set.push(there.unwrap_or(known.len()));
            if there.is_none() {
                known.push((name, task));
            }
        }
        let sets = known
            .iter()
            .map(|(name, task)| read(name, run.config.rows, task));
        Ok(Self {
            sets: sets.collect::<Result<_>>()?,
            set,
        })
    }

    /// Rows of member `member`'s data set.
    pub fn rows(&self, member: usize) -> usize {
        self.sets[self.set[member]].len()
    }
}

/// What `task` says of its episodes.
pub fn episode_rules(task: &Task) -> EpisodeRules {
    EpisodeRules {
        limit: Some(task.max_episode_steps),
        terminates: !task.healthy.is_empty() || task.healthy_state.is_some(),
    }
}

/// A file's data set.
fn read_file(name: &str, rows: usize, task: &Task) -> Result<Dataset> {
    let path = Path::new(name);
    // What may not be looked at is said when it is opened.
    if let Ok(false) = path.try_exists() {
        return Err(no_such_data(name));
    }
    let mut data = Dataset::read_as(path, &episode_rules(task))?;
    if rows > 0 {
        data.truncate(rows);
        data.close();
    }
    Ok(data)
}

/// Turns the controls of `data` into actions, clipped to the motors' ranges, with a note where that
/// changes more than rounding does.
fn scale_actions(data: &mut Dataset, scale: &ActionScale) {
    let outside = |(i, x): (usize, &f32)| {
        let n = i % data.act_dim;
        (f64::from(*x) - scale.middle[n]).abs() > scale.half[n] * (1.0 + ACTION_SLACK)
    };
    let first = data.actions.iter().enumerate().position(outside);
    if let Some(first) = first {
        let rows = data.actions.chunks(data.act_dim);
        let leaves = |row: &&[f32]| row.iter().enumerate().any(outside);
        let (count, column) = (rows.filter(leaves).count(), first % data.act_dim);
        let [low, high] = scale.bounds(column);
        data.notes.push(format!(
            "{}: actions of {count} rows leave [{low}, {high}] (first in row {}, column {column}: {}); they are clipped",
            data.source,
            first / data.act_dim,
            data.actions[first],
        ));
    }
    scale.to_actions(&mut data.actions);
    for x in &mut data.actions {
        *x = x.clamp(-1.0, 1.0);
    }
}

/// The message about `name`, which is no file: names of data sets elsewhere are not downloaded.
fn no_such_data(name: &str) -> Error {
    let shipped = "`medium`, `medium-replay` or `random`, which need no file (nor does `human`, where a robot is driven by hand)";
    let path = Path::new(name);
    let versioned = name.rsplit_once("-v").filter(|(stem, version)| {
        !stem.is_empty() && !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit())
    });
    let Some((stem, version)) = versioned else {
        let looks_like_a_path = path.extension().is_some() || path.is_absolute();
        let problem = if looks_like_a_path {
            "no such file"
        } else {
            "neither a file nor a data set that is shipped"
        };
        let help = format!("give a D4RL or safetensors file, a Minari folder, or {shipped}");
        return Error::input(format!("data {name}"), problem, help);
    };
    // D4RL's files have underscores where its names have hyphens, but for the version.
    let d4rl = format!(
        "~/.d4rl/datasets/{}-v{version}.hdf5",
        stem.replace('-', "_")
    );
    let place = if name.contains('/') {
        format!("Minari keeps it in ~/.minari/datasets/{name}")
    } else {
        format!("D4RL keeps it in {d4rl}, Minari in ~/.minari/datasets/{name}")
    };
    Error::input(
        format!("data {name}"),
        "no such file; data sets of D4RL and Minari are not downloaded by their names",
        format!("give the file or folder ({place}), or {shipped}"),
    )
}

/// The data set called `name`, cut to `rows` rows unless that is 0.
fn read(name: &str, rows: usize, task: &Task) -> Result<Dataset> {
    let real = GapSet::from(&task.real);
    let make = |behaviour: Behaviour, quality: Quality| {
        let rows = if rows == 0 { quality.rows(task)? } else { rows };
        behaviour.roll_out((task, &real), quality, None, rows, DATA_SEED)
    };
    let mut data = match Quality::shipped(name) {
        Some(quality) if quality.is_untrained() => make(Behaviour::default(), quality)?,
        Some(quality) => {
            let mut data = make(Behaviour::shipped(task)?, quality)?;
            data.source = format!("{name}, rolled out from shipped snapshots");
            if !task.real.is_none() {
                data.source += &format!(" on {}", task.title());
                data.notes.push(format!(
                    "{name}: the shipped policies learnt on the plain robot; these rows are what they do on {}. \
                     `h2oplus collect` trains policies of its own",
                    task.title()
                ));
            }
            data
        }
        None => read_file(name, rows, task)?,
    };
    let have = (data.obs_dim, data.act_dim);
    let want = (task.obs_dim(), task.act_dim());
    if have != want {
        let robot = &task.name;
        let problem =
            format!("its rows have (observations, actions) = {have:?}; {robot} has {want:?}");
        let help = "give data of the same robot, or another task";
        return Err(Error::input(name, problem, help));
    }
    if Path::new(name).exists() {
        same_robot::check(Path::new(name), &mut data, task)?;
    }
    scale_actions(&mut data, &task.scale);
    log_notes(&data);
    Ok(data)
}

/// Says on stderr what is odd about `data`, a line each.
pub fn log_notes(data: &Dataset) {
    for note in &data.notes {
        crate::log!("note: {note}");
    }
}
