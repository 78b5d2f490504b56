//! IQL (Kostrikov et al., ICLR 2022) on the real data alone, as CORL has it: expectile V, TD through V,
//! advantage-weighted regression of a Gaussian policy whose rate falls along a cosine; states on the data set's scale.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256): 0.54 GFLOP of products, all in one
//! forward and one backward launch.

use h2oplus_base::settings;

use super::in_sample::InSample;
use super::settings::networks;
use super::{Each, Record};
use crate::error::Result;
use crate::kernel::PerMember;
use crate::kernel::norm::Norm;
use crate::kernel::value::{Value, ValueRule};
use crate::net::spec::LastLayer::Linear;
use crate::net::tape::{Hidden, Tape};

// ---- settings ----

settings! {
    /// Settings of IQL; the defaults are CORL's for half-cheetah and walker.
    pub struct IqlSettings: networks {
        /// Transitions per update.
        batch: usize = 256 => SOME,
        /// τ of the expectile.
        expectile: f64 = 0.7 => INSIDE_UNIT,
        /// β of the advantage weights, exp(β(min Q̂ − V)).
        beta: f64 = 3.0 => NOT_NEGATIVE,
        /// Largest advantage weight.
        weight_max: f64 = 100.0 => POSITIVE,
        /// Updates over which the policy's rate falls to 0 along half a cosine (0: it stays).
        policy_lr_updates: u64 = 1_000_000 => COUNT,
        /// What is done to V's hidden layers before the ReLU.
        value_norm: Norm = Norm::None,
        /// Adam's rate for V.
        vf_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Whether states are seen on the data set's scale.
        standardise: bool = true,
    }
}

// ---- update ----

impl Record for IqlSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        let rule = |s: &Self| ValueRule::new(Value::Expectile, s.expectile, 1.0, 1.0);
        let rule = s.all().iter().map(rule).collect::<Result<Vec<_>>>()?;
        let (obs_dim, act_dim, hidden) = (t.obs_dim(), t.act_dim(), &s.hidden[..]);
        let normed = |norm| Hidden::new(hidden, norm);
        let [critics, values] = [s.critic_norm, s.value_norm].map(normed);
        let rate = s.exact(|s| s.policy_lr);
        let mean = t.mlp(
            "policy",
            [obs_dim, act_dim],
            hidden.into(),
            Linear,
            rate.clone(),
        );
        let smoothing = s.each(|s| s.polyak);
        let q = t.twin(critics, Linear, s.exact(|s| s.qf_lr), smoothing);
        let vf = t.mlp("vf", [obs_dim, 1], values, Linear, s.exact(|s| s.vf_lr));
        let policy = t.gaussian(mean, rate);
        if s.policy_lr_updates > 0 {
            t.anneal(&policy.groups, s.policy_lr_updates);
        }
        let batch = t.rows([s.batch, 0])?;
        if s.standardise {
            t.standardise_states()?;
        }
        t.draw(&batch);

        // Losses. One for both critics, the mean of theirs.
        let losses = InSample {
            rule: PerMember::from(rule),
            discount: s.each(|s| s.discount),
            reward_scale: s.each(|s| s.reward_scale),
            weight: 0.5,
        };
        let at = losses.losses(t, &batch, &q, &vf.mlp)?;
        let raw = t.at(&policy.mlp, &batch.obs());
        let numbers = [s.each(|s| s.beta), s.each(|s| s.weight_max)];
        t.awr_loss(&batch, &policy, raw, (at.q_target, at.v), numbers);

        // Step.
        t.step(&[&[q.group, vf.group], &policy.groups[..]].concat());
        Ok(())
    }
}
