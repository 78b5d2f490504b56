//! The planar kernel in WGSL: what of a robot becomes constants of the shaders, what a row of
//! parameters, and the buffers. The stages are `shaders/shared/<stage>.wgsl`, under the names of
//! their CPU twins in [`planar`](crate::engine::planar).

mod batch;
mod constants;
mod control;
mod network;
mod rollout;
mod rows;
mod saved;
mod store;
#[cfg(test)]
mod tests;
mod vector;

pub use batch::GpuBatch;
pub use rollout::ResidentRollout;
pub use store::Samples;
pub use vector::PlanarGpuEnv;
pub(super) use vector::build;
