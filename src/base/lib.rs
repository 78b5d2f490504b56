//! What the two towers, simulation and learning, stand on: one error type, counted random numbers, text files, one door to stderr.

pub mod choice;
pub mod error;
pub mod log;
pub mod memory;
pub mod nearest;
pub mod range;
pub mod rng;
pub mod setting;
pub mod text;
mod words;
