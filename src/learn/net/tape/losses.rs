//! What most methods have: TD targets, the critics' loss, V's, and the policy's.

use super::forward::{Gradient, Through};
use super::{Batch, Fresh, PolicyNet, Tape, Temperature, Values};
use crate::error::Result;
use crate::kernel::PerMember;
use crate::kernel::actor::{ActorLoss, ActorLossBuffers};
use crate::kernel::awr::{AwrLoss, AwrLossBuffers};
use crate::kernel::head::{SampleGrad, SampleGradBuffers};
use crate::kernel::ratio::RatioWeight;
use crate::kernel::target::{Exploration, Target, TargetBuffers};
use crate::kernel::td::{TdLoss, TdLossBuffers};
use crate::kernel::value::{ValueLoss, ValueLossBuffers, ValueRule};
use crate::kernel::{Buf, Slot, W, Y};
use crate::method::measures::Measured;

/// The targets of a batch: y = scale·r + γ(1−d)·{λ V(s') + (1−λ)[min Q̂(s',a') + exploration]}.
pub struct TdTarget<'a> {
    /// Q̂ at the next actions.
    pub q: [Values; 2],
    /// V at the next states, and λ, its share; none: the target has no V.
    pub v: Option<(Values, PerMember<f32>)>,
    /// The exploration term.
    pub exploration: Exploration,
    /// κ of the exploration term [`Optimism`](Exploration::Optimism).
    pub optimism: PerMember<f32>,
    /// The next actions and the temperature, of the exploration term [`Entropy`](Exploration::Entropy).
    pub entropy: Option<(&'a Fresh, Temperature)>,
    /// γ.
    pub discount: PerMember<f32>,
    /// Factor of the reward.
    pub reward_scale: PerMember<f32>,
}

impl TdTarget<'_> {
    /// y = scale·r + γ(1−d)·min Q̂, for a method to add to; `of_reward` is γ and the scale.
    pub fn plain(q: [Values; 2], of_reward: [PerMember<f32>; 2]) -> Self {
        let [discount, reward_scale] = of_reward;
        Self {
            q,
            v: None,
            exploration: Exploration::None,
            optimism: 0.0.into(),
            entropy: None,
            discount,
            reward_scale,
        }
    }
}

/// Weights of the critics' squared errors, a row's each.
#[derive(Clone, Debug)]
pub struct Weights {
    pub(super) w: Buf<W>,
    /// The kernel that fills them; none: they stay.
    pub(super) ratio: Option<RatioWeight>,
}

impl Tape {
    /// The targets y of `batch`.
    pub fn td_target(&mut self, batch: &Batch, of: TdTarget) -> Result<Buf<Y>> {
        assert!(batch.is_first(), "y of a batch's first rows");
        let y: Buf<Y> = self.zeros(batch.len())?;
        let (v, lambda) = match of.v {
            Some((v, lambda)) => (Some(self.read(&v)), lambda),
            None => (None, 0.0.into()),
        };
        let (log_pi, log_alpha) = match of.entropy {
            Some((fresh, temperature)) => (fresh.log_pi.clone(), temperature.log_alpha),
            // Nothing of this is read.
            None => (self.zeros(2 * batch.len())?, Slot::new(0)),
        };
        let target = Target {
            members: self.members(),
            rows: batch.len(),
            q: self.read_both(&of.q),
            v,
            lambda,
            log_pi_at: Slot::new(batch.len()),
            exploration: of.exploration,
            optimism: of.optimism,
            log_alpha,
            discount: of.discount,
            reward_scale: of.reward_scale,
            row: self.scene.row,
        };
        let (to, rows) = (y.clone(), batch.buffer().clone());
        self.launch(move |c| {
            target.launch(TargetBuffers {
                y: &to,
                acts: &c.ws.acts,
                log_pi: &log_pi,
                theta: &c.params.theta,
                batch: &rows,
            })
        });
        Ok(y)
    }

    /// Weights that are `weight` for each row of `batch`.
    pub fn constant_weights(&self, batch: &Batch, weight: f64) -> Result<Weights> {
        let ones = self.zeros::<W>(batch.len())?.ones_like()?;
        Ok(Weights {
            w: (ones * weight)?.into(),
            ratio: None,
        })
    }

