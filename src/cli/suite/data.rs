//! The data sets that a suite's runs learn from, made before them as `collect` makes them.

use std::time::Duration;

use crate::cli::collect::job::Collecting;
use crate::cli::collect::{ReplayKind, Wanted};
use crate::error::{Error, Result};
use crate::run::record::lock::Lock;
use crate::run::suite::folder::SuiteFolder;
use crate::run::suite::plan::{CollectedSet, SuitePlan};
use crate::run::train::stop;

/// How often it is looked whether another process has made a set.
const PAUSE: Duration = Duration::from_secs(2);

/// The sets that these groups of `plan` need, those of one robot together: one training gives them all.
pub fn needed<'a>(plan: &'a SuitePlan, groups: &[usize]) -> Vec<Vec<&'a CollectedSet>> {
    let data = |n: &usize| plan.groups[*n].run.get("data")?.as_str();
    let named: Vec<&str> = groups.iter().filter_map(data).collect();
    let robot = |set: &CollectedSet| (set.task.clone(), set.real_gap.clone(), set.whole);
    let mut robots: Vec<Vec<&CollectedSet>> = Vec::new();
    let needed = |set: &&CollectedSet| named.contains(&set.file.as_str());
    for set in plan.sets.iter().filter(needed) {
        match robots.iter_mut().find(|sets| robot(sets[0]) == robot(set)) {
            Some(sets) => sets.push(set),
            None => robots.push(vec![set]),
        }
    }
    robots
}

/// Makes what these groups of `plan` need and `folder` does not hold. A set that cannot be made is said: the runs that
/// need it then fail, and the others go on.
///
/// # Errors
/// [`Error::Stopped`] after a signal, everything saved.
pub fn make(folder: &SuiteFolder, plan: &SuitePlan, groups: &[usize]) -> Result<()> {
    let robots = needed(plan, groups);
    for (n, sets) in robots.iter().enumerate() {
        let missing = || {
            let there = |set: &&CollectedSet| folder.data().join(&set.file).is_file();
            !sets.iter().all(there)
        };
        if !missing() {
            continue;
        }
        std::fs::create_dir_all(folder.data()).map_err(Error::io(&folder.data()))?;
        let name = &sets[0].file;
        let lock = folder.data().join(format!("{name}.lock"));
        let _held = loop {
            match Lock::at(&lock)? {
                Some(held) => break held,
                None => std::thread::sleep(PAUSE),
            }
            stop::check()?;
        };
        if missing() {
            crate::log!("data {} of {}: {name}", n + 1, robots.len());
            match collect(folder, sets) {
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => crate::log!("{name} failed: {error}"),
                Ok(()) => {}
            }
        }
    }
    Ok(())
}

/// Trains on the robot of `sets`, or goes on where that was interrupted, and writes them.
fn collect(folder: &SuiteFolder, sets: &[&CollectedSet]) -> Result<()> {
    let first = sets[0];
    let qualities: Vec<&str> = sets.iter().map(|set| set.quality.as_str()).collect();
    let qualities = qualities.join(",").parse();
    let qualities = qualities.map_err(|e| Error::input("quality", e, "restore suite.toml"))?;
    let wanted = Wanted {
        task: first.task.clone(),
        real_gap: first.real_gap.clone(),
        quality: Some(qualities),
        target_return: first.medium,
        updates: first.updates,
        rows: Some(first.rows),
        replay: match first.whole {
            true => ReplayKind::Whole,
            false => ReplayKind::Snapshots,
        },
        ..Wanted::default()
    };
    let run = folder.data().join("runs").join(&first.file);
    let go_on_with = ("h2oplus suite --resume", folder.path());
    Collecting::new(wanted, folder.data())?.train_at(&run, go_on_with)
}
