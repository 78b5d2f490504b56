//! H2O+ (Niu et al., ICRA 2025): V learned on the real data alone, the mixed target, the dynamics ratio.

use candle_core::Device;

use h2oplus_base::settings;

use crate::algo::actor_critic::{ActorCritic, Nets, rules};
use crate::algo::classifiers::Classifiers;
use crate::algo::in_sample::{InSample, Passes};
use crate::algo::learner::{Group, Learner};
use crate::algo::measures::Measured;
use crate::algo::settings::{actor_critic, classifiers, mixing, networks, ordered};
use crate::algo::{Agent, Recorded};
use crate::error::{Result, above_zero};
use crate::nn::Replay;
use crate::nn::ops::PerMember;
use crate::nn::ops::awr::AwrLoss;
use crate::nn::ops::ratio::{RatioWeight, RatioWeightBuffers};
use crate::nn::ops::target::Target;
use crate::nn::ops::td::TdLoss;
use crate::nn::ops::value::{Value, ValueLoss, ValueLossBuffers, ValueRule};
use crate::nn::spec::{LastLayer, Spec};
use crate::nn::workspace::{Backprop, Pass, Use};
use crate::rng::Stream;

// ---- settings ----

settings! {
    /// Settings of H2O+; the defaults are the paper's.
    pub struct H2oPlusSettings: networks, actor_critic, classifiers, mixing {
        /// λ, the share of V in the target.
        lambda: f64 = 0.1 => UNIT,
        /// How V is learned.
        value: Value = Value::Expectile,
        /// τ of the value loss `expectile`.
        expectile: f64 = 0.5 => INSIDE_UNIT,
        /// Scale of the error in the value losses `sparse` and `exponential` (α in their papers).
        value_alpha: f64 = 1.0 => POSITIVE,
        /// Largest exponent of the value loss `exponential`.
        value_clip: f64 = 7.0 => POSITIVE,
        /// Adam's rate for V.
        vf_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Updates of the offline warm start, before mixing begins: in-sample V and Q, and an
        /// advantage-weighted policy, on the real data alone.
        warmup: u64 = 0 => COUNT,
        /// β of the warm start's advantage weights, exp(β(min Q − V)).
        warmup_beta: f64 = 1.0 => NOT_NEGATIVE,
        /// Largest advantage weight.
        warmup_clip: f64 = 100.0 => POSITIVE,
    }
}

// ---- agent ----

/// A population of H2O+ agents.
pub struct H2oPlus {
    core: ActorCritic,
    classifiers: Classifiers,
    weight: RatioWeight,
    target: Target,
    td: TdLoss,
    value: ValueLoss,
    vf: Group,
    warmup: u64,
    warm: InSample,
}

impl H2oPlus {
    // ---- layout ----

