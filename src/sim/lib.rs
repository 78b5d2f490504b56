//! Planar robots with *dynamics gaps*, thousands in parallel: on SIMD lanes of the CPU, in WGSL on any GPU, and in
//! Rapier as a second engine. Layers, each of which names only those below it:
//! [`mod@env`] → [`physics`] → [`gpu`] and [`model`].

pub mod env;
pub mod gpu;
pub mod model;
pub mod physics;

pub use h2oplus_base::{error, rng, text};
