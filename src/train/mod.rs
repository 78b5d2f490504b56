//! The loop — roll out, update, evaluate, checkpoint — and the records it leaves.

pub mod behaviour;
pub mod checkpoint;
pub mod checkpoints;
pub mod config;
pub mod curve;
pub mod evaluate;
pub mod given;
pub mod inputs;
pub mod lock;
pub mod members;
pub mod metrics;
pub mod paused;
pub mod phases;
pub mod progress;
pub mod real_data;
pub mod report;
pub mod rollout;
pub mod rows;
pub mod run_folder;
pub mod same_robot;
pub mod seal;
pub mod seeds;
pub mod simulator;
pub mod stop;
pub mod tensorboard;
pub mod trainer;
