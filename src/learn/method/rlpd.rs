//! SAC with real transitions mixed in plainly, which is H2O+ with λ = 0 and no ratio: a control. (RLPD, Ball et al.,
//! ICML 2023, mixes so; its ensembles, layer norms and update ratio are not here.)

use h2oplus_base::settings;

use super::actor_critic::family;
use super::sac::record_sac;
use super::settings::{actor_critic, networks};
use super::{Each, Record};
use crate::error::{Result, above_zero};
use crate::net::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of plain mixing; the defaults are halves of H2O+'s size.
    pub struct RlpdSettings: networks, actor_critic {
        /// Simulated transitions per update.
        batch: usize = 128 => SOME,
        /// Real transitions per update, beside them.
        real_batch: usize = 128 => SOME,
    }
}

family!(RlpdSettings);

// ---- update ----

impl Record for RlpdSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        above_zero("batch", s.batch as f64)?;
        above_zero("real_batch", s.real_batch as f64)?;
        record_sac(t, s, [s.real_batch, s.batch])
    }
}
