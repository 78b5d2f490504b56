//! A policy of a file or checkpoint, acting on a device.

use candle_core::{Device, Tensor};

use super::params::Params;
use super::spec::{LastLayer, ParamSpec};
use super::{Actor, BatchedPolicy};
use crate::error::{Error, Result};
use crate::kernel::{LogStd, Slot};
use crate::policy::{ActionDistribution, Policy};

/// A policy on a device, as a population of one, for a fixed number of observations.
pub struct DevicePolicy {
    params: Params,
    acting: BatchedPolicy,
    /// Observations, length of an observation, length of an action.
    dims: [usize; 3],
}

impl DevicePolicy {
    /// `policy` on `device`, for `rows` observations at a time.
    pub fn new(policy: &Policy, rows: usize, device: &Device) -> Result<Self> {
        let (obs_dim, act_dim) = (policy.obs_dim(), policy.act_dim());
        let mut layers = policy.layers.clone();
        let constant = policy.distribution == ActionDistribution::ClippedGaussian;
        let mut own = vec![1.0, 0.0]; // m and o of a tanh-Gaussian, which has them in its weights
        if let (true, Some(last)) = (constant, layers.last_mut()) {
            own = last.bias.split_off(act_dim);
            last.outputs = act_dim;
            let rows = last.weight.chunks_exact(2 * act_dim);
            if rows
                .clone()
                .any(|row| row[act_dim..].iter().any(|w| *w != 0.0))
            {
                let problem =
                    "its spread differs between states, which this device has no kernel for";
                return Err(Error::input("policy", problem, "act on the CPU"));
            }
            last.weight = rows.flat_map(|row| &row[..act_dim]).copied().collect();
        }
        let sizes = layers.iter().map(|layer| layer.outputs);
        let sizes: Vec<_> = std::iter::once(obs_dim).chain(sizes).collect();
        let mut spec = ParamSpec::default();
        let mlp = spec.mlp("policy", &sizes, LastLayer::Linear);
        let spread = if constant {
            LogStd::Free(Slot::new(spec.vector("log_std", act_dim, 0.0).start))
        } else {
            let affine = [("multiplier", 1.0.into()), ("offset", 0.0.into())];
            LogStd::PerState(Slot::new(spec.scalars(&affine).start))
        };
        // No policy has targets, but a buffer has room for something.
        let mut params = Params::new(spec, &[(&mlp, "target")], &[0], device)?;
        let mut theta = vec![0.0; params.len()];
        let mut set = |at: usize, numbers: &[f32]| {
            theta[at..at + numbers.len()].copy_from_slice(numbers);
        };
        for (to, layer) in mlp.layers.iter().zip(&layers) {
            set(to.weight, &layer.weight);
            set(to.bias, &layer.bias);
        }
        set(spread.own().offset(), &own);
        params.theta = Tensor::new(theta, device)?.unsqueeze(0)?.into();
        Ok(Self {
            acting: BatchedPolicy::new(&params, &Actor { mlp, spread }, rows)?,
            params,
            dims: [rows, obs_dim, act_dim],
        })
    }

    /// Actions `[n, A]` for `obs` `[n, S]`, as [`Act::act`](crate::net::Act::act).
    pub fn act(&self, obs: &[f32], noise: Option<&[f32]>) -> Result<Vec<f32>> {
        let ([rows, obs_dim, act_dim], device) = (self.dims, self.params.theta.device());
        let obs = Tensor::from_slice(obs, (1, rows, obs_dim), device)?;
        let noise = noise.map(|noise| Tensor::from_slice(noise, (1, rows, act_dim), device));
        let actions = self
            .acting
            .act(&self.params, &obs, noise.transpose()?.as_ref())?;
        Ok(actions.flatten_all()?.to_vec1()?)
    }
}
