//! Runs: what they record.

pub mod curve;
pub mod metrics;
pub mod tensorboard;
