//! H2O (Niu et al., NeurIPS 2022): Q on both domains, the simulated half weighted by the dynamics ratio, no entropy in
//! the target, plus w·(logsumexp over the simulated batch of Q + log ω − mean of Q on the real one): simulated
//! transitions are held down where the dynamics gap is wide.

use h2oplus_base::settings;

use super::actor_critic::{ActorCritic, family};
use super::classifiers::{Classifiers, ratio_settings};
use super::settings::{
    classifiers, exploring, halves, networks, ordered, penalty, scaled, temperature, weighted,
};
use super::{Each, Record};
use crate::error::{Error, Result, above_zero};
use crate::kernel::target::Exploration;
use crate::net::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of H2O; the defaults are its authors'.
    pub struct H2oSettings: networks, scaled, temperature, exploring, classifiers, halves, weighted, penalty {
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
    }
    default exploration = Exploration::None;
    default penalty_weight = 0.01;
}

family!(H2oSettings);
ratio_settings!(H2oSettings);

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

impl Record for H2oSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        s.all().iter().try_for_each(Self::check)?;
        let core = ActorCritic::new(t, s)?;
        let classifiers = Classifiers::new(t, s);
        let batch = t.rows([s.real_batch, s.sim_batch], s.standardise)?;
        t.draw(&batch);
        classifiers.learn(t, s)?;

        // Losses.
        let fresh = t.sample(&core.policy, &batch)?;
        let target = core.target(t, s, &fresh);
        let y = t.td_target(&batch, target)?;
        let ratio = s
            .use_ratio
            .then(|| t.at(&classifiers.sas, &batch.sim().dynamics()));
        let w = t.ratio_weights(
            &batch,
            ratio,
            s.pair(|s| [s.ratio_min, s.ratio_max]),
            s.ratio_normalise,
        )?;
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
