//! H2O+ (Niu et al., ICRA 2025): V learned on the real data alone, the mixed target, the dynamics ratio.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::algo::core::{Core, Nets, Rules, STATS, set};
use crate::algo::{Agent, Recorded};
use crate::data::BehaviourPolicy;
use crate::error::Result;
use crate::nn::Replay;
use crate::nn::launch::launch;
use crate::nn::ops::actor::ActorLoss;
use crate::nn::ops::awr::AwrLoss;
use crate::nn::ops::dense::{Dense, View};
use crate::nn::ops::dense_grad::DenseGrad;
use crate::nn::ops::head::Head;
use crate::nn::ops::noise::{Blur, Normals};
use crate::nn::ops::ratio::{RatioLoss, RatioWeight};
use crate::nn::ops::target::{Exploration, Target};
use crate::nn::ops::td::TdLoss;
use crate::nn::ops::value::{ValueLoss, ValueRule};
use crate::nn::params::{LastLayer, Spec, Stepped};
use crate::nn::replay::row_len;
use crate::nn::workspace::{Backprop, Use};
use crate::rng::Stream;

// ---- settings ----

/// Settings of H2O+; the defaults are the paper's.
#[derive(Clone, Debug, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct H2oPlusSettings {
    /// Widths of the hidden layers of every network.
    #[arg(long, value_delimiter = ',')]
    pub hidden: Vec<usize>,
    /// Real transitions per update.
    #[arg(long)]
    pub real_batch: usize,
    /// Simulated transitions per update.
    #[arg(long)]
    pub sim_batch: usize,
    /// Real, and as many simulated, transitions on which the classifiers train per update.
    #[arg(long)]
    pub ratio_batch: usize,
    /// γ.
    #[arg(long)]
    pub discount: f64,
    /// λ, the share of V in the target.
    #[arg(long)]
    pub lambda: f64,
    /// How V is learned.
    #[arg(long, value_enum)]
    pub value_rule: ValueKind,
    /// τ of the expectile.
    #[arg(long)]
    pub tau: f64,
    /// The exploration term of the target.
    #[arg(long, value_enum)]
    pub exploration: Exploration,
    /// Whether the simulated half is weighted by the dynamics ratio. The classifiers train either way, as
    /// in the published code.
    #[arg(long, action = clap::ArgAction::Set)]
    pub use_ratio: bool,
    /// Smallest weight.
    #[arg(long)]
    pub ratio_min: f64,
    /// Largest weight.
    #[arg(long)]
    pub ratio_max: f64,
    /// σ of the normals added to the classifiers' inputs.
    #[arg(long)]
    pub ratio_noise: f64,
    /// Factor of the reward in the target.
    #[arg(long)]
    pub reward_scale: f64,
    /// Adam's rate for the policy.
    #[arg(long)]
    pub policy_lr: f64,
    /// Adam's rate for log β.
    #[arg(long)]
    pub alpha_lr: f64,
    /// Adam's rate for the critics.
    #[arg(long)]
    pub qf_lr: f64,
    /// Adam's rate for V.
    #[arg(long)]
    pub vf_lr: f64,
    /// Adam's rate for the classifiers.
    #[arg(long)]
    pub ratio_lr: f64,
    /// Polyak rate of the target critics.
    #[arg(long)]
    pub target_rate: f64,
    /// β before the first update.
    #[arg(long)]
    pub initial_alpha: f64,
    /// H̄; none: −(length of an action).
    #[arg(long, allow_negative_numbers = true)]
    pub target_entropy: Option<f64>,
    /// Updates of the offline warm start, before mixing begins: in-sample V and Q, and an
    /// advantage-weighted policy, on the real data alone.
    #[arg(long)]
    pub warmup: u64,
    /// β of the warm start's advantage weights, exp(β(min Q − V)).
    #[arg(long)]
    pub warmup_beta: f64,
    /// Largest advantage weight.
    #[arg(long)]
    pub warmup_clip: f64,
}

/// How V is learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ValueKind {
    /// Expectile regression (IQL).
    #[default]
    Expectile,
}

impl Default for H2oPlusSettings {
    fn default() -> Self {
        Self {
            hidden: vec![256, 256],
            real_batch: 128,
            sim_batch: 128,
            ratio_batch: 256,
            discount: 0.99,
            lambda: 0.1,
            value_rule: ValueKind::Expectile,
            tau: 0.5,
            exploration: Exploration::Entropy,
            use_ratio: true,
            ratio_min: 1e-5,
            ratio_max: 1.0,
            ratio_noise: 0.1,
            reward_scale: 1.0,
            policy_lr: 3e-4,
            alpha_lr: 3e-4,
            qf_lr: 3e-4,
            vf_lr: 3e-4,
            ratio_lr: 3e-4,
            target_rate: 0.005,
            initial_alpha: 1.0,
            target_entropy: None,
            warmup: 0,
            warmup_beta: 1.0,
            warmup_clip: 100.0,
        }
    }
}

