//! The planar kernel in WGSL: what of a robot becomes constants of the shaders, and what a row of
//! parameters. The stages are `shaders/shared/<stage>.wgsl`, under the names of their CPU twins in
//! [`planar`](crate::physics::planar).

pub mod constants;
pub mod rows;
