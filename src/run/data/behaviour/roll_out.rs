//! Data sets made by rolling snapshots out, or by chance.

use std::cell::{Cell, LazyCell};

use super::human::Driver;
use super::{Behaviour, Quality, Snapshot};
use crate::data::Dataset;
use crate::engine::PlanarVecEnv;
use crate::engine::planar::Arithmetic;
use crate::env::status::BROKEN;
use crate::env::{Dynamics, EnvKey, EnvSpec, Task, VecEnv};
use crate::error::{Error, Result};
use crate::model::GapSet;
use crate::net::Act;
use crate::policy::Policy;
use crate::rng::{Stream, fill_normal, fill_unit, seed_of};
use crate::run::train::evaluate::{STEADY, broke};
use crate::run::train::progress::Progress;
use crate::run::train::stop;

impl Behaviour {
    /// Rolls `used` out (sampled actions) on `task` in `domain`: `rows` transitions, an equal share of each, in their
    /// order, with the strengths of the gaps that they were made under.
    ///
    /// # Errors
    /// As [`Dynamics::draw`]; where every episode broke.
    fn roll_out_of(
        used: &[Snapshot],
        task: &Task,
        domain: &GapSet,
        rows: usize,
        seed: u64,
        progress: &Counted,
    ) -> Result<Dataset> {
        let mut all = RolledOut::default();
        for (k, snapshot) in used.iter().enumerate() {
            // Shares differ by one row at most and add up to `rows`.
            let share = rows * (k + 1) / used.len() - rows * k / used.len();
            if share > 0 {
                let seed = seed_of(seed, Stream::Data, k as u32);
                let actor = Actor::Policy(&snapshot.policy);
                all.add(stream(task, domain, &actor, share, seed, progress)?);
            }
        }
        let mut data = all.sound(task)?;
        data.source = format!(
            "rolled out on {} from {} snapshots",
            task.title(),
            used.len()
        );
        data.policy = used.last().map(Snapshot::behaviour);
        Ok(data)
    }

    /// The data set of this `quality`: `rows` transitions of `task` in `domain`. `medium` is the return of the medium
    /// policy: the first that reached it is taken, or the last where none did.
    ///
    /// # Errors
    /// As [`Dynamics::draw`]; where every episode broke; where a policy is another robot's.
    pub fn roll_out(
        &self,
        (task, domain): (&Task, &GapSet),
        quality: Quality,
        medium: Option<f64>,
        rows: usize,
        seed: u64,
    ) -> Result<Dataset> {
        self.check_robot(task)?;
        // Chance and humans act without snapshots: there may be none.
        let (upto, last) = (
            self.up_to_medium(medium),
            self.snapshots.len().saturating_sub(1),
        );
        // Chance and humans have bars of their own.
        let progress = LazyCell::new(|| Counted::new(&format!("{quality} {}", task.title()), rows));
        let of = |used: &[Snapshot], rows, seed| {
            Self::roll_out_of(used, task, domain, rows, seed, &progress)
        };
        let medium = &upto[upto.len().saturating_sub(1)..];
        // Another seed than that of the medium policy: its episodes begin elsewhere.
        let expert_seed = seed_of(seed, Stream::Data, EXPERT);
        let expert = |rows| of(&self.snapshots[last..], rows, expert_seed);
        match quality {
            Quality::Random => random_data(task, domain, rows, seed),
            Quality::Human => human_data(task, domain, rows, seed),
            Quality::Medium => of(medium, rows, seed),
            Quality::MediumReplay => of(upto, rows, seed),
            Quality::Expert => expert(rows),
            Quality::MediumExpert if rows == 1 => expert(rows),
            Quality::MediumExpert => {
                let parts = [of(medium, rows / 2, seed)?, expert(rows - rows / 2)?];
                Dataset::concat(&parts)
            }
        }
    }
}

