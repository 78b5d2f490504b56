#![doc = include_str!("README.md")]
//!
//! Layers, each of which names only those below it: [`measure`] → [`engine`] → [`mod@env`] and [`gpu`] → [`model`].

pub mod engine;
pub mod env;
pub mod gpu;
pub mod measure;
pub mod model;

pub use h2oplus_base::{error, policy, rng, text};
