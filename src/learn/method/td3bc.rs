//! TD3+BC (Fujimoto and Gu, NeurIPS 2021) on the real data alone: TD3, whose policy is also drawn to the data's actions:
//! −λ Q₁(s,π(s)) + (π(s) − a)², λ = α/mean|Q₁|. Policy and targets move once in `policy_delay` updates.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256, delay 2): 0.41 GFLOP of products.

use h2oplus_base::settings;

use super::settings::{networks, scaled};
use super::{Each, Record};
use crate::error::Result;
use crate::net::spec::LastLayer::Linear;
use crate::net::tape::{Hidden, Tape, TdTarget};

// ---- settings ----

settings! {
    /// Settings of TD3+BC; the defaults are its authors'.
    pub struct Td3BcSettings: networks, scaled {
        /// Transitions per update.
        batch: usize = 256 => SOME,
        /// σ of the normals added to the target policy's actions.
        policy_noise: f64 = 0.2 => NOT_NEGATIVE,
        /// Largest magnitude of that noise.
        noise_clip: f64 = 0.5 => NOT_NEGATIVE,
        /// Updates per step of the policy and of the targets.
        policy_delay: u64 = 2 => SOME,
        /// α of the policy's loss −λ Q + (π(s) − a)², λ = α/mean|Q|.
        bc_alpha: f64 = 2.5 => NOT_NEGATIVE,
    }
    default standardise = true;
}

// ---- update ----

impl Record for Td3BcSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        let critics = Hidden::new(&s.hidden, s.critic_norm);
        let policy = t.deterministic(&s.hidden, s.exact(|s| s.policy_lr));
        let smoothing = s.each(|s| s.polyak);
        let q = t.twin(critics, Linear, s.exact(|s| s.qf_lr), smoothing);
        t.anneal(&policy.groups, s.lr_updates.div_ceil(s.policy_delay));
        t.anneal(&[q.group], s.lr_updates);
        let batch = t.rows([s.batch, 0], s.standardise)?;
        t.draw(&batch);

        // The critics' loss and step.
        let noise = [s.each(|s| s.policy_noise), s.each(|s| s.noise_clip)];
        let next = t.target_actions(&policy, &batch, noise)?;
        let of_reward = [s.each(|s| s.discount), s.each(|s| s.reward_scale)];
        let target = TdTarget::plain(t.target_at(&q, &next), of_reward);
        let y = t.td_target(&batch, target)?;
        let at_data = t.twin_at(&q, &batch.obs_action());
        let w = t.constant_weights(&batch, 1.0)?;
        t.td_loss(&batch, &at_data, &y, &w);
        t.step(&[q.group]);

        // The policy's, in the last of every `policy_delay` updates; the targets follow then.
        t.since(s.policy_delay - 1, |t| {
            t.every(s.policy_delay, |t| {
                let chosen = t.policy_actions(&policy, &batch)?;
                let at_chosen = t.at(&q.q[0], &chosen.actions);
                t.td3bc_loss(&batch, &chosen, at_chosen, s.each(|s| s.bc_alpha));
                t.step(&policy.groups);
                t.targets_follow();
                Ok(())
            })
        })
    }
}
