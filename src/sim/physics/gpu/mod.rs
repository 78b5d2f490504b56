//! The planar kernel in WGSL: what of a robot becomes constants of the shaders, what a row of
//! parameters, and the buffers. The stages are `shaders/shared/<stage>.wgsl`, under the names of
//! their CPU twins in [`planar`](crate::physics::planar).

mod batch;
pub mod constants;
pub mod rows;
pub mod store;

pub use batch::GpuBatch;
