//! PAR (Lyu et al., ICML 2024) with behaviour cloning, as ODRL has it: SAC with behaviour cloning, the simulated reward
//! less β·mean (ĝ(f̂(s),a) − f̂(s'))². The encoder f, g learns the real dynamics alone, now and then on rows of its own; its
//! targets f̂, ĝ follow as the critics' do.
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, 128 + 128 rows, an encoder of width 256): SAC's
//! 0.58 GFLOP of products and 0.14 of the encoder.

use h2oplus_base::settings;

use super::actor_critic::{ActorCritic, family};
use super::settings::{cloning, exploring, fixed_temperature, halves, networks, scaled};
use super::{Each, Record, sac};
use crate::error::{Result, above_zero};
use crate::net::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of PAR with behaviour cloning; the defaults are ODRL's.
    pub struct ParBcSettings: networks, scaled, fixed_temperature, exploring, halves, cloning {
        /// β, the share of the representations' distance that the simulated reward loses.
        penalty_beta: f64 = 0.1 => NOT_NEGATIVE,
        /// Width of the encoder's layers and of its representations.
        encoder_width: usize = 256 => SOME,
        /// Real transitions on which the encoder trains.
        encoder_batch: usize = 64 => SOME,
        /// Updates per step of the encoder, which is taken in the last of them.
        encoder_every: u64 = 200 => SOME,
        /// Adam's rate for the encoder.
        encoder_lr: f64 = 3e-4 => NOT_NEGATIVE,
    }
}

family!(ParBcSettings, fixed);

// ---- update ----

impl Record for ParBcSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        for (name, rows) in [
            ("real_batch", s.real_batch),
            ("sim_batch", s.sim_batch),
            ("encoder_width", s.encoder_width),
            ("encoder_batch", s.encoder_batch),
        ] {
            above_zero(name, rows as f64)?;
        }
        let core = ActorCritic::new(t, s)?;
        let encoder = t.encoder(s.encoder_width, s.exact(|s| s.encoder_lr));
        let batch = t.rows([s.real_batch, s.sim_batch], s.standardise)?;
        t.since(s.encoder_every - 1, |t| {
            t.every(s.encoder_every, |t| {
                t.encoder_step(&encoder, s.encoder_batch)
            })
        })?;
        t.draw(&batch);
        t.encoder_reward(&encoder, &batch.sim(), s.each(|s| s.penalty_beta))?;
        // The critics' loss is the mean over both halves together.
        let (fresh, q) = sac::losses(t, s, &core, &batch, 0.5)?;
        t.clone_actions(&batch, &core.policy, (&fresh, q), s.each(|s| s.bc_weight))?;
        t.step(&core.groups());
        Ok(())
    }
}
