//! Acting: on the device for a population, and on the host with one member's policy.

use candle_core::{DType, Module, Tensor};

use crate::error::{Error, Result};
use crate::kernel::LogStd;
use crate::kernel::cpu::product::{Finish, product};
use crate::kernel::dense::{Dense, View};
use crate::kernel::gaussian::{self, GaussianSample, GaussianSampleBuffers};
use crate::kernel::head::{Sample, SampleBuffers, sample_row};
use crate::kernel::launch::launch;
use crate::kernel::{Actions, Acts, Buf, LogPi, MatmulPrecision, Normals, RowLayout, StateActions};
use crate::net::params::Params;
use crate::net::spec::{Linear, Mlp};
use crate::net::workspace::{Bank, Plan};
use crate::policy::{ActionDistribution, Policy, PolicyLayer};

/// The policy among the parameters.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Its network.
    pub mlp: Mlp,
    /// Where its spread is.
    pub spread: LogStd,
}

impl Actor {
    /// Length of an action, A.
    pub fn act_dim(&self) -> usize {
        let outputs = self.mlp.layers[self.mlp.layers.len() - 1].outputs;
        match self.spread {
            LogStd::PerState(_) => outputs / 2,
            LogStd::Free(_) => outputs,
        }
    }

    /// Member `member`'s policy, for the host.
    pub fn policy(&self, params: &Params, member: usize) -> Result<Policy> {
        let theta = params.theta.get(member)?.to_vec1::<f32>()?;
        let layer = |l: &Linear| PolicyLayer {
            inputs: l.inputs,
            outputs: l.outputs,
            weight: theta[l.weight..][..l.inputs * l.outputs].to_vec(),
            bias: theta[l.bias..][..l.outputs].to_vec(),
        };
        let mut layers: Vec<_> = self.mlp.layers.iter().map(layer).collect();
        let (half, last) = (self.act_dim(), layers.len() - 1);
        let last = &mut layers[last];
        let distribution = match self.spread {
            LogStd::PerState(at) => {
                let (m, o) = (theta[at.offset()], theta[at.offset() + 1]);
                let rows = last.weight.chunks_exact_mut(2 * half);
                let rho = rows.flat_map(|row| &mut row[half..]);
                rho.for_each(|w| *w *= m);
                last.bias[half..].iter_mut().for_each(|b| *b = m * *b + o);
                ActionDistribution::TanhGaussian
            }
            LogStd::Free(at) => {
                // No state changes log σ: the weights of its half are 0.
                let rows = last.weight.chunks_exact(half);
                let widened = rows.flat_map(|row| [row, &vec![0.0; half]].concat());
                last.weight = widened.collect();
                last.bias.extend(&theta[at.offset()..][..half]);
                last.outputs = 2 * half;
                ActionDistribution::ClippedGaussian
            }
        };
        Ok(Policy {
            layers,
            distribution,
        })
    }
}

/// A population's policies on so many observations a member, laid out once.
pub struct BatchedPolicy {
    /// Members, observations a member, length of an observation, length of an action.
    dims: [usize; 4],
    forward: Dense,
    acts: Buf<Acts>,
    /// Noise of the deterministic action.
    still: Buf<Normals>,
    head: PolicyHead,
}

/// The launch that ends it, with what it writes.
enum PolicyHead {
    /// `[P, n, S + A]` and log π `[P, n]`.
    Tanh(Sample, Buf<StateActions>, Buf<LogPi>),
    /// `[P, n, A]`.
    Gaussian(GaussianSample, Buf<Actions>),
}

impl BatchedPolicy {
    /// For `rows` observations of each member.
    pub fn new(params: &Params, actor: &Actor, rows: usize) -> Result<Self> {
        let (members, device) = (params.members, params.theta.device());
        let (obs_dim, act_dim) = (actor.mlp.layers[0].inputs, actor.act_dim());
        let zeros = |len: usize| Tensor::zeros((members, rows, len), DType::F32, device);
        let mut plan = Plan::new(
            members,
            [params.len(), params.target_len()],
            MatmulPrecision::F32,
        );
        let input = View {
            buffer: 0,
            offset: 0,
            ld: obs_dim,
            stride: rows * obs_dim,
        };
        let pass = plan.pass(&actor.mlp, Bank::Trained, input, rows);
        let head = match actor.spread {
            LogStd::PerState(affine) => {
                let sample = Sample {
                    members,
                    rows,
                    batch: rows,
                    raw: [pass.out(); 2],
                    affine,
                    row: RowLayout::state(obs_dim, act_dim),
                };
                let log_pi = zeros(1)?.into();
                PolicyHead::Tanh(sample, zeros(obs_dim + act_dim)?.into(), log_pi)
            }
            LogStd::Free(log_std) => {
                let sample = GaussianSample {
                    members,
                    rows,
                    act_dim,
                    raw: pass.out(),
                    log_std,
                };
                PolicyHead::Gaussian(sample, zeros(act_dim)?.into())
            }
        };
        Ok(Self {
            dims: [members, rows, obs_dim, act_dim],
            forward: plan.forward(&[&pass]),
            acts: plan.activations(device)?,
            still: zeros(act_dim)?.into(),
            head,
        })
    }