    /// One fresh member per seed, each with its own numbers; what decides shapes and kernels is that of all.
    pub fn new(
        obs_dim: usize,
        act_dim: usize,
        settings: &[H2oPlusSettings],
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let s = &settings[0];
        let each = |of: fn(&H2oPlusSettings) -> f64| PerMember::over(settings, |s| of(s) as f32);
        for (name, rows) in [
            ("real_batch", s.real_batch),
            ("sim_batch", s.sim_batch),
            ("ratio_batch", s.ratio_batch),
        ] {
            above_zero(name, rows as f64)?;
        }
        for s in settings {
            ordered(["ratio_min", "ratio_max"], [s.ratio_min, s.ratio_max])?;
        }
        let rules = rules!(settings);
        let mut spec = Spec::default();
        let nets = Nets::new(&mut spec, obs_dim, act_dim, &rules)?;
        let vf = spec.mlp(
            "vf",
            &[&[obs_dim], &s.hidden[..], &[1]].concat(),
            LastLayer::Small,
        );
        let ratio_nets = Classifiers::nets(&mut spec, obs_dim, act_dim, &s.hidden);
        let (real, sim) = (s.real_batch, s.sim_batch);
        let dims = [obs_dim, act_dim, real + sim];
        let mut core = ActorCritic::new(spec, nets, dims, &rules, seeds, device)?;

        // Passes.
        let learner = &mut core.learner;
        let v_group = learner.group(vf.range.clone(), PerMember::over(settings, |s| s.vf_lr));
        let mut classifiers = Classifiers::new(
            learner,
            ratio_nets,
            s.ratio_batch,
            each(|s| s.ratio_noise),
            PerMember::over(settings, |s| s.ratio_lr),
        )?;
        let (members, rows) = (learner.members(), learner.rows);
        let [at_s, at_s2, at_sim] = [(0, 0), (0, obs_dim + act_dim), (real, 0)]
            .map(|(row, column)| learner.batch_view(row, column));
        let q_target = core.nets.q.each_ref().map(|q| learner.params.target_of(q));
        let (plan, nets) = (&mut learner.plan, &core.nets);
        let v = plan.pass(&vf, Use::Train, at_s, real);
        let v_next = plan.pass(&vf, Use::Infer, at_s2, rows);
        let q_real = q_target
            .each_ref()
            .map(|q| plan.pass(q, Use::Target, at_s, real));
        let advantage = plan.pass(&classifiers.sas, Use::Infer, at_sim, sim);
        let warm_policy = plan.pass(&nets.actor.mlp, Use::Train, at_s, real);
        let warm_q = nets
            .q
            .each_ref()
            .map(|q| plan.pass(q, Use::Train, at_s, real));

        // Launches.
        let mut own = vec![&v, &v_next, &q_real[0], &q_real[1]];
        if s.use_ratio {
            own.push(&advantage);
        }
        core.finish(&own, &[Backprop::weights(&v)])?;
        classifiers.finish(&core.learner);
        let of_reward = [each(|s| s.discount), each(|s| s.reward_scale)];
        let target = Target {
            v: Some(v_next.out()),
            lambda: each(|s| s.lambda),
            ..core.target(of_reward.clone(), s.exploration, each(|s| s.optimism))
        };
        let rule =
            |s: &H2oPlusSettings| ValueRule::new(s.value, s.expectile, s.value_alpha, s.value_clip);
        let rule = settings.iter().map(rule).collect::<Result<Vec<_>>>()?;
        let value = ValueLoss {
            members,
            rows: real,
            v: v.out(),
            q: q_real.each_ref().map(Pass::out),
            rule: rule.into(),
            stats_at: core.learner.places(&ValueLoss::STATS),
        };
        let weight = RatioWeight {
            members,
            real,
            sim,
            raw: s.use_ratio.then(|| advantage.out()),
            clip: PerMember::over(settings, |s| [s.ratio_min as f32, s.ratio_max as f32]),
            stats_at: core.learner.places(&RatioWeight::STATS),
        };
        let awr = AwrLoss {
            members,
            rows: real,
            spread: core.learner.actor.spread,
            raw: warm_policy.out(),
            q: warm_q.each_ref().map(Pass::out),
            v: v.out(),
            row: core.learner.row(),
            beta: each(|s| s.warmup_beta),
            clip: each(|s| s.warmup_clip),
            stats_at: core.learner.places(&AwrLoss::STATS),
        };
        let passes = Passes {
            policy: &warm_policy,
            q: &warm_q,
            q_target: &q_real,
            v: &v,
            v_next: &v_next,
        };
        // The temperature waits until the policy explores.
        let groups = vec![ActorCritic::POLICY, ActorCritic::CRITICS, v_group];
        let warm = InSample::new(
            &mut core.learner,
            &passes,
            of_reward,
            value.clone(),
            awr,
            groups,
        )?;
        let td = core.td([real, sim]);
        Ok(Self {
            core,
            classifiers,
            weight,
            target,
            td,
            value,
            vf: v_group,
            warmup: s.warmup,
            warm,
        })
    }
}

// ---- update ----

impl Agent for H2oPlus {
    fn learner(&self) -> &Learner {
        &self.core.learner
    }

    fn learner_mut(&mut self) -> &mut Learner {
        &mut self.core.learner
    }

    fn draw(&mut self, real: &Replay, sim: &Replay) -> Result<()> {
        let (learner, rows) = (&self.core.learner, [self.weight.real, self.weight.sim]);
        learner.draw(real, Stream::SampleReal, 0, rows[0])?;
        if learner.updates < self.warmup {
            return Ok(());
        }
        learner.draw(sim, Stream::SampleSim, rows[0], rows[1])?;
        self.core.draw_noise()?;
        self.classifiers.draw(learner, real, sim)
    }

    fn set_draws(&mut self, draws: &Recorded) -> Result<()> {
        self.core.set_draws(draws)?;
        self.classifiers.set_draws(draws)
    }

    fn learn(&mut self) -> Result<()> {
        let core = &mut self.core;
        if core.learner.updates < self.warmup {
            return self.warm.learn(&mut core.learner);
        }
        // The classifiers step first: the weights of this update are theirs after it.
        self.classifiers.learn(&mut core.learner)?;
        core.forward()?;
        let Learner { ws, w, stats, .. } = &core.learner;
        let acts = &ws.acts;
        self.weight.launch(RatioWeightBuffers { w, stats, acts })?;
        self.value.launch(ValueLossBuffers {
            act_grads: &ws.act_grads,
            stats,
            acts,
        })?;
        core.targets(&self.target)?;
        core.td_loss(&self.td)?;
        core.actor_loss()?;
        core.backward()?;
        let [policy, alpha, critics] = ActorCritic::ALL;
        core.learner.step(&[policy, alpha, critics, self.vf])?;
        core.learner.close()
    }

    fn measured(&self) -> Measured<'_> {
        if self.updates() <= self.warmup {
            return self.warm.measured();
        }
        Measured {
            td: &self.td,
            real: self.weight.real,
            weight: Some(&self.weight),
        }
    }

    fn simulated_updates(&self) -> Option<u64> {
        self.updates().checked_sub(self.warmup)
    }
}