/// The key of an expert's episodes; those of snapshots are counted from 0, chance has the last.
const EXPERT: u32 = u32::MAX - 1;
/// That of a human's.
const HUMAN: u32 = u32::MAX - 2;

/// `rows` transitions of `task` in `domain` under actions drawn evenly from [-1, 1]: data for a robot
/// that no policy masters yet.
///
/// # Errors
/// As [`Dynamics::draw`].
pub fn random_data(task: &Task, domain: &GapSet, rows: usize, seed: u64) -> Result<Dataset> {
    let seed = seed_of(seed, Stream::Data, u32::MAX);
    let progress = Counted::new(&format!("random {}", task.title()), rows);
    let mut data = stream(task, domain, &Actor::Random, rows, seed, &progress)?.sound(task)?;
    data.source = format!("random actions on {}", task.title());
    Ok(data)
}

/// `rows` transitions of `task` in `domain` under the hands of the human of its file, one robot after the other.
///
/// # Errors
/// As [`Dynamics::draw`]; where nobody drives it by hand.
fn human_data(task: &Task, domain: &GapSet, rows: usize, seed: u64) -> Result<Dataset> {
    let seed = seed_of(seed, Stream::Data, HUMAN);
    let progress = Counted::new(&format!("human {}", task.title()), rows);
    let driver = Driver::new(task, rows.div_ceil(task.max_episode_steps), seed)?;
    let made = stream(task, domain, &Actor::Human(driver), rows, seed, &progress)?;
    let mut data = made.sound(task)?;
    data.source = format!("a scripted human on {}", task.title());
    Ok(data)
}

/// A bar that counts rows.
struct Counted {
    bar: Progress,
    done: Cell<u64>,
}

impl Counted {
    fn new(label: &str, rows: usize) -> Self {
        let (bar, done) = (Progress::new(label, 0, rows as u64), Cell::new(0));
        Self { bar, done }
    }

    fn add(&self, rows: usize) {
        self.done.set(self.done.get() + rows as u64);
        self.bar.set(self.done.get());
    }
}

/// Episodes that were made.
#[derive(Default)]
struct RolledOut {
    /// Rows of the sound episodes.
    parts: Vec<Dataset>,
    /// Episodes in which the robot broke; their rows are left out.
    broken: usize,
    /// Episodes, broken ones included.
    episodes: usize,
}

impl RolledOut {
    fn add(&mut self, more: Self) {
        self.parts.extend(more.parts);
        self.broken += more.broken;
        self.episodes += more.episodes;
    }

    /// The rows, with a note where some are left out.
    ///
    /// # Errors
    /// Where every episode broke.
    fn sound(self, task: &Task) -> Result<Dataset> {
        let broke = broke(self.broken, self.episodes);
        if self.parts.is_empty() && self.broken > 0 {
            return Err(Error::input(&task.name, broke, STEADY));
        }
        let mut data = Dataset::concat(&self.parts)?;
        if self.broken > 0 {
            let note = format!("{}: {broke}; their rows are left out; {STEADY}", task.name);
            data.notes.push(note);
        }
        Ok(data)
    }
}

/// Who chooses the actions.
enum Actor<'a> {
    /// Samples of a policy.
    Policy(&'a Policy),
    /// Chance alone.
    Random,
    /// A human's hands.
    Human(Driver<'a>),
}

impl Actor<'_> {
    /// Actions `[n, act_dim]` at `obs`, of the states `qpos` and `qvel`, in step `t`.
    fn act(
        &self,
        obs: &[f32],
        [qpos, qvel]: [&[f32]; 2],
        (n, act_dim): (usize, usize),
        seed: u64,
        t: usize,
    ) -> Vec<f32> {
        let drawn = |fill: fn(&mut [f32], u64, u32, u32, Stream), stream| {
            let mut draws = vec![0.0; n * act_dim];
            for (e, row) in draws.chunks_mut(act_dim).enumerate() {
                fill(row, seed, e as u32, t as u32, stream);
            }
            draws
        };
        match self {
            Self::Policy(policy) => policy.act(obs, Some(&drawn(fill_normal, Stream::Policy))),
            Self::Human(driver) => driver.act(qpos, qvel, t),
            Self::Random => {
                let mut actions = drawn(fill_unit, Stream::Action);
                actions.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
                actions
            }
        }
    }

    /// A new episode of environment `env` has begun.
    fn begin(&self, env: usize) {
        if let Self::Human(driver) = self {
            driver.begin(env);
        }
    }
}

