//! Plain mixing: SAC on real and simulated transitions alike, which is H2O+ with λ = 0 and no ratio: the control.
//!
//! (RLPD, Ball et al., ICML 2023, mixes so; its ensembles and update ratio are not here.)

use h2oplus_base::settings;

use super::actor_critic::family;
use super::settings::{exploring, halves, networks, scaled, temperature};
use super::{Each, Record, sac};
use crate::error::Result;
use crate::net::tape::Tape;

settings! {
    /// Settings of plain mixing; the defaults are H2O+'s.
    pub struct RlpdSettings: networks, scaled, temperature, exploring, halves {}
}

family!(RlpdSettings);

impl Record for RlpdSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        sac::update(t, s, [s.real_batch, s.sim_batch], s.standardise)
    }
}
