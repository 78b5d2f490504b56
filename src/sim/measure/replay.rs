//! Recorded trajectories with simulator states, replayed one env step at a time: the distance of
//! our successors from theirs is the dynamics gap in the data.

use crate::engine::planar::{PlanarBatch, Precision};
use crate::env::Task;
use crate::env::rules::reward;
use crate::error::{Error, Result};
use crate::measure::statistics::{Spread, distances, scale};
use crate::model::Gap;

/// Trajectories in time order: row i + 1 is the successor of row i unless row i ends an episode.
pub struct Transitions<'a> {
    /// `[n, nv]`.
    pub qpos: &'a [f32],
    /// `[n, nv]`.
    pub qvel: &'a [f32],
    /// `[n, nu]`.
    pub actions: &'a [f32],
    /// `[n]`.
    pub rewards: &'a [f32],
    /// `[n]`: the episode ends here.
    pub ends: Vec<bool>,
}

/// Errors of our next states.
pub struct DataGap {
    /// Transitions that have a recorded successor.
    pub transitions: usize,
    /// |Δqpos|, world x left out of neither side.
    pub qpos: Spread,
    /// |Δqvel|.
    pub qvel: Spread,
    /// |Δqvel| / max(1, |qvel|).
    pub scaled_qvel: Spread,
    /// |Δreward|.
    pub reward: Spread,
}

impl DataGap {
    /// Takes one env step of `task` with `gap` from recorded states, with the control that the recorded actions make reach
    /// the motors, late and through a dead zone where the gap says so, without noise: from all of them, or from `most` that
    /// are evenly spread.
    ///
    /// # Errors
    /// Where the recording is another robot's, or has no episode of two steps.
    pub fn measure(
        task: &Task,
        gap: &Gap,
        data: &Transitions<'_>,
        most: usize,
        precision: Precision,
    ) -> Result<Self> {
        let (model, channel) = task.model(gap)?;
        let (nv, nu, n) = (model.nv(), model.nu(), data.ends.len());
        let fits =
            data.qpos.len() == n * nv && data.qvel.len() == n * nv && data.actions.len() == n * nu;
        if !fits {
            return Err(Error::input(
                "recorded transitions",
                format!(
                    "{n} rows with {} positions and {} action numbers do not fit {}, which has {nv} and {nu} a row",
                    data.qpos.len(),
                    data.actions.len(),
                    task.name
                ),
                "name the data's own task",
            ));
        }
        let starts: Vec<usize> = (0..n.saturating_sub(1))
            .filter(|&i| !data.ends[i])
            .collect();
        if starts.is_empty() {
            return Err(Error::input(
                "recorded transitions",
                "no row has a successor in the same episode",
                "use a longer recording",
            ));
        }
        let (all, some) = (starts.len(), starts.len().min(most.max(1)));
        let starts: Vec<usize> = (0..some).map(|k| starts[k * all / some]).collect();
        let row = |values: &[f32], i: usize, width: usize| -> Vec<f64> {
            values[i * width..][..width]
                .iter()
                .map(|x| f64::from(*x))
                .collect()
        };
        let motors = model.actuators.clone();
        let control = |i: usize| -> Vec<f64> {
            let asked = match i.checked_sub(channel.delay) {
                Some(first) if !data.ends[first..i].contains(&true) => row(data.actions, first, nu),
                // Its episode began after that.
                _ => task.scale.middle.clone(),
            };
            let motors = asked.iter().zip(&motors);
            motors
                .map(|(c, m)| channel.reach(*c, m.ctrlrange))
                .collect()
        };
        let mut batch = PlanarBatch::new(&[model], starts.len(), precision)?;
        let (mut next_qpos, mut next_qvel) = (Vec::new(), Vec::new());
        for (env, &i) in starts.iter().enumerate() {
            batch.set_state(env, &row(data.qpos, i, nv), &row(data.qvel, i, nv));
            batch.set_ctrl(env, &control(i));
            next_qpos.extend(row(data.qpos, i + 1, nv));
            next_qvel.extend(row(data.qvel, i + 1, nv));
        }
        batch.step(task.frame_skip);
        let (qpos, qvel, dx) = (batch.qpos(), batch.qvel(), batch.dx());
        let qvel_error = distances(&qvel, &next_qvel, nv);
        let scaled: Vec<f64> = qvel_error
            .iter()
            .zip(next_qvel.chunks(nv))
            .map(|(e, row)| e / scale(row))
            .collect();
        let reward: Vec<f64> = starts
            .iter()
            .enumerate()
            .map(|(env, &i)| {
                let squares: f64 = row(data.actions, i, nu).iter().map(|a| a * a).sum();
                let cost = task.reward.control_cost * squares;
                let of = env * nv..(env + 1) * nv;
                let (paid, _) = reward(task, &qpos[of.clone()], &qvel[of], dx[env], cost);
                (paid - f64::from(data.rewards[i])).abs()
            })
            .collect();
        Ok(Self {
            transitions: starts.len(),
            qpos: Spread::of(&distances(&qpos, &next_qpos, nv)),
            qvel: Spread::of(&qvel_error),
            scaled_qvel: Spread::of(&scaled),
            reward: Spread::of(&reward),
        })
    }
}
