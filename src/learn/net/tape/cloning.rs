//! Behaviour cloning beside SAC's loss of the policy: see [`cloning`](crate::kernel::cloning).

use super::{Batch, Fresh, PolicyNet, Tape, Values};
use crate::error::Result;
use crate::kernel::cloning::{CloneGrad, CloneGradBuffers};
use crate::kernel::{Normals, PerMember};
use crate::rng::Stream;

impl Tape {
    /// The [actor's loss](Self::actor_loss) through `fresh` is multiplied by weight/mean|min Q|, `q` being the critics
    /// there, and joined by the mean of (a' − a)² over the real rows of `batch`, a' being samples of their own.
    pub fn clone_actions(
        &mut self,
        batch: &Batch,
        policy: &PolicyNet,
        (fresh, q): (&Fresh, [Values; 2]),
        weight: PerMember<f32>,
    ) -> Result<()> {
        assert!(batch.is_first(), "actions of a batch's first rows");
        let [real, _] = batch.halves();
        let noise = self.normals::<Normals>(
            "cloning noise",
            Stream::Cloning,
            real * self.act_dim(),
            |draws| &draws.cloning,
        )?;
        let grad = CloneGrad {
            members: self.members(),
            rows: batch.len(),
            real,
            q: self.read_both(&q),
            raw: self.read(&fresh.raw[0]),
            affine: policy.spread.own(),
            row: self.scene.row,
            stats_at: self.places(&CloneGrad::STATS),
            weight,
        };
        let rows = batch.buffer().clone();
        let through = self.through.iter_mut();
        let through = { through }.find(|through| through.gradient.pass == fresh.raw[0].pass);
        let through = through.expect("the actor's loss comes first");
        through.launches.push(Box::new(move |c| {
            grad.launch(CloneGradBuffers {
                deltas: &c.ws.act_grads,
                grad: &c.params.grad,
                stats: c.stats,
                acts: &c.ws.acts,
                theta: &c.params.theta,
                noise: &noise,
                batch: &rows,
            })
        }));
        Ok(())
    }
}
