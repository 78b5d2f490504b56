//! A task on the planar kernel's shaders.

mod constants;
mod vector;

pub use vector::PlanarGpuEnv;