// ---- agent ----

/// A population of H2O+ agents.
pub struct H2oPlus {
    core: Core,
    warmup: u64,
    classifiers: Classifiers,
    weight: RatioWeight,
    target: Target,
    td: TdLoss,
    value: ValueLoss,
    warm: Warm,
}

/// The two classifiers' own buffers and launches.
struct Classifiers {
    /// (s,a,s') rows, `[P, 2·half, 2S + A]`.
    x: Tensor,
    noise: Tensor,
    half: usize,
    blur: Blur,
    loss: RatioLoss,
    forward: Dense,
    backward: DenseGrad,
}

/// The warm start's launches.
struct Warm {
    forward: Dense,
    backward: DenseGrad,
    target: Target,
    td: TdLoss,
    awr: AwrLoss,
}

// Where the losses' numbers begin.
const STATS_TD: usize = ActorLoss::STATS.len();
const STATS_VALUE: usize = STATS_TD + TdLoss::STATS.len();
const STATS_RATIO: usize = STATS_VALUE + ValueLoss::STATS.len();
const STATS_WEIGHT: usize = STATS_RATIO + RatioLoss::STATS.len();

// Groups of parameters: policy, temperature, critics, V, classifiers.
const ACTOR_CRITIC: std::ops::Range<usize> = 0..4;
const CLASSIFIERS: std::ops::Range<usize> = 4..5;

