#![doc = include_str!("README.md")]
//!
//! Layers, each of which names only those below it: [`method`] → [`net`] → [`kernel`] and [`data`].

pub mod data;
pub mod kernel;
pub mod method;
pub mod net;

pub use h2oplus_base::{error, policy, range, rng, setting, text};
