//! Learning within the data set (IQL): V by its loss against the target critics, Q by TD through V. IQL learns so
//! alone; H2O+ may begin with it.

use crate::error::Result;
use crate::kernel::PerMember;
use crate::kernel::value::ValueRule;
use crate::net::spec::Mlp;
use crate::net::tape::{Batch, Tape, TdTarget, Twin, Values};

/// The numbers of the losses.
pub struct InSample {
    /// V's loss.
    pub rule: PerMember<ValueRule>,
    /// γ.
    pub discount: PerMember<f32>,
    /// Factor of the reward.
    pub reward_scale: PerMember<f32>,
    /// Weight of each critic's squared errors.
    pub weight: f64,
}

/// What the networks give at the data.
pub struct AtData {
    /// The critics.
    pub q: [Values; 2],
    /// Their targets.
    pub q_target: [Values; 2],
    /// V at s.
    pub v: Values,
}

impl InSample {
    /// The losses of the critics and of V.
    pub fn losses(self, t: &mut Tape, batch: &Batch, q: &Twin, vf: &Mlp) -> Result<AtData> {
        let at = AtData {
            q: t.twin_at(q, &batch.obs_action()),
            q_target: t.target_at(q, &batch.obs_action()),
            v: t.at(vf, &batch.obs()),
        };
        let target = TdTarget {
            v: Some((t.at(vf, &batch.next_obs()), 1.0.into())),
            ..TdTarget::plain(at.q_target, [self.discount, self.reward_scale])
        };
        let y = t.td_target(batch, target)?;
        let weights = t.constant_weights(batch, self.weight)?;
        t.td_loss(batch, &at.q, &y, &weights);
        t.value_loss(at.v, at.q_target, self.rule);
        Ok(at)
    }
}
