//! What advances the state of a robot.

pub mod gpu;
pub mod planar;
pub mod rapier;
pub mod status;
