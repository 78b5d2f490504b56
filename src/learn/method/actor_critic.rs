//! What the methods with SAC's actor share: tanh-Gaussian policy, twin critics with targets, temperature.

use super::Each;
use crate::error::{Result, above_zero};
use crate::kernel::norm::Norm;
use crate::kernel::target::Exploration;
use crate::net::spec::LastLayer;
use crate::net::tape::{
    Fresh, GroupId, Hidden, PolicyNet, Tape, TdTarget, Temperature, Twin, Values,
};

/// The settings that these methods have alike.
pub trait Family {
    /// Widths of the hidden layers.
    fn hidden(&self) -> &[usize];
    /// What is done to the sums of the critics' hidden layers.
    fn critic_norm(&self) -> Norm;
    /// Rates of policy, temperature, critics.
    fn rates(&self) -> [f64; 3];
    /// Updates over which the rates fall to 0; 0: they stay.
    fn lr_updates(&self) -> u64;
    /// Polyak rate of the targets.
    fn polyak(&self) -> f64;
    /// α before the first update.
    fn initial_alpha(&self) -> f64;
    /// H̄; none: −(length of an action).
    fn target_entropy(&self) -> Option<f64>;
    /// γ, and the factor of the reward.
    fn of_reward(&self) -> [f64; 2];
    /// The exploration term of the target, and its κ.
    fn exploration(&self) -> (Exploration, f64);
}

/// Says that settings have these numbers under their usual names; `fixed`: the temperature stays.
macro_rules! family {
    (@rates $s:ident) => { [$s.policy_lr, $s.alpha_lr, $s.qf_lr] };
    (@rates $s:ident fixed) => { [$s.policy_lr, 0.0, $s.qf_lr] };
    (@alpha $s:ident) => { $s.initial_alpha };
    (@alpha $s:ident fixed) => { $s.alpha };
    (@entropy $s:ident) => { $s.target_entropy };
    (@entropy $s:ident fixed) => { None };
    ($settings:ty $(, $fixed:ident)?) => {
        impl $crate::method::actor_critic::Family for $settings {
            fn hidden(&self) -> &[usize] {
                &self.hidden
            }
            fn critic_norm(&self) -> $crate::kernel::norm::Norm {
                self.critic_norm
            }
            fn rates(&self) -> [f64; 3] {
                $crate::method::actor_critic::family!(@rates self $($fixed)?)
            }
            fn lr_updates(&self) -> u64 {
                self.lr_updates
            }
            fn polyak(&self) -> f64 {
                self.polyak
            }
            fn initial_alpha(&self) -> f64 {
                $crate::method::actor_critic::family!(@alpha self $($fixed)?)
            }
            fn target_entropy(&self) -> Option<f64> {
                $crate::method::actor_critic::family!(@entropy self $($fixed)?)
            }
            fn of_reward(&self) -> [f64; 2] {
                [self.discount, self.reward_scale]
            }
            fn exploration(&self) -> ($crate::kernel::target::Exploration, f64) {
                (self.exploration, self.optimism)
            }
        }
    };
}
pub(crate) use family;

/// The networks.
pub struct ActorCritic {
    /// The policy.
    pub policy: PolicyNet,
    /// The temperature.
    pub temperature: Temperature,
    /// The critics.
    pub q: Twin,
}

impl ActorCritic {
    /// Declares them.
    pub fn new<S: Family>(t: &mut Tape, s: &Each<S>) -> Result<Self> {
        for s in s.all() {
            above_zero("initial_alpha", s.initial_alpha())?;
        }
        let critics = Hidden::new(s.hidden(), s.critic_norm());
        let rate = |n: usize| s.exact(|s| s.rates()[n]);
        let core = Self {
            policy: t.tanh_gaussian(s.hidden(), rate(0)),
            temperature: t.temperature(&s.exact(S::initial_alpha), rate(1)),
            q: t.twin(critics, LastLayer::Small, rate(2), s.each(S::polyak)),
        };
        t.anneal(&core.groups(), s.lr_updates());
        Ok(core)
    }

    /// SAC's target, y = r + γ(1−d)·(min Q̂(s',a') + exploration), for a method to add to.
    pub fn target<'a, S: Family>(
        &self,
        t: &mut Tape,
        s: &Each<S>,
        fresh: &'a Fresh,
    ) -> TdTarget<'a> {
        let of_reward = [0, 1].map(|n| s.each(|s| s.of_reward()[n]));
        TdTarget {
            exploration: s.exploration().0,
            optimism: s.each(|s| s.exploration().1),
            entropy: Some((fresh, self.temperature)),
            ..TdTarget::plain(t.target_at(&self.q, &fresh.next), of_reward)
        }
    }

    /// The policy's loss through its actions, and the temperature's; the critics at those actions.
    pub fn actor_loss<S: Family>(&self, t: &mut Tape, s: &Each<S>, fresh: &Fresh) -> [Values; 2] {
        let q = t.twin_at(&self.q, &fresh.now);
        let act_dim = t.act_dim() as f64;
        let entropy = s.each(|s| s.target_entropy().unwrap_or(-act_dim));
        t.actor_loss(fresh, q, self.temperature, &self.policy, entropy);
        q
    }

    /// What steps: policy, temperature, critics.
    pub fn groups(&self) -> [GroupId; 3] {
        [self.policy.groups[0], self.temperature.group, self.q.group]
    }
}
