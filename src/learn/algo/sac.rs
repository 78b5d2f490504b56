//! SAC on the simulator alone (zero-shot): y = r + γ(1−d)·(min Q̂(s',a') − β log π(a'|s')).
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256): 0.58 GFLOP of products.
//!
//! With `real_batch` it mixes real transitions in plainly, which is H2O+ with λ = 0 and no ratio: the control `rlpd` is
//! this with halves of 128. (RLPD, Ball et al., ICML 2023, mixes so; its ensembles, layer norms and update ratio are
//! not here.)

use super::actor_critic::{ActorCritic, family};
use super::settings::settings;
use super::{Each, Method};
use crate::error::{Result, above_zero};
use crate::nn::ops::target::Exploration;
use crate::nn::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of SAC; the defaults are those published with H2O+.
    pub struct SacSettings {
        /// Widths of the hidden layers of every network.
        #[arg(value_delimiter = ',')]
        hidden: Vec<usize> = vec![256, 256] => SOME,
        /// Simulated transitions per update.
        batch: usize = 256 => SOME,
        /// Real transitions per update, beside them.
        real_batch: usize = 0 => COUNT,
        /// γ.
        discount: f64 = 0.99 => UNIT,
        /// Factor of the reward in the target.
        reward_scale: f64 = 1.0 => POSITIVE,
        /// Adam's rate for the policy.
        policy_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Adam's rate for log β.
        alpha_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Adam's rate for the critics.
        qf_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Polyak rate of the target critics.
        target_rate: f64 = 0.005 => UNIT,
        /// β before the first update.
        initial_alpha: f64 = 1.0 => POSITIVE,
        /// H̄; none: −(length of an action).
        target_entropy: Option<f64> = None => FINITE,
        /// The exploration term of the target.
        #[arg(value_enum)]
        exploration: Exploration = Exploration::Entropy,
        /// κ of the exploration term `optimism`.
        optimism: f64 = 1.0 => NOT_NEGATIVE,
    }
}

family!(SacSettings);

// ---- update ----

impl Method for SacSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        above_zero("batch", s.batch as f64)?;
        let core = ActorCritic::new(t, s)?;
        let batch = t.rows([s.real_batch, s.batch])?;
        t.draw(&batch);

        // Losses.
        let fresh = t.sample(&core.policy, &batch)?;
        let target = core.target(t, s, &fresh);
        let y = t.td_target(&batch, target)?;
        let q = t.twin_at(&core.q, &batch.obs_action());
        let w = t.constant_weights(&batch, 1.0)?;
        t.td_loss(&batch, &q, &y, &w);
        core.actor_loss(t, s, &fresh);

        // Step.
        t.step(&core.groups());
        Ok(())
    }
}
