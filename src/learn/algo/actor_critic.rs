//! What the methods with SAC's actor share: tanh-Gaussian policy, twin critics with targets, temperature.
//!
//! A method lays out its networks, adds its own passes to the plan, and runs the stages in its own order.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use crate::algo::Recorded;
use crate::algo::learner::{Group, Learner, set};
use crate::error::{Result, above_zero};
use crate::nn::kernel::{Acts, Buf, LogPi, Normals, Slot, StateActions, Theta};
use crate::nn::ops::PerMember;
use crate::nn::ops::actor::{ActorLoss, ActorLossBuffers};
use crate::nn::ops::dense::{Dense, View};
use crate::nn::ops::dense_grad::DenseGrad;
use crate::nn::ops::head::{Sample, SampleBuffers, SampleGrad, SampleGradBuffers};
use crate::nn::ops::target::{Exploration, Target, TargetBuffers};
use crate::nn::ops::td::{TdLoss, TdLossBuffers};
use crate::nn::spec::{LastLayer, Mlp, Spec};
use crate::nn::workspace::{Backprop, Pass, Use};
use crate::nn::{Actor, Spread};
use crate::rng::Stream;

/// Buffer number of the rows with fresh actions.
const FRESH: usize = 1;

/// What these methods ask of the settings, for one member. The hidden layers are those of all members.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// Widths of the hidden layers.
    pub hidden: &'a [usize],
    /// Rates of policy, temperature, critics.
    pub rates: [f64; 3],
    /// H̄; none: −(length of an action).
    pub target_entropy: Option<f64>,
    /// Polyak rate of the targets.
    pub target_rate: f64,
    /// β before the first update.
    pub initial_alpha: f64,
}

/// The [`Rules`] of every member, from settings that have these numbers under these names.
macro_rules! rules {
    ($settings:expr) => {
        $settings
            .iter()
            .map(|s| $crate::algo::actor_critic::Rules {
                hidden: &s.hidden,
                rates: [s.policy_lr, s.alpha_lr, s.qf_lr],
                target_entropy: s.target_entropy,
                target_rate: s.polyak,
                initial_alpha: s.initial_alpha,
            })
            .collect::<Vec<_>>()
    };
}
pub(crate) use rules;

/// Networks that every one of these methods has.
#[derive(Clone, Debug)]
pub struct Nets {
    /// The policy.
    pub actor: Actor,
    /// log-std's multiplier; its offset follows.
    pub affine: Slot<Theta>,
    /// log β.
    pub log_alpha: Slot<Theta>,
    /// S + A → hidden → 1, twice.
    pub q: [Mlp; 2],
    ranges: [Range<usize>; 3],
}

impl Nets {
    /// Lays them out.
    pub fn new(spec: &mut Spec, obs_dim: usize, act_dim: usize, rules: &[Rules]) -> Result<Self> {
        for rules in rules {
            above_zero("initial_alpha", rules.initial_alpha)?;
        }
        let sizes =
            |inputs: usize, outputs: usize| [&[inputs], rules[0].hidden, &[outputs]].concat();
        let mlp = spec.mlp("policy", &sizes(obs_dim, 2 * act_dim), LastLayer::Small);
        let affine = spec.scalars(&[
            ("policy.log_std_multiplier", 1.0.into()),
            ("policy.log_std_offset", (-1.0).into()),
        ]);
        let log_alpha = PerMember::over(rules, |r| r.initial_alpha.ln() as f32);
        let log_alpha = spec.scalars(&[("log_alpha", log_alpha)]);
        let q = ["qf1", "qf2"]
            .map(|name| spec.mlp(name, &sizes(obs_dim + act_dim, 1), LastLayer::Small));
        Ok(Self {
            log_alpha: Slot::new(log_alpha.start),
            ranges: [
                mlp.range.start..affine.end,
                log_alpha,
                q[0].range.start..q[1].range.end,
            ],
            actor: Actor {
                mlp,
                spread: Spread::Affine(Slot::new(affine.start)),
            },
            affine: Slot::new(affine.start),
            q,
        })
    }
}

/// The shared part of an agent.
pub struct ActorCritic {
    /// What every method has.
    pub learner: Learner,
    /// Networks.
    pub nets: Nets,
    /// Where the critics' values at the batch's actions lie.
    q_data: [Slot<Acts>; 2],
    /// Critics at fresh actions of the batch's states.
    pub q_fresh: [Pass; 2],
    /// Target critics at the next actions.
    pub q_next: [Pass; 2],
    /// The policy at s, then at s'.
    pub actions: [Pass; 2],
    /// (s, a) with a ~ π, at s, then at s', `[P, 2·rows, S + A]`.
    pub fresh: Buf<StateActions>,
    /// log π of them, `[P, 2·rows]`.
    pub log_pi: Buf<LogPi>,
    action_grads: [Slot<Acts>; 2],
    noise: Buf<Normals>,
    loss: ActorLoss,
    stages: Option<Stages>,
}

