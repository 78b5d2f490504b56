//! SAC on the simulator alone (zero-shot): y = r + γ(1−d)·(min Q̂(s',a') − β log π(a'|s')).
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256): 0.58 GFLOP of products.
//!
//! With `real_batch` it mixes real transitions in plainly, which is H2O+ with λ = 0 and no ratio: the control `rlpd` is
//! this with halves of 128. (RLPD, Ball et al., ICML 2023, mixes so; its ensembles, layer norms and update ratio are
//! not here.)

use candle_core::Device;

use h2oplus_base::settings;

use crate::algo::actor_critic::{ActorCritic, Nets, rules};
use crate::algo::learner::Learner;
use crate::algo::measures::Measured;
use crate::algo::settings::{actor_critic, networks};
use crate::algo::{Agent, Recorded};
use crate::error::{Result, above_zero};
use crate::nn::Replay;
use crate::nn::ops::PerMember;
use crate::nn::ops::target::Target;
use crate::nn::ops::td::TdLoss;
use crate::nn::spec::Spec;
use crate::rng::Stream;

// ---- settings ----

settings! {
    /// Settings of SAC; the defaults are those published with H2O+.
    pub struct SacSettings: networks, actor_critic {
        /// Simulated transitions per update.
        batch: usize = 256 => SOME,
        /// Real transitions per update, beside them.
        real_batch: usize = 0 => COUNT,
    }
}

// ---- agent ----

/// A population of SAC agents.
pub struct Sac {
    core: ActorCritic,
    target: Target,
    td: TdLoss,
    real: usize,
}

impl Sac {
    // ---- layout ----

    /// One fresh member per seed, each with its own numbers; what decides shapes and kernels is that of all.
    pub fn new(
        obs_dim: usize,
        act_dim: usize,
        settings: &[SacSettings],
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let s = &settings[0];
        let each = |of: fn(&SacSettings) -> f64| PerMember::over(settings, |s| of(s) as f32);
        above_zero("batch", s.batch as f64)?;
        let rules = rules!(settings);
        let mut spec = Spec::default();
        let nets = Nets::new(&mut spec, obs_dim, act_dim, &rules)?;
        let dims = [obs_dim, act_dim, s.real_batch + s.batch];
        let mut core = ActorCritic::new(spec, nets, dims, &rules, seeds, device)?;
        core.finish(&[], &[])?;
        Ok(Self {
            target: core.target(
                [each(|s| s.discount), each(|s| s.reward_scale)],
                s.exploration,
                each(|s| s.optimism),
            ),
            td: match s.real_batch {
                0 => core.td([s.batch, 0]),
                real => core.td([real, s.batch]),
            },
            real: s.real_batch,
            core,
        })
    }
}

// ---- update ----

impl Agent for Sac {
    fn learner(&self) -> &Learner {
        &self.core.learner
    }

    fn learner_mut(&mut self) -> &mut Learner {
        &mut self.core.learner
    }

    fn draw(&mut self, real: &Replay, sim: &Replay) -> Result<()> {
        let learner = &self.core.learner;
        if self.real > 0 {
            learner.draw(real, Stream::SampleReal, 0, self.real)?;
        }
        learner.draw(sim, Stream::SampleSim, self.real, learner.rows - self.real)?;
        self.core.draw_noise()
    }

    fn set_draws(&mut self, draws: &Recorded) -> Result<()> {
        self.core.set_draws(draws)
    }

    fn learn(&mut self) -> Result<()> {
        let core = &mut self.core;
        core.forward()?;
        core.targets(&self.target)?;
        core.td_loss(&self.td)?;
        core.actor_loss()?;
        core.backward()?;
        core.learner.step(&ActorCritic::ALL)?;
        core.learner.close()
    }

    fn measured(&self) -> Measured<'_> {
        Measured {
            td: &self.td,
            real: self.real,
            weight: None,
        }
    }
}
