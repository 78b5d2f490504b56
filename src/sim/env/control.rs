//! What may be chosen of a vector beside its actions: when episodes follow one another, what their
//! draws are keyed by, and what the robots are.

use crate::env::episodes::RunningEpisodes;
use crate::env::rules::TaskRules;
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

/// What a vector keeps on the host, whichever engine it has; the engines are this crate's.
pub trait Kept: VecEnv {
    /// Its rules and episodes.
    fn kept(&self) -> (&TaskRules, &RunningEpisodes);
    /// Its rules and episodes, to be changed.
    fn kept_mut(&mut self) -> (&mut TaskRules, &mut RunningEpisodes);
    /// Tells the device, where there is one, which keys its draws have and which episodes are over.
    fn tell(&mut self) {}
}

/// A vector of environments whose episodes and robots the caller has in hand.
pub trait EpisodeControl: Kept + Sync {
    /// Chooses when episodes follow one another, from the next step on.
    fn set_autoreset(&mut self, autoreset: Autoreset) {
        let (_, episodes) = self.kept_mut();
        episodes.autoreset = autoreset;
    }
    /// Starts a new episode where `mask` (`[n]`) says so; all observations, `[n, obs_dim]`.
    ///
    /// # Errors
    /// Where the device fails.
    fn reset_where(&mut self, mask: &[bool]) -> Result<&[f32]>;
    /// Keys the draws of the environments that have one of `seeds` (`[n]`) by it, and counts them from here: what they
    /// draw from the next reset on depends on no step before.
    fn reseed(&mut self, seeds: &[Option<u64>]) {
        let (rules, _) = self.kept_mut();
        for (env, seed) in seeds.iter().enumerate() {
            if let Some(seed) = seed {
                rules.keys[env].seed = *seed;
                rules.since[env] = rules.tick;
            }
        }
        self.tell();
    }
    /// Exchanges the numbers of the latest step for `batch`, of the same shape, which the next step writes over.
    /// What `batch` holds counts as the present observations, which a partial reset leaves where it resets nothing.
    fn exchange(&mut self, batch: &mut StepBatch) {
        let (_, episodes) = self.kept_mut();
        std::mem::swap(&mut episodes.out, batch);
    }
    /// The latest step's numbers.
    fn batch(&self) -> &StepBatch {
        &self.kept().1.out
    }
    /// Whether an episode has ended and the next one has not begun, `[n]`; never with [`Autoreset::SameStep`].
    fn over(&self) -> &[bool] {
        &self.kept().1.over
    }
    /// Positions and velocities of all robots, `[n, nv]` each, as the engine holds them.
    ///
    /// # Errors
    /// Where the device fails.
    fn states(&self) -> Result<[Vec<f64>; 2]>;
    /// Gives the robots `dynamics`, and each environment a parameter row of it, `[n]`. States and episodes go on.
    ///
    /// # Errors
    /// Where the robots exceed the engine's limits, and where the device fails; they stay as they were then.
    fn set_dynamics(&mut self, dynamics: Dynamics, param_row: &[u32]) -> Result<()>;
    /// As [`VecEnv::snapshot`], with what was chosen here.
    ///
    /// # Errors
    /// As [`VecEnv::snapshot`].
    fn whole_snapshot(&self) -> Result<Vec<u8>> {
        let (rules, episodes) = self.kept();
        let chosen = Chosen::of(rules, &episodes.over);
        Ok(chosen.bytes(&self.snapshot()?))
    }
    /// Goes back to a [`whole_snapshot`](Self::whole_snapshot) of a vector with equal dynamics.
    ///
    /// # Errors
    /// Where the bytes are another vector's, or it had other gaps then.
    fn restore_whole(&mut self, bytes: &[u8]) -> Result<()> {
        let (chosen, engine) = Chosen::parse(bytes, self.kept().0)?;
        self.restore(engine)?;
        let (rules, episodes) = self.kept_mut();
        for (key, seed) in rules.keys.iter_mut().zip(chosen.seeds) {
            key.seed = seed;
        }
        (rules.since, episodes.over) = (chosen.since, chosen.over);
        self.tell();
        Ok(())
    }
}

