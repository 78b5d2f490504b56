//! What steps the robots of a run: an engine that takes actions, or a GPU that has the policies too.

use crate::engine::wgsl::ResidentRollout;
use crate::engine::{self, Backend, Physics, PlanarGpuEnv};
use crate::env::{Dynamics, EnvKey, EnvSpec, VecEnv};
use crate::error::Result;
use crate::method::Agent;
use crate::policy::Policy;
use crate::run::config::resolved::Run;

/// A population's environments, `envs` a member.
pub enum Simulator {
    /// Step by step: the policies act on the learner's device.
    Stepped(Box<dyn VecEnv>),
    /// By segments: the policies act where the robots are.
    Resident(Box<ResidentRollout>),
}

impl Simulator {
    /// The environments of `agent`'s members with `dynamics` at `place`; and why its policies do not act there, where
    /// they could.
    ///
    /// # Errors
    /// As [`engine::build`].
    pub fn new(
        run: &Run,
        place: &Backend,
        dynamics: Dynamics,
        agent: &Agent,
    ) -> Result<(Self, Option<String>)> {
        let (config, task) = (&run.config, &run.task);
        let keys = EnvKey::population(agent.seeds(), config.envs);
        let spec = EnvSpec::new(task, dynamics, keys);
        let mut why_not = None;
        if let (Physics::Planar, Backend::Gpu(gpu), true) =
            (config.physics, place, agent.simulates())
        {
            let env = PlanarGpuEnv::new(spec.clone(), gpu)?;
            let steps = config.cycle_steps.div_ceil(config.envs);
            match Self::resident(env, agent, segment(steps)) {
                Ok(resident) => return Ok((resident, None)),
                Err(error) => why_not = Some(error.to_string()),
            }
        }
        let env = engine::build(config.physics, place, spec)?;
        Ok((Self::Stepped(env), why_not))
    }

    fn resident(env: PlanarGpuEnv, agent: &Agent, steps: usize) -> Result<Self> {
        let rollout = ResidentRollout::new(env, &policies(agent)?, steps)?;
        Ok(Self::Resident(Box::new(rollout)))
    }

    /// The environments.
    pub fn env(&self) -> &dyn VecEnv {
        match self {
            Self::Stepped(env) => env.as_ref(),
            Self::Resident(rollout) => rollout.env(),
        }
    }

    /// The environments.
    pub fn env_mut(&mut self) -> &mut dyn VecEnv {
        match self {
            Self::Stepped(env) => env.as_mut(),
            Self::Resident(rollout) => rollout.env_mut(),
        }
    }
}

/// Steps of a segment: a cycle's in equal parts, so that one is on its way to the learner while the next is computed.
fn segment(steps: usize) -> usize {
    let parts = (2..8).find(|parts| steps.is_multiple_of(*parts));
    steps / parts.unwrap_or(1)
}

/// The members' policies.
pub fn policies(agent: &Agent) -> Result<Vec<Policy>> {
    (0..agent.members()).map(|m| agent.policy(m)).collect()
}
