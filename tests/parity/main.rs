//! Kernels against references that do not share their code, and against themselves on other lanes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actions;
mod channel;
mod contract;
mod control;
mod dynamics;
mod envs;
mod gpu;
mod gymnasium;
mod lanes;
mod pairs;
mod physics;
mod rapier;
mod roll;
mod touch;
mod wheels;
mod words;
