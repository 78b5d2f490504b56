//! What a run leaves behind, and what it needs to go on.

pub mod checkpoint;
pub mod checkpoints;
pub mod curve;
pub mod dynamics_file;
pub mod figures;
pub mod inputs;
pub mod lock;
pub mod metrics;
pub mod motion;
pub mod paused;
pub mod results;
pub mod run_folder;
pub mod seal;
pub mod tensorboard;
