//! DARC (Eysenbach et al., ICLR 2021) as H2O+'s authors ported it: SAC on the simulator, whose reward is corrected by
//! log(p_real/p_sim) of the dynamics; only the classifiers see the real data.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256, classifiers 256 + 256): SAC's
//! 0.58 GFLOP of products and 0.48 of the classifiers.

use h2oplus_base::settings;

use super::actor_critic::{ActorCritic, family};
use super::classifiers::{Classifiers, ratio_settings};
use super::settings::{classifiers, exploring, networks, scaled, temperature};
use super::{Each, Record, sac};
use crate::error::{Result, above_zero};
use crate::kernel::PerMember;
use crate::net::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of DARC; the defaults are those of H2O+'s port (the original: reward scale 0.1, warm-up 1e5, noise 1).
    pub struct DarcSettings: networks, scaled, temperature, exploring, classifiers {
        /// Simulated transitions per update.
        batch: usize = 256 => SOME,
        /// Updates before the correction counts.
        ratio_warmup: u64 = 0 => COUNT,
    }
}

family!(DarcSettings);
ratio_settings!(DarcSettings);

// ---- update ----

impl Record for DarcSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        for (name, rows) in [("batch", s.batch), ("ratio_batch", s.ratio_batch)] {
            above_zero(name, rows as f64)?;
        }
        let core = ActorCritic::new(t, s)?;
        let classifiers = Classifiers::new(t, s);
        let batch = t.rows([0, s.batch], s.standardise)?;
        let update = |t: &mut Tape, corrects: bool| {
            classifiers.learn(t, s)?;
            t.draw(&batch);
            if corrects {
                classifiers.correct(t, &batch, [1.0, f32::INFINITY].map(PerMember::from));
            }
            sac::losses(t, s, &core, &batch, 1.0)?;
            t.step(&core.groups());
            Ok(())
        };
        t.until(s.ratio_warmup, |t| update(t, false))?;
        t.since(s.ratio_warmup, |t| update(t, true))
    }
}
