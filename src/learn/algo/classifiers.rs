//! The two classifiers of the dynamics ratio, on (s,a) and on (s,a,s'): see [`ratio`](crate::nn::ops::ratio).

use candle_core::{DType, Tensor};

use crate::algo::Recorded;
use crate::algo::learner::{Group, Learner, set};
use crate::error::Result;
use crate::nn::Replay;
use crate::nn::kernel::{Buf, Normals, Rows};
use crate::nn::ops::PerMember;
use crate::nn::ops::dense::{Dense, View};
use crate::nn::ops::dense_grad::DenseGrad;
use crate::nn::ops::noise::{Blur, BlurBuffers};
use crate::nn::ops::ratio::{RatioLoss, RatioLossBuffers};
use crate::nn::spec::{LastLayer, Mlp, Spec};
use crate::nn::workspace::{Backprop, Pass, Use};
use crate::rng::Stream;

/// Networks, their own batch, and how they learn.
pub struct Classifiers {
    /// On (s,a,s'): z\[0\] − z\[1\] of its head is log p_real/p_sim (s'|s,a).
    pub sas: Mlp,
    /// (s,a,s') rows, real, then as many simulated, `[P, 2·half, 2S + A]`.
    x: Buf<Rows>,
    noise: Buf<Normals>,
    half: usize,
    group: Group,
    passes: [Pass; 2],
    blur: Blur,
    loss: RatioLoss,
    launches: Option<(Dense, DenseGrad)>,
}

impl Classifiers {
    /// Lays the networks out: on (s,a), on (s,a,s').
    pub fn nets(spec: &mut Spec, obs_dim: usize, act_dim: usize, hidden: &[usize]) -> [Mlp; 2] {
        let mut net = |name, inputs: usize| {
            let sizes = [&[inputs], hidden, &[2]].concat();
            spec.mlp(name, &sizes, LastLayer::Linear)
        };
        let width = obs_dim + act_dim;
        [net("d_sa", width), net("d_sas", width + obs_dim)]
    }

    /// Lays out passes over `half` real and `half` simulated rows; `std` of the normals added to them.
    pub fn new(
        learner: &mut Learner,
        nets: [Mlp; 2],
        half: usize,
        std: PerMember<f32>,
        rate: PerMember<f64>,
    ) -> Result<Self> {
        let (members, width) = (learner.members(), 2 * learner.obs_dim + learner.act_dim);
        let len = 2 * half * width;
        let rows = View {
            buffer: 0,
            offset: 0,
            ld: width,
            stride: len,
        };
        // The classifiers are done before anything else begins.
        let passes = learner.plan.overlay(|plan| {
            let pass = |net| plan.pass(net, Use::Train, rows, 2 * half);
            nets.each_ref().map(pass)
        });
        let zeros = || Tensor::zeros((members, len), DType::F32, learner.batch.device());
        let (x, noise) = (zeros()?.into(), zeros()?.into());
        let [sa, sas] = nets;
        Ok(Self {
            group: learner.group(sa.range.start..sas.range.end, rate),
            sas,
            x,
            noise,
            half,
            blur: Blur { members, len, std },
            loss: RatioLoss {
                members,
                half,
                raw: passes.each_ref().map(Pass::out),
                stats_at: learner.places(&RatioLoss::STATS),
            },
            passes,
            launches: None,
        })
    }

    /// Ends the layout, once all passes are laid out.
    pub fn finish(&mut self, learner: &Learner) {
        let (plan, [sa, sas]) = (&learner.plan, &self.passes);
        let backward = plan.backward(&[Backprop::weights(sa), Backprop::weights(sas)]);
        self.launches = Some((plan.forward(&[sa, sas]), backward));
    }

    /// Draws their rows and noise.
    pub fn draw(&self, learner: &Learner, real: &Replay, sim: &Replay) -> Result<()> {
        let width = 2 * learner.obs_dim + learner.act_dim;
        for (lane, replay, first) in [(0, real, 0), (1, sim, self.half)] {
            let rows = first..first + self.half;
            learner.gather(replay, Stream::SampleRatio, lane, rows, width, &self.x)?;
        }
        learner.normals(Stream::RatioNoise, &self.noise)
    }

    /// Takes rows and noise from a record.
    pub fn set_draws(&mut self, draws: &Recorded) -> Result<()> {
        set("classifier rows", &draws.ratio, &mut self.x)?;
        set("classifier noise", &draws.ratio_noise, &mut self.noise)
    }

    /// One step of both.
    pub fn learn(&self, learner: &mut Learner) -> Result<()> {
        let (forward, backward) = self.launches.as_ref().expect("laid out in `new`");
        let Learner {
            params, ws, stats, ..
        } = learner;
        let theta = &params.theta;
        let (x, noise) = (&self.x, &self.noise);
        self.blur.launch(BlurBuffers { x, noise })?;
        ws.forward::<3>(forward, [theta, &params.target, x])?;
        self.loss.launch(RatioLossBuffers {
            act_grads: &ws.act_grads,
            stats,
            acts: &ws.acts,
        })?;
        ws.backward(backward, &params.grad, theta, &[&self.x])?;
        learner.step(&[self.group])
    }
}
