//! Suites: the tables and figures of a paper as plans of runs, and what has come of them.

pub mod file;
pub mod folder;
mod grouping;
pub mod plan;
pub mod predict;
pub mod resolve;
mod sets;
pub mod shard;
pub mod shipped;
pub mod status;
pub mod work;
