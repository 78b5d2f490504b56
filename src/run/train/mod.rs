//! The loop — roll out, update, evaluate, save — and what it steps.

pub mod evaluate;
pub mod phases;
pub mod progress;
pub mod rollout;
pub mod simulator;
pub mod states;
pub mod stop;
pub mod trainer;
