//! Learning within the data set (IQL): V by its loss against the target critics, Q by TD through V, the policy by
//! advantage-weighted regression. IQL is this alone; H2O+ may begin with it.

use candle_core::{DType, Tensor};

use crate::algo::learner::{Group, Learner};
use crate::algo::measures::Measured;
use crate::error::Result;
use crate::nn::kernel::{Buf, LogPi, Slot};
use crate::nn::ops::PerMember;
use crate::nn::ops::awr::{AwrLoss, AwrLossBuffers};
use crate::nn::ops::dense::Dense;
use crate::nn::ops::dense_grad::DenseGrad;
use crate::nn::ops::target::{Exploration, Target, TargetBuffers};
use crate::nn::ops::td::{TdLoss, TdLossBuffers};
use crate::nn::ops::value::{ValueLoss, ValueLossBuffers};
use crate::nn::workspace::{Backprop, Pass};

/// The networks on the batch's rows.
pub struct Passes<'a> {
    /// Policy at s.
    pub policy: &'a Pass,
    /// Critics at (s,a).
    pub q: &'a [Pass; 2],
    /// Target critics at (s,a).
    pub q_target: &'a [Pass; 2],
    /// V at s.
    pub v: &'a Pass,
    /// V at s'.
    pub v_next: &'a Pass,
}

/// The launches.
pub struct InSample {
    forward: Dense,
    backward: DenseGrad,
    target: Target,
    /// The target has no entropy, so nothing of this is read.
    no_log_pi: Buf<LogPi>,
    td: TdLoss,
    value: ValueLoss,
    awr: AwrLoss,
    groups: Vec<Group>,
}

impl InSample {
    /// Ends the layout, once all passes are laid out.
    pub fn new(
        learner: &mut Learner,
        passes: &Passes,
        [discount, reward_scale]: [PerMember<f32>; 2],
        value: ValueLoss,
        awr: AwrLoss,
        groups: Vec<Group>,
    ) -> Result<Self> {
        let (rows, [q1, q2]) = (passes.v.rows(), passes.q);
        let stats_at = learner.places(&TdLoss::STATS);
        let (plan, members) = (&learner.plan, learner.members());
        let trained = [passes.policy, q1, q2, passes.v];
        let [t1, t2] = passes.q_target;
        let no_log_pi = Tensor::zeros((members, 1), DType::F32, learner.batch.device())?;
        Ok(Self {
            forward: plan.forward(&[passes.policy, q1, q2, passes.v, passes.v_next, t1, t2]),
            backward: plan.backward(&trained.map(Backprop::weights)),
            target: Target {
                members,
                rows,
                q: passes.q_target.each_ref().map(Pass::out),
                v: Some(passes.v_next.out()),
                lambda: 1.0.into(),
                log_pi_at: Slot::new(0),
                exploration: Exploration::None,
                optimism: 0.0.into(),
                log_ratio: None,
                log_alpha: Slot::new(0),
                discount,
                reward_scale,
                row: learner.row(),
            },
            no_log_pi: no_log_pi.into(),
            td: TdLoss {
                members,
                halves: [rows, 0],
                q: passes.q.each_ref().map(Pass::out),
                step: 1,
                stats_at,
            },
            value,
            awr,
            groups,
        })
    }

    /// Where an update leaves its TD errors: every row is real.
    pub fn measured(&self) -> Measured<'_> {
        Measured {
            td: &self.td,
            real: self.td.halves[0],
            weight: None,
        }
    }

    /// One update from the batch.
    pub fn learn(&self, learner: &mut Learner) -> Result<()> {
        let Learner {
            params,
            ws,
            batch,
            y,
            w,
            stats,
            ..
        } = &*learner;
        let (theta, grad) = (&params.theta, &params.grad);
        learner.forward(&self.forward)?;
        let (acts, act_grads) = (&ws.acts, &ws.act_grads);
        self.target.launch(TargetBuffers {
            y,
            acts,
            log_pi: &self.no_log_pi,
            theta,
            batch,
        })?;
        self.td.launch(TdLossBuffers {
            act_grads,
            stats,
            acts,
            y,
            w,
        })?;
        self.value.launch(ValueLossBuffers {
            act_grads,
            stats,
            acts,
        })?;
        self.awr.launch(AwrLossBuffers {
            act_grads,
            grad,
            stats,
            acts,
            theta,
            batch,
        })?;
        ws.backward(&self.backward, grad, theta, &[batch])?;
        learner.step(&self.groups)?;
        learner.close()
    }
}
