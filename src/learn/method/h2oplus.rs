//! H2O+ (Niu et al., ICRA 2025): V learned on the real data alone, the mixed target, the dynamics ratio.

use h2oplus_base::settings;

use super::actor_critic::{ActorCritic, family};
use super::classifiers::{Classifiers, RatioTrain, ratio_settings};
use super::in_sample::InSample;
use super::settings::{
    classifiers, exploring, halves, networks, ordered, scaled, temperature, weighted,
};
use super::{Each, Record};
use crate::error::{Result, above_zero};
use crate::kernel::PerMember;
use crate::kernel::norm::Norm;
use crate::kernel::value::{Value, ValueRule};
use crate::net::spec::LastLayer;
use crate::net::tape::{Batch, Hidden, Net, Tape};

// ---- settings ----

settings! {
    /// Settings of H2O+; the defaults are the paper's.
    pub struct H2oPlusSettings: networks, scaled, temperature, exploring, classifiers, halves, weighted {
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
        /// When the classifiers train.
        ratio_train: RatioTrain = RatioTrain::Used,
        /// What is done to V's hidden layers before the ReLU.
        value_norm: Norm = Norm::None,
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

family!(H2oPlusSettings);
ratio_settings!(H2oPlusSettings);

impl H2oPlusSettings {
    fn check(&self) -> Result<()> {
        for (name, rows) in [
            ("real_batch", self.real_batch),
            ("sim_batch", self.sim_batch),
            ("ratio_batch", self.ratio_batch),
        ] {
            above_zero(name, rows as f64)?;
        }
        ordered(["ratio_min", "ratio_max"], [self.ratio_min, self.ratio_max])
    }

    fn value_rule(&self) -> Result<ValueRule> {
        ValueRule::new(
            self.value,
            self.expectile,
            self.value_alpha,
            self.value_clip,
        )
    }
}

// ---- update ----

impl Record for H2oPlusSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        s.all().iter().try_for_each(Self::check)?;
        let rule = s.all().iter().map(Self::value_rule);
        let rule = PerMember::from(rule.collect::<Result<Vec<_>>>()?);
        let core = ActorCritic::new(t, s)?;
        let sizes = [t.obs_dim(), 1];
        let hidden = Hidden::new(&s.hidden, s.value_norm);
        let vf = t.mlp("vf", sizes, hidden, LastLayer::Small, s.exact(|s| s.vf_lr));
        t.anneal(&[vf.group], s.lr_updates);
        let classifiers = Classifiers::new(t, s);
        let batch = t.rows([s.real_batch, s.sim_batch], s.standardise)?;
        t.until(s.warmup, |t| {
            warm_start(t, s, &core, &vf, &batch.real(), rule.clone())
        })?;
        t.since(s.warmup, |t| {
            t.draw(&batch);
            if s.use_ratio || s.ratio_train == RatioTrain::Always {
                classifiers.learn(t, s)?;
            }

            // Losses.
            let (real, sim) = (batch.real(), batch.sim());
            let fresh = t.sample(&core.policy, &batch)?;
            let v = t.at(&vf.mlp, &real.obs());
            let q_real = t.target_at(&core.q, &real.obs_action());
            t.value_loss(v, q_real, rule);
            let mut target = core.target(t, s, &fresh);
            target.v = Some((t.at(&vf.mlp, &batch.next_obs()), s.each(|s| s.lambda)));
            let y = t.td_target(&batch, target)?;
            let ratio = s.use_ratio.then(|| t.at(&classifiers.sas, &sim.dynamics()));
            let w = t.ratio_weights(
                &batch,
                ratio,
                s.pair(|s| [s.ratio_min, s.ratio_max]),
                s.ratio_normalise,
            )?;
            let q = t.twin_at(&core.q, &batch.obs_action());
            t.td_loss(&batch, &q, &y, &w);
            core.actor_loss(t, s, &fresh);

            // Step.
            let [policy, temperature, critics] = core.groups();
            t.step(&[policy, temperature, critics, vf.group]);
            Ok(())
        })
    }
}

/// The offline warm start: in-sample V and Q, and an advantage-weighted policy, on the real rows alone. The temperature
/// waits until the policy explores.
fn warm_start(
    t: &mut Tape,
    s: &Each<H2oPlusSettings>,
    core: &ActorCritic,
    vf: &Net,
    real: &Batch,
    rule: PerMember<ValueRule>,
) -> Result<()> {
    t.draw(real);
    let losses = InSample {
        rule,
        discount: s.each(|s| s.discount),
        reward_scale: s.each(|s| s.reward_scale),
        weight: 1.0,
    };
    let at = losses.losses(t, real, &core.q, &vf.mlp)?;
    let raw = t.at(&core.policy.mlp, &real.obs());
    let numbers = [s.each(|s| s.warmup_beta), s.each(|s| s.warmup_clip)];
    t.awr_loss(real, &core.policy, raw, (at.q, at.v), numbers);
    let [policy, _, critics] = core.groups();
    t.step(&[policy, critics, vf.group]);
    Ok(())
}
