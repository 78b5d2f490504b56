//! Descriptions of robots, tasks and gaps, and what they compile to.

#![expect(clippy::unwrap_used, reason = "a failed test may panic anywhere")]

mod bounds;
mod compile;
mod domains;
mod draws;
mod gaps;
mod odrl;
mod refusals;
mod robot;
mod tasks;
