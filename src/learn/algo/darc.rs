//! DARC (Eysenbach et al., ICLR 2021) as H2O+'s authors ported it: SAC on the simulator, whose reward is corrected by
//! log(p_real/p_sim) of the dynamics; only the classifiers see the real data.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256, classifiers 256 + 256): SAC's
//! 0.58 GFLOP of products and 0.48 of the classifiers.

use super::actor_critic::{ActorCritic, family};
use super::classifiers::Classifiers;
use super::settings::settings;
use super::{Each, Method};
use crate::error::{Result, above_zero};
use crate::nn::ops::target::Exploration;
use crate::nn::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of DARC; the defaults are those of H2O+'s port (the original: reward scale 0.1, warm-up 1e5, noise 1).
    pub struct DarcSettings {
        /// Widths of the hidden layers of every network.
        #[arg(value_delimiter = ',')]
        hidden: Vec<usize> = vec![256, 256] => SOME,
        /// Simulated transitions per update.
        batch: usize = 256 => SOME,
        /// Real, and as many simulated, transitions on which the classifiers train per update.
        ratio_batch: usize = 256 => SOME,
        /// γ.
        discount: f64 = 0.99 => UNIT,
        /// Factor of the corrected reward in the target.
        reward_scale: f64 = 1.0 => POSITIVE,
        /// The exploration term of the target.
        #[arg(value_enum)]
        exploration: Exploration = Exploration::Entropy,
        /// κ of the exploration term `optimism`.
        optimism: f64 = 1.0 => NOT_NEGATIVE,
        /// Updates before the correction counts.
        ratio_warmup: u64 = 0 => COUNT,
        /// σ of the normals added to the classifiers' inputs.
        ratio_noise: f64 = 0.1 => NOT_NEGATIVE,
        /// Adam's rate for the policy.
        policy_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Adam's rate for log β.
        alpha_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Adam's rate for the critics.
        qf_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Adam's rate for the classifiers.
        ratio_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Polyak rate of the target critics.
        target_rate: f64 = 0.005 => UNIT,
        /// β before the first update.
        initial_alpha: f64 = 1.0 => POSITIVE,
        /// H̄; none: −(length of an action).
        target_entropy: Option<f64> = None => FINITE,
    }
}

family!(DarcSettings);

// ---- update ----

impl Method for DarcSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        for (name, rows) in [("batch", s.batch), ("ratio_batch", s.ratio_batch)] {
            above_zero(name, rows as f64)?;
        }
        let core = ActorCritic::new(t, s)?;
        let classifiers = Classifiers::new(t, &s.hidden, s.exact(|s| s.ratio_lr));
        let batch = t.rows([0, s.batch])?;
        let update = |t: &mut Tape, corrects: bool| {
            classifiers.learn(t, s.ratio_batch, s.each(|s| s.ratio_noise))?;
            t.draw(&batch);

            // Losses.
            let fresh = t.sample(&core.policy, &batch)?;
            let mut target = core.target(t, s, &fresh);
            target.log_ratio = corrects.then(|| t.at(&classifiers.sas, &batch.dynamics()));
            let y = t.td_target(&batch, target)?;
            let q = t.twin_at(&core.q, &batch.obs_action());
            let w = t.constant_weights(&batch, 1.0)?;
            t.td_loss(&batch, &q, &y, &w);
            core.actor_loss(t, s, &fresh);

            // Step.
            t.step(&core.groups());
            Ok(())
        };
        t.until(s.ratio_warmup, |t| update(t, false))?;
        t.since(s.ratio_warmup, |t| update(t, true))
    }
}
