//! Learning from a fixed data set and an imperfect simulator: populations of agents in batched kernels, and the files
//! of data that they learn from. Layers, each of which names only those below it: [`algo`] → [`nn`] → [`data`].

pub mod algo;
pub mod data;
pub mod nn;

pub use h2oplus_base::{error, range, rng, setting, text};