/// `rows` transitions of one actor: environments side by side, each a stream of at most
/// 1,000 steps (whole episodes where none ends early); the last row of a stream is a time-out.
/// Episodes in which the robot breaks are left out.
fn stream(
    task: &Task,
    domain: &GapSet,
    actor: &Actor<'_>,
    rows: usize,
    seed: u64,
    progress: &Counted,
) -> Result<RolledOut> {
    let steps = task.max_episode_steps;
    let n = rows.div_ceil(steps);
    let dynamics = Dynamics::draw(task, domain, seed, n)?;
    let keys = EnvKey::population(&[seed], n);
    let with = Arithmetic::default();
    let mut env = PlanarVecEnv::new(EnvSpec::new(task, dynamics.clone(), keys), with)?;
    let (s, a) = (env.obs_dim(), env.act_dim());
    let mut parts = vec![
        Dataset {
            obs_dim: s,
            act_dim: a,
            ..Dataset::default()
        };
        n
    ];
    for part in &mut parts {
        (part.qpos, part.qvel) = (Some(Vec::new()), Some(Vec::new()));
    }
    let mut param_rows = vec![Vec::new(); n];
    let (mut broken, mut sound, mut began) = (0, 0, vec![0; n]);
    let mut obs = env.reset()?.to_vec();
    for t in 0..steps.min(rows) {
        stop::check()?;
        let (qpos, qvel, row) = (env.qpos()?, env.qvel()?, env.param_row().to_vec());
        let nv = qpos.len() / n;
        let actions = actor.act(&obs, [&qpos, &qvel], (n, a), seed, t);
        let mut controls = actions.clone();
        task.scale.to_controls(&mut controls);
        let batch = env.step(&actions)?.clone();
        for (e, part) in parts.iter_mut().enumerate() {
            // The last environment runs for what is left of `rows`.
            let length = steps.min(rows - e * steps);
            if t >= length {
                continue;
            }
            part.observations.extend(&obs[e * s..][..s]);
            part.actions.extend(&controls[e * a..][..a]);
            part.next_observations.extend(&batch.next_obs[e * s..][..s]);
            part.rewards.push(batch.reward[e]);
            param_rows[e].push(row[e]);
            part.terminals.push(batch.terminated[e]);
            let cut = batch.truncated[e] || t + 1 == length;
            part.timeouts.push(cut && !batch.terminated[e]);
            part.qpos
                .get_or_insert_default()
                .extend(&qpos[e * nv..][..nv]);
            part.qvel
                .get_or_insert_default()
                .extend(&qvel[e * nv..][..nv]);
            let ends = batch.terminated[e] || cut;
            if env.status()[e] & BROKEN != 0 {
                broken += 1;
                let sound = began[e];
                part.retain_rows(|row| row < sound);
                param_rows[e].truncate(sound);
            } else {
                sound += usize::from(ends);
            }
            if ends {
                began[e] = part.len();
                actor.begin(e);
            }
        }
        obs.copy_from_slice(&batch.obs);
        progress.add((0..n).filter(|e| t < steps.min(rows - e * steps)).count());
    }
    for (part, rows) in parts.iter_mut().zip(&param_rows) {
        part.gap = dynamics.strengths(rows);
    }
    parts.retain(|part| !part.is_empty());
    Ok(RolledOut {
        parts,
        broken,
        episodes: broken + sound,
    })
}
