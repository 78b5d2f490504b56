//! Train policies across *dynamics gaps*: planar robot physics in SIMD lanes over environments,
//! and the H2O+ learner in batched kernels.
//!
//! Layers, each of which names only those below it: [`cli`] → [`train`] → [`algo`] → [`nn`] and
//! [`data`] → [`mod@env`] → [`physics`] → [`model`]; [`error`], [`range`], [`flag`],
//! [`toml_text`] and [`rng`] lie under all of them.

pub mod algo;
pub mod cli;
pub mod data;
pub mod env;
pub mod error;
pub mod flag;
pub mod gpu;
pub mod log;
pub mod model;
pub mod nn;
pub mod physics;
pub mod range;
pub mod rng;
pub mod toml_text;
pub mod train;
