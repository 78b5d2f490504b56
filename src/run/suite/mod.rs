//! Suites: the tables and figures of a paper as plans of runs, and what has come of them.

pub mod file;
pub mod folder;
pub mod plan;
pub mod shipped;
pub mod status;
