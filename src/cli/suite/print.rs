//! What `suite` prints: the suites, a plan, and what came of it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::{Outcome, Prediction, Shard, SuiteFolder, SuitePlan, SuiteSize};
use crate::cli::{Format, emit, table};
use crate::error::Result;
use crate::run::record::run_folder::word;
use crate::run::suite::plan::RunGroup;
use crate::run::suite::resolve::{Overrides, plan};
use crate::run::suite::shipped::{SUITES, named};
use crate::run::suite::work::duration;

/// Lists the shipped suites.
pub fn list(format: Format) -> Result<ExitCode> {
    let mut rows = Vec::new();
    for (name, _) in SUITES {
        let (_, suite) = named(name)?;
        let runs = |size| Ok(plan(name, &suite, size, &Overrides::default())?.runs());
        let runs = [SuiteSize::Paper, SuiteSize::Quick, SuiteSize::Smoke].map(runs);
        let runs = runs.into_iter().collect::<Result<Vec<usize>>>()?;
        rows.push((name, suite.title, runs));
    }
    match format {
        Format::Json => {
            let all = rows.iter().map(|(name, title, runs)| {
                serde_json::json!({ "name": name, "title": title, "runs": { "paper": runs[0], "quick": runs[1], "smoke": runs[2] } })
            });
            emit(&format!("{:#}", serde_json::Value::from_iter(all)))?;
        }
        Format::Short => {
            let names: Vec<_> = rows.iter().map(|(name, ..)| *name).collect();
            emit(&names.join("\n"))?;
        }
        Format::Human => {
            let cells = |(name, title, runs): &(&str, String, Vec<usize>)| {
                let runs = runs.iter().map(usize::to_string);
                [format!("{name:8} {title}")]
                    .into_iter()
                    .chain(runs)
                    .collect()
            };
            let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
            emit(&table(
                &["suite", "runs --paper", "--quick", "--smoke"],
                &rows,
            ))?;
            emit("h2oplus suite NAME --quick --out DIR")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A plan before it starts.
pub struct Overview<'a> {
    /// Where it goes.
    pub folder: &'a SuiteFolder,
    /// The plan.
    pub plan: &'a SuitePlan,
    /// The groups of this process.
    pub groups: Vec<usize>,
    /// Those of them that are not done.
    pub pending: &'a [usize],
    /// What they will take.
    pub prediction: Option<&'a Prediction>,
    /// The share of the plan.
    pub shard: Option<Shard>,
}

impl Overview<'_> {
    /// Prints the plan on stdout.
    pub fn emit(&self, format: Format) -> Result<()> {
        match format {
            Format::Json => emit(&format!("{:#}", self.json())),
            Format::Short => {
                let all = self.groups.iter().map(|n| &self.plan.groups[*n]);
                let lines: Vec<_> = all
                    .map(|g| format!("{} {} {}", g.name, g.members, g.updates))
                    .collect();
                emit(&lines.join("\n"))
            }
            Format::Human => {
                let seconds = |n: &usize| {
                    let at = self.pending.iter().position(|other| other == n);
                    match (at, self.prediction) {
                        (None, _) => "done".into(),
                        (Some(at), Some(prediction)) => duration(prediction.seconds[at]),
                        (Some(_), None) => "?".into(),
                    }
                };
                let row = |n: &usize| {
                    let RunGroup {
                        name,
                        members,
                        updates,
                        ..
                    } = &self.plan.groups[*n];
                    vec![
                        name.clone(),
                        members.to_string(),
                        updates.to_string(),
                        seconds(n),
                    ]
                };
                let rows: Vec<_> = self.groups.iter().map(row).collect();
                emit(&table(&["group", "runs", "updates each", "time"], &rows))?;
                emit(&self.lines().join("\n"))
            }
        }
    }

    /// Says on stderr what will be done.
    pub fn log(&self) {
        for line in self.lines() {
            crate::log!("{line}");
        }
    }

    fn lines(&self) -> Vec<String> {
        let SuitePlan {
            suite, size, title, ..
        } = self.plan;
        let mut lines = vec![format!("{suite} --{size}: {title}")];
        let here = self.plan.differences.iter();
        lines.extend(here.map(|d| format!("  {}: {} (paper: {})", d.what, d.here, d.paper)));
        let of = |groups: &[usize]| {
            let groups = groups.iter().map(|n| &self.plan.groups[*n]);
            groups.fold((0, 0), |(runs, updates), group| {
                (
                    runs + group.members,
                    updates + group.members as u64 * group.updates,
                )
            })
        };
        let (runs, updates) = of(&self.groups);
        let share = self.shard.map_or(String::new(), |shard| {
            format!(" (share {shard} of {} runs)", self.plan.runs())
        });
        lines.push(format!(
            "{runs} runs{share} in {} groups, {:.1} M updates in all, {} cells",
            self.groups.len(),
            1e-6 * updates as f64,
            self.plan.cells.len(),
        ));
        let missing = super::data::missing(self.folder, self.plan, self.pending);
        if let Some(sets) = missing.first() {
            let time = self.prediction.map_or(String::new(), |prediction| {
                format!(", {} in all", duration(prediction.data))
            });
            lines.push(format!(
                "first, data of {} {}: SAC for at most {} updates on each{time}",
                missing.len(),
                if missing.len() == 1 {
                    "robot"
                } else {
                    "robots"
                },
                sets[0].updates.unwrap_or(sets[0].rows as u64),
            ));
        }
        if self.pending.len() < self.groups.len() {
            let (left, updates) = of(self.pending);
            let updates = 1e-6 * updates as f64;
            lines.push(format!(
                "{left} runs are still to be done, {updates:.1} M updates"
            ));
        }
        if let Some(prediction) = self.prediction {
            for rate in &prediction.rates {
                let (task, algo) = (&rate.task, &rate.algo);
                lines.push(format!(
                    "  {algo} on {task}: {:.0} updates/s in all",
                    rate.updates_per_s
                ));
            }
            lines.push(format!(
                "predicted on this machine ({} threads): {}; memory of the largest group: {:.0} MiB",
                rayon::current_num_threads(),
                duration(prediction.total()),
                prediction.memory as f64 / f64::from(1 << 20),
            ));
        }
        lines.push(format!("folder: {}", self.folder.path().display()));
        lines
    }

    fn json(&self) -> serde_json::Value {
        let group = |n: &usize| {
            let group = &self.plan.groups[*n];
            let at = self.pending.iter().position(|other| other == n);
            let seconds = at.and_then(|at| Some(self.prediction?.seconds[at]));
            serde_json::json!({
                "name": group.name, "task": group.task, "algo": group.algo, "members": group.members,
                "updates": group.updates, "cost": group.cost, "done": at.is_none(), "seconds": seconds,
                "run": group.run, "settings": group.settings, "vary": group.vary,
            })
        };
        let mine = self.groups.iter().map(|n| self.plan.groups[*n].members);
        serde_json::json!({
            "suite": self.plan.suite,
            "size": self.plan.size,
            "runs": mine.sum::<usize>(),
            "runs_of_plan": self.plan.runs(),
            "shard": self.shard.map(|shard| shard.to_string()),
            "overrides": self.plan.overrides,
            "differences": self.plan.differences,
            "groups": self.groups.iter().map(group).collect::<Vec<_>>(),
            "sets": self.plan.sets,
            "cells": self.plan.cells,
            "rates": self.prediction.map(|p| &p.rates),
            "seconds": self.prediction.map(Prediction::total),
            "seconds_of_data": self.prediction.map(|p| p.data),
            "memory": self.prediction.map(|p| p.memory),
        })
    }
}

/// What a process did, and which groups are not done.
pub fn outcome(
    format: Format,
    folder: &SuiteFolder,
    plan: &SuitePlan,
    outcome: &Outcome,
) -> Result<()> {
    let mut states: BTreeMap<&str, (&str, String)> = BTreeMap::new();
    let (mut done, mut seconds) = (0, 0.0);
    for group in &plan.groups {
        let status = folder.read_status(&group.name)?;
        done += usize::from(status.as_ref().is_some_and(|status| status.is_done()));
        seconds += status.as_ref().map_or(0.0, |status| status.seconds);
        let Some(status) = status else { continue };
        if let Some(error) = status.error {
            let first = error.lines().next().unwrap_or_default().to_owned();
            states.insert(&group.name, ("failed", first));
        } else if status.diverged.iter().any(Option::is_some) {
            let at = status.diverged.iter().enumerate();
            let at =
                at.filter_map(|(member, at)| Some(format!("run {member} in update {}", (*at)?)));
            let at: Vec<_> = at.collect();
            states.insert(&group.name, ("diverged", at.join(", ")));
        }
    }
    match format {
        Format::Json => {
            let groups = states.iter().map(|(group, (state, why))| {
                serde_json::json!({ "group": group, "state": state, "why": why })
            });
            let document = serde_json::json!({
                "folder": folder.path().to_string_lossy(), "outcome": outcome,
                "groups_done": done, "groups": plan.groups.len(), "seconds": seconds,
                "trouble": groups.collect::<Vec<_>>(),
            });
            emit(&format!("{document:#}"))
        }
        Format::Short | Format::Human => {
            for (group, (state, why)) in states {
                emit(&format!("{group} {state}: {why}"))?;
            }
            let all = plan.groups.len();
            let time = duration(seconds);
            emit(&format!("{done} of {all} groups done in {time} of work"))?;
            emit(&match done == all {
                true => format!("next: h2oplus report {}", word(folder.path())),
                false => format!("go on with: h2oplus suite --resume {}", word(folder.path())),
            })
        }
    }
}
