//! What may be chosen of a vector on the processor beside its actions: when episodes follow one another, what their
//! draws are keyed by, and what the robots are.

use crate::env::rules::EnvKey;
use crate::env::{Dynamics, Engine, HostEnv, StepBatch, VecEnv};
use crate::error::{Error, Result};
use h2oplus_base::choices;

choices! {
    /// When a new episode follows one that has ended, in Gymnasium's words.
    pub enum Autoreset {
        /// In the step that ended it: `obs` is the new one's first, `next_obs` the true successor
        SameStep = "SameStep",
        /// The next step of the environment is its reset: the action is ignored, nothing is paid
        NextStep = "NextStep",
        /// When asked for; a step before that is refused
        Disabled = "Disabled",
    }
}

/// A vector of environments whose episodes and robots the caller has in hand.
pub trait EpisodeControl: VecEnv + Sync {
    /// Chooses when episodes follow one another, from the next step on.
    fn set_autoreset(&mut self, autoreset: Autoreset);
    /// Starts a new episode where `mask` (`[n]`) says so; all observations, `[n, obs_dim]`.
    fn reset_where(&mut self, mask: &[bool]) -> &[f32];
    /// Keys the draws of environment `env` by `seed`, and counts them from here: what it draws from its next reset on
    /// depends on no step before.
    fn reseed(&mut self, env: usize, seed: u64);
    /// Exchanges the numbers of the latest step for `batch`, of the same shape, which the next step writes over.
    /// What `batch` holds counts as the present observations, which a partial reset leaves where it resets nothing.
    fn exchange(&mut self, batch: &mut StepBatch);
    /// The latest step's numbers.
    fn batch(&self) -> &StepBatch;
    /// Whether an episode has ended and the next one has not begun, `[n]`; never with [`Autoreset::SameStep`].
    fn over(&self) -> &[bool];
    /// Positions and velocities of all robots, `[n, nv]` each, unrounded.
    fn states(&self) -> [Vec<f64>; 2];
    /// Gives the robots `dynamics`, and each environment a parameter row of it, `[n]`. States and episodes go on.
    ///
    /// # Errors
    /// Where the robots exceed the engine's limits; they stay as they were then.
    fn set_dynamics(&mut self, dynamics: Dynamics, param_row: &[u32]) -> Result<()>;
    /// As [`VecEnv::snapshot`], with what was chosen here.
    ///
    /// # Errors
    /// As [`VecEnv::snapshot`].
    fn whole_snapshot(&self) -> Result<Vec<u8>>;
    /// Goes back to a [`whole_snapshot`](Self::whole_snapshot) of a vector with equal dynamics.
    ///
    /// # Errors
    /// Where the bytes are another vector's, or it had other gaps then.
    fn restore_whole(&mut self, bytes: &[u8]) -> Result<()>;
}

/// Bytes of an environment in a whole snapshot, before the engine's: seed, tick of its key, whether its episode is over.
const OWN: usize = 8 + 4 + 1;

impl<E: Engine + Sync> EpisodeControl for HostEnv<E> {
    fn set_autoreset(&mut self, autoreset: Autoreset) {
        self.episodes.autoreset = autoreset;
    }

    fn reset_where(&mut self, mask: &[bool]) -> &[f32] {
        self.restart(mask);
        self.observations()
    }

    fn reseed(&mut self, env: usize, seed: u64) {
        let EnvKey { env: index, .. } = self.rules.keys[env];
        self.rules.keys[env] = EnvKey { seed, env: index };
        self.rules.since[env] = self.rules.tick;
    }

    fn exchange(&mut self, batch: &mut StepBatch) {
        std::mem::swap(&mut self.episodes.out, batch);
    }

    fn batch(&self) -> &StepBatch {
        &self.episodes.out
    }

    fn over(&self) -> &[bool] {
        &self.episodes.over
    }

    fn states(&self) -> [Vec<f64>; 2] {
        self.engine.states()
    }

    fn set_dynamics(&mut self, dynamics: Dynamics, param_row: &[u32]) -> Result<()> {
        let rows: Vec<usize> = param_row.iter().map(|&row| row as usize).collect();
        let mut engine = self.engine.renewed(&dynamics.models(), &rows)?;
        engine.load(&self.engine.save());
        self.engine = engine;
        self.rules.dynamics = dynamics;
        self.episodes.param_row.copy_from_slice(param_row);
        Ok(())
    }

    fn whole_snapshot(&self) -> Result<Vec<u8>> {
        let mut bytes = fingerprint(&self.rules.dynamics).to_le_bytes().to_vec();
        for (env, key) in self.rules.keys.iter().enumerate() {
            bytes.extend(key.seed.to_le_bytes());
            bytes.extend(self.rules.since[env].to_le_bytes());
            bytes.push(u8::from(self.episodes.over[env]));
        }
        bytes.extend(self.snapshot()?);
        Ok(bytes)
    }

    fn restore_whole(&mut self, bytes: &[u8]) -> Result<()> {
        let n = self.num_envs();
        let place = "snapshot of environments";
        let own = 8 + OWN * n;
        let Some((own, engine)) = bytes.split_at_checked(own) else {
            let problem = format!("{} bytes where more than {own} are wanted", bytes.len());
            return Err(Error::input(
                place,
                problem,
                "restore what `snapshot` returned",
            ));
        };
        let (gaps, own) = own.split_at(8);
        if gaps != fingerprint(&self.rules.dynamics).to_le_bytes() {
            return Err(Error::input(
                place,
                "it was taken under other gaps",
                "set the gaps to what they were then",
            ));
        }
        self.restore(engine)?;
        for (env, own) in own.chunks_exact(OWN).enumerate() {
            let word =
                |at: usize| u32::from_le_bytes([own[at], own[at + 1], own[at + 2], own[at + 3]]);
            self.rules.keys[env].seed = u64::from(word(0)) | u64::from(word(4)) << 32;
            self.rules.since[env] = word(8);
            self.episodes.over[env] = own[12] != 0;
        }
        Ok(())
    }
}

/// A number that tells dynamics apart: FNV-1a of their gaps, pools and whether they are redrawn.
fn fingerprint(dynamics: &Dynamics) -> u64 {
    let gaps = dynamics.rows.iter().map(|row| row.gap.to_string());
    let pools = dynamics.pools.iter().map(|pool| format!("{pool:?}"));
    let all = gaps.chain(pools).chain([dynamics.redrawn.to_string()]);
    all.flat_map(|text| text.into_bytes().into_iter().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
