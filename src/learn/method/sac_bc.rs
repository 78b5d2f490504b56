//! SAC with behaviour cloning, as ODRL (Lyu et al., NeurIPS 2024) has it: SAC's critics on both domains together; the
//! policy's loss is w/mean|min Q|·mean(α log π − min Q) over both, plus the mean squared difference between fresh actions
//! of the policy at the real states and the data's. α stays.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, 128 + 128 rows): SAC's, 0.58 GFLOP of products.

use h2oplus_base::settings;

use super::actor_critic::{ActorCritic, family};
use super::settings::{cloning, exploring, fixed_temperature, halves, networks, scaled};
use super::{Each, Record, sac};
use crate::error::{Result, above_zero};
use crate::net::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of SAC with behaviour cloning; the defaults are ODRL's.
    pub struct SacBcSettings: networks, scaled, fixed_temperature, exploring, halves, cloning {}
}

family!(SacBcSettings, fixed);

// ---- update ----

impl Record for SacBcSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        above_zero("real_batch", s.real_batch as f64)?;
        let core = ActorCritic::new(t, s)?;
        let batch = t.rows([s.real_batch, s.sim_batch], s.standardise)?;
        t.draw(&batch);
        // The critics' loss is the mean over both halves together.
        let (fresh, q) = sac::losses(t, s, &core, &batch, 0.5)?;
        t.clone_actions(&batch, &core.policy, (&fresh, q), s.each(|s| s.bc_weight))?;
        t.step(&core.groups());
        Ok(())
    }
}
