//! Learning within the data set (IQL): V by its loss against the target critics, Q by TD through V, the policy by
//! advantage-weighted regression. IQL is this alone; H2O+ may begin with it.

use crate::algo::learner::{Group, Learner};
use crate::algo::measures::Measured;
use crate::error::Result;
use crate::nn::launch::launch;
use crate::nn::ops::PerMember;
use crate::nn::ops::awr::AwrLoss;
use crate::nn::ops::dense::Dense;
use crate::nn::ops::dense_grad::DenseGrad;
use crate::nn::ops::target::{Exploration, Target};
use crate::nn::ops::td::TdLoss;
use crate::nn::ops::value::ValueLoss;
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
    ) -> Self {
        let (rows, [q1, q2]) = (passes.v.rows(), passes.q);
        let stats = learner.places(&TdLoss::STATS);
        let (plan, members) = (&learner.plan, learner.members());
        let trained = [passes.policy, q1, q2, passes.v];
        let [t1, t2] = passes.q_target;
        Self {
            forward: plan.forward(&[passes.policy, q1, q2, passes.v, passes.v_next, t1, t2]),
            backward: plan.backward(&trained.map(Backprop::weights)),
            target: Target {
                members,
                rows,
                row_stride: learner.rows,
                q: passes.q_target.each_ref().map(Pass::out),
                value: Some((passes.v_next.out(), 1.0.into())),
                stride: plan.len(),
                log_pi: [0, 0],
                exploration: Exploration::None,
                optimism: 0.0.into(),
                log_ratio: None,
                log_alpha: 0,
                param_stride: learner.params.len(),
                discount,
                reward_scale,
                row: learner.row(),
            },
            td: TdLoss {
                members,
                halves: vec![rows],
                q: passes.q.each_ref().map(Pass::out),
                step: 1,
                stride: plan.len(),
                row_stride: learner.rows,
                stats,
            },
            value,
            awr,
            groups,
        }
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
        // λ is 1: log π is not read, and any buffer stands for it.
        launch(&self.target, [y], [&ws.acts, w, theta, batch])?;
        launch(&self.td, [&ws.deltas, stats], [&ws.acts, y, w])?;
        launch(&self.value, [&ws.deltas, stats], [&ws.acts])?;
        launch(
            &self.awr,
            [&ws.deltas, grad, stats],
            [&ws.acts, theta, batch],
        )?;
        ws.backward(&self.backward, grad, theta, &[batch])?;
        learner.step(&self.groups)?;
        learner.close()
    }
}
