//! CQL (Kumar et al., NeurIPS 2020) on the real data alone: SAC's losses without entropy in the target, plus
//! w·(logsumexp of Q over uniform and policy actions, importance-corrected, − Q at the data's action).
//!
//! **Floor of an update** (256-256 networks, 17 observations, 6 actions, batch 256, 10 actions of each kind): 31
//! actions at each of 256 states are 7,936 rows of either critic, 6.37 of its 6.74 GFLOP. The state's part of the
//! first layer is computed once a state, which spares 0.27 GFLOP and the repeated states.

use super::actor_critic::{ActorCritic, family};
use super::settings::settings;
use super::{Each, Method};
use crate::error::{Result, above_zero};
use crate::nn::ops::target::Exploration;
use crate::nn::tape::Tape;

// ---- settings ----

settings! {
    /// Settings of CQL; the defaults are its authors'. (CORL's, for D4RL's locomotion: `penalty_weight` 10,
    /// `policy_lr` 3e-5, three hidden layers.)
    pub struct CqlSettings {
        /// Widths of the hidden layers of every network.
        #[arg(value_delimiter = ',')]
        hidden: Vec<usize> = vec![256, 256] => SOME,
        /// Transitions per update.
        batch: usize = 256 => SOME,
        /// γ.
        discount: f64 = 0.99 => UNIT,
        /// Factor of the reward in the target.
        reward_scale: f64 = 1.0 => POSITIVE,
        /// w, the weight of the conservative term.
        penalty_weight: f64 = 2.0 => NOT_NEGATIVE,
        /// T of the conservative term's T·logsumexp(·/T).
        penalty_temperature: f64 = 1.0 => POSITIVE,
        /// Actions of each kind at a state: uniform, of the policy at s, of the policy at s'.
        penalty_actions: usize = 10 => SOME,
        /// Whether log-densities of the actions are subtracted, which leaves the data's action out of the logsumexp.
        #[arg(action = clap::ArgAction::Set)]
        importance: bool = true,
        /// Adam's rate for the policy.
        policy_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Adam's rate for log β.
        alpha_lr: f64 = 3e-4 => NOT_NEGATIVE,
        /// Adam's rate for the critics.
        qf_lr: f64 = 3e-4 => NOT_NEGATIVE,
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

family!(CqlSettings);

// ---- update ----

impl Method for CqlSettings {
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
