//! Data sets of the real domain: D4RL and Minari files.

/// Transitions of the real domain, in time order. `n` rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Where it came from: a path, or the recipe that made it.
    pub source: String,
    /// Length of an observation.
    pub obs_dim: usize,
    /// Length of an action.
    pub act_dim: usize,
    /// `[n, obs_dim]`.
    pub observations: Vec<f32>,
    /// `[n, act_dim]`.
    pub actions: Vec<f32>,
    /// `[n]`.
    pub rewards: Vec<f32>,
    /// `[n, obs_dim]`: true successors, also at an episode's end.
    pub next_observations: Vec<f32>,
    /// `[n]`: the task's failure condition held.
    pub terminals: Vec<bool>,
    /// `[n]`: the episode was cut by the step limit (or the recording ended).
    pub timeouts: Vec<bool>,
    /// `infos/qpos`, `[n, nv]`, where the file has it.
    pub qpos: Option<Vec<f32>>,
    /// `infos/qvel`, `[n, nv]`, where the file has it.
    pub qvel: Option<Vec<f32>>,
    /// The behaviour policy, where the file carries it.
    pub policy: Option<BehaviourPolicy>,
}

/// A tanh-Gaussian policy in D4RL's `metadata/policy` layout: ReLU layers, then mean and log-std
/// heads. Weights are `[out, in]`, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BehaviourPolicy {
    /// Hidden layers `fc0`, `fc1` …
    pub hidden: Vec<DenseLayer>,
    /// `last_fc`: mean before the tanh.
    pub mean: DenseLayer,
    /// `last_fc_log_std`, clipped to [−20, 2] by whoever samples.
    pub log_std: DenseLayer,
}

/// A dense layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DenseLayer {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// `[outputs, inputs]`.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}