impl<E: Engine + Sync> Kept for HostEnv<E> {
    fn kept(&self) -> (&TaskRules, &RunningEpisodes) {
        (&self.rules, &self.episodes)
    }

    fn kept_mut(&mut self) -> (&mut TaskRules, &mut RunningEpisodes) {
        (&mut self.rules, &mut self.episodes)
    }
}

impl<E: Engine + Sync> EpisodeControl for HostEnv<E> {
    fn reset_where(&mut self, mask: &[bool]) -> Result<&[f32]> {
        self.restart(mask);
        Ok(self.observations())
    }

    fn states(&self) -> Result<[Vec<f64>; 2]> {
        Ok(self.engine.states())
    }

    fn set_dynamics(&mut self, dynamics: Dynamics, param_row: &[u32]) -> Result<()> {
        let rows: Vec<usize> = param_row.iter().map(|&row| row as usize).collect();
        let mut engine = self.engine.renewed(&dynamics.models(), &rows)?;
        engine.load(&self.engine.save());
        self.engine = engine;
        self.episodes.deepen(&dynamics);
        self.rules.dynamics = dynamics;
        self.episodes.param_row.copy_from_slice(param_row);
        Ok(())
    }
}

/// What of a vector is no matter of its engine, in a whole snapshot before the engine's bytes.
struct Chosen {
    gaps: u64,
    /// Of each environment's key, `[n]`.
    seeds: Vec<u64>,
    /// [`TaskRules::since`].
    since: Vec<u32>,
    over: Vec<bool>,
}

impl Chosen {
    /// Bytes of an environment.
    const EACH: usize = 8 + 4 + 1;

    /// That of a vector.
    fn of(rules: &TaskRules, over: &[bool]) -> Self {
        Self {
            gaps: fingerprint(&rules.dynamics),
            seeds: rules.keys.iter().map(|key| key.seed).collect(),
            since: rules.since.clone(),
            over: over.to_vec(),
        }
    }

    /// With the engine's snapshot behind it.
    fn bytes(&self, engine: &[u8]) -> Vec<u8> {
        let mut bytes = self.gaps.to_le_bytes().to_vec();
        for (env, seed) in self.seeds.iter().enumerate() {
            bytes.extend(seed.to_le_bytes());
            bytes.extend(self.since[env].to_le_bytes());
            bytes.push(u8::from(self.over[env]));
        }
        bytes.extend(engine);
        bytes
    }

    /// Reads what [`bytes`](Self::bytes) wrote of a vector like that of `rules`; what follows is the engine's.
    ///
    /// # Errors
    /// Where there are too few, or it had other gaps.
    fn parse<'a>(bytes: &'a [u8], rules: &TaskRules) -> Result<(Self, &'a [u8])> {
        let wrong =
            |problem: String, help: &str| Error::input("snapshot of environments", problem, help);
        let own = 8 + Self::EACH * rules.keys.len();
        let Some((own, engine)) = bytes.split_at_checked(own) else {
            let problem = format!("{} bytes where more than {own} are wanted", bytes.len());
            return Err(wrong(problem, "restore what a snapshot gave"));
        };
        let (gaps, own) = own.split_at(8);
        let number = |bytes: &[u8]| {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(whole)
        };
        let each = || own.chunks_exact(Self::EACH);
        let chosen = Self {
            gaps: number(gaps),
            seeds: each().map(|own| number(&own[..8])).collect(),
            since: each().map(|own| number(&own[8..12]) as u32).collect(),
            over: each().map(|own| own[12] != 0).collect(),
        };
        if chosen.gaps != fingerprint(&rules.dynamics) {
            let problem = "it was taken under other gaps".to_owned();
            return Err(wrong(problem, "set the gaps to what they were then"));
        }
        Ok((chosen, engine))
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
