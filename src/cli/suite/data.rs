//! The data sets that a suite's runs learn from, made before them as `collect` makes them.

use std::time::Duration;

use crate::cli::collect::job::Collecting;
use crate::cli::collect::{ReplayKind, Wanted};
use crate::error::{Error, Result};
use crate::run::config::resolved::Run;
use crate::run::record::lock::Lock;
use crate::run::suite::folder::SuiteFolder;
use crate::run::suite::plan::{CollectedSet, SuitePlan};
use crate::run::train::stop;
use crate::setting::Settings;

/// How often it is looked whether another process has made a set.
const PAUSE: Duration = Duration::from_secs(2);

/// The sets that these groups of `plan` need, those of one robot together: one training gives them all.
fn needed<'a>(plan: &'a SuitePlan, groups: &[usize]) -> Vec<Vec<&'a CollectedSet>> {
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

/// Those of them that `folder` lacks a file of.
pub fn missing<'a>(
    folder: &SuiteFolder,
    plan: &'a SuitePlan,
    groups: &[usize],
) -> Vec<Vec<&'a CollectedSet>> {
    let mut robots = needed(plan, groups);
    robots.retain(|sets| !are_there(folder, sets));
    robots
}

fn are_there(folder: &SuiteFolder, sets: &[&CollectedSet]) -> bool {
    sets.iter()
        .all(|set| folder.data().join(&set.file).is_file())
}

/// Makes what these groups of `plan` need and `folder` does not hold. What another process is at is left to it, and
/// awaited at the end. A set that cannot be made is said: the runs that need it then fail, and the others go on.
///
/// # Errors
/// [`Error::Stopped`] after a signal, everything saved.
pub fn make(folder: &SuiteFolder, plan: &SuitePlan, groups: &[usize]) -> Result<()> {
    let mut left = missing(folder, plan, groups);
    if left.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(folder.data()).map_err(Error::io(&folder.data()))?;
    let (count, mut begun) = (left.len(), 0);
    while !left.is_empty() {
        let mut others = Vec::new();
        for sets in left {
            let name = &sets[0].file;
            let lock = folder.data().join(format!("{name}.lock"));
            let Some(_held) = Lock::at(&lock)? else {
                others.push(sets);
                continue;
            };
            if are_there(folder, &sets) {
                continue;
            }
            begun += 1;
            crate::log!("data {begun} of {count}: {name}");
            match collect(folder, &sets) {
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => crate::log!("{name} failed: {error}"),
                Ok(()) => {}
            }
        }
        left = others;
        stop::check()?;
        if !left.is_empty() {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// What `collect` is asked for where it makes `sets`.
fn wanted(sets: &[&CollectedSet]) -> Result<Wanted> {
    let first = sets[0];
    let qualities: Vec<&str> = sets.iter().map(|set| set.quality.as_str()).collect();
    let qualities = qualities.join(",").parse();
    let qualities = qualities.map_err(|e| Error::input("quality", e, "restore suite.toml"))?;
    Ok(Wanted {
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
        ..Wanted::over_defaults(&first.training)?
    })
}

/// The training on the robot of `sets`, as long as it takes at most.
///
/// # Errors
/// Where it cannot be run.
pub fn training(sets: &[&CollectedSet]) -> Result<Run> {
    let wanted = wanted(sets)?;
    wanted.training(&wanted.real_task()?)
}

/// Trains on the robot of `sets`, or goes on where that was interrupted, and writes them.
fn collect(folder: &SuiteFolder, sets: &[&CollectedSet]) -> Result<()> {
    let run = folder.data().join("runs").join(&sets[0].file);
    let go_on_with = ("h2oplus suite --resume", folder.path());
    Collecting::new(wanted(sets)?, folder.data())?.train_at(&run, go_on_with)
}
