//! CQL (Kumar et al., NeurIPS 2020) on the real data alone: SAC's losses without entropy in the target, plus
//! w·(logsumexp of Q over uniform and policy actions, importance-corrected, − Q at the data's action).
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256, 10 actions of each kind): 31
//! actions at each of 256 states are 7,936 rows of either critic, 6.37 of its 6.74 GFLOP. The state's part of the
//! first layer is computed once a state, which spares 0.27 GFLOP and the repeated states.

use h2oplus_base::settings;

use super::actor_critic::{ActorCritic, Family, family};
use super::settings::{candidates, exploring, networks, penalty, scaled, temperature};
use super::{Each, Record};
use crate::error::{Result, above_zero};
use crate::kernel::target::Exploration;
use crate::net::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of CQL; the defaults are its authors'. (CORL's, for D4RL's locomotion: `penalty_weight` 10,
    /// `policy_lr` 3e-5, three hidden layers.)
    pub struct CqlSettings: networks, scaled, temperature, exploring, penalty, candidates {
        /// Transitions per update.
        batch: usize = 256 => SOME,
    }
    default exploration = Exploration::None;
}

/// The settings of CQL's term.
pub(super) trait PenaltySettings {
    /// Its weight, and T of its logsumexp.
    fn numbers(&self) -> [f64; 2];
    /// Actions of each kind at a state.
    fn actions(&self) -> usize;
    /// Whether log-densities are subtracted.
    fn importance(&self) -> bool;
}

/// Says that settings have these under their usual names.
macro_rules! penalty_settings {
    ($settings:ty) => {
        impl $crate::method::cql::PenaltySettings for $settings {
            fn numbers(&self) -> [f64; 2] {
                [self.penalty_weight, self.penalty_temperature]
            }
            fn actions(&self) -> usize {
                self.penalty_actions
            }
            fn importance(&self) -> bool {
                self.importance
            }
        }
    };
}
pub(super) use penalty_settings;

family!(CqlSettings);
penalty_settings!(CqlSettings);

// ---- update ----

impl Record for CqlSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        update(t, s, [s.batch, 0], s.standardise)
    }
}

/// CQL's update on so many real and so many simulated rows; its term is of the real ones alone.
pub(super) fn update<S: Family + PenaltySettings>(
    t: &mut Tape,
    s: &Each<S>,
    rows: [usize; 2],
    standardise: bool,
) -> Result<()> {
    above_zero("penalty_actions", s.actions() as f64)?;
    for s in s.all() {
        above_zero("penalty_temperature", s.numbers()[1])?;
    }
    let core = ActorCritic::new(t, s)?;
    let batch = t.rows(rows, standardise)?;
    t.draw(&batch);

    // Losses. Among the candidates the data's action is the first, so the TD loss needs no pass of its own.
    let fresh = t.sample(&core.policy, &batch)?;
    let target = core.target(t, s, &fresh);
    let y = t.td_target(&batch, target)?;
    let at = t.at_candidates(&batch, &core.q, &core.policy, &fresh, s.actions())?;
    let w = t.constant_weights(&batch, 1.0)?;
    t.td_loss(&batch, &at.q, &y, &w);
    let numbers = [0, 1].map(|n| s.each(|s| s.numbers()[n]));
    t.cql_loss(&at, numbers, s.importance());
    core.actor_loss(t, s, &fresh);

    // Step.
    t.step(&core.groups());
    Ok(())
}
