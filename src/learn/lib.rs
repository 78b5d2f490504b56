#![doc = include_str!("README.md")]
//!
//! Layers, each of which names only those below it: [`algo`] → [`nn`] → [`data`].

pub mod algo;
pub mod data;
pub mod nn;

pub use h2oplus_base::{error, policy, range, rng, setting, text};
