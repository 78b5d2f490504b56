//! Which runs are trained together: those that share kernels, as one population in one run folder.

use toml::{Table, Value};

use super::plan::{CellRun, RunGroup};
use super::resolve::plain;
use crate::error::Result;
use crate::method::Method;
use crate::run::config::members::Axis;
use crate::run::config::resolved::Run;
use crate::run::config::seeds::Seeds;
use crate::run::config::{self, Given};
use crate::setting::SettingKind;

/// What is trained for a cell, with every seed; cells that train the same share it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Job {
    pub task: String,
    pub algo: String,
    pub gap: String,
    pub data: String,
    /// Keys of the run beside these.
    pub run: Table,
    /// Settings beside the recipe's.
    pub settings: Table,
}

/// Jobs that differ in one thing, with the same seeds.
struct Draft {
    jobs: Vec<usize>,
    /// What they differ in: `gap` or a setting.
    axis: Option<String>,
    seeds: Vec<u64>,
}

/// The groups, of `most` members at most (but with one of every job at least), in the order of the jobs; and the runs
/// of each job.
///
/// # Errors
/// Where a job is none that can be run.
pub(super) fn groups(
    jobs: &[Job],
    seeds: &Seeds,
    most: usize,
) -> Result<(Vec<RunGroup>, Vec<Vec<CellRun>>)> {
    let most = most.max(1);
    let mut drafts: Vec<Draft> = Vec::new();
    for n in 0..jobs.len() {
        for seeds in seeds.as_slice().chunks(most) {
            take(&mut drafts, jobs, n, seeds, most);
        }
    }
    let mut runs = vec![Vec::new(); jobs.len()];
    let mut all = Vec::new();
    for (n, draft) in drafts.iter().enumerate() {
        let group = draft.group(n + 1, jobs)?;
        for (at, job) in draft.jobs.iter().enumerate() {
            for (k, seed) in draft.seeds.iter().enumerate() {
                runs[*job].push(CellRun {
                    seed: *seed,
                    group: group.name.clone(),
                    member: at * draft.seeds.len() + k,
                });
            }
        }
        all.push(group);
    }
    Ok((all, runs))
}

/// Adds job `n` with `seeds` to the first draft that has room for it, or to a new one.
fn take(drafts: &mut Vec<Draft>, jobs: &[Job], n: usize, seeds: &[u64], most: usize) {
    for draft in drafts.iter_mut() {
        let room = (draft.jobs.len() + 1) * seeds.len() <= most;
        let axis = match room && draft.seeds == seeds {
            true => difference(&jobs[draft.jobs[0]], &jobs[n]),
            false => None,
        };
        if axis.is_some() && (draft.axis.is_none() || draft.axis == axis) {
            draft.axis = axis;
            draft.jobs.push(n);
            return;
        }
    }
    drafts.push(Draft {
        jobs: vec![n],
        axis: None,
        seeds: seeds.to_vec(),
    });
}

/// The one thing in which members of a population with these jobs would differ; none where they share no kernels.
fn difference(a: &Job, b: &Job) -> Option<String> {
    let alike = |one: &Job| {
        (
            one.task.clone(),
            one.algo.clone(),
            one.data.clone(),
            one.run.clone(),
        )
    };
    if alike(a) != alike(b) {
        return None;
    }
    if a.gap != b.gap {
        return (a.settings == b.settings).then(|| "gap".to_owned());
    }
    let method = Method::named(&a.algo).ok()?;
    let same_keys = a.settings.keys().eq(b.settings.keys());
    let mut differ = a
        .settings
        .iter()
        .filter(|(key, value)| b.settings.get(*key) != Some(*value));
    let (key, value) = differ.next().filter(|_| same_keys)?;
    let number = matches!(method.setting(key)?.kind, SettingKind::Number) && value.is_float();
    (number && differ.next().is_none()).then(|| key.clone())
}

