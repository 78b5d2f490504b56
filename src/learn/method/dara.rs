//! DARA (Liu et al., ICLR 2022): IQL on both domains, the reward of the simulated half corrected by
//! η·clip(log p_real/p_sim (s'|s,a), ±c) of two classifiers, as ODRL has it.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, 128 + 128 rows, classifiers 128 + 128): IQL's
//! 0.54 GFLOP of products and 0.24 of the classifiers.

use h2oplus_base::settings;

use super::classifiers::{Classifiers, ratio_settings};
use super::iql::{Iql, iql_family};
use super::settings::{classifiers, halves, in_sample, networks, scaled};
use super::{Each, Record};
use crate::error::{Result, above_zero};
use crate::net::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of DARA; the defaults are ODRL's.
    pub struct DaraSettings: networks, scaled, in_sample, classifiers, halves {
        /// η, the share of the correction in the reward.
        correction: f64 = 0.1 => NOT_NEGATIVE,
        /// c, the largest magnitude of log p_real/p_sim; of bounded heads, whose logits lie within ±2, it binds below 4.
        correction_clip: f64 = 10.0 => POSITIVE,
    }
    default ratio_batch = 128;
    default ratio_noise = 1.0;
}

iql_family!(DaraSettings);
ratio_settings!(DaraSettings);

// ---- update ----

impl Record for DaraSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        for (name, rows) in [
            ("real_batch", s.real_batch),
            ("sim_batch", s.sim_batch),
            ("ratio_batch", s.ratio_batch),
        ] {
            above_zero(name, rows as f64)?;
        }
        let iql = Iql::new(t, s);
        let classifiers = Classifiers::new(t, s);
        let batch = t.rows([s.real_batch, s.sim_batch], s.standardise)?;
        t.draw(&batch);
        classifiers.learn(t, s)?;
        let numbers = [s.each(|s| s.correction), s.each(|s| s.correction_clip)];
        classifiers.correct(t, &batch.sim(), numbers);
        // The critics' loss is the mean over both halves together.
        iql.step(t, s, &batch, 0.5)
    }
}