    /// Whether it is laid out for so many observations of each member.
    pub fn fits(&self, rows: usize) -> bool {
        self.dims[1] == rows
    }

    /// Actions of every member, `[P, n, A]`, for `obs` `[P, n, S]`: with `noise` (standard normals `[P, n, A]`) a
    /// sample of the policy, without it tanh(mean).
    pub fn act(&self, params: &Params, obs: &Tensor, noise: Option<&Tensor>) -> Result<Tensor> {
        let [members, rows, obs_dim, act_dim] = self.dims;
        if obs.dims() != [members, rows, obs_dim] {
            let problem = format!(
                "observations {:?} do not fit {members} members of {obs_dim}",
                obs.dims()
            );
            let help = "pass observations [members, n, obs_dim]";
            return Err(Error::input("policy", problem, help));
        }
        let noise = noise.map(|noise| noise.force_contiguous()).transpose()?;
        let noise = noise.map(Buf::from);
        let noise = noise.as_ref().unwrap_or(&self.still);
        let (acts, theta, obs) = (&self.acts, &params.theta, obs.force_contiguous()?);
        launch(&self.forward, [&self.acts], [theta, &params.target, &obs])?;
        Ok(match &self.head {
            PolicyHead::Tanh(sample, fresh, log_pi) => {
                sample.launch(SampleBuffers {
                    fresh,
                    log_pi,
                    acts,
                    theta,
                    noise,
                    batch_rows: &obs.into(),
                })?;
                fresh.narrow(2, obs_dim, act_dim)?.contiguous()?
            }
            PolicyHead::Gaussian(sample, actions) => {
                sample.launch(GaussianSampleBuffers {
                    actions,
                    acts,
                    theta,
                    noise,
                })?;
                actions.copy()?
            }
        })
    }
}

/// Acting on the host.
pub trait Act {
    /// Actions `[n, A]` for `obs` `[n, S]`, on the calling thread: a sample where `noise` (standard normals
    /// `[n, A]`) is given, tanh(mean) where it is not.
    fn act(&self, obs: &[f32], noise: Option<&[f32]>) -> Vec<f32>;
}

impl Act for Policy {
    fn act(&self, obs: &[f32], noise: Option<&[f32]>) -> Vec<f32> {
        let (rows, act_dim) = (obs.len() / self.obs_dim(), self.act_dim());
        let mut x = obs.to_vec();
        for (n, layer) in self.layers.iter().enumerate() {
            let mut y = vec![0.0; rows * layer.outputs];
            if rows > 0 {
                let finish = Finish::bias(&layer.bias, n + 1 < self.layers.len());
                let size = (rows, layer.outputs, layer.inputs);
                let x = (&x[..], layer.inputs, 1);
                let w = (&layer.weight[..], layer.outputs);
                product(MatmulPrecision::F32, size, &mut y, x, w, finish);
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
            match self.distribution {
                ActionDistribution::TanhGaussian => {
                    sample_row(action, raw, &[1.0, 0.0], eps);
                }
                ActionDistribution::ClippedGaussian => {
                    let (raw, log_std) = raw.split_at(act_dim);
                    gaussian::sample_row(action, raw, log_std, eps);
                }
            }
        }
        actions
    }
}

/// A policy on the host as a module of candle: observations `[n, S]` in, deterministic actions `[n, A]` out.
pub struct HostPolicy(pub Policy);

impl Module for HostPolicy {
    fn forward(&self, obs: &Tensor) -> candle_core::Result<Tensor> {
        let (rows, width) = obs.dims2()?;
        if width != self.0.obs_dim() {
            let due = self.0.obs_dim();
            candle_core::bail!("observations have {width} numbers where the policy sees {due}");
        }
        let values = obs.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let actions = self.0.act(&values, None);
        Tensor::from_vec(actions, (rows, self.0.act_dim()), obs.device())
    }
}
