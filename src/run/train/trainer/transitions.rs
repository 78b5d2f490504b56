//! Everything that an agent ever did, as a data set: the replay's rows with the robots' states beside them.

use super::Trainer;
use crate::data::Dataset;
use crate::env::VecEnv;
use crate::error::{Error, Result};
use crate::run::train::evaluate::STEADY;
use crate::run::train::states::States;

impl Trainer {
    /// Keeps the robots' states from here on, and in checkpoints, so that [`transitions`](Self::transitions) can be
    /// told.
    ///
    /// # Errors
    /// Where a run of several members, or one that has begun without.
    pub fn keep_states(&mut self) -> Result<()> {
        if self.agent.members() > 1 {
            let problem = "are kept of one member alone";
            return Err(Error::input(
                "states of the robots",
                problem,
                "train one member",
            ));
        }
        self.rollout.keep_states()
    }

    /// Transitions that the agent has made.
    pub fn made(&self) -> u64 {
        self.sim.pushed()
    }

    /// The first `most` transitions of the simulator's replay, in the order in which their episodes began (random
    /// actions first), with the robots' states and the strengths of the gaps. An episode that goes on behind the last
    /// of them is cut there, by a timeout; those in which the robot broke are left out.
    ///
    /// # Errors
    /// Where states were not kept, the replay has written over its first rows, or every episode broke.
    pub fn transitions(&self, most: usize) -> Result<Dataset> {
        let place = || format!("replay of {}", self.folder.path().display());
        let Some(states) = self.rollout.states() else {
            let problem = "the states of its robots were not kept";
            return Err(Error::input(
                place(),
                problem,
                "start a new run that keeps them",
            ));
        };
        let rows = match self.sim.state()? {
            Some(rows) => rows.flatten_all()?.to_vec1::<f32>()?,
            None => Vec::new(),
        };
        let rows: Vec<&[f32]> = rows.chunks_exact(self.sim.row()).collect();
        if rows.len() != states.len() || rows.len() as u64 != self.sim.pushed() {
            let (kept, made) = (rows.len(), states.len());
            let problem = format!("holds the last {kept} of {made} transitions");
            return Err(Error::input(place(), problem, "train for fewer updates"));
        }
        let env = self.rollout.env();
        let n = rows.len().min(most);
        let episodes = episodes(&rows[..n], states, env.num_envs());
        let (sound, broken): (Vec<_>, Vec<_>) =
            (episodes.iter()).partition(|episode| !episode.iter().any(|&at| states.broke(at)));
        let mut data = gather(&rows, states, &sound, env);
        data.source = format!(
            "everything that SAC did on {} while it learned",
            self.run.task.name
        );
        if !broken.is_empty() {
            let (broken, all) = (broken.len(), episodes.len());
            let task = &self.run.task.name;
            data.notes.push(format!(
                "{task}: {broken} of {all} episodes broke; their rows are left out; {STEADY}"
            ));
        }
        data.validate()?;
        Ok(data)
    }
}

/// The rows of each episode, by the step in which it began, then by its environment.
fn episodes(rows: &[&[f32]], states: &States, envs: usize) -> Vec<Vec<usize>> {
    let mut running: Vec<Vec<usize>> = vec![Vec::new(); envs];
    let mut done = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let episode = &mut running[at % envs];
        episode.push(at);
        if terminal(row) || states.cut(at) {
            done.push(std::mem::take(episode));
        }
    }
    done.extend(running.into_iter().filter(|episode| !episode.is_empty()));
    // Rows are counted by step, then by environment.
    done.sort_unstable_by_key(|episode| episode[0]);
    done
}

/// Whether the task's failure condition held after `row`.
fn terminal(row: &[f32]) -> bool {
    row.last().is_some_and(|flag| *flag > 0.5)
}

/// The data set of these `episodes`.
fn gather(rows: &[&[f32]], states: &States, episodes: &[&Vec<usize>], env: &dyn VecEnv) -> Dataset {
    let (s, a) = (env.obs_dim(), env.act_dim());
    let mut data = Dataset {
        obs_dim: s,
        act_dim: a,
        ..Dataset::default()
    };
    let (mut qpos, mut qvel, mut params) = (Vec::new(), Vec::new(), Vec::new());
    for &at in episodes.iter().copied().flatten() {
        let row = rows[at];
        data.observations.extend(&row[..s]);
        data.actions.extend(&row[s..s + a]);
        data.next_observations.extend(&row[s + a..2 * s + a]);
        data.rewards.push(row[2 * s + a]);
        data.terminals.push(terminal(row));
        data.timeouts.push(false);
        let [q, v] = states.state(at);
        qpos.extend(q);
        qvel.extend(v);
        params.push(states.row(at));
    }
    let mut end = 0;
    for episode in episodes {
        end += episode.len();
        data.timeouts[end - 1] = !data.terminals[end - 1];
    }
    env.task().scale.to_controls(&mut data.actions);
    (data.qpos, data.qvel) = (Some(qpos), Some(qvel));
    data.gap = env.dynamics().strengths(&params);
    data
}
