//! `h2oplus gap effect`: how far trajectories of the original and of an edited robot are apart
//! under the same actions, beside what a disturbance of rounding's size becomes.

use std::process::ExitCode;

use serde::Serialize;

use super::domains;
use crate::cli::{Format, emit, json, table};
use crate::env::{Dynamics, Task};
use crate::error::Result;
use crate::measure::effect::{Apart, Controller, FLOOR, Original};
use crate::measure::statistics::Quantiles;
use crate::model::GapSet;
use crate::net::Act;
use crate::range::Range;
use crate::rng::{Stream, fill_normal, fill_unit};
use crate::run::config::memory;
use crate::run::data::behaviour::Behaviour;

/// Env steps at which trajectories are compared.
const HORIZONS: [usize; 4] = [1, 10, 100, 1000];
/// Deviation of the normals that the published classifiers' inputs are blurred by.
const BLUR: f64 = 0.1;
/// Horizon by which gaps are sorted: long enough to act, short enough for the floor to be low.
const SORT_BY: usize = 1;

/// Flags of `gap effect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Robot and version, or a TOML file of your own
    #[arg(long)]
    task: String,
    /// This gap alone, with its strength: gravity, gravity=1.5, gravity=1.5,friction=0.3; or several,
    /// gravity/friction=0.5 (default: each of the task's)
    #[arg(long)]
    gap: Option<String>,
    /// Pairs of trajectories
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = Range::SOME_U32.parser::<usize>())]
    trajectories: usize,
    /// Seed of states and actions
    #[arg(long, default_value_t = 0, value_parser = Range::COUNT.parser::<u64>())]
    seed: u64,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Measures and prints.
