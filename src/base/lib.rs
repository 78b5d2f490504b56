//! What the two towers, simulation and learning, stand on: one error type, counted random numbers, one door to stderr.

pub mod choice;
pub mod error;
pub mod log;
pub mod rng;
mod words;
