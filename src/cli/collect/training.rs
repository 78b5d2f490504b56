//! SAC on the real task: how long it is trained, and what is kept of it.

use std::path::Path;

use super::Wanted;
use crate::env::Task;
use crate::error::{Error, Result};
use crate::method::Method;
use crate::run::config::recipe::Recipe;
use crate::run::config::resolved::Run;
use crate::run::config::{REPLAY_ROWS, TrainConfig};
use crate::run::data::behaviour::{Behaviour, Quality};

/// Updates between evaluations, each of which keeps a snapshot.
const SNAPSHOT_EVERY: u64 = 5000;
/// Updates at most where nothing says how many.
const UPDATES: u64 = 1_000_000;

/// How long SAC is trained.
#[derive(Debug, PartialEq)]
pub struct Budget {
    /// At most so many updates.
    pub updates: u64,
    /// It ends once a deterministic policy returns this much.
    pub target: Option<f64>,
}

impl Budget {
    /// What `wanted` needs: an expert takes all updates, a whole replay of so many rows the updates in which they are
    /// made; else training ends with the medium policy.
    ///
    /// # Errors
    /// Where the replay does not hold what is asked for, or the updates do not suffice for it.
    pub fn of(wanted: &Wanted, task: &Task) -> Result<Self> {
        let medium = wanted.medium(task);
        let expert = wanted.made().iter().any(|quality| quality.takes_expert());
        let pace = TrainConfig::sac_on(&wanted.task, &wanted.real_gap, wanted.seed, 1);
        let (round, learnt) = (pace.round(), pace.cycle_updates);
        let most = (REPLAY_ROWS / round) as u64 * learnt;
        if !wanted.whole() {
            let updates = wanted.updates.unwrap_or(UPDATES);
            let target = medium.filter(|_| !expert);
            return Ok(Self { updates, target });
        }
        let help = format!("the whole replay is kept, and holds {REPLAY_ROWS} transitions");
        if let Some(updates) = wanted.updates.filter(|updates| *updates > most) {
            let problem = format!("is {updates}, in which more than {REPLAY_ROWS} are made");
            return Err(Error::input("updates", problem, help));
        }
        let updates = wanted.updates.unwrap_or(most);
        let Some(rows) = wanted.rows else {
            let target = medium.filter(|_| !expert);
            return Ok(Self { updates, target });
        };
        if rows > REPLAY_ROWS {
            return Err(Error::input("rows", format!("is {rows}"), help));
        }
        let rounds = rows.div_ceil(round) as u64;
        // The last round begins once the updates of those before it are done.
        let least = (rounds - 1) * learnt + 1;
        if updates < least {
            let problem = format!("is {updates}; {rows} transitions are made in {least}");
            return Err(Error::input(
                "updates",
                problem,
                "give more, or fewer `rows`",
            ));
        }
        let enough = if expert {
            updates
        } else {
            updates.min(rounds * learnt)
        };
        Ok(Self {
            updates: enough,
            target: None,
        })
    }

    /// The run that is trained. Of the recipe it has SAC's settings: how often it acts is the budget's affair.
    ///
    /// # Errors
    /// Where there is no such recipe.
    fn config(&self, wanted: &Wanted) -> Result<TrainConfig> {
        let recipe = Recipe::named(&wanted.recipe)?;
        let sac = TrainConfig::sac_on(&wanted.task, &wanted.real_gap, wanted.seed, self.updates);
        Ok(TrainConfig {
            target_return: self.target,
            // A short training keeps a snapshot too: the last.
            snapshot_every: SNAPSHOT_EVERY.min(self.updates),
            settings: recipe.settings(Method::named(&sac.algo)?),
            recipe: wanted.recipe.clone(),
            precision: wanted.precision,
            ..sac
        })
    }
}

/// Transitions that are made by the end of update `updates`.
pub fn made_by(updates: u64, config: &TrainConfig) -> usize {
    updates.div_ceil(config.cycle_updates) as usize * config.round()
}

/// All snapshots in a folder, oldest first; none where there is no folder.
///
/// # Errors
/// Where one cannot be read.
pub fn snapshots(folder: &Path) -> Result<Behaviour> {
    let mut all = Behaviour::default();
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(all),
        entries => entries.map_err(Error::io(folder))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.extension().is_some_and(|e| e == "safetensors") {
            all.snapshots.extend(Behaviour::load(&path)?.snapshots);
        }
    }
    all.snapshots.sort_by_key(|s| s.updates);
    Ok(all)
}

/// `keep` snapshots evenly spread up to the medium one, that among them, and the last of all.
pub fn thin(all: &Behaviour, medium: Option<f64>, keep: usize) -> Behaviour {
    let upto = all.up_to_medium(medium);
    let n = upto.len();
    let keep = keep.clamp(1, n.max(1));
    let chosen = (1..=keep).map(|i| (i * n).div_ceil(keep) - 1);
    let mut snapshots: Vec<_> = chosen.map(|i| upto[i].clone()).collect();
    snapshots.extend(all.snapshots[n..].last().cloned());
    Behaviour { snapshots }
}

