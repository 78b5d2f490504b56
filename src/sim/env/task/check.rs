//! What a task's numbers may be.

use super::{HealthyState, ResetNoise, StateEntry, Task};
use crate::error::{Error, Result};

/// Physics steps that an env step may take: beyond them it would seem to stand still.
const MAX_FRAME_SKIP: usize = 10_000;

impl Task {
    /// Refuses, by `source` and key, numbers that make no task of its robot.
    pub(super) fn check(&self, source: &str) -> Result<()> {
        let bad = |key: &str, problem: String, help: &str| {
            Err(Error::input(format!("{source}: {key}"), problem, help))
        };
        let (nv, nu) = self.nv_nu;
        if nu == 0 {
            return bad(
                "asset",
                "the robot has no motor".to_owned(),
                "give it an <actuator>",
            );
        }
        for (key, value) in [
            ("frame_skip", self.frame_skip),
            ("max_episode_steps", self.max_episode_steps),
        ] {
            if value == 0 {
                return bad(key, "is 0".to_owned(), "give 1 or more");
            }
        }
        if self.frame_skip > MAX_FRAME_SKIP {
            let problem = format!("is {}", self.frame_skip);
            let help = format!("give at most {MAX_FRAME_SKIP}, or a larger timestep to the robot");
            return bad("frame_skip", problem, &help);
        }
        let outside = |entry: &StateEntry| match entry {
            StateEntry::Qpos(i) | StateEntry::Qvel(i) => *i >= nv,
        };
        match (self.observation.qpos_from, &self.observation.pick) {
            (Some(from), None) if from > nv => {
                return bad(
                    "observation.qpos_from",
                    format!("is {from}, but the robot has {nv} positions"),
                    "give the index of a position",
                );
            }
            (None, Some(pick)) if pick.is_empty() || pick.iter().any(outside) => {
                return bad(
                    "observation.pick",
                    format!("is {pick:?}"),
                    &format!("give entries of the state, qpos.0 to qvel.{}", nv - 1),
                );
            }
            (Some(_), None) | (None, Some(_)) => {}
            _ => {
                return bad(
                    "observation",
                    "says either both of qpos_from and pick, or neither".to_owned(),
                    "give qpos_from, the first position that is seen, or pick, a list as [\"qpos.2\", \"qvel.2\"]",
                );
            }
        }
        if self
            .observation
            .qvel_clip
            .is_some_and(|c| c.is_nan() || c <= 0.0)
        {
            return bad(
                "observation.qvel_clip",
                "is not above 0".to_owned(),
                "give a bound above 0, or leave it out",
            );
        }
        for healthy in &self.healthy {
            let [lo, hi] = healthy.range;
            if healthy.qpos >= nv || lo.is_nan() || hi.is_nan() || lo >= hi {
                return bad(
                    "healthy",
                    format!("qpos = {}, range = [{lo}, {hi}]", healthy.qpos),
                    &format!(
                        "give a position below {nv} and a range whose first bound lies below the second"
                    ),
                );
            }
        }
        if let Some(HealthyState { qpos_from, range }) = &self.healthy_state {
            let [lo, hi] = range;
            if *qpos_from > nv || lo.is_nan() || hi.is_nan() || lo >= hi {
                return bad(
                    "healthy_state",
                    format!("qpos_from = {qpos_from}, range = [{lo}, {hi}]"),
                    &format!(
                        "give a first position of at most {nv} and a range whose first bound lies below the second"
                    ),
                );
            }
        }
        let reward = &self.reward;
        for cost in &reward.quadratic {
            if outside(&cost.entry) || !cost.weight.is_finite() || !cost.target.is_finite() {
                return bad(
                    "reward.quadratic",
                    format!("{:?} at {} times {}", cost.entry, cost.target, cost.weight),
                    &format!(
                        "give an entry of the state, qpos.0 to qvel.{}, and finite numbers",
                        nv - 1
                    ),
                );
            }
        }
        if ![reward.forward_velocity, reward.control_cost, reward.healthy]
            .iter()
            .all(|x| x.is_finite())
        {
            return bad(
                "reward",
                "a weight is not finite".to_owned(),
                "give finite numbers",
            );
        }
        for (key, noise) in [
            ("reset.qpos", self.reset.qpos),
            ("reset.qvel", self.reset.qvel),
        ] {
            let (ResetNoise::Uniform(scale) | ResetNoise::Normal(scale)) = noise;
            if !(scale >= 0.0 && scale.is_finite()) {
                return bad(
                    key,
                    format!("is {scale}"),
                    "give a finite scale of 0 or more",
                );
            }
        }
        if let Some(human) = &self.human {
            human.check(source, nu)?;
        }
        if self.medium_return.is_some_and(|r| !r.is_finite()) {
            return bad(
                "medium_return",
                "is not finite".to_owned(),
                "give a return, or leave it out",
            );
        }
        if let Some(score) = &self.score
            && (!score.random.is_finite()
                || !score.expert.is_finite()
                || score.random >= score.expert)
        {
            return bad(
                "score",
                "random is not below expert".to_owned(),
                "give the two reference returns",
            );
        }
        Ok(())
    }
}