    /// The critics' loss: the mean of w·(Q − y)² over each half of `batch` apart, for both critics. `q` may have many
    /// actions a row; the first of them is the batch's.
    pub fn td_loss(&mut self, batch: &Batch, q: &[Values; 2], y: &Buf<Y>, weights: &Weights) {
        let [real, sim] = batch.halves();
        let td = TdLoss {
            members: self.members(),
            // The mean over an empty half is no number, so a lone half stands first.
            halves: if real == 0 { [sim, 0] } else { [real, sim] },
            q: self.read_both(q),
            steps: q[0].steps,
            stats_at: self.places(&TdLoss::STATS),
        };
        self.trains(q);
        let (y, w) = (y.clone(), weights.w.clone());
        let measured = Measured {
            td: td.clone(),
            real,
            weight: weights.ratio.clone(),
            y: y.clone(),
            w: w.clone(),
        };
        self.measures.push((self.span.clone(), measured));
        self.kept.push((self.span.clone(), self.plan.stage_len()));
        self.launch(move |c| {
            td.launch(TdLossBuffers {
                act_grads: &c.ws.act_grads,
                stats: c.stats,
                acts: &c.ws.acts,
                y: &y,
                w: &w,
            })
        });
    }

    /// The loss of V against the lesser target critic at the data's actions.
    pub fn value_loss(&mut self, v: Values, q: [Values; 2], rule: PerMember<ValueRule>) {
        let loss = ValueLoss {
            members: self.members(),
            rows: v.rows,
            v: self.read(&v),
            q: self.read_both(&q),
            rule,
            stats_at: self.places(&ValueLoss::STATS),
        };
        self.trains(&[v]);
        self.launch(move |c| {
            loss.launch(ValueLossBuffers {
                act_grads: &c.ws.act_grads,
                stats: c.stats,
                acts: &c.ws.acts,
            })
        });
    }

    /// SAC's losses: mean(α log π − min Q) of the policy through its actions, `q` being the critics there, and
    /// −log α·mean(log π + H̄) of the temperature.
    pub fn actor_loss(
        &mut self,
        fresh: &Fresh,
        q: [Values; 2],
        temperature: Temperature,
        policy: &PolicyNet,
        target_entropy: PerMember<f32>,
    ) {
        let (members, row, log_alpha) = (self.members(), self.scene.row, temperature.log_alpha);
        let loss = ActorLoss {
            members,
            rows: q[0].rows,
            q: self.read_both(&q),
            log_alpha,
            target_entropy,
            stats_at: self.places(&ActorLoss::STATS),
        };
        let columns = row.action()..row.action() + row.act_dim;
        let back = SampleGrad {
            members,
            rows: q[0].rows,
            act_dim: row.act_dim,
            raw: self.read(&fresh.raw[0]),
            d_action: q.each_ref().map(|q| self.descends(q, columns.clone())),
            affine: policy.spread.own(),
            log_alpha,
        };
        let (log_pi, noise) = (fresh.log_pi.clone(), fresh.noise.clone());
        self.launch(move |c| {
            loss.launch(ActorLossBuffers {
                act_grads: &c.ws.act_grads,
                grad: &c.params.grad,
                stats: c.stats,
                acts: &c.ws.acts,
                log_pi: &log_pi,
                theta: &c.params.theta,
            })
        });
        self.through.push(Through {
            gradient: Gradient::of_weights(fresh.raw[0].pass),
            launches: vec![Box::new(move |c| {
                back.launch(SampleGradBuffers {
                    deltas: &c.ws.act_grads,
                    grad: &c.params.grad,
                    acts: &c.ws.acts,
                    theta: &c.params.theta,
                    noise: &noise,
                })
            })],
        });
    }

    /// Advantage-weighted regression of `policy`, whose outputs at the states are `raw`, on the batch's actions: weights
    /// min(exp(β(min Q − V)), clip).
    pub fn awr_loss(
        &mut self,
        batch: &Batch,
        policy: &PolicyNet,
        raw: Values,
        (q, v): ([Values; 2], Values),
        [beta, clip]: [PerMember<f32>; 2],
    ) {
        assert!(batch.is_first(), "actions of a batch's first rows");
        let loss = AwrLoss {
            members: self.members(),
            rows: raw.rows,
            spread: policy.spread,
            raw: self.read(&raw),
            q: self.read_both(&q),
            v: self.read(&v),
            row: self.scene.row,
            beta,
            clip,
            stats_at: self.places(&AwrLoss::STATS),
        };
        self.trains(&[raw]);
        let rows = batch.buffer().clone();
        self.launch(move |c| {
            loss.launch(AwrLossBuffers {
                act_grads: &c.ws.act_grads,
                grad: &c.params.grad,
                stats: c.stats,
                acts: &c.ws.acts,
                theta: &c.params.theta,
                batch: &rows,
            })
        });
    }
}
