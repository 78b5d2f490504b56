//! The real data of a run, and the behaviours that they are rolled out with.

pub mod behaviour;
pub mod real_data;
pub mod same_robot;