/// The launches, made once the layout is done.
struct Stages {
    first: Dense,
    sample: Sample,
    second: Dense,
    critics: DenseGrad,
    sample_grad: SampleGrad,
    policy: DenseGrad,
}

impl ActorCritic {
    /// Groups of parameters; a method's own follow.
    pub const POLICY: Group = 0;
    /// log β.
    pub const ALPHA: Group = 1;
    /// Both critics.
    pub const CRITICS: Group = 2;
    /// What every one of these methods steps.
    pub const ALL: [Group; 3] = [Self::POLICY, Self::ALPHA, Self::CRITICS];

    /// Parameters, passes and buffers for `rows` batch rows a member.
    pub fn new(
        spec: Spec,
        nets: Nets,
        [obs_dim, act_dim, rows]: [usize; 3],
        rules: &[Rules],
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let (members, width) = (seeds.len(), obs_dim + act_dim);
        let targets = [(&nets.q[0], "target_qf1"), (&nets.q[1], "target_qf2")];
        let (actor, dims) = (nets.actor.clone(), [obs_dim, act_dim, rows]);
        let mut learner = Learner::new(
            spec,
            actor,
            &targets,
            PerMember::over(rules, |r| r.target_rate as f32),
            dims,
            seeds,
            device,
        )?;
        for (n, range) in nets.ranges.iter().enumerate() {
            learner.group(range.clone(), PerMember::over(rules, |r| r.rates[n]));
        }
        let q_target = nets.q.each_ref().map(|q| learner.params.target_of(q));
        let batch = |column: usize| learner.batch_view(0, column);
        let [s, s2] = [batch(0), batch(width)];
        let fresh = |first: usize| View {
            buffer: FRESH,
            offset: first * width,
            ld: width,
            stride: 2 * rows * width,
        };
        let plan = &mut learner.plan;
        let actions = [(s, Use::Train), (s2, Use::Infer)]
            .map(|(input, purpose)| plan.pass(&nets.actor.mlp, purpose, input, rows));
        let mut critics =
            |q: &[Mlp; 2], purpose, input| q.each_ref().map(|q| plan.pass(q, purpose, input, rows));
        let q_fresh = critics(&nets.q, Use::Train, fresh(0));
        let q_next = critics(&q_target, Use::Target, fresh(rows));
        let action_grads = q_fresh
            .each_ref()
            .map(|pass| plan.input_grad(pass, act_dim));
        let zeros = |floats: usize| Tensor::zeros((members, floats), DType::F32, device);
        let loss = ActorLoss {
            members,
            rows,
            q: q_fresh.each_ref().map(Pass::out),
            log_alpha: nets.log_alpha,
            target_entropy: PerMember::over(rules, |r| {
                r.target_entropy.map_or(-(act_dim as f32), |h| h as f32)
            }),
            stats_at: learner.places(&ActorLoss::STATS),
        };
        Ok(Self {
            learner,
            nets,
            q_data: q_fresh.each_ref().map(Pass::out),
            q_fresh,
            q_next,
            actions,
            fresh: zeros(2 * rows * width)?.into(),
            log_pi: zeros(2 * rows)?.into(),
            action_grads,
            noise: zeros(2 * rows * act_dim)?.into(),
            loss,
            stages: None,
        })
    }

    // ---- layout ----

    /// Ends the layout: `passes` and the critics at the batch's actions join the first forward launch, `backs` and
    /// they the first backward one.
    pub fn finish(&mut self, passes: &[&Pass], backs: &[Backprop]) -> Result<()> {
        let (s, rows) = (self.learner.batch_view(0, 0), self.learner.rows);
        let plan = &mut self.learner.plan;
        let q = self.nets.q.each_ref();
        let q = q.map(|q| plan.pass(q, Use::Train, s, rows));
        self.q_data = q.each_ref().map(Pass::out);
        let passes: Vec<_> = q.iter().chain(passes.iter().copied()).collect();
        let own = q.iter().map(Backprop::weights);
        let backs: Vec<_> = own.chain(backs.iter().copied()).collect();
        self.finish_without_data(&passes, &backs)
    }

    /// As [`finish`](Self::finish), for a method with passes of its own at the batch's actions.
    pub fn finish_without_data(&mut self, passes: &[&Pass], backs: &[Backprop]) -> Result<()> {
        self.learner.alloc()?;
        let (learner, plan) = (&self.learner, &self.learner.plan);
        let own: Vec<_> = self.actions.iter().chain(passes.iter().copied()).collect();
        let later: Vec<_> = self.q_fresh.iter().chain(&self.q_next).collect();
        let mut critics = Vec::new();
        for (pass, at) in self.q_fresh.iter().zip(self.action_grads) {
            critics.push(Backprop {
                pass,
                weights: false,
                input: Some((learner.obs_dim, learner.act_dim, at)),
            });
        }
        critics.extend(backs);
        self.stages = Some(Stages {
            first: plan.forward(&own),
            sample: Sample {
                members: learner.members(),
                rows: 2 * learner.rows,
                batch: learner.rows,
                raw: self.actions.each_ref().map(Pass::out),
                affine: self.nets.affine,
                row: learner.row(),
            },
            second: plan.forward(&later),
            critics: plan.backward(&critics),
            sample_grad: SampleGrad {
                members: learner.members(),
                rows: learner.rows,
                act_dim: learner.act_dim,
                raw: self.actions[0].out(),
                d_action: self.action_grads,
                affine: self.nets.affine,
                log_alpha: self.nets.log_alpha,
            },
            policy: plan.backward(&[Backprop::weights(&self.actions[0])]),
        });
        Ok(())
    }