impl H2oPlus {
    /// One fresh member per seed.
    pub fn new(
        obs_dim: usize,
        act_dim: usize,
        settings: &H2oPlusSettings,
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let sizes =
            |inputs: usize, outputs: usize| [&[inputs], &settings.hidden[..], &[outputs]].concat();
        let (sa, sas) = (obs_dim + act_dim, 2 * obs_dim + act_dim);
        let mut spec = Spec::default();
        let nets = Nets::new(
            &mut spec,
            obs_dim,
            act_dim,
            &settings.hidden,
            settings.initial_alpha,
        )?;
        let vf = spec.mlp("vf", &sizes(obs_dim, 1), LastLayer::Small);
        let d_sa = spec.mlp("d_sa", &sizes(sa, 2), LastLayer::Linear);
        let d_sas = spec.mlp("d_sas", &sizes(sas, 2), LastLayer::Linear);
        let rules = Rules {
            rates: [settings.policy_lr, settings.alpha_lr, settings.qf_lr],
            target_entropy: settings
                .target_entropy
                .map_or(-(act_dim as f32), |h| h as f32),
            target_rate: settings.target_rate as f32,
        };
        let (real, sim) = (settings.real_batch, settings.sim_batch);
        let mut core = Core::new(spec, nets, obs_dim, real + sim, rules, seeds, device)?;
        let ratio_range = d_sa.range.start..d_sas.range.end;
        core.groups.push(Stepped {
            range: vf.range.clone(),
            rate: settings.vf_lr,
            steps: 0,
        });
        core.groups.push(Stepped {
            range: ratio_range,
            rate: settings.ratio_lr,
            steps: 0,
        });

        // Passes.
        let (members, rows) = (core.members(), core.rows);
        let [s, s2, sim_rows] = [
            core.batch_view(0, 0),
            core.batch_view(0, sa),
            core.batch_view(real, 0),
        ];
        let q_target = core.nets.q.each_ref().map(|q| core.params.target_of(q));
        let (policy, q) = (core.nets.policy.clone(), core.nets.q.clone());
        let plan = &mut core.plan;
        let v_data = plan.pass(&vf, Use::Train, s, real);
        let v_next = plan.pass(&vf, Use::Infer, s2, rows);
        let q_data = q_target
            .each_ref()
            .map(|q| plan.pass(q, Use::Target, s, real));
        let advantage = plan.pass(&d_sas, Use::Infer, sim_rows, sim);
        let half = settings.ratio_batch;
        let ratio_rows = View {
            buffer: 0,
            offset: 0,
            ld: sas,
            stride: 2 * half * sas,
        };
        // The classifiers are done before anything else begins.
        let classify = plan.overlay(|plan| {
            [&d_sa, &d_sas].map(|d| plan.pass(d, Use::Train, ratio_rows, 2 * half))
        });
        let warm_policy = plan.pass(&policy, Use::Train, s, real);
        let warm_q = q.each_ref().map(|q| plan.pass(q, Use::Train, s, real));

        // Launches.
        let weights = |pass| Backprop {
            pass,
            weights: true,
            input: None,
        };
        let mut own = vec![&v_data, &v_next, &q_data[0], &q_data[1]];
        if settings.use_ratio {
            own.push(&advantage);
        }
        core.finish(&own, &[weights(&v_data)])?;
        let (plan, stride, param_stride) = (&core.plan, core.plan.len(), core.params.len());
        let zeros = || Tensor::zeros((members, 2 * half * sas), DType::F32, device);
        let classifiers = Classifiers {
            x: zeros()?,
            noise: zeros()?,
            half,
            blur: Blur {
                members,
                len: 2 * half * sas,
                std: settings.ratio_noise as f32,
                noise: [0, 2 * half * sas],
            },
            loss: RatioLoss {
                members,
                half,
                raw: classify.each_ref().map(|p| p.out()),
                stride,
                stats: [STATS_RATIO, STATS],
            },
            forward: plan.forward(&[&classify[0], &classify[1]]),
            backward: plan.backward(&[weights(&classify[0]), weights(&classify[1])]),
        };
        let target = Target {
            members,
            rows,
            row_stride: rows,
            q: core.q_next.each_ref().map(|p| p.out()),
            value: Some((v_next.out(), settings.lambda as f32)),
            stride,
            log_pi: [rows, 2 * rows],
            exploration: settings.exploration,
            log_alpha: core.nets.log_alpha,
            param_stride,
            discount: settings.discount as f32,
            reward_scale: settings.reward_scale as f32,
            row: row_len(obs_dim, act_dim),
        };
        let q_out = core.q_data.each_ref().map(|p| p.out());
        let td = TdLoss {
            members,
            halves: vec![real, sim],
            q: q_out,
            step: 1,
            stride,
            row_stride: rows,
            stats: [STATS_TD, STATS],
        };
        let rule = match settings.value_rule {
            ValueKind::Expectile => ValueRule::Expectile(settings.tau as f32),
        };
        let value = ValueLoss {
            members,
            rows: real,
            v: v_data.out(),
            q: q_data.each_ref().map(|p| p.out()),
            stride,
            rule,
            stats: [STATS_VALUE, STATS],
        };
        let weight = RatioWeight {
            members,
            real,
            sim,
            raw: settings.use_ratio.then(|| advantage.out()),
            stride,
            clip: [settings.ratio_min as f32, settings.ratio_max as f32],
            stats: [STATS_WEIGHT, STATS],
        };
        let [w1, w2] = &warm_q;
        let warm_out = warm_q.each_ref().map(|p| p.out());
        let warm = Warm {
            forward: plan.forward(&[
                &warm_policy,
                w1,
                w2,
                &v_data,
                &v_next,
                &q_data[0],
                &q_data[1],
            ]),
            backward: plan.backward(&[
                weights(&warm_policy),
                weights(w1),
                weights(w2),
                weights(&v_data),
            ]),
            target: Target {
                rows: real,
                value: Some((v_next.out(), 1.0)),
                ..target
            },
            td: TdLoss {
                halves: vec![real],
                q: warm_out,
                ..td.clone()
            },
            awr: AwrLoss {
                head: Head {
                    raw: warm_policy.out(),
                    rows: real,
                    ..core.head()
                },
                q: warm_out,
                v: v_data.out(),
                batch: rows,
                row: [row_len(obs_dim, act_dim), obs_dim],
                beta: settings.warmup_beta as f32,
                clip: settings.warmup_clip as f32,
                stats: [0, STATS],
            },
        };
        Ok(Self {
            core,
            warmup: settings.warmup,
            classifiers,
            weight,
            target,
            td,
            value,
            warm,
        })
    }

    // ---- update ----

    fn draw(&self, real: &Replay, sim: &Replay) -> Result<()> {
        let (core, own) = (&self.core, &self.classifiers);
        core.draw(real, Stream::SampleReal, 0, self.weight.real)?;
        core.draw(sim, Stream::SampleSim, self.weight.real, self.weight.sim)?;
        core.draw_noise()?;
        let width = 2 * core.obs_dim + core.act_dim;
        for (lane, replay, first) in [(0, real, 0), (1, sim, own.half)] {
            core.gather(
                replay,
                Stream::SampleRatio,
                lane,
                [first, own.half, 2 * own.half],
                width,
                &own.x,
            )?;
        }
        let (seeds, update) = (core.seeds.clone(), core.updates as u32);
        launch(
            &Normals {
                seeds,
                update,
                stream: Stream::RatioNoise,
                len: own.blur.len,
            },
            [&own.noise],
            [],
        )
    }

