//! How long a plan will take on this machine, and how much memory: measured for a second or two a method.

use std::time::Instant;

use serde::Serialize;

use super::grouping::simulator_steps;
use super::plan::RunGroup;
use crate::error::Result;
use crate::net::Replay;
use crate::run::config::resolved::Run;
use crate::run::train::rollout::Rollout;
use crate::run::train::simulator::Simulator;

/// Seconds that updates of a method are measured for.
const SECONDS: f64 = 1.0;
/// Rows of a measurement's data.
const ROWS: usize = 20_000;

/// What a method does on this machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MethodRate {
    /// The task.
    pub task: String,
    /// The method.
    pub algo: String,
    /// Updates of all members together a second.
    pub updates_per_s: f64,
    /// Simulator steps of all members together a second, the policies' acting among them.
    pub env_steps_per_s: f64,
}

/// What groups will take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// What was measured.
    pub rates: Vec<MethodRate>,
    /// Seconds of each group, in the order in which they were given.
    pub seconds: Vec<f64>,
    /// Seconds of the trainings that make their data, at most: one ends once its agent is good enough.
    pub data: f64,
    /// Bytes of the largest group.
    pub memory: u64,
}

impl Prediction {
    /// Seconds of all groups and their data.
    pub fn total(&self) -> f64 {
        self.data + self.seconds.iter().sum::<f64>()
    }
}

/// Measures each method of `groups` on this machine, and SAC where `trainings` make their data.
///
/// # Errors
/// Where a group or a training cannot be run here.
pub fn predict(groups: &[&RunGroup], trainings: &[Run]) -> Result<Prediction> {
    let (mut rates, mut seconds, mut memory) = (Vec::new(), Vec::new(), 0);
    for group in groups {
        let run = group.resolve()?;
        memory = memory.max(bytes(&run));
        seconds.push(measured(&mut rates, &run)?);
    }
    // Their settings need not be those of a column called SAC.
    let (mut own, mut data) = (Vec::new(), 0.0);
    for run in trainings {
        data += measured(&mut own, run)?;
    }
    Ok(Prediction {
        rates,
        seconds,
        data,
        memory,
    })
}

/// Seconds that `run` takes at the rate of its method on its task, which is measured unless it is among `rates`.
fn measured(rates: &mut Vec<MethodRate>, run: &Run) -> Result<f64> {
    let (task, algo) = (&run.config.task, &run.config.algo);
    let known = |rate: &MethodRate| rate.task == *task && rate.algo == *algo;
    let at = match rates.iter().position(known) {
        Some(at) => at,
        None => {
            rates.push(rate(run.clone())?);
            rates.len() - 1
        }
    };
    Ok(time(run, &rates[at]))
}

/// Seconds that `run` takes at `rate`.
fn time(run: &Run, rate: &MethodRate) -> f64 {
    let (config, members) = (&run.config, run.members().len() as f64);
    let simulated = match run.method.offline {
        true => 0,
        false => simulator_steps(run),
    };
    let evaluations = 1 + config.updates.div_ceil(config.eval_every);
    let episodes = evaluations * config.eval_episodes as u64;
    let evaluated = episodes * run.task.max_episode_steps as u64;
    members
        * (config.updates as f64 / rate.updates_per_s
            + (simulated + evaluated) as f64 / rate.env_steps_per_s)
}

/// Bytes of the real data, the replays and the networks of `run`.
fn bytes(run: &Run) -> u64 {
    let (s, a, members) = (run.task.obs_dim(), run.task.act_dim(), run.members().len());
    let rows = match (run.config.data.as_str(), run.config.rows) {
        ("none", _) => 0,
        // A file's rows are counted once it is read: D4RL's largest has two million.
        (_, 0) => 100_000,
        (_, rows) => rows,
    };
    let ring = match run.method.offline {
        true => 0,
        false => run.config.replay_rows(rows),
    };
    Replay::bytes(rows + members * ring, s, a)
}

/// Trains `run` on random rows for a while, and steps its simulator.
fn rate(mut run: Run) -> Result<MethodRate> {
    let with = run.open()?;
    let (s, a) = (run.task.obs_dim(), run.task.act_dim());
    let (members, device) = (run.members().len(), &with.learner);
    let mut agent = run.agent(device)?;
    let real = Replay::noise(ROWS, s, a, 1, device)?;
    let sim = Replay::noise(ROWS, s, a, 2, device)?;
    agent.update(2, &real, &sim)?;
    agent.metrics()?;
    // Some work is done in every tenth update alone.
    let (begun, mut updates) = (Instant::now(), 0);
    let goes_on = |updates| {
        let seconds = begun.elapsed().as_secs_f64();
        seconds < SECONDS || updates < 10 && seconds < 4.0 * SECONDS
    };
    while goes_on(updates) {
        agent.update(1, &real, &sim)?;
        updates += 1;
    }
    // Reading a result back waits for the device.
    agent.metrics()?;
    let updates_per_s = (updates * members) as f64 / begun.elapsed().as_secs_f64();

    let dynamics = run.dynamics(&with.gaps)?;
    let (simulator, _) = Simulator::new(&run, &with.simulator, dynamics, &agent)?;
    let mut rollout = Rollout::new(simulator, &run.seeds())?;
    let steps = run.config.round();
    let mut ring = Replay::rings(&vec![steps; members], s, a, device)?;
    let begun = Instant::now();
    rollout.collect(&mut agent, &mut ring, steps, 0, device)?;
    let env_steps_per_s = (members * steps) as f64 / begun.elapsed().as_secs_f64();
    Ok(MethodRate {
        task: run.config.task.clone(),
        algo: run.config.algo.clone(),
        updates_per_s,
        env_steps_per_s,
    })
}
