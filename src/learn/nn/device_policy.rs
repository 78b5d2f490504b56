//! A policy of a file or checkpoint, acting on a device.

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use super::kernel::Slot;
use super::params::Params;
use super::spec::{LastLayer, Spec};
use super::{Acting, Actor, PolicySnapshot, Spread};
use crate::data::Distribution;
use crate::error::{Error, Result};

/// A snapshot on a device, as a population of one, for a fixed number of observations.
pub struct DevicePolicy {
    params: Params,
    acting: Acting,
    /// Observations, length of an observation, length of an action.
    dims: [usize; 3],
}

impl DevicePolicy {
    /// `snapshot` on `device`, for `rows` observations at a time.
    pub fn new(snapshot: &PolicySnapshot, rows: usize, device: &Device) -> Result<Self> {
        let (obs_dim, act_dim) = (snapshot.obs_dim(), snapshot.act_dim());
        let mut layers = snapshot.layers.clone();
        let mut values = HashMap::new();
        let mut spec = Spec::default();
        let constant = snapshot.distribution == Distribution::ClippedGaussian;
        if let (true, Some(last)) = (constant, layers.last_mut()) {
            let spread = last.weight.split_off(act_dim * last.inputs);
            if spread.iter().any(|w| *w != 0.0) {
                let problem =
                    "its spread differs between states, which this device has no kernel for";
                return Err(Error::input("policy", problem, "use --device cpu"));
            }
            values.insert("log_std".to_owned(), last.bias.split_off(act_dim));
            last.outputs = act_dim;
        }
        let sizes = layers.iter().map(|layer| layer.outputs);
        let sizes: Vec<_> = std::iter::once(obs_dim).chain(sizes).collect();
        let mlp = spec.mlp("policy", &sizes, LastLayer::Linear);
        let spread = if constant {
            Spread::Constant(Slot::new(spec.vector("log_std", act_dim, 0.0).start))
        } else {
            // The snapshot has them in its weights.
            let affine = [("multiplier", 1.0.into()), ("offset", 0.0.into())];
            values.extend([
                ("multiplier".to_owned(), vec![1.0]),
                ("offset".to_owned(), vec![0.0]),
            ]);
            Spread::Affine(Slot::new(spec.scalars(&affine).start))
        };
        // No policy has targets, but a buffer has room for something.
        let mut params = Params::new(spec, &[(&mlp, "target")], &[0], device)?;
        for (n, layer) in layers.into_iter().enumerate() {
            for (part, numbers) in [("weight", layer.weight), ("bias", layer.bias)] {
                values.insert(format!("target.{n}.{part}"), numbers.clone());
                values.insert(format!("policy.{n}.{part}"), numbers);
            }
        }
        params.set_named(0, &values, "policy")?;
        Ok(Self {
            acting: Acting::new(&params, &Actor { mlp, spread }, rows)?,
            params,
            dims: [rows, obs_dim, act_dim],
        })
    }

    /// Actions `[n, A]` for `obs` `[n, S]`, as [`PolicySnapshot::act`].
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
