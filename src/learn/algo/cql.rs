//! CQL (Kumar et al., NeurIPS 2020) on the real data alone: SAC's losses without entropy in the target, plus
//! w·(logsumexp of Q over uniform and policy actions, importance-corrected, − Q at the data's action).
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256, 10 actions of each kind): 31
//! actions at each of 256 states are 7,936 rows of either critic, 6.37 of its 6.74 GFLOP. The state's part of the
//! first layer is computed once a state, which spares 0.27 GFLOP and the repeated states.

use candle_core::{DType, Device, Tensor};

use h2oplus_base::settings;

use crate::algo::actor_critic::{ActorCritic, Nets, rules};
use crate::algo::learner::{BATCH, Learner, set};
use crate::algo::measures::Measured;
use crate::algo::settings::{actor_critic, networks, penalty};
use crate::algo::{Agent, Recorded};
use crate::error::{Result, above_zero};
use crate::nn::Replay;
use crate::nn::kernel::{Actions, Buf, Density, Normals, Uniforms};
use crate::nn::ops::PerMember;
use crate::nn::ops::candidates::{Candidates, CandidatesBuffers};
use crate::nn::ops::cql::{CqlLoss, CqlLossBuffers};
use crate::nn::ops::dense::{Dense, View};
use crate::nn::ops::dense_grad::DenseGrad;
use crate::nn::ops::target::{Exploration, Target};
use crate::nn::ops::td::TdLoss;
use crate::nn::spec::Spec;
use crate::nn::workspace::{Backprop, Pass, Use};
use crate::rng::Stream;

// ---- settings ----

settings! {
    /// Settings of CQL; the defaults are its authors'. (CORL's, for D4RL's locomotion: `penalty_weight` 10,
    /// `policy_lr` 3e-5, three hidden layers.)
    pub struct CqlSettings: networks, actor_critic, penalty {
        /// Transitions per update.
        batch: usize = 256 => SOME,
        /// Actions of each kind at a state: uniform, of the policy at s, of the policy at s'.
        penalty_actions: usize = 10 => SOME,
        /// Whether log-densities of the actions are subtracted, which leaves the data's action out of the logsumexp.
        importance: bool = true,
    }
    default exploration = Exploration::None;
}

// ---- agent ----

/// A population of CQL agents.
pub struct Cql {
    core: ActorCritic,
    target: Target,
    td: TdLoss,
    loss: CqlLoss,
    candidates: Candidates,
    /// `[P, rows, 1 + 3K, A]`.
    actions: Buf<Actions>,
    /// Log-densities of all but the data's, `[P, rows, 3K]`.
    density: Buf<Density>,
    uniforms: Buf<Uniforms>,
    normals: Buf<Normals>,
    /// The critics at the candidates.
    forward: Dense,
    backward: DenseGrad,
}

impl Cql {
    // ---- layout ----

