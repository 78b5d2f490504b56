//! SAC with CQL, as ODRL (Lyu et al., NeurIPS 2024) has it: the critics' loss is SAC's on the simulated rows, and SAC's and
//! CQL's conservative term on the real ones; the policy is SAC's on both. α stays.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, 128 + 128 rows, 10 actions of each kind): SAC's
//! 0.58 GFLOP of products and 3.2 of the term.

use h2oplus_base::settings;

use super::actor_critic::family;
use super::cql::penalty_settings;
use super::settings::{
    candidates, exploring, fixed_temperature, halves, networks, penalty, scaled,
};
use super::{Each, Record, cql};
use crate::error::{Result, above_zero};
use crate::net::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of SAC with CQL; the defaults are ODRL's.
    pub struct SacCqlSettings: networks, scaled, fixed_temperature, exploring, halves, penalty, candidates {}
    default penalty_weight = 10.0;
}

family!(SacCqlSettings, fixed);
penalty_settings!(SacCqlSettings);

// ---- update ----

impl Record for SacCqlSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        above_zero("real_batch", s.real_batch as f64)?;
        cql::update(t, s, [s.real_batch, s.sim_batch], s.standardise)
    }
}
