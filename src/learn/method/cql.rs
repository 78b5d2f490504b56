//! CQL (Kumar et al., NeurIPS 2020) on the real data alone: SAC's losses without entropy in the target, plus
//! w·(logsumexp of Q over uniform and policy actions, importance-corrected, − Q at the data's action).
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256, 10 actions of each kind): 31
//! actions at each of 256 states are 7,936 rows of either critic, 6.37 of its 6.74 GFLOP. The state's part of the
//! first layer is computed once a state, which spares 0.27 GFLOP and the repeated states.

use h2oplus_base::settings;

use super::actor_critic::{ActorCritic, family};
use super::settings::{actor_critic, networks, penalty};
use super::{Each, Record};
use crate::error::{Result, above_zero};
use crate::kernel::target::Exploration;
use crate::net::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of CQL; the defaults are its authors'. (CORL's, for D4RL's locomotion: `penalty_weight` 10,
    /// `policy_lr` 3e-5, three hidden layers.)
    pub struct CqlSettings: networks, actor_critic, penalty {
        /// Transitions per update.
        batch: usize = 256 => SOME,
        /// Actions of each kind at a state: uniform, of the policy at s, of the policy at s'.
        penalty_actions: usize = 10 => SOME,
        /// Whether log-densities of the actions are subtracted, which leaves the data's action out of the logsumexp.
        importance: bool = true,
    }
    default exploration = Exploration::None;
}

family!(CqlSettings);

// ---- update ----

impl Record for CqlSettings {
    fn record(t: &mut Tape, s: &Each<Self>) -> Result<()> {
        above_zero("penalty_actions", s.penalty_actions as f64)?;
        for s in s.all() {
            above_zero("penalty_temperature", s.penalty_temperature)?;
        }
        let core = ActorCritic::new(t, s)?;
        let batch = t.rows([s.batch, 0])?;
        t.draw(&batch);

        // Losses. Among the candidates the data's action is the first, so the TD loss needs no pass of its own.
        let fresh = t.sample(&core.policy, &batch)?;
        let target = core.target(t, s, &fresh);
        let y = t.td_target(&batch, target)?;
        let at = t.at_candidates(&batch, &core.q, &core.policy, &fresh, s.penalty_actions)?;
        let w = t.constant_weights(&batch, 1.0)?;
        t.td_loss(&batch, &at.q, &y, &w);
        let numbers = [
            s.each(|s| s.penalty_weight),
            s.each(|s| s.penalty_temperature),
        ];
        t.cql_loss(&at, numbers, s.importance);
        core.actor_loss(t, s, &fresh);

        // Step.
        t.step(&core.groups());
        Ok(())
    }
}