    /// One fresh member per seed, each with its own numbers; what decides shapes and kernels is that of all.
    pub fn new(
        obs_dim: usize,
        act_dim: usize,
        settings: &[CqlSettings],
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let s = &settings[0];
        above_zero("penalty_actions", s.penalty_actions as f64)?;
        for s in settings {
            above_zero("penalty_temperature", s.penalty_temperature)?;
        }
        let each = |of: fn(&CqlSettings) -> f64| PerMember::over(settings, |s| of(s) as f32);
        let rules = rules!(settings);
        let mut spec = Spec::default();
        let nets = Nets::new(&mut spec, obs_dim, act_dim, &rules)?;
        let dims = [obs_dim, act_dim, s.batch];
        let mut core = ActorCritic::new(spec, nets, dims, &rules, seeds, device)?;

        // Passes: many actions a state, the data's first.
        let learner = &mut core.learner;
        let (members, rows, kind) = (learner.members(), learner.rows, s.penalty_actions);
        let (at_s, per) = (learner.batch_view(0, 0), 1 + 3 * kind);
        let at_actions = View {
            buffer: BATCH + 1,
            offset: 0,
            ld: act_dim,
            stride: rows * per * act_dim,
        };
        let plan = &mut learner.plan;
        let q = core.nets.q.each_ref();
        let q_state = q.map(|q| plan.shared(q, Use::Train, at_s, 0..obs_dim, rows));
        let mut n = 0;
        let q_many = q_state.each_ref().map(|state| {
            n += 1;
            let columns = obs_dim..obs_dim + act_dim;
            plan.grouped(q[n - 1], Use::Train, state, at_actions, columns, per)
        });

        // Launches.
        core.finish_without_data(&[&q_state[0], &q_state[1]], &[])?;
        let plan = &core.learner.plan;
        let critics = [&q_many[0], &q_many[1], &q_state[0], &q_state[1]];
        let (forward, backward) = (
            plan.forward(&critics[..2]),
            plan.backward(&critics.map(Backprop::weights)),
        );
        let (q, stats_at) = (
            q_many.each_ref().map(Pass::out),
            core.learner.places(&CqlLoss::STATS),
        );
        let zeros = |floats: usize| Tensor::zeros((members, floats), DType::F32, device);
        Ok(Self {
            target: core.target(
                [each(|s| s.discount), each(|s| s.reward_scale)],
                s.exploration,
                each(|s| s.optimism),
            ),
            td: TdLoss {
                q,
                step: per,
                ..core.td([rows, 0])
            },
            loss: CqlLoss {
                members,
                states: rows,
                actions: per,
                q,
                weight: each(|s| s.penalty_weight),
                temperature: each(|s| s.penalty_temperature),
                importance: s.importance,
                stats_at,
            },
            candidates: Candidates {
                members,
                states: rows,
                draws: kind,
                raw: core.actions.each_ref().map(Pass::out),
                affine: core.nets.affine,
                row: core.learner.row(),
            },
            actions: zeros(rows * per * act_dim)?.into(),
            density: zeros(rows * 3 * kind)?.into(),
            uniforms: zeros(rows * kind * act_dim)?.into(),
            normals: zeros(2 * rows * kind * act_dim)?.into(),
            forward,
            backward,
            core,
        })
    }
}

// ---- update ----

impl Agent for Cql {
    fn learner(&self) -> &Learner {
        &self.core.learner
    }

    fn learner_mut(&mut self) -> &mut Learner {
        &mut self.core.learner
    }

    fn draw(&mut self, real: &Replay, _sim: &Replay) -> Result<()> {
        let learner = &self.core.learner;
        learner.draw(real, Stream::SampleReal, 0, learner.rows)?;
        learner.uniforms(Stream::Candidates, &self.uniforms)?;
        learner.normals(Stream::Candidates, &self.normals)?;
        self.core.draw_noise()
    }

    fn set_draws(&mut self, draws: &Recorded) -> Result<()> {
        self.core.set_draws(draws)?;
        set("uniform actions", &draws.uniforms, &mut self.uniforms)?;
        set("candidates", &draws.candidates, &mut self.normals)
    }

    fn learn(&mut self) -> Result<()> {
        let core = &mut self.core;
        core.forward()?;
        let Learner {
            params,
            ws,
            batch,
            stats,
            ..
        } = &core.learner;
        let theta = &params.theta;
        self.candidates.launch(CandidatesBuffers {
            actions: &self.actions,
            density: &self.density,
            acts: &ws.acts,
            theta,
            uniforms: &self.uniforms,
            normals: &self.normals,
            batch,
        })?;
        let input: [&Tensor; 4] = [theta, &params.target, batch, &self.actions];
        ws.forward(&self.forward, input)?;
        core.targets(&self.target)?;
        core.td_loss(&self.td)?;
        self.loss.launch(CqlLossBuffers {
            act_grads: &ws.act_grads,
            stats,
            acts: &ws.acts,
            density: &self.density,
        })?;
        core.actor_loss()?;
        let input: [&Tensor; 2] = [batch, &self.actions];
        ws.backward(&self.backward, &params.grad, theta, &input)?;
        core.backward()?;
        core.learner.step(&ActorCritic::ALL)?;
        core.learner.close()
    }

    fn measured(&self) -> Measured<'_> {
        Measured {
            td: &self.td,
            real: self.core.learner.rows,
            weight: None,
        }
    }

    fn simulates(&self) -> bool {
        false
    }
}
