//! Train policies across *dynamics gaps*: planar robot physics in SIMD lanes over environments,
//! and the H2O+ learner in batched kernels.
//!
//! Two towers that know nothing of each other, [simulation](h2oplus_sim) and [learning](h2oplus_learn), stand on
//! [one floor](h2oplus_base); [`train`] joins them and [`cli`] speaks to the user.

pub mod choice;
pub mod cli;
pub mod train;

pub use h2oplus_base::{error, log, range, rng};
pub use h2oplus_learn::{algo, data, flag, nn};
pub use h2oplus_sim::{env, gpu, model, physics};
