//! `h2oplus verify physics`: the planar kernel against another engine's transitions.
//!
//! A folder (or file) of recorded transitions is judged, float64 and float32 lanes; a data set in
//! D4RL's or Minari's layout is measured: how far is our next state from the recorded one?

use crate::cli::choice::choice;
use crate::cli::verify::rapier;
use crate::cli::{Format, emit};
use crate::data::Dataset;
use crate::env::reference::{Comparison, OUTLIER, Reference, Spread, compare};
use crate::env::replay::{DataGap, Transitions};
use crate::env::{Physics, Task};
use crate::error::{Error, Result};
use crate::model::Gap;
use crate::physics::planar::Precision;
use crate::train::real_data::episode_rules;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Largest error of float64 in qpos, qvel and reward.
pub const TOLERANCE_F64: f64 = 1e-9;
/// Largest median of float32's error in qvel after an env step over max(1, |qvel|).
pub const MEDIAN_F32: f64 = 1e-5;
/// Largest of those errors, and of the reward's.
pub const MAX_F32: f64 = 1e-2;

/// Which kernels are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// The oracle.
    F64,
    /// The SIMD lanes.
    F32,
    /// Both.
    #[default]
    Both,
}

/// Flags of `verify physics`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of recorded transitions, one such file, or a D4RL or Minari data set
    #[arg(long, default_value = "tests/reference/physics", value_name = "PATH")]
    reference: PathBuf,
    /// Which engine is judged; Rapier's contacts and limits are its own, and are reported only
    #[arg(long, value_parser = choice::<Physics>(), default_value_t)]
    physics: Physics,
    /// Which numbers the planar kernel computes with
    #[arg(long, value_enum, default_value_t)]
    precision: Which,
    /// Data sets only: the task they come from
    #[arg(long, default_value = "halfcheetah-v2")]
    task: String,
    /// Data sets only: a gap to give the kernel, "none", or "all" for each of the task's; may be repeated
    #[arg(long, default_value = "none")]
    gap: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Judges or measures `args.reference`.
