//! A run, from its config to its records: what was asked for, the data, the loop, and what is left behind.

pub mod config;
pub mod data;
pub mod record;
pub mod report;
pub mod suite;
pub mod train;
