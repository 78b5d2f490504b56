//! A deterministic policy inside an update: its actions, and TD3+BC's loss through them.

use super::forward::{Gradient, Through};
use super::{Batch, Block, PolicyNet, Tape, Values};
use crate::error::Result;
use crate::kernel::PerMember;
use crate::kernel::td3bc::{
    PolicyActions, PolicyActionsBuffers, Td3BcGrad, Td3BcGradBuffers, Td3BcLoss, Td3BcLossBuffers,
};
use crate::kernel::{Buf, Normals, StateActions};
use crate::rng::Stream;

/// The actions that a policy chooses at a batch's states.
pub struct Chosen {
    /// (s, π(s)).
    pub actions: Block,
    /// The policy's outputs at s.
    raw: Values,
}

impl Tape {
    /// (s', a') for the next states of `batch`, a' = clip(π̂(s') + clip(σ·ε, ±c), ±1), π̂ being the target of `policy`;
    /// `noise` is σ and c.
    pub fn target_actions(
        &mut self,
        policy: &PolicyNet,
        batch: &Batch,
        noise: [PerMember<f32>; 2],
    ) -> Result<Block> {
        let raw = self.target_of(&policy.mlp, &batch.next_obs());
        let floats = batch.len() * self.act_dim();
        let normals = self.normals("target noise", Stream::TargetNoise, floats, |draws| {
            &draws.target_noise
        })?;
        let column = self.scene.row.next_obs();
        self.actions(batch, (raw, column), noise, normals)
    }

    /// (s, π(s)) for the states of `batch`.
    pub fn policy_actions(&mut self, policy: &PolicyNet, batch: &Batch) -> Result<Chosen> {
        let raw = self.at(&policy.mlp, &batch.obs());
        let none = self.zeros(batch.len() * self.act_dim())?;
        let column = self.scene.row.obs();
        let still = [0.0, 0.0].map(PerMember::from);
        let actions = self.actions(batch, (raw, column), still, none)?;
        Ok(Chosen { actions, raw })
    }

    /// Actions at the outputs `raw`, beside the states that begin at a column of the batch's rows.
    fn actions(
        &mut self,
        batch: &Batch,
        (raw, column): (Values, usize),
        [std, clip]: [PerMember<f32>; 2],
        noise: Buf<Normals>,
    ) -> Result<Block> {
        assert!(batch.is_first(), "actions at a batch's first rows");
        let (rows, row) = (batch.len(), self.scene.row);
        let width = row.obs_dim + row.act_dim;
        let fresh: Buf<StateActions> = self.zeros(rows * width)?;
        let kernel = PolicyActions {
            members: self.members(),
            rows,
            raw: self.read(&raw),
            column,
            row,
            std,
            clip,
        };
        let (to, from) = (fresh.clone(), batch.buffer().clone());
        self.launch(move |c| {
            kernel.launch(PolicyActionsBuffers {
                fresh: &to,
                acts: &c.ws.acts,
                noise: &noise,
                batch_rows: &from,
            })
        });
        Ok(Block::of(&fresh, [rows, width], self.latest()))
    }

    /// TD3+BC's loss of the policy, −λ mean Q1 + mean (π(s) − a)² with λ = α/mean|Q1|: `q` is Q1 at the actions that the
    /// policy has `chosen`.
    pub fn td3bc_loss(
        &mut self,
        batch: &Batch,
        chosen: &Chosen,
        q: Values,
        bc_alpha: PerMember<f32>,
    ) {
        assert!(batch.is_first(), "actions of a batch's first rows");
        let (members, row) = (self.members(), self.scene.row);
        let loss = Td3BcLoss {
            members,
            rows: q.rows,
            q: self.read(&q),
            raw: self.read(&chosen.raw),
            row,
            stats_at: self.places(&Td3BcLoss::STATS),
            bc_alpha,
        };
        let back = Td3BcGrad {
            members,
            rows: q.rows,
            raw: self.read(&chosen.raw),
            d_action: self.descends(&q, row.action()..row.action() + row.act_dim),
            row,
        };
        let [of_loss, of_grad] = [batch.buffer(), batch.buffer()].map(Buf::clone);
        self.launch(move |c| {
            loss.launch(Td3BcLossBuffers {
                act_grads: &c.ws.act_grads,
                stats: c.stats,
                acts: &c.ws.acts,
                batch: &of_loss,
            })
        });
        self.through.push(Through {
            gradient: Gradient::of_weights(chosen.raw.pass),
            launches: vec![Box::new(move |c| {
                back.launch(Td3BcGradBuffers {
                    deltas: &c.ws.act_grads,
                    acts: &c.ws.acts,
                    batch: &of_grad,
                })
            })],
        });
    }
}
