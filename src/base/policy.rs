//! A policy on the host: one member's weights, as the kernels of both towers read them.

/// How an action comes of mean μ, standard deviation σ and a standard normal ε.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActionDistribution {
    /// tanh(μ + σ·ε), as D4RL's policies.
    #[default]
    TanhGaussian,
    /// clip(tanh(μ) + σ·ε, −1, 1): IQL's.
    ClippedGaussian,
}

impl ActionDistribution {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::TanhGaussian => "tanh_gaussian",
            Self::ClippedGaussian => "clipped_gaussian",
        }
    }

    /// The distribution of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::TanhGaussian, Self::ClippedGaussian]
            .into_iter()
            .find(|d| d.name() == name)
    }
}

/// A dense layer: y = x·W + b.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyLayer {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// W, `[inputs, outputs]`: what one input adds to all outputs lies side by side.
    pub weight: Vec<f32>,
    /// b, `[outputs]`.
    pub bias: Vec<f32>,
}

/// ReLU layers, the last of which gives mean and log-std side by side. What else a policy does to either is folded
/// into its weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Inputs first; the last has 2A outputs.
    pub layers: Vec<PolicyLayer>,
    /// How an action comes of what the last one gives.
    pub distribution: ActionDistribution,
}

impl Policy {
    /// Length of an observation.
    pub fn obs_dim(&self) -> usize {
        self.layers.first().map_or(0, |l| l.inputs)
    }

    /// Length of an action, A.
    pub fn act_dim(&self) -> usize {
        self.layers.last().map_or(0, |l| l.outputs / 2)
    }

    /// The same policy for states s of which it now sees (s − mean)·inverse.
    pub fn standardised(mut self, mean: &[f32], inverse: &[f32]) -> Self {
        if let Some(first) = self.layers.first_mut() {
            let rows = first.weight.chunks_exact_mut(first.outputs);
            for ((row, m), i) in rows.zip(mean).zip(inverse) {
                for (w, bias) in row.iter_mut().zip(&mut first.bias) {
                    *w *= i;
                    *bias -= *w * m;
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standardised_policy_sees_the_states_scale() {
        let layer = PolicyLayer {
            inputs: 2,
            outputs: 2,
            weight: vec![1.0, 2.0, 3.0, 4.0],
            bias: vec![0.5, -0.5],
        };
        let policy = Policy {
            layers: vec![layer],
            ..Policy::default()
        };
        assert_eq!((policy.obs_dim(), policy.act_dim()), (2, 1));
        let first = |policy: &Policy, s: [f32; 2]| {
            let l = &policy.layers[0];
            [0, 1].map(|j| l.bias[j] + s[0] * l.weight[j] + s[1] * l.weight[2 + j])
        };
        let scaled = policy.clone().standardised(&[1.0, -2.0], &[2.0, 0.5]);
        // (3 − 1)·2 = 4 and (0 + 2)·0.5 = 1.
        assert_eq!(first(&scaled, [3.0, 0.0]), first(&policy, [4.0, 1.0]));
        assert_ne!(first(&scaled, [3.0, 0.0]), first(&policy, [3.0, 0.0]));
    }
}