impl Draft {
    fn group(&self, number: usize, jobs: &[Job]) -> Result<RunGroup> {
        let first = &jobs[self.jobs[0]];
        let (mut run, mut settings) = (first.run.clone(), first.settings.clone());
        let texts = [
            ("task", &first.task),
            ("algo", &first.algo),
            ("data", &first.data),
        ];
        for (key, text) in texts.into_iter().chain([("gap", &first.gap)]) {
            run.insert(key.into(), text.clone().into());
        }
        let seeds = self.seeds.iter().map(u64::to_string).collect::<Vec<_>>();
        let seeds: std::result::Result<Seeds, _> = seeds.join(",").parse();
        run.insert(
            "seeds".into(),
            seeds.expect("chunks of seeds are seeds").to_string().into(),
        );
        let mut vary = Table::new();
        if let Some(key) = &self.axis {
            let value = |job: &usize| match key.as_str() {
                "gap" => Value::from(jobs[*job].gap.clone()),
                key => jobs[*job].settings[key].clone(),
            };
            vary.insert(
                key.clone(),
                self.jobs.iter().map(value).collect::<Vec<_>>().into(),
            );
            if key != "gap" {
                settings.remove(key);
            }
        }
        let data = match first.data.as_str() {
            "none" => String::new(),
            data => format!("-{}", plain(data)),
        };
        let mut group = RunGroup {
            name: format!("{number:03}-{}-{}{data}", first.algo, plain(&first.task)),
            task: first.task.clone(),
            algo: first.algo.clone(),
            members: self.jobs.len() * self.seeds.len(),
            updates: 0,
            cost: 0.0,
            run,
            settings,
            vary,
        };
        let resolved = group.resolve()?;
        for member in resolved.members() {
            resolved.gap(member)?;
        }
        group.updates = resolved.config.updates;
        group.cost = cost(&resolved);
        // A ring never holds more rows than it is given: it need not be larger, whatever the published size.
        if !resolved.method.offline && resolved.config.replay_cap == 0 {
            let given = i64::try_from(simulator_steps(&resolved)).unwrap_or(i64::MAX);
            group.run.insert("replay_cap".into(), given.into());
        }
        Ok(group)
    }
}

impl RunGroup {
    /// The run that trains it.
    ///
    /// # Errors
    /// Where no run can have one of its values.
    pub fn resolve(&self) -> Result<Run> {
        let axis = |(key, values): (&String, &Value)| {
            let values = values.as_array().cloned().unwrap_or_default();
            let axis = Axis::new(key, values);
            axis.map_err(|problem| {
                let help = "correct the suite's file";
                crate::error::Error::input(format!("vary {key}"), problem, help)
            })
        };
        let given = Given {
            run: self.run.clone(),
            settings: self.settings.clone(),
            vary: self.vary.iter().map(axis).collect::<Result<_>>()?,
        };
        config::resolve(&given, None)
    }
}

/// Simulator steps of each member of `run`.
pub(super) fn simulator_steps(run: &Run) -> u64 {
    let config = &run.config;
    let cycles = config.updates.div_ceil(config.cycle_updates);
    cycles * config.round() as u64
}

/// Updates of H2O+ a second on two slow cores, with networks and batches of the recipe `fast`.
const UPDATES_PER_S: f64 = 350.0;

/// Seconds that `run` takes on two slow cores: by its method, and by the products of an update.
fn cost(run: &Run) -> f64 {
    let weight = match run.method.name {
        "cql" => 8.0,
        "sac-cql" => 5.0,
        "iql" | "td3bc" => 0.6,
        "sac" => 0.9,
        _ => 1.0,
    };
    let settings = &run.settings[0];
    let size = |key: &str| settings.get(key).and_then(Value::as_integer).unwrap_or(0) as f64;
    let inputs = (run.task.obs_dim() + run.task.act_dim()) as f64;
    let hidden = settings.get("hidden").and_then(Value::as_array);
    let widths = hidden.into_iter().flatten().filter_map(Value::as_integer);
    let (products, _) = widths.fold((0.0, inputs), |(sum, before), width| {
        (sum + before * width as f64, width as f64)
    });
    let rows = ["batch", "real_batch", "sim_batch"]
        .map(size)
        .iter()
        .sum::<f64>();
    let fast = (23.0 * 128.0 + 128.0 * 128.0) * 128.0;
    let updates = (run.members().len() as u64 * run.config.updates) as f64;
    updates * weight * (products * rows / fast) / UPDATES_PER_S
}
