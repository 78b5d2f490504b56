//! How the robots of a run moved on the real task, at its end.

use super::Trainer;
use crate::env::VecEnv;
use crate::error::Result;
use crate::run::record::motion::{Moment, Motion, MotionEnd};

/// Moments a second that are kept, at most.
const RATE: f64 = 20.0;

impl Trainer {
    /// Evaluates every member once more, and writes how its robots moved to `motion.csv`.
    ///
    /// # Errors
    /// Where an evaluation is stopped, or the file cannot be written.
    pub fn save_motion(&self) -> Result<()> {
        let task = &self.run.task;
        let (per_member, dt) = (self.run.config.eval_episodes, task.dt());
        let every = (1.0 / (RATE * dt)).ceil().max(1.0) as u32;
        let count = self.agent.members() * per_member;
        let mut motions: Vec<Motion> = (0..count)
            .map(|n| Motion::of(n / per_member, n % per_member))
            .collect();
        let mut watcher = |step: u32, env: &dyn VecEnv, running: &[bool]| {
            if !step.is_multiple_of(every) {
                return Ok(());
            }
            let (qpos, qvel) = (env.qpos()?, env.qvel()?);
            let nv = qpos.len() / count;
            for n in (0..count).filter(|&n| running[n]) {
                motions[n].moments.push(Moment {
                    time: f64::from(step) * dt,
                    x: qpos[n * nv].into(),
                    velocity: qvel[n * nv].into(),
                    pitch: qpos[n * nv + 2].into(),
                });
            }
            Ok(())
        };
        let (all, _) = self.episodes(&mut watcher)?;
        let limit = task.max_episode_steps as u32;
        for (n, motion) in motions.iter_mut().enumerate() {
            motion.seconds = f64::from(all.lengths[n]) * dt;
            motion.end = match (all.broken[n], all.lengths[n] >= limit) {
                (true, _) => MotionEnd::Broke,
                (false, true) => MotionEnd::Limit,
                (false, false) => MotionEnd::Fell,
            };
        }
        Motion::write(&motions, &self.folder.motion())
    }
}
