//! IQL (Kostrikov et al., ICLR 2022) on the real data alone, as CORL has it: expectile V, TD through V,
//! advantage-weighted regression of a Gaussian policy whose rate falls along a cosine; states on the data set's scale.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256): 0.54 GFLOP of products, all in one
//! forward and one backward launch.

use candle_core::Device;

use h2oplus_base::settings;

use crate::algo::in_sample::{InSample, Passes};
use crate::algo::learner::{Learner, set};
use crate::algo::measures::Measured;
use crate::algo::settings::networks;
use crate::algo::{Agent, Recorded};
use crate::error::Result;
use crate::nn::kernel::Slot;
use crate::nn::ops::PerMember;
use crate::nn::ops::awr::AwrLoss;
use crate::nn::ops::value::{Value, ValueLoss, ValueRule};
use crate::nn::spec::{LastLayer, Spec};
use crate::nn::workspace::{Pass, Use};
use crate::nn::{Actor, Replay, Spread};
use crate::rng::Stream;

// ---- settings ----

settings! {
    /// Settings of IQL; the defaults are CORL's for half-cheetah and walker.
    pub struct IqlSettings: networks {
        /// Transitions per update.
        batch: usize = 256 => SOME,
        /// τ of the expectile.
        expectile: f64 = 0.7 => INSIDE_UNIT,
        /// β of the advantage weights, exp(β(min Q̂ − V)).
        beta: f64 = 3.0 => NOT_NEGATIVE,
        /// Largest advantage weight.
        weight_max: f64 = 100.0 => POSITIVE,
        /// Updates over which the policy's rate falls to 0 along half a cosine (0: it stays).
        policy_lr_updates: u64 = 1_000_000 => COUNT,
        /// Adam's rate for V.
        vf_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Whether states are seen on the data set's scale.
        standardise: bool = true,
    }
}

// ---- agent ----

/// A population of IQL agents.
pub struct Iql {
    learner: Learner,
    in_sample: InSample,
}

impl Iql {
    // ---- layout ----

    /// One fresh member per seed, each with its own numbers; what decides shapes and kernels is that of all.
    pub fn new(
        obs_dim: usize,
        act_dim: usize,
        settings: &[IqlSettings],
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let (s, width) = (&settings[0], obs_dim + act_dim);
        let each = |of: fn(&IqlSettings) -> f64| PerMember::over(settings, |s| of(s) as f32);
        let rate = |of: fn(&IqlSettings) -> f64| PerMember::over(settings, of);
        let mut spec = Spec::default();
        let mut net = |name, inputs: usize, outputs: usize| {
            let sizes = [&[inputs], &s.hidden[..], &[outputs]].concat();
            spec.mlp(name, &sizes, LastLayer::Linear)
        };
        let policy = net("policy", obs_dim, act_dim);
        let q = ["qf1", "qf2"].map(|name| net(name, width, 1));
        let vf = net("vf", obs_dim, 1);
        let log_std = spec.vector("policy.log_std", act_dim, 0.0);
        let targets = [(&q[0], "target_qf1"), (&q[1], "target_qf2")];
        let actor = Actor {
            mlp: policy.clone(),
            spread: Spread::Constant(Slot::new(log_std.start)),
        };
        let dims = [obs_dim, act_dim, s.batch];
        let smoothing = each(|s| s.polyak);
        let mut learner = Learner::new(spec, actor, &targets, smoothing, dims, seeds, device)?;
        if s.standardise {
            learner.standardise_states()?;
        }
        // One loss for both critics, the mean of theirs.
        learner.w = (learner.w.ones_like()? * 0.5)?.into();
        let mut groups = vec![
            learner.group(q[0].range.start..q[1].range.end, rate(|s| s.qf_lr)),
            learner.group(vf.range.clone(), rate(|s| s.vf_lr)),
        ];
        for range in [policy.range.clone(), log_std.clone()] {
            let group = learner.group(range, rate(|s| s.policy_lr));
            if s.policy_lr_updates > 0 {
                learner.anneal(group, s.policy_lr_updates);
            }
            groups.push(group);
        }

        // Passes.
        let [at_s, at_s2] = [0, width].map(|column| learner.batch_view(0, column));
        let q_target = q.each_ref().map(|q| learner.params.target_of(q));
        let (plan, rows) = (&mut learner.plan, s.batch);
        let policy = plan.pass(&policy, Use::Train, at_s, rows);
        let v = plan.pass(&vf, Use::Train, at_s, rows);
        let v_next = plan.pass(&vf, Use::Infer, at_s2, rows);
        let q = q.each_ref().map(|q| plan.pass(q, Use::Train, at_s, rows));
        let q_target = q_target
            .each_ref()
            .map(|q| plan.pass(q, Use::Target, at_s, rows));

        // Launches.
        learner.alloc()?;
        let members = learner.members();
        let rule = |s: &IqlSettings| ValueRule::new(Value::Expectile, s.expectile, 1.0, 1.0);
        let rule = settings.iter().map(rule).collect::<Result<Vec<_>>>()?;
        let value = ValueLoss {
            members,
            rows,
            v: v.out(),
            q: q_target.each_ref().map(Pass::out),
            rule: rule.into(),
            stats_at: learner.places(&ValueLoss::STATS),
        };
        let awr = AwrLoss {
            members,
            rows,
            spread: learner.actor.spread,
            raw: policy.out(),
            q: q_target.each_ref().map(Pass::out),
            v: v.out(),
            row: learner.row(),
            beta: each(|s| s.beta),
            clip: each(|s| s.weight_max),
            stats_at: learner.places(&AwrLoss::STATS),
        };
        let passes = Passes {
            policy: &policy,
            q: &q,
            q_target: &q_target,
            v: &v,
            v_next: &v_next,
        };
        let rules = [each(|s| s.discount), each(|s| s.reward_scale)];
        let in_sample = InSample::new(&mut learner, &passes, rules, value, awr, groups)?;
        Ok(Self { learner, in_sample })
    }
}

// ---- update ----

impl Agent for Iql {
    fn learner(&self) -> &Learner {
        &self.learner
    }

    fn learner_mut(&mut self) -> &mut Learner {
        &mut self.learner
    }

    fn draw(&mut self, real: &Replay, _sim: &Replay) -> Result<()> {
        if self.learner.updates == 0 {
            self.learner.fit_states(real)?;
        }
        self.learner
            .draw(real, Stream::SampleReal, 0, self.learner.rows)
    }

    fn set_draws(&mut self, draws: &Recorded) -> Result<()> {
        set("batch", &draws.batch, &mut self.learner.batch)
    }

    fn learn(&mut self) -> Result<()> {
        self.in_sample.learn(&mut self.learner)
    }

    fn measured(&self) -> Measured<'_> {
        self.in_sample.measured()
    }

    fn simulates(&self) -> bool {
        false
    }
}
