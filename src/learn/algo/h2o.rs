//! H2O (Niu et al., NeurIPS 2022): Q on both domains, the simulated half weighted by the dynamics ratio, no entropy in
//! the target, plus w·(logsumexp over the simulated batch of Q + log ω − mean of Q on the real one): simulated
//! transitions are held down where the dynamics gap is wide.

use super::actor_critic::{ActorCritic, family};
use super::classifiers::Classifiers;
use super::settings::{ordered, settings};
use super::{Each, Method};
use crate::error::{Error, Result, above_zero};
use crate::nn::ops::target::Exploration;
use crate::nn::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of H2O; the defaults are its authors'.
    pub struct H2oSettings {
        /// Widths of the hidden layers of every network.
        #[arg(value_delimiter = ',')]
        hidden: Vec<usize> = vec![256, 256] => SOME,
        /// Real transitions per update.
        real_batch: usize = 128 => SOME,
        /// Simulated transitions per update.
        sim_batch: usize = 128 => SOME,
        /// Real, and as many simulated, transitions on which the classifiers train per update.
        ratio_batch: usize = 256 => SOME,
        /// γ.
        discount: f64 = 0.99 => UNIT,
        /// Factor of the reward in the target.
        reward_scale: f64 = 1.0 => POSITIVE,
        /// w, the weight of the conservative term.
        penalty_weight: f64 = 0.01 => NOT_NEGATIVE,
        /// T of the conservative term's T·logsumexp(·/T).
        penalty_temperature: f64 = 1.0 => POSITIVE,
        /// Next states around the simulated one at which its gap u is measured.
        gap_samples: usize = 10 => SOME,
        /// Factor of the states' standard deviations, with which those next states are drawn.
        gap_spread: f64 = 1.0 => NOT_NEGATIVE,
        /// Rows of zeros per real row among which the standard deviations are taken: the authors take them over a
        /// replay whose simulated part is still empty. 0 gives the data's own.
        gap_padding: f64 = 10.0 => NOT_NEGATIVE,
        /// Smallest u.
        gap_min: f64 = 1e-45 => POSITIVE,
        /// Largest u; below 4 it binds.
        gap_max: f64 = 10.0 => POSITIVE,
        /// Whether the simulated half is weighted by the dynamics ratio. The classifiers train either way, as
        /// in the published code.
        #[arg(action = clap::ArgAction::Set)]
        use_ratio: bool = true,
        /// Smallest weight.
        ratio_min: f64 = 1e-5 => NOT_NEGATIVE,
        /// Largest weight.
        ratio_max: f64 = 1.0 => POSITIVE,
        /// σ of the normals added to the classifiers' inputs.
        ratio_noise: f64 = 0.1 => NOT_NEGATIVE,
        /// Adam's rate for the policy.
        policy_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Adam's rate for log β.
        alpha_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Adam's rate for the critics.
        qf_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Adam's rate for the classifiers.
        ratio_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Polyak rate of the target critics.
        target_rate: f64 = 0.005 => UNIT,
        /// β before the first update.
        initial_alpha: f64 = 1.0 => POSITIVE,
        /// H̄; none: −(length of an action).
        target_entropy: Option<f64> = None => FINITE,
        /// The exploration term of the target.
        #[arg(value_enum)]
        exploration: Exploration = Exploration::None,
        /// κ of the exploration term `optimism`.
        optimism: f64 = 1.0 => NOT_NEGATIVE,
    }
}

family!(H2oSettings);

impl H2oSettings {
    fn check(&self) -> Result<()> {
        for (name, value) in [
            ("real_batch", self.real_batch as f64),
            ("sim_batch", self.sim_batch as f64),
            ("gap_samples", self.gap_samples as f64),
            ("gap_min", f64::from(self.gap_min as f32)),
            ("penalty_temperature", self.penalty_temperature),
        ] {
            above_zero(name, value)?;
        }
        if self.gap_padding < 0.0 {
            let problem = format!("is {}", self.gap_padding);
            return Err(Error::input("gap_padding", problem, "give 0 or more"));
        }
        ordered(["gap_min", "gap_max"], [self.gap_min, self.gap_max])?;
        ordered(["ratio_min", "ratio_max"], [self.ratio_min, self.ratio_max])
    }
}

// ---- update ----

impl Method for H2oSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        s.all().iter().try_for_each(Self::check)?;
        let core = ActorCritic::new(t, s)?;
        let classifiers = Classifiers::new(t, &s.hidden, s.exact(|s| s.ratio_lr));
        let batch = t.rows([s.real_batch, s.sim_batch])?;
        t.draw(&batch);
        classifiers.learn(t, s.ratio_batch, s.each(|s| s.ratio_noise))?;

        // Losses.
        let fresh = t.sample(&core.policy, &batch)?;
        let target = core.target(t, s, &fresh);
        let y = t.td_target(&batch, target)?;
        let ratio = s
            .use_ratio
            .then(|| t.at(&classifiers.sas, &batch.sim().dynamics()));
        let w = t.ratio_weights(&batch, ratio, s.pair(|s| [s.ratio_min, s.ratio_max]))?;
        let q = t.twin_at(&core.q, &batch.obs_action());
        t.td_loss(&batch, &q, &y, &w);
        let clip = s.pair(|s| [s.gap_min, s.gap_max]);
        let drawn = [s.exact(|s| s.gap_spread), s.exact(|s| s.gap_padding)];
        let gap = t.gap(&batch, &classifiers.sas, s.gap_samples, clip, drawn)?;
        let numbers = [
            s.each(|s| s.penalty_weight),
            s.each(|s| s.penalty_temperature),
        ];
        t.h2o_loss(&batch, q, &gap, numbers);
        core.actor_loss(t, s, &fresh);

        // Step.
        t.step(&core.groups());
        Ok(())
    }
}
