//! SAC on the simulator alone (zero-shot): y = r + γ(1−d)·(min Q̂(s',a') − β log π(a'|s')).

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::algo::core::{Core, Nets, Rules, STATS};
use crate::algo::{Agent, Recorded};
use crate::data::BehaviourPolicy;
use crate::error::Result;
use crate::nn::Replay;
use crate::nn::launch::launch;
use crate::nn::ops::actor::ActorLoss;
use crate::nn::ops::target::{Exploration, Target};
use crate::nn::ops::td::TdLoss;
use crate::nn::params::Spec;
use crate::nn::replay::row_len;
use crate::rng::Stream;

// ---- settings ----

/// Settings of SAC; the defaults are those published with H2O+.
#[derive(Clone, Debug, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SacSettings {
    /// Widths of the hidden layers of every network.
    #[arg(long, value_delimiter = ',')]
    pub hidden: Vec<usize>,
    /// Transitions per update.
    #[arg(long)]
    pub batch: usize,
    /// γ.
    #[arg(long)]
    pub discount: f64,
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
    /// Polyak rate of the target critics.
    #[arg(long)]
    pub target_rate: f64,
    /// β before the first update.
    #[arg(long)]
    pub initial_alpha: f64,
    /// H̄; none: −(length of an action).
    #[arg(long, allow_negative_numbers = true)]
    pub target_entropy: Option<f64>,
    /// The exploration term of the target.
    #[arg(long, value_enum)]
    pub exploration: Exploration,
}

impl Default for SacSettings {
    fn default() -> Self {
        Self {
            hidden: vec![256, 256],
            batch: 256,
            discount: 0.99,
            reward_scale: 1.0,
            policy_lr: 3e-4,
            alpha_lr: 3e-4,
            qf_lr: 3e-4,
            target_rate: 0.005,
            initial_alpha: 1.0,
            target_entropy: None,
            exploration: Exploration::Entropy,
        }
    }
}

// ---- agent ----

/// A population of SAC agents.
pub struct Sac {
    core: Core,
    target: Target,
    td: TdLoss,
}

/// Where the losses' numbers begin.
const STATS_TD: usize = ActorLoss::STATS.len();

impl Sac {
    /// One fresh member per seed.
    pub fn new(
        obs_dim: usize,
        act_dim: usize,
        settings: &SacSettings,
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let mut spec = Spec::default();
        let nets = Nets::new(
            &mut spec,
            obs_dim,
            act_dim,
            &settings.hidden,
            settings.initial_alpha,
        )?;
        let rules = Rules {
            rates: [settings.policy_lr, settings.alpha_lr, settings.qf_lr],
            target_entropy: settings
                .target_entropy
                .map_or(-(act_dim as f32), |h| h as f32),
            target_rate: settings.target_rate as f32,
        };
        let mut core = Core::new(spec, nets, obs_dim, settings.batch, rules, seeds, device)?;
        core.finish(&[], &[])?;
        let (members, rows, stride) = (core.members(), core.rows, core.plan.len());
        let target = Target {
            members,
            rows,
            row_stride: rows,
            q: core.q_next.each_ref().map(|p| p.out()),
            value: None,
            stride,
            log_pi: [rows, 2 * rows],
            exploration: settings.exploration,
            log_alpha: core.nets.log_alpha,
            param_stride: core.params.len(),
            discount: settings.discount as f32,
            reward_scale: settings.reward_scale as f32,
            row: row_len(obs_dim, act_dim),
        };
        let q = core.q_data.each_ref().map(|p| p.out());
        let td = TdLoss {
            members,
            halves: vec![rows],
            q,
            step: 1,
            stride,
            row_stride: rows,
            stats: [STATS_TD, STATS],
        };
        Ok(Self { core, target, td })
    }

    // ---- update ----

    fn draw(&self, sim: &Replay) -> Result<()> {
        self.core.draw(sim, Stream::SampleSim, 0, self.core.rows)?;
        self.core.draw_noise()
    }

    fn learn(&mut self) -> Result<()> {
        let core = &mut self.core;
        core.forward()?;
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
        core.actor_loss(0)?;
        core.backward()?;
        core.step(0..core.groups.len())?;
        core.smooth()?;
        core.updates += 1;
        Ok(())
    }
}

impl Agent for Sac {
    fn members(&self) -> usize {
        self.core.members()
    }

    fn update(&mut self, _real: &Replay, sim: &Replay) -> Result<()> {
        // From inside the pool, a launch forks without waking a thread of its own.
        rayon::scope(|_| {
            self.draw(sim)?;
            self.learn()
        })
    }

    fn update_recorded(&mut self, draws: &Recorded) -> Result<()> {
        self.core.set_draws(draws)?;
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
        Some(self.core.updates)
    }

    fn metrics(&self) -> Result<Vec<(&'static str, Vec<f32>)>> {
        self.core
            .metrics(&[&ActorLoss::STATS[..], &TdLoss::STATS].concat())
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
