//! A run, from its config to its records: what was asked for, the data, the loop, and what is left behind.

pub mod config;
pub mod data;
pub mod export;
pub mod page;
pub mod policies;
pub mod record;
pub mod render;
pub mod report;
pub mod suite;
pub mod train;
pub mod watch;
