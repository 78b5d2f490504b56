//! DARC (Eysenbach et al., ICLR 2021) as H2O+'s authors ported it: SAC on the simulator, whose reward is corrected by
//! log(p_real/p_sim) of the dynamics; only the classifiers see the real data.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256, classifiers 256 + 256): SAC's
//! 0.58 GFLOP of products and 0.48 of the classifiers.

use candle_core::Device;

use h2oplus_base::settings;

use crate::algo::actor_critic::{ActorCritic, Nets, rules};
use crate::algo::classifiers::Classifiers;
use crate::algo::learner::Learner;
use crate::algo::measures::Measured;
use crate::algo::settings::{actor_critic, classifiers, networks};
use crate::algo::{Agent, Recorded};
use crate::error::{Result, above_zero};
use crate::nn::Replay;
use crate::nn::kernel::{Acts, Slot};
use crate::nn::ops::PerMember;
use crate::nn::ops::target::Target;
use crate::nn::ops::td::TdLoss;
use crate::nn::spec::Spec;
use crate::nn::workspace::Use;
use crate::rng::Stream;

// ---- settings ----

settings! {
    /// Settings of DARC; the defaults are those of H2O+'s port (the original: reward scale 0.1, warm-up 1e5, noise 1).
    pub struct DarcSettings: networks, actor_critic, classifiers {
        /// Simulated transitions per update.
        batch: usize = 256 => SOME,
        /// Updates before the correction counts.
        ratio_warmup: u64 = 0 => COUNT,
    }
}

// ---- agent ----

/// A population of DARC agents.
pub struct Darc {
    core: ActorCritic,
    classifiers: Classifiers,
    target: Target,
    td: TdLoss,
    /// Where the classifier's outputs at the batch begin, from which the correction comes.
    advantage: Slot<Acts>,
    ratio_warmup: u64,
}

impl Darc {
    // ---- layout ----

    /// One fresh member per seed, each with its own numbers; what decides shapes and kernels is that of all.
    pub fn new(
        obs_dim: usize,
        act_dim: usize,
        settings: &[DarcSettings],
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let s = &settings[0];
        let each = |of: fn(&DarcSettings) -> f64| PerMember::over(settings, |s| of(s) as f32);
        for (name, rows) in [("batch", s.batch), ("ratio_batch", s.ratio_batch)] {
            above_zero(name, rows as f64)?;
        }
        let rules = rules!(settings);
        let mut spec = Spec::default();
        let nets = Nets::new(&mut spec, obs_dim, act_dim, &rules)?;
        let ratio_nets = Classifiers::nets(&mut spec, obs_dim, act_dim, &s.hidden);
        let dims = [obs_dim, act_dim, s.batch];
        let mut core = ActorCritic::new(spec, nets, dims, &rules, seeds, device)?;

        // Passes.
        let learner = &mut core.learner;
        let mut classifiers = Classifiers::new(
            learner,
            ratio_nets,
            s.ratio_batch,
            each(|s| s.ratio_noise),
            PerMember::over(settings, |s| s.ratio_lr),
        )?;
        let rows = learner.batch_view(0, 0);
        let advantage = learner
            .plan
            .pass(&classifiers.sas, Use::Infer, rows, s.batch);

        // Launches.
        core.finish(&[&advantage], &[])?;
        classifiers.finish(&core.learner);
        let target = core.target(
            [each(|s| s.discount), each(|s| s.reward_scale)],
            s.exploration,
            each(|s| s.optimism),
        );
        let td = core.td([s.batch, 0]);
        Ok(Self {
            core,
            classifiers,
            target,
            td,
            advantage: advantage.out(),
            ratio_warmup: s.ratio_warmup,
        })
    }
}

// ---- update ----

impl Agent for Darc {
    fn learner(&self) -> &Learner {
        &self.core.learner
    }

    fn learner_mut(&mut self) -> &mut Learner {
        &mut self.core.learner
    }

    fn draw(&mut self, real: &Replay, sim: &Replay) -> Result<()> {
        let learner = &self.core.learner;
        learner.draw(sim, Stream::SampleSim, 0, learner.rows)?;
        self.core.draw_noise()?;
        self.classifiers.draw(learner, real, sim)
    }

    fn set_draws(&mut self, draws: &Recorded) -> Result<()> {
        self.core.set_draws(draws)?;
        self.classifiers.set_draws(draws)
    }

    fn learn(&mut self) -> Result<()> {
        let core = &mut self.core;
        let corrects = core.learner.updates >= self.ratio_warmup;
        self.target.log_ratio = corrects.then_some(self.advantage);
        // The classifiers step first: the correction of this update is theirs after it.
        self.classifiers.learn(&mut core.learner)?;
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
            real: 0,
            weight: None,
        }
    }
}