impl Wanted {
    /// The return of the medium policy.
    pub fn medium(&self, task: &Task) -> Option<f64> {
        self.target_return.or(task.medium_return)
    }

    /// The data sets that are made of a training.
    pub fn made(&self) -> &[Quality] {
        let asked = self.quality.as_ref();
        asked.map_or(&[Quality::Medium, Quality::MediumReplay], |all| {
            all.as_slice()
        })
    }

    /// The task, with its real robot.
    ///
    /// # Errors
    /// Where there is no such task, or its robot cannot have the gap.
    pub fn real_task(&self) -> Result<Task> {
        Task::load(&self.task)?.with_real(&self.real_gap)
    }

    /// The training that they are made of, on its [`real_task`](Self::real_task).
    ///
    /// # Errors
    /// Where it cannot be run, or does not suffice for what is asked for.
    pub fn training(&self, task: &Task) -> Result<Run> {
        Run::new(Budget::of(self, task)?.config(self)?)
    }

    /// Whether everything that the agent did is written.
    pub fn whole(&self) -> bool {
        self.replay == super::ReplayKind::Whole && self.made().contains(&Quality::MediumReplay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::collect::ReplayKind;
    use crate::run::data::behaviour::Snapshot;

    fn budget(edit: impl Fn(&mut Wanted)) -> Result<Budget> {
        let mut wanted = Wanted::default();
        edit(&mut wanted);
        Budget::of(&wanted, &Task::load(&wanted.task)?)
    }

    #[test]
    fn training_lasts_as_long_as_its_data_sets_need() {
        let medium = Some(4770.0);
        let whole = |w: &mut Wanted| w.replay = ReplayKind::Whole;
        let expert = |w: &mut Wanted| w.quality = Some("medium-replay,expert".parse().unwrap());
        let is = |found: Result<Budget>, updates, target| {
            assert_eq!(found.unwrap(), Budget { updates, target });
        };
        is(budget(|_| ()), 1_000_000, medium);
        is(budget(expert), 1_000_000, None);
        is(budget(whole), 500_000, medium);
        let sized = |rows| {
            move |w: &mut Wanted| {
                whole(w);
                w.rows = Some(rows);
            }
        };
        is(budget(sized(202_000)), 101_000, None);
        is(budget(sized(1)), 500, None);
        is(
            budget(|w| {
                sized(1)(w);
                w.updates = Some(6)
            }),
            6,
            None,
        );
        is(
            budget(|w| {
                sized(1)(w);
                expert(w)
            }),
            500_000,
            None,
        );
        // Without a replay to write, how it would be made does not matter.
        is(
            budget(|w| {
                whole(w);
                w.quality = Some("medium".parse().unwrap())
            }),
            1_000_000,
            medium,
        );
        for refused in [
            budget(sized(1_000_001)),
            budget(|w| {
                whole(w);
                w.updates = Some(500_001)
            }),
            budget(|w| {
                sized(2001)(w);
                w.updates = Some(1000)
            }),
        ] {
            assert!(refused.is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_recipe_says_how_sac_is_set_and_not_how_often_it_acts() {
        let of = |recipe: &str| {
            let recipe = recipe.to_owned();
            let wanted = Wanted {
                recipe,
                ..Wanted::default()
            };
            let task = wanted.real_task()?;
            wanted.training(&task).map(|run| run.config)
        };
        let (paper, fast) = (of("paper").unwrap(), of("fast").unwrap());
        let norm = |config: &TrainConfig| config.settings["critic_norm"].clone();
        assert_eq!(
            (norm(&paper), norm(&fast)),
            ("none".into(), "layer-affine".into())
        );
        let pace = |c: &TrainConfig| (c.envs, c.cycle_steps, c.cycle_updates);
        assert_eq!(pace(&paper), pace(&fast));
        assert!(of("slow").is_err());
    }

    #[test]
    fn thinned_snapshots_end_with_the_medium_policy_and_the_last() {
        let returns = [0.0, 10.0, 20.0, 30.0, 25.0, 60.0];
        let snapshot = |(k, eval_return): (usize, &f64)| Snapshot {
            algorithm: "SAC".into(),
            updates: k as u64,
            eval_return: *eval_return,
            policy: Default::default(),
        };
        let all = Behaviour {
            snapshots: returns.iter().enumerate().map(snapshot).collect(),
        };
        let kept = |medium, keep| -> Vec<u64> {
            let thin = thin(&all, medium, keep);
            thin.snapshots.iter().map(|s| s.updates).collect()
        };
        assert_eq!(kept(Some(30.0), 2), [1, 3, 5]);
        assert_eq!(kept(Some(29.0), 20), [0, 1, 2, 3, 5]);
        assert_eq!(kept(None, 3), [1, 3, 5]);
        assert_eq!(kept(Some(99.0), 1), [5]);
        assert_eq!(kept(Some(60.0), 1), [5]);
    }
}
