#![doc = include_str!("README.md")]

pub mod choice;
pub mod error;
pub mod log;
pub mod memory;
pub mod range;
pub mod rng;
pub mod text;
mod words;