///
/// # Errors
/// Where a task or a gap is not known, or does not fit.
pub fn run(args: Args) -> Result<ExitCode> {
    let task = Task::load(&args.task)?;
    let domains = domains(&task, args.gap.as_deref())?;
    let report = EffectReport::new(&task, &domains, args.trajectories, args.seed)?;
    emit(&report.print(args.format)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Effects of gaps on one task.
#[derive(Serialize)]
struct EffectReport {
    task: String,
    trajectories: usize,
    seed: u64,
    /// By the actions that were taken.
    actions: Vec<ByActions>,
}

#[derive(Serialize)]
struct ByActions {
    actions: String,
    /// The original against itself from states moved by rounding's size.
    floor: Vec<Apart>,
    gaps: Vec<Effect>,
}

#[derive(Serialize)]
struct Effect {
    gap: String,
    /// By horizon, share of the pairs that are further apart than nine tenths of the floor's.
    beyond_floor: Vec<Option<f64>>,
    horizons: Vec<Apart>,
}

impl Effect {
    fn new(gap: String, horizons: Vec<Apart>, floor: &[Apart]) -> Self {
        let pairs = horizons.iter().zip(floor);
        let beyond_floor = pairs.map(|(apart, floor)| apart.beyond(floor)).collect();
        Self {
            gap,
            beyond_floor,
            horizons,
        }
    }

    fn size(&self) -> f64 {
        self.horizons[SORT_BY].qvel.map_or(0.0, |q| q.median)
    }
}

impl EffectReport {
    /// Measures `domains`, each with a row an environment where strengths are drawn, under random
    /// actions and under those of the shipped behaviour, where there is one.
    fn new(task: &Task, domains: &[GapSet], trajectories: usize, seed: u64) -> Result<Self> {
        memory::check_envs("--trajectories", trajectories, task)?;
        let n = trajectories;
        let dynamics: Vec<(String, Dynamics)> = domains
            .iter()
            .map(|d| Ok((d.to_string(), Dynamics::draw(task, d, seed, n)?)))
            .collect::<Result<_>>()?;
        let (s, a) = (task.obs_dim(), task.act_dim());
        let measure = |name: String, actor: &mut Controller<'_>| -> Result<ByActions> {
            let original = Original::record(task, n, seed, &HORIZONS, actor)?;
            let floor = original.floor()?;
            let mut gaps = dynamics
                .iter()
                .map(|(gap, dynamics)| {
                    let horizons = original.against(dynamics.clone())?;
                    Ok(Effect::new(gap.clone(), horizons, &floor))
                })
                .collect::<Result<Vec<_>>>()?;
            gaps.sort_by(|x, y| y.size().total_cmp(&x.size()));
            Ok(ByActions {
                actions: name,
                floor,
                gaps,
            })
        };
        let rows = |step: u32, stream: Stream, fill: fn(&mut [f32], u64, u32, u32, Stream)| {
            let mut rows = vec![0f32; n * a];
            for (e, row) in rows.chunks_mut(a).enumerate() {
                fill(row, seed, e as u32, step, stream);
            }
            rows
        };
        let mut actions = vec![measure("random".into(), &mut |_, step| {
            let uniform = rows(step, Stream::Action, fill_unit);
            Ok(uniform.iter().map(|u| 2.0 * u - 1.0).collect())
        })?];
        let shipped = Behaviour::shipped(task).ok();
        if let Some(last) = shipped.as_ref().and_then(|b| b.snapshots.last())
            && (last.policy.obs_dim(), last.policy.act_dim()) == (s, a)
        {
            let policy = &last.policy;
            let name = format!("behaviour after {} updates, sampled", last.updates);
            actions.push(measure(name, &mut |obs, step| {
                let noise = rows(step, Stream::Policy, fill_normal);
                Ok(policy.act(obs, Some(&noise)))
            })?);
        }
        Ok(Self {
            task: task.name.clone(),
            trajectories,
            seed,
            actions,
        })
    }

    /// As text.
    fn print(&self, format: Format) -> Result<String> {
        match format {
            Format::Json => json(self),
            Format::Short => Ok(self.short()),
            Format::Human => Ok(self.human()),
        }
    }

    /// One line a gap, actions and horizon; medians.
    fn short(&self) -> String {
        let mut lines = Vec::new();
        for by in &self.actions {
            let kind = by.actions.split(' ').next().unwrap_or_default();
            let gaps = by.gaps.iter().map(|g| (g.gap.as_str(), &g.horizons));
            for (gap, horizons) in [("floor", &by.floor)].into_iter().chain(gaps) {
                for h in horizons {
                    let median =
                        |q: &Option<Quantiles>| q.map_or("–".into(), |q| digits(q.median));
                    lines.push(format!(
                        "{kind} {gap} {} steps: qpos {} qvel {} reward {}",
                        h.env_steps,
                        median(&h.qpos),
                        median(&h.qvel),
                        median(&h.reward)
                    ));
                }
            }
        }
        lines.join("\n")
    }

    fn human(&self) -> String {
        let mut text = format!(
            "{}: {} pairs of trajectories, original and edited, from the same states under the same actions;\n\
             median (tenth to ninetieth percentile) after so many env steps. Distances are root mean squares over\n\
             the observed coordinates of difference / standard deviation: 1.4 is what unrelated states are apart.\n\
             `floor` is the original against itself from states moved by {FLOOR:e}: what any difference becomes;\n\
             a pair is beyond it where it is further apart than nine tenths of the floor's. w is what a perfect\n\
             dynamics ratio would say, successors being blurred by {BLUR} as the classifiers' inputs are. States are the\n\
             true ones: a gap of the sensors alone moves no robot under given actions.\n",
            self.task, self.trajectories
        );
        for by in &self.actions {
            text += &format!("\nactions: {}\n", by.actions);
            let head: Vec<String> = HORIZONS.iter().map(|h| format!("{h} steps")).collect();
            let show = |what: &str, rows: Vec<Vec<String>>| {
                let head: Vec<&str> = [what]
                    .into_iter()
                    .chain(head.iter().map(String::as_str))
                    .collect();
                format!("\n{}", table(&head, &rows))
            };
            let line = |name: &str, cells: &mut dyn Iterator<Item = String>| -> Vec<String> {
                [name.to_owned()].into_iter().chain(cells).collect()
            };
            let part = |what: &str, get: fn(&Apart) -> String| {
                let of = |name: &str, apart: &[Apart]| line(name, &mut apart.iter().map(get));
                let gaps = by.gaps.iter().map(|g| of(&g.gap, &g.horizons));
                show(what, gaps.chain([of("floor", &by.floor)]).collect())
            };
            text += &part("qvel", |a| cell(&a.qvel));
            text += &part("qpos", |a| cell(&a.qpos));
            text += &part("Δ sum of rewards", |a| cell(&a.reward));
            let w = |(name, apart): (&str, &[Apart])| -> Vec<String> {
                let first = &apart[0];
                vec![name.into(), cell(&first.state), cell(&first.ratio(BLUR))]
            };
            let gaps = by.gaps.iter().map(|g| (g.gap.as_str(), &g.horizons[..]));
            let rows: Vec<_> = gaps.chain([("floor", &by.floor[..])]).map(w).collect();
            let head = ["after 1 step", "|Δ state|", "w"];
            text += &format!("\n{}", table(&head, &rows));
            text += &part("pairs still running", |a| a.pairs.to_string());
            let share = |share: &Option<f64>| share.map_or("–".into(), percent);
            let gaps = by
                .gaps
                .iter()
                .map(|g| line(&g.gap, &mut g.beyond_floor.iter().map(share)));
            text += &show("pairs beyond the floor", gaps.collect());
        }
        text
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn cell(quantiles: &Option<Quantiles>) -> String {
    quantiles.map_or("–".into(), |q| {
        format!(
            "{} ({} to {})",
            digits(q.median),
            digits(q.q10),
            digits(q.q90)
        )
    })
}

/// Two significant digits below ten, else whole.
fn digits(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        a if a < 1e-2 => format!("{x:.0e}"),
        a if a < 1.0 => format!("{x:.2}"),
        a if a < 10.0 => format!("{x:.1}"),
        _ => format!("{x:.0}"),
    }
}
