//! Returns of a policy on a task, in parallel environments.

use serde::{Deserialize, Serialize};

use super::stop;
use crate::data::moments;
use crate::env::VecEnv;
use crate::env::status::BROKEN;
use crate::error::Result;
use crate::rng::{Stream, fill_normal};

/// Chooses actions `[n, act_dim]` for observations `[n, obs_dim]`, given standard normals of the
/// actions' shape, or none for the deterministic action.
pub type PolicyFn<'a> = dyn FnMut(&[f32], Option<&[f32]>) -> Result<Vec<f32>> + 'a;

/// Is shown the env steps so far, the environments before the next one, and which of them are in their first episode.
pub type WatcherFn<'a> = dyn FnMut(u32, &dyn VecEnv, &[bool]) -> Result<()> + 'a;

/// What helps against robots that break.
pub const STEADY: &str = "give the robot a smaller timestep or weaker gear";

/// Says that `broken` of `episodes` episodes broke.
pub fn broke(broken: usize, episodes: usize) -> String {
    format!("{broken} of {episodes} episodes broke (state not finite or beyond 1e10)")
}

/// Returns and lengths of finished episodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Episodes {
    /// Undiscounted sums of rewards.
    pub returns: Vec<f64>,
    /// Env steps.
    pub lengths: Vec<u32>,
    /// Parameter rows of the environments that they ran in.
    #[serde(default)]
    pub rows: Vec<u32>,
    /// Whether the robot broke, which ended the episode; empty in records from before it was kept.
    #[serde(default)]
    pub broken: Vec<bool>,
}

impl Episodes {
    /// Episodes in which the robot broke.
    pub fn count_broken(&self) -> usize {
        self.broken.iter().filter(|b| **b).count()
    }
    /// That some episodes broke, where they did.
    pub fn trouble(&self) -> Option<String> {
        let broken = self.count_broken();
        (broken > 0).then(|| broke(broken, self.returns.len()))
    }
    /// Returns of the sound episodes; of all where none is sound.
    fn counted(&self) -> impl Iterator<Item = f64> + Clone {
        let none = self.count_broken() == self.returns.len();
        let sound = move |e: usize| none || !self.broken.get(e).is_some_and(|b| *b);
        let each = self.returns.iter().enumerate();
        each.filter(move |(e, _)| sound(*e)).map(|(_, r)| *r)
    }
    /// Mean return of the sound episodes; of all where none is sound.
    pub fn mean(&self) -> f64 {
        moments(self.counted()).0
    }
    /// Standard deviation of those returns (divisor: their number).
    pub fn std(&self) -> f64 {
        moments(self.counted()).1
    }
    /// Mean length, env steps.
    pub fn mean_length(&self) -> f64 {
        moments(self.lengths.iter().map(|&n| f64::from(n))).0
    }
}

/// Runs the first episode of every environment to its end; entry `e` belongs to environment `e`.
/// Environments that finish early keep stepping (autoreset) but no longer count.
/// Ends with [`Stopped`](crate::error::Error::Stopped) soon after a stop was asked for.
/// `noise_seed`: sample the policy with normals from this seed; `None`: deterministic actions.
pub fn evaluate(
    env: &mut dyn VecEnv,
    actor: &mut PolicyFn<'_>,
    noise_seed: Option<u64>,
) -> Result<Episodes> {
    evaluate_watched(env, actor, noise_seed, &mut |_, _, _| Ok(()))
}

/// As [`evaluate`]; `watcher` is shown every state that is acted on.
pub fn evaluate_watched(
    env: &mut dyn VecEnv,
    actor: &mut PolicyFn<'_>,
    noise_seed: Option<u64>,
    watcher: &mut WatcherFn<'_>,
) -> Result<Episodes> {
    let (n, act_dim) = (env.num_envs(), env.act_dim());
    let mut obs = env.reset()?.to_vec();
    let mut noise = vec![0.0; n * act_dim];
    let mut out = Episodes {
        returns: vec![0.0; n],
        lengths: vec![0; n],
        rows: env.param_row().to_vec(),
        broken: vec![false; n],
    };
    let mut running = vec![true; n];
    let mut step = 0;
    while running.contains(&true) {
        stop::check()?;
        watcher(step, env, &running)?;
        if let Some(seed) = noise_seed {
            for (e, row) in noise.chunks_mut(act_dim).enumerate() {
                fill_normal(row, seed, e as u32, step, Stream::Policy);
            }
        }
        let actions = actor(&obs, noise_seed.map(|_| noise.as_slice()))?;
        let batch = env.step(&actions)?;
        let mut ended = Vec::new();
        for (e, running) in running
            .iter_mut()
            .enumerate()
            .filter(|(_, running)| **running)
        {
            out.returns[e] += f64::from(batch.reward[e]);
            out.lengths[e] += 1;
            *running = !(batch.terminated[e] || batch.truncated[e]);
            ended.extend((!*running).then_some(e));
        }
        obs.copy_from_slice(&batch.obs);
        for e in ended {
            out.broken[e] = env.status()[e] & BROKEN != 0;
        }
        step += 1;
    }
    Ok(out)
}