///
/// # Errors
/// Where it cannot be read, or a gap does not fit.
pub fn run(args: Args) -> Result<ExitCode> {
    let path = &args.reference;
    let files = references(path)?;
    if files.is_empty() {
        return measure(&args);
    }
    if args.physics == Physics::Rapier {
        return rapier::run(&files, args.format);
    }
    let verdicts: Vec<Verdict> = files
        .iter()
        .map(|file| Verdict::of(file, args.precision))
        .collect::<Result<_>>()?;
    let failed = verdicts.iter().filter(|v| !v.passes()).count();
    if args.format == Format::Human {
        emit(&format!(
            "errors as median/99 %/max over a file's transitions; 1 step = a physics step, env = an env step;\n\
             scaled = error of qvel / max(1, |qvel|) after an env step; flips = transitions above {OUTLIER:.0e} in which\n\
             rounding made or lost a contact or limit, unexplained = above it without that"
        ))?;
    }
    if args.format == Format::Json {
        let cases: Vec<Value> = verdicts.iter().map(Verdict::json).collect();
        emit(&json!({ "cases": cases, "ok": failed == 0 }).to_string())?;
    } else {
        verdicts.iter().try_for_each(|v| emit(&v.line()))?;
    }
    if args.format == Format::Human {
        emit(&format!(
            "{} of {} files within tolerance (float64 {TOLERANCE_F64:.0e}; float32 scaled median {MEDIAN_F32:.0e}, max {MAX_F32:.0e})",
            verdicts.len() - failed,
            verdicts.len()
        ))?;
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// The safetensors files that `path` is or holds, sorted; empty for a data set.
fn references(path: &Path) -> Result<Vec<PathBuf>> {
    let is_reference = |p: &Path| p.extension().is_some_and(|e| e == "safetensors");
    if !path.is_dir() {
        return Ok(if is_reference(path) {
            vec![path.to_owned()]
        } else {
            Vec::new()
        });
    }
    let mut files = Vec::new();
    let mut data_set = false;
    for entry in std::fs::read_dir(path).map_err(Error::io(path))? {
        let file = entry.map_err(Error::io(path))?.path();
        data_set |= file.is_dir() || file.extension().is_some_and(|e| e == "hdf5");
        files.extend(Some(file).filter(|f| is_reference(f)));
    }
    if files.is_empty() && !data_set {
        return Err(Error::input(
            path.display(),
            "holds no *.safetensors",
            "name a folder of recorded transitions with --reference",
        ));
    }
    files.sort();
    Ok(files)
}

/// A file's comparisons.
struct Verdict {
    name: String,
    transitions: usize,
    f64: Option<Comparison>,
    f32: Option<Comparison>,
}

impl Verdict {
    fn of(path: &Path, which: Which) -> Result<Self> {
        let reference = Reference::load(path)?;
        let (model, _) = reference.task.model(&reference.gap)?;
        let run = |precision, skip| {
            (which != skip)
                .then(|| compare(&reference, &model, precision))
                .transpose()
        };
        Ok(Self {
            name: path
                .file_stem()
                .map(|s| s.to_string_lossy().into_owned())
                .unwrap_or_default(),
            transitions: reference.len,
            f64: run(Precision::F64, Which::F32)?,
            f32: run(Precision::F32, Which::F64)?,
        })
    }

    fn passes(&self) -> bool {
        self.f64.as_ref().is_none_or(exact) && self.f32.as_ref().is_none_or(close)
    }

    fn line(&self) -> String {
        let verdict = if self.passes() { "ok" } else { "FAIL" };
        let part = |label: &str, c: &Option<Comparison>| {
            c.as_ref()
                .map(|c| format!(" | {label} {}", summary(c)))
                .unwrap_or_default()
        };
        format!(
            "{verdict} {}: {} transitions{}{}",
            self.name,
            self.transitions,
            part("f64", &self.f64),
            part("f32", &self.f32)
        )
    }

    fn json(&self) -> Value {
        json!({
            "case": self.name,
            "verdict": if self.passes() { "ok" } else { "FAIL" },
            "transitions": self.transitions,
            "f64": self.f64.as_ref().map(comparison_json),
            "f32": self.f32.as_ref().map(comparison_json),
        })
    }
}

/// Is float64 as it should be?
fn exact(c: &Comparison) -> bool {
    let spreads = [c.qpos_step, c.qvel_step, c.qpos_env, c.qvel_env, c.reward];
    spreads.iter().all(|s| s.max <= TOLERANCE_F64) && c.termination == 0
}

/// Is float32 as it should be?
fn close(c: &Comparison) -> bool {
    let scaled = c.scaled_qvel_env;
    scaled.median < MEDIAN_F32
        && scaled.max < MAX_F32
        && c.reward.max < MAX_F32
        && c.unexplained.is_empty()
        && c.termination == 0
}

fn summary(c: &Comparison) -> String {
    format!(
        "1 step qpos {} qvel {}; env qpos {} qvel {} scaled {}; reward {}; termination {} wrong; {} flips, {} unexplained",
        spread(c.qpos_step),
        spread(c.qvel_step),
        spread(c.qpos_env),
        spread(c.qvel_env),
        spread(c.scaled_qvel_env),
        spread(c.reward),
        c.termination,
        c.explained.len(),
        c.unexplained.len()
    )
}

pub(super) fn spread(s: Spread) -> String {
    format!("{:.1e}/{:.1e}/{:.1e}", s.median, s.p99, s.max)
}

pub(super) fn spread_json(s: Spread) -> Value {
    json!({ "median": s.median, "p99": s.p99, "max": s.max })
}

fn comparison_json(c: &Comparison) -> Value {
    json!({
        "qpos_step": spread_json(c.qpos_step),
        "qvel_step": spread_json(c.qvel_step),
        "qpos_env": spread_json(c.qpos_env),
        "qvel_env": spread_json(c.qvel_env),
        "scaled_qvel_env": spread_json(c.scaled_qvel_env),
        "reward": spread_json(c.reward),
        "termination_wrong": c.termination,
        "flips": c.explained,
        "unexplained": c.unexplained,
    })
}

/// How far a data set's successors are from ours, gap by gap.
fn measure(args: &Args) -> Result<ExitCode> {
    if args.physics == Physics::Rapier {
        return Err(Error::input(
            "--physics rapier",
            "is compared with recorded transitions, not with data sets",
            "name a folder of *.safetensors with --reference",
        ));
    }
    let path = args.reference.display();
    let task = Task::load(&args.task)?;
    let data = Dataset::read_as(&args.reference, &episode_rules(&task))?;
    data.log_notes();
    let (Some(qpos), Some(qvel)) = (&data.qpos, &data.qvel) else {
        return Err(Error::input(
            path,
            "has no infos/qpos and infos/qvel, so the simulator's states are unknown",
            "use a data set that records them, as D4RL's v2 files do",
        ));
    };
    let recorded = Transitions {
        qpos,
        qvel,
        actions: &data.actions,
        rewards: &data.rewards,
        ends: data
            .terminals
            .iter()
            .zip(&data.timeouts)
            .map(|(a, b)| *a || *b)
            .collect(),
    };
    let precision = if args.precision == Which::F32 {
        Precision::F32
    } else {
        Precision::F64
    };
    let mut rows = Vec::new();
    for (name, gap) in gaps(&task, &args.gap)? {
        let replay = DataGap::measure(&task, &gap, &recorded, precision)
            .map_err(|e| e.of(&path.to_string()))?;
        rows.push((name, replay));
    }
    if args.format == Format::Json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(gap, r)| {
                json!({
                    "gap": gap, "transitions": r.transitions, "qpos": spread_json(r.qpos),
                    "qvel": spread_json(r.qvel), "scaled_qvel": spread_json(r.scaled_qvel),
                    "reward": spread_json(r.reward),
                })
            })
            .collect();
        emit(
            &json!({ "reference": path.to_string(), "task": task.name, "gaps": rows }).to_string(),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.format == Format::Human {
        emit(&format!(
            "{path} against {} in the planar kernel, one env step from each recorded state\n\
             (error of the next state as median/99 %/max over transitions; scaled = qvel / max(1, |qvel|))",
            task.name
        ))?;
    }
    for (gap, r) in &rows {
        emit(&format!(
            "{gap}: {} transitions, qpos {}, qvel {}, scaled {}, reward {}",
            r.transitions,
            spread(r.qpos),
            spread(r.qvel),
            spread(r.scaled_qvel),
            spread(r.reward)
        ))?;
    }
    let nearest = rows
        .iter()
        .min_by(|a, b| a.1.scaled_qvel.median.total_cmp(&b.1.scaled_qvel.median));
    if let (Format::Human, true, Some((gap, _))) = (args.format, rows.len() > 1, nearest) {
        emit(&format!("nearest by median: {gap}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The gaps asked for; `all` stands for no gap and each of the task's at its default strength.
fn gaps(task: &Task, asked: &[String]) -> Result<Vec<(String, Gap)>> {
    let mut names: Vec<String> = Vec::new();
    for name in asked {
        if name == "all" {
            names.push("none".into());
            for gap in task.gaps.names_for(&task.spec.name) {
                // Noise on the actions leaves the dynamics as they are.
                if task.model(&task.gap(gap)?)?.1 == 0.0 {
                    names.push(gap.into());
                }
            }
        } else {
            names.push(name.clone());
        }
    }
    let gap = |name: String| {
        let gap = if name == "none" {
            Gap::none()
        } else {
            task.gap(&name)?
        };
        Ok((name, gap))
    };
    names.into_iter().map(gap).collect()
}