    fn learn(&mut self) -> Result<()> {
        self.learn_ratio()?;
        let core = &mut self.core;
        core.forward()?;
        launch(&self.weight, [&core.w, &core.stats], [&core.ws.acts])?;
        launch(
            &self.target,
            [&core.y],
            [&core.ws.acts, &core.log_pi, &core.params.theta, &core.batch],
        )?;
        launch(
            &self.td,
            [&core.ws.deltas, &core.stats],
            [&core.ws.acts, &core.y, &core.w],
        )?;
        launch(&self.value, [&core.ws.deltas, &core.stats], [&core.ws.acts])?;
        core.actor_loss(0)?;
        core.backward()?;
        core.step(ACTOR_CRITIC)?;
        core.smooth()?;
        core.updates += 1;
        Ok(())
    }

    /// The classifiers step first: the weights of this update are theirs after it.
    fn learn_ratio(&mut self) -> Result<()> {
        let (core, own) = (&mut self.core, &self.classifiers);
        launch(&own.blur, [&own.x], [&own.noise])?;
        core.ws.forward(
            &own.forward,
            [&core.params.theta, &core.params.target, &own.x],
        )?;
        launch(&own.loss, [&core.ws.deltas, &core.stats], [&core.ws.acts])?;
        core.ws.backward(
            &own.backward,
            &core.params.grad,
            &core.params.theta,
            &[&own.x],
        )?;
        core.step(CLASSIFIERS)
    }

    /// One update of the offline warm start: V and Q within the data, the policy by advantage-weighted regression.
    pub fn warmup_update(&mut self, real: &Replay) -> Result<()> {
        let (core, warm) = (&mut self.core, &self.warm);
        core.draw(real, Stream::SampleReal, 0, self.weight.real)?;
        core.ws.forward(
            &warm.forward,
            [&core.params.theta, &core.params.target, &core.batch],
        )?;
        launch(
            &warm.target,
            [&core.y],
            [&core.ws.acts, &core.log_pi, &core.params.theta, &core.batch],
        )?;
        launch(
            &warm.td,
            [&core.ws.deltas, &core.stats],
            [&core.ws.acts, &core.y, &core.w],
        )?;
        launch(&self.value, [&core.ws.deltas, &core.stats], [&core.ws.acts])?;
        let out = [&core.ws.deltas, &core.params.grad, &core.stats];
        launch(
            &warm.awr,
            out,
            [&core.ws.acts, &core.params.theta, &core.batch],
        )?;
        core.ws.backward(
            &warm.backward,
            &core.params.grad,
            &core.params.theta,
            &[&core.batch],
        )?;
        // The temperature waits until the policy explores.
        core.step(0..1)?;
        core.step(2..4)?;
        core.smooth()?;
        core.updates += 1;
        Ok(())
    }
}

impl Agent for H2oPlus {
    fn members(&self) -> usize {
        self.core.members()
    }

    fn update(&mut self, real: &Replay, sim: &Replay) -> Result<()> {
        // From inside the pool, a launch forks without waking a thread of its own.
        rayon::scope(|_| {
            if self.core.updates < self.warmup {
                return self.warmup_update(real);
            }
            self.draw(real, sim)?;
            self.learn()
        })
    }

    fn update_recorded(&mut self, draws: &Recorded) -> Result<()> {
        self.core.set_draws(draws)?;
        set("classifier rows", &draws.ratio, &mut self.classifiers.x)?;
        set(
            "classifier noise",
            &draws.ratio_noise,
            &mut self.classifiers.noise,
        )?;
        self.learn()
    }

    fn updates(&self) -> u64 {
        self.core.updates
    }

    fn act(&self, obs: &Tensor, noise: Option<&Tensor>) -> Result<Tensor> {
        self.core.act(obs, noise)
    }

    fn policy(&self, member: usize) -> Result<BehaviourPolicy> {
        self.core.policy(member)
    }

    fn simulated_updates(&self) -> Option<u64> {
        self.core.updates.checked_sub(self.warmup)
    }

    fn metrics(&self) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let names = [
            &ActorLoss::STATS[..],
            &TdLoss::STATS,
            &ValueLoss::STATS,
            &RatioLoss::STATS,
            &RatioWeight::STATS,
        ];
        self.core.metrics(&names.concat())
    }

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        self.core.state()
    }

    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        self.core.load_state(state)
    }

    fn parameters(&self, member: usize) -> Result<Vec<(String, Vec<f32>)>> {
        self.core.params.named(member)
    }

    fn set_parameters(
        &mut self,
        member: usize,
        values: &HashMap<String, Vec<f32>>,
        place: &str,
    ) -> Result<()> {
        self.core.params.set_named(member, values, place)
    }
}
