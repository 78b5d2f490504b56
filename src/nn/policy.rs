//! Acting: on the device for a population, and on the host from a snapshot of one member's policy.

use candle_core::{DType, Tensor};

use crate::data::{BehaviourPolicy, DenseLayer};
use crate::error::{Error, Result};
use crate::nn::launch::launch;
use crate::nn::ops::dense::{View, product};
use crate::nn::ops::head::{Head, Sample, sample_row};
use crate::nn::params::{Mlp, Params};
use crate::nn::workspace::{Plan, Use};

/// Actions of every member, `[P, n, A]`, for `obs` `[P, n, S]`: with `noise` (standard normals `[P, n, A]`) a
/// sample of the policy, without it tanh(mean). `affine`: offset of m, o follows.
pub fn act(
    params: &Params,
    policy: &Mlp,
    affine: usize,
    obs: &Tensor,
    noise: Option<&Tensor>,
) -> Result<Tensor> {
    let (members, rows, obs_dim) = obs.dims3()?;
    let (device, depth) = (obs.device(), policy.layers.len());
    let act_dim = policy.layers[depth - 1].outputs / 2;
    if members != params.members || obs_dim != policy.layers[0].inputs {
        let problem = format!(
            "observations {:?} do not fit {} members of {}",
            obs.dims(),
            params.members,
            policy.layers[0].inputs
        );
        return Err(Error::input(
            "policy",
            problem,
            "pass observations [members, n, obs_dim]",
        ));
    }
    let obs = obs.force_contiguous()?.flatten_all()?;
    let zeros = |len: usize| Tensor::zeros(members * rows * len, DType::F32, device);
    let noise = match noise {
        Some(noise) => noise.force_contiguous()?.flatten_all()?,
        None => zeros(act_dim)?,
    };
    let mut plan = Plan::new(members, [params.len(), params.target_len()]);
    let input = View {
        buffer: 0,
        offset: 0,
        ld: obs_dim,
        stride: rows * obs_dim,
    };
    let pass = plan.pass(policy, Use::Infer, input, rows);
    let ws = plan.alloc(device)?;
    ws.forward(
        &plan.forward(&[&pass]),
        [&params.theta, &params.target, &obs],
    )?;
    let sample = Sample {
        head: Head {
            members,
            rows,
            act_dim,
            raw: pass.out(),
            raw_stride: plan.len(),
            noise: 0,
            noise_stride: rows * act_dim,
            affine,
            param_stride: params.len(),
        },
        obs_dim,
        row: obs_dim,
        batch: rows,
        columns: [0, 0],
        next_raw: 0,
    };
    let (fresh, log_pi) = (zeros(obs_dim + act_dim)?, zeros(1)?);
    launch(
        &sample,
        [&fresh, &log_pi],
        [&ws.acts, &params.theta, &noise, &obs],
    )?;
    let fresh = fresh.reshape((members, rows, obs_dim + act_dim))?;
    Ok(fresh.narrow(2, obs_dim, act_dim)?.contiguous()?)
}

/// One member's policy on the host: ReLU layers, the last of which gives mean and log-std side by side
/// (the learned affine of log-std is folded into its weights).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicySnapshot {
    /// Layers, weights `[outputs, inputs]`; the last has 2A outputs.
    pub layers: Vec<DenseLayer>,
}

impl PolicySnapshot {
    /// Member `member`'s policy. `affine`: offset of m, o follows.
    pub fn of(params: &Params, policy: &Mlp, affine: usize, member: usize) -> Result<Self> {
        let theta = params.theta.get(member)?.to_vec1::<f32>()?;
        let layer = |l: &crate::nn::params::Linear| DenseLayer {
            inputs: l.inputs,
            outputs: l.outputs,
            weight: (0..l.outputs * l.inputs)
                .map(|n| theta[l.weight + (n % l.inputs) * l.outputs + n / l.inputs])
                .collect(),
            bias: theta[l.bias..l.bias + l.outputs].to_vec(),
        };
        let mut layers: Vec<_> = policy.layers.iter().map(layer).collect();
        if let Some(last) = layers.last_mut() {
            let (m, o) = (theta[affine], theta[affine + 1]);
            let half = last.outputs / 2;
            last.weight[half * last.inputs..]
                .iter_mut()
                .for_each(|w| *w *= m);
            last.bias[half..].iter_mut().for_each(|b| *b = m * *b + o);
        }
        Ok(Self { layers })
    }

    /// Length of an observation.
    pub fn obs_dim(&self) -> usize {
        self.layers.first().map_or(0, |l| l.inputs)
    }

    /// Length of an action.
    pub fn act_dim(&self) -> usize {
        self.layers.last().map_or(0, |l| l.outputs / 2)
    }

    /// Actions `[n, A]` for `obs` `[n, S]`, on the calling thread: a sample where `noise` (standard normals
    /// `[n, A]`) is given, tanh(mean) where it is not.
    pub fn act(&self, obs: &[f32], noise: Option<&[f32]>) -> Vec<f32> {
        let (rows, act_dim) = (obs.len() / self.obs_dim(), self.act_dim());
        let mut x = obs.to_vec();
        for (n, layer) in self.layers.iter().enumerate() {
            let mut y = vec![0.0; rows * layer.outputs];
            if rows > 0 {
                product(
                    (rows, layer.outputs, layer.inputs),
                    (&mut y, layer.outputs, 1),
                    (&x, layer.inputs, 1),
                    (&layer.weight, 1, layer.inputs),
                );
            }
            let floor = if n + 1 < self.layers.len() {
                0.0
            } else {
                f32::NEG_INFINITY
            };
            for row in y.chunks_exact_mut(layer.outputs) {
                row.iter_mut()
                    .zip(&layer.bias)
                    .for_each(|(y, b)| *y = (*y + b).max(floor));
            }
            x = y;
        }
        let still = vec![0.0; act_dim];
        let mut actions = vec![0.0; rows * act_dim];
        for (n, (action, raw)) in actions
            .chunks_exact_mut(act_dim)
            .zip(x.chunks_exact(2 * act_dim))
            .enumerate()
        {
            let eps = noise.map_or(&still[..], |noise| &noise[n * act_dim..][..act_dim]);
            sample_row(action, raw, &[1.0, 0.0], eps);
        }
        actions
    }
}

impl From<&BehaviourPolicy> for PolicySnapshot {
    fn from(policy: &BehaviourPolicy) -> Self {
        let (mean, spread) = (&policy.mean, &policy.log_std);
        let mut layers = policy.hidden.clone();
        layers.push(DenseLayer {
            inputs: mean.inputs,
            outputs: mean.outputs + spread.outputs,
            weight: [&mean.weight[..], &spread.weight[..]].concat(),
            bias: [&mean.bias[..], &spread.bias[..]].concat(),
        });
        Self { layers }
    }
}

impl From<&PolicySnapshot> for BehaviourPolicy {
    fn from(policy: &PolicySnapshot) -> Self {
        let Some((last, hidden)) = policy.layers.split_last() else {
            return Self::default();
        };
        let half = last.outputs / 2;
        let part = |from: usize| DenseLayer {
            inputs: last.inputs,
            outputs: half,
            weight: last.weight[from * last.inputs..(from + half) * last.inputs].to_vec(),
            bias: last.bias[from..from + half].to_vec(),
        };
        Self {
            hidden: hidden.to_vec(),
            mean: part(0),
            log_std: part(half),
            ..Self::default()
        }
    }
}