    /// SAC's target, y = r + γ(1−d)·(min Q̂(s',a') + exploration), for a method to add to: γ and the reward's factor,
    /// the exploration term and its κ.
    pub fn target(
        &self,
        [discount, reward_scale]: [PerMember<f32>; 2],
        exploration: Exploration,
        optimism: PerMember<f32>,
    ) -> Target {
        let learner = &self.learner;
        Target {
            members: learner.members(),
            rows: learner.rows,
            q: self.q_next.each_ref().map(Pass::out),
            v: None,
            lambda: 0.0.into(),
            log_pi_at: Slot::new(learner.rows),
            exploration,
            optimism,
            log_ratio: None,
            log_alpha: self.nets.log_alpha,
            discount,
            reward_scale,
            row: learner.row(),
        }
    }

    /// The critics' squared errors, their mean taken over each of `halves` apart.
    pub fn td(&mut self, halves: [usize; 2]) -> TdLoss {
        let stats_at = self.learner.places(&TdLoss::STATS);
        TdLoss {
            members: self.learner.members(),
            halves,
            q: self.q_data,
            step: 1,
            stats_at,
        }
    }

    // ---- update ----

    /// Draws the noise of the policy's actions.
    pub fn draw_noise(&self) -> Result<()> {
        self.learner.normals(Stream::Update, &self.noise)
    }

    /// Takes batch and noise from a record.
    pub fn set_draws(&mut self, draws: &Recorded) -> Result<()> {
        set("batch", &draws.batch, &mut self.learner.batch)?;
        set("noise", &draws.noise, &mut self.noise)
    }

    fn stages(&self) -> &Stages {
        let stages = self.stages.as_ref();
        stages.expect("an agent finishes its layout in `new`")
    }

    /// Forward: policy at s and s', critics at (s,a), the method's own; then actions; then the critics there.
    pub fn forward(&self) -> Result<()> {
        let (
            Learner {
                params, ws, batch, ..
            },
            stages,
        ) = (&self.learner, self.stages());
        let input: [&Tensor; 4] = [&params.theta, &params.target, batch, &self.fresh];
        ws.forward(&stages.first, input)?;
        stages.sample.launch(SampleBuffers {
            fresh: &self.fresh,
            log_pi: &self.log_pi,
            acts: &ws.acts,
            theta: &params.theta,
            noise: &self.noise,
            batch_rows: batch,
        })?;
        ws.forward(&stages.second, input)
    }

    /// Fills y.
    pub fn targets(&self, target: &Target) -> Result<()> {
        let Learner {
            params,
            ws,
            batch,
            y,
            ..
        } = &self.learner;
        target.launch(TargetBuffers {
            y,
            acts: &ws.acts,
            log_pi: &self.log_pi,
            theta: &params.theta,
            batch,
        })
    }

    /// The critics' loss.
    pub fn td_loss(&self, td: &TdLoss) -> Result<()> {
        let Learner {
            ws, y, w, stats, ..
        } = &self.learner;
        td.launch(TdLossBuffers {
            act_grads: &ws.act_grads,
            stats,
            acts: &ws.acts,
            y,
            w,
        })
    }

    /// The policy's and the temperature's losses.
    pub fn actor_loss(&self) -> Result<()> {
        let Learner {
            params, ws, stats, ..
        } = &self.learner;
        self.loss.launch(ActorLossBuffers {
            act_grads: &ws.act_grads,
            grad: &params.grad,
            stats,
            acts: &ws.acts,
            log_pi: &self.log_pi,
            theta: &params.theta,
        })
    }

    /// Backward: critics and the method's own, then through the actions into the policy.
    pub fn backward(&self) -> Result<()> {
        let (
            Learner {
                params, ws, batch, ..
            },
            stages,
        ) = (&self.learner, self.stages());
        let (grad, theta) = (&params.grad, &params.theta);
        ws.backward(&stages.critics, grad, theta, &[batch, &self.fresh])?;
        stages.sample_grad.launch(SampleGradBuffers {
            deltas: &ws.act_grads,
            grad,
            acts: &ws.acts,
            theta,
            noise: &self.noise,
        })?;
        ws.backward(&stages.policy, grad, theta, &[batch])
    }
}
