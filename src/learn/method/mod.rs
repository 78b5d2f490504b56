//! The methods. Each trains a population of members at once.

use crate::error::Result;
use crate::kernel::Compute;
use crate::net::tape::Tape;

pub mod actor_critic;
mod agent;
pub mod classifiers;
mod cohort;
mod cql;
mod dara;
mod darc;
mod each;
mod h2o;
mod h2oplus;
pub mod in_sample;
mod iql;
pub mod measures;
mod par_bc;
pub mod registry;
mod rlpd;
mod sac;
mod sac_bc;
mod sac_cql;
mod settings;
mod td3bc;

pub use agent::Agent;
pub use cql::CqlSettings;
pub use dara::DaraSettings;
pub use darc::DarcSettings;
pub use each::Each;
pub use h2o::H2oSettings;
pub use h2oplus::H2oPlusSettings;
pub use iql::IqlSettings;
pub use par_bc::ParBcSettings;
pub use registry::{METHODS, Method, build, build_members, methods, renamed, setting, settings};
pub use rlpd::RlpdSettings;
pub use sac::SacSettings;
pub use sac_bc::SacBcSettings;
pub use sac_cql::SacCqlSettings;
pub use td3bc::Td3BcSettings;

pub use crate::net::tape::Recorded;

/// Settings, and the update that they describe.
pub trait Record: Sized {
    /// Records the networks and the update of agents with these settings.
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()>;

    /// One fresh member per seed, each with its own numbers; what decides shapes and kernels is that of all.
    fn agent(settings: &[Self], dims: [usize; 2], seeds: &[u64], on: &Compute) -> Result<Agent> {
        Agent::new(dims, seeds, on, |t, place| {
            Self::record(t, &Each::new(&settings[place]))
        })
    }
}
