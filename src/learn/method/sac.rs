//! SAC on the simulator alone (zero-shot): y = r + γ(1−d)·(min Q̂(s',a') − α log π(a'|s')).
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256): 0.58 GFLOP of products.

use h2oplus_base::settings;

use super::actor_critic::{ActorCritic, Family, family};
use super::settings::{actor_critic, networks};
use super::{Each, Record};
use crate::error::{Result, above_zero};
use crate::net::spec::Mlp;
use crate::net::tape::{Batch, Tape};

// ---- settings ----

settings! {
    /// Settings of SAC; the defaults are those published with H2O+.
    pub struct SacSettings: networks, actor_critic {
        /// Simulated transitions per update.
        batch: usize = 256 => SOME,
    }
}

family!(SacSettings);

// ---- update ----

impl Record for SacSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        above_zero("batch", s.batch as f64)?;
        update(t, s, [0, s.batch])
    }
}

/// SAC's update on so many real and so many simulated transitions, which count alike.
pub(super) fn update<S: Family>(t: &mut Tape, s: &Each<S>, rows: [usize; 2]) -> Result<()> {
    let core = ActorCritic::new(t, s)?;
    let batch = t.rows(rows)?;
    step(t, s, &core, &batch, None)
}

/// A step of actor and critics on `batch`, its rewards corrected by log(p_real/p_sim) of the dynamics where `dynamics`
/// is there.
pub(super) fn step<S: Family>(
    t: &mut Tape,
    s: &Each<S>,
    core: &ActorCritic,
    batch: &Batch,
    dynamics: Option<&Mlp>,
) -> Result<()> {
    t.draw(batch);

    // Losses.
    let fresh = t.sample(&core.policy, batch)?;
    let mut target = core.target(t, s, &fresh);
    target.log_ratio = dynamics.map(|net| t.at(net, &batch.dynamics()));
    let y = t.td_target(batch, target)?;
    let q = t.twin_at(&core.q, &batch.obs_action());
    let w = t.constant_weights(batch, 1.0)?;
    t.td_loss(batch, &q, &y, &w);
    core.actor_loss(t, s, &fresh);

    // Step.
    t.step(&core.groups());
    Ok(())
}
