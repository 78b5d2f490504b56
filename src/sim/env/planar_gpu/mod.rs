//! A task on the planar kernel's shaders.

mod constants;
mod rollout;
mod vector;

pub use rollout::{Layer, ResidentRollout};
pub use vector::PlanarGpuEnv;

#[cfg(test)]
mod tests;
