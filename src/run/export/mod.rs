//! A policy in the formats of other programs. What it does to its observations is in its weights, and its actions are
//! the controls that the task's motors take.

pub mod onnx;
mod proto;
pub mod tensors;

use std::path::Path;

use serde::Serialize;

use crate::env::Task;
use crate::kernel::head::LOG_STD;
use crate::policy::Policy;

/// What is written beside a policy's weights.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyCard {
    /// The real task.
    pub task: String,
    /// What differs on the real robot.
    pub real_gap: String,
    /// What differed in the simulator; empty where it is not known.
    pub gap: String,
    /// What it is called: method, member, updates.
    pub policy: String,
    /// The run's folder or the file that it was in.
    pub run: String,
    /// Version and commit of this program.
    pub program: String,
    /// Length of an observation.
    pub observations: usize,
    /// Length of an action.
    pub actions: usize,
    /// Outputs of the hidden layers.
    pub hidden: Vec<usize>,
    /// What follows a hidden layer: `relu`.
    pub activation: &'static str,
    /// How an action in [-1, 1] comes of mean μ, deviation σ and a standard normal ε: `tanh_gaussian`, tanh(μ + σε), or
    /// `clipped_gaussian`, clip(tanh(μ) + σε, −1, 1); deterministic with ε = 0.
    pub distribution: &'static str,
    /// Bounds of log σ.
    pub log_std: [f32; 2],
    /// The control at action 0, by motor.
    pub action_middle: Vec<f64>,
    /// How far the control at action 1 is from it.
    pub action_half: Vec<f64>,
}

impl PolicyCard {
    /// Of `policy`, called `name`, for `task`, trained in a simulator with `gap`, found at `path`.
    pub fn new(policy: &Policy, name: &str, task: &Task, gap: &str, path: &Path) -> Self {
        let hidden = policy.layers.iter().rev().skip(1).rev();
        let file = path.file_name().unwrap_or(path.as_os_str());
        Self {
            task: task.name.clone(),
            real_gap: task.real.to_string(),
            gap: gap.into(),
            policy: name.into(),
            run: file.to_string_lossy().into_owned(),
            program: concat!(
                "h2oplus ",
                env!("CARGO_PKG_VERSION"),
                " (",
                env!("H2OPLUS_COMMIT"),
                ")"
            )
            .into(),
            observations: policy.obs_dim(),
            actions: policy.act_dim(),
            hidden: hidden.map(|layer| layer.outputs).collect(),
            activation: "relu",
            distribution: policy.distribution.name(),
            log_std: LOG_STD,
            action_middle: task.scale.middle.clone(),
            action_half: task.scale.half.clone(),
        }
    }
}
