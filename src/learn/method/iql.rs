//! IQL (Kostrikov et al., ICLR 2022) on the real data alone, as CORL has it: expectile V, TD through V,
//! advantage-weighted regression of a Gaussian policy whose rate falls along a cosine; states on the data set's scale.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256): 0.54 GFLOP of products, all in one
//! forward and one backward launch.

use h2oplus_base::settings;

use super::in_sample::InSample;
use super::settings::{in_sample, networks, scaled};
use super::{Each, Record};
use crate::error::Result;
use crate::kernel::PerMember;
use crate::kernel::norm::Norm;
use crate::kernel::value::{Value, ValueRule};
use crate::net::spec::LastLayer::Linear;
use crate::net::tape::{Batch, Hidden, Net, PolicyNet, Tape, Twin};

// ---- settings ----

settings! {
    /// Settings of IQL; the defaults are CORL's for half-cheetah and walker.
    pub struct IqlSettings: networks, scaled, in_sample {
        /// Transitions per update.
        batch: usize = 256 => SOME,
    }
    default standardise = true;
}

/// What IQL's networks and losses are made of.
pub(super) struct Rule<'a> {
    /// Widths of the hidden layers.
    pub hidden: &'a [usize],
    /// What is done to the hidden layers of the critics and of V.
    pub norms: [Norm; 2],
    /// Rates of policy, critics, V.
    pub rates: [f64; 3],
    /// Updates over which the policy's, and those of critics and V, fall to 0; 0: they stay.
    pub lr_updates: [u64; 2],
    /// Polyak rate of the target critics.
    pub polyak: f64,
    /// τ.
    pub expectile: f64,
    /// β of the advantage weights, and the largest of them.
    pub advantage: [f64; 2],
    /// γ, and the factor of the reward.
    pub of_reward: [f64; 2],
}

/// Settings that hold IQL's.
pub(super) trait Family {
    /// Them.
    fn rule(&self) -> Rule<'_>;
}

/// Says that settings have IQL's under their usual names.
macro_rules! iql_family {
    ($settings:ty) => {
        impl $crate::method::iql::Family for $settings {
            fn rule(&self) -> $crate::method::iql::Rule<'_> {
                $crate::method::iql::Rule {
                    hidden: &self.hidden,
                    norms: [self.critic_norm, self.value_norm],
                    rates: [self.policy_lr, self.qf_lr, self.vf_lr],
                    lr_updates: [self.policy_lr_updates, self.lr_updates],
                    polyak: self.polyak,
                    expectile: self.expectile,
                    advantage: [self.beta, self.weight_max],
                    of_reward: [self.discount, self.reward_scale],
                }
            }
        }
    };
}
pub(super) use iql_family;

iql_family!(IqlSettings);

// ---- update ----

impl Record for IqlSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        let iql = Iql::new(t, s);
        let batch = t.rows([s.batch, 0], s.standardise)?;
        t.draw(&batch);
        // One loss for both critics, the mean of theirs.
        iql.step(t, s, &batch, 0.5)
    }
}

/// Its networks.
pub(super) struct Iql {
    policy: PolicyNet,
    q: Twin,
    vf: Net,
}

impl Iql {
    /// Declares them.
    pub fn new<S: Family>(t: &mut Tape, s: &Each<S>) -> Self {
        let (obs_dim, act_dim, rule) = (t.obs_dim(), t.act_dim(), s.rule());
        let [critics, values] = rule.norms.map(|norm| Hidden::new(rule.hidden, norm));
        let rate = |n: usize| s.exact(|s| s.rule().rates[n]);
        let sizes = [obs_dim, act_dim];
        let mean = t.mlp("policy", sizes, rule.hidden.into(), Linear, rate(0));
        let q = t.twin(critics, Linear, rate(1), s.each(|s| s.rule().polyak));
        let vf = t.mlp("vf", [obs_dim, 1], values, Linear, rate(2));
        let policy = t.gaussian(mean, rate(0));
        t.anneal(&policy.groups, rule.lr_updates[0]);
        t.anneal(&[q.group, vf.group], rule.lr_updates[1]);
        Self { policy, q, vf }
    }

    /// A step of all on `batch`, of which each half has `weight` in the critics' loss.
    pub fn step<S: Family>(
        &self,
        t: &mut Tape,
        s: &Each<S>,
        batch: &Batch,
        weight: f64,
    ) -> Result<()> {
        let rule = |s: &S| ValueRule::new(Value::Expectile, s.rule().expectile, 1.0, 1.0);
        let rule = s.all().iter().map(rule).collect::<Result<Vec<_>>>()?;
        let [discount, reward_scale] = [0, 1].map(|n| s.each(|s| s.rule().of_reward[n]));
        let losses = InSample {
            rule: PerMember::from(rule),
            discount,
            reward_scale,
            weight,
        };
        let at = losses.losses(t, batch, &self.q, &self.vf.mlp)?;
        let raw = t.at(&self.policy.mlp, &batch.obs());
        let numbers = [0, 1].map(|n| s.each(|s| s.rule().advantage[n]));
        t.awr_loss(batch, &self.policy, raw, (at.q_target, at.v), numbers);
        t.step(&[&[self.q.group, self.vf.group], &self.policy.groups[..]].concat());
        Ok(())
    }
}
