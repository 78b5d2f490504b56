//! SAC on the simulator alone (zero-shot): y = r + γ(1−d)·(min Q̂(s',a') − α log π(a'|s')).
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256): 0.58 GFLOP of products.

use h2oplus_base::settings;

use super::actor_critic::{ActorCritic, Family, family};
use super::settings::{exploring, networks, temperature};
use super::{Each, Record};
use crate::error::{Result, above_zero};
use crate::net::tape::{Batch, Fresh, Tape, Values};

// ---- settings ----

settings! {
    /// Settings of SAC; the defaults are those published with H2O+.
    pub struct SacSettings: networks, temperature, exploring {
        /// Simulated transitions per update.
        batch: usize = 256 => SOME,
    }
}

family!(SacSettings);

// ---- update ----

impl Record for SacSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        above_zero("batch", s.batch as f64)?;
        update(t, s, [0, s.batch], false)
    }
}

/// SAC's update on so many real and so many simulated transitions, which count alike.
pub(super) fn update<S: Family>(
    t: &mut Tape,
    s: &Each<S>,
    rows: [usize; 2],
    standardise: bool,
) -> Result<()> {
    let core = ActorCritic::new(t, s)?;
    let batch = t.rows(rows, standardise)?;
    t.draw(&batch);
    losses(t, s, &core, &batch, 1.0)?;
    t.step(&core.groups());
    Ok(())
}

/// The losses of actor and critics on `batch`, each half of which has this weight in the critics'; the policy's actions,
/// and the critics there.
pub(super) fn losses<S: Family>(
    t: &mut Tape,
    s: &Each<S>,
    core: &ActorCritic,
    batch: &Batch,
    weight: f64,
) -> Result<(Fresh, [Values; 2])> {
    let fresh = t.sample(&core.policy, batch)?;
    let target = core.target(t, s, &fresh);
    let y = t.td_target(batch, target)?;
    let q = t.twin_at(&core.q, &batch.obs_action());
    let w = t.constant_weights(batch, weight)?;
    t.td_loss(batch, &q, &y, &w);
    let q = core.actor_loss(t, s, &fresh);
    Ok((fresh, q))
}
