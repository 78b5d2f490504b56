#![doc = include_str!("README.md")]

pub mod choice;
pub mod error;
pub mod log;
pub mod memory;
pub mod nearest;
pub mod policy;
pub mod range;
pub mod rng;
pub mod setting;
pub mod text;
mod words;
