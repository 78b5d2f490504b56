//! Descriptions of robots, tasks and gaps, and what they compile to.

mod compile;
mod gaps;
mod refusals;
mod tasks;
