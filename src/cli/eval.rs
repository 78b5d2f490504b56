//! `h2oplus eval`: returns of policies on a task.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use candle_core::Device;
use serde::Serialize;

use super::domain::DomainFlags;
use super::{Format, emit, json, table};
use crate::cli::choice::choice;
use crate::engine::PlanarVecEnv;
use crate::engine::planar::Arithmetic;
use crate::env::{Dynamics, EnvKey, EnvSpec, Task, VecEnv};
use crate::error::Result;
use crate::kernel::MatmulPrecision;
use crate::model::GapSet;
use crate::net::device::{self, DeviceKind, OpenDevice};
use crate::net::{Act, DevicePolicy};
use crate::range::Range;
use crate::run::config::memory;
use crate::run::policies::{NamedPolicy, Policies};
use crate::run::record::run_folder::RunFolder;
use crate::run::train::evaluate::{Episodes, STEADY, evaluate};

/// Flags of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folder, checkpoint, D4RL file (its behaviour policy), or behaviour snapshots; without
    /// one, the newest run in `runs/`
    what: Option<PathBuf>,
    /// Task to evaluate on (default: the run's, or the one that the file's name begins with)
    #[arg(long)]
    task: Option<String>,
    /// What differs on the real robot (default: as the run has it, or the file's name says)
    #[arg(long, value_name = "GAP")]
    real_gap: Option<String>,
    #[command(flatten)]
    domain: DomainFlags,
    /// Episodes of each policy
    #[arg(long, default_value_t = 64, value_parser = Range::SOME_U32.parser::<usize>())]
    episodes: usize,
    /// Deterministic actions, samples of the policy, or both
    #[arg(long, value_enum, default_value_t)]
    actions: Actions,
    /// Where the policy acts
    #[arg(long, value_parser = choice::<DeviceKind>(), default_value = "cpu")]
    device: DeviceKind,
    /// Seed of initial states and action noise
    #[arg(long, default_value_t = 0, value_parser = Range::COUNT.parser::<u64>())]
    seed: u64,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Actions {
    Deterministic,
    Stochastic,
    #[default]
    Both,
}

#[derive(Serialize)]
struct Row {
    policy: String,
    actions: &'static str,
    task: String,
    gap: String,
    return_mean: f64,
    return_std: f64,
    length_mean: f64,
    /// Episodes in which the robot broke: their returns do not count.
    broken: usize,
    normalized_score: Option<f64>,
    episodes: usize,
    /// Each episode, where they differ in their dynamics.
    #[serde(skip_serializing_if = "Option::is_none")]
    each: Option<Vec<EpisodeRow>>,
}

/// An episode and the parameters that it ran under.
#[derive(Serialize)]
struct EpisodeRow {
    gap: String,
    #[serde(rename = "return")]
    episode_return: f64,
    length: u32,
}

/// Evaluates and prints.
pub fn run(args: Args) -> Result<ExitCode> {
    let OpenDevice { device, notes, .. } = device::open(args.device, MatmulPrecision::F32)?;
    for note in notes {
        crate::log!("{note}");
    }
    let path = match &args.what {
        Some(path) => path.clone(),
        None => RunFolder::newest(Path::new("runs"))?.path().to_path_buf(),
    };
    let found = Policies::open(&path)?;
    let (mut rows, mut unsound) = (Vec::new(), false);
    for (n, NamedPolicy { name, policy }) in found.policies.iter().enumerate() {
        let task = found.task(n, args.task.as_deref(), args.real_gap.as_deref())?;
        found.check(name, policy, &task)?;
        let domain = match args.domain.domain(&task)? {
            none if none == GapSet::default() => GapSet::from(&task.real),
            simulator => simulator,
        };
        memory::check_envs("--episodes", args.episodes, &task)?;
        let dynamics = Dynamics::draw(&task, &domain, args.seed, args.episodes)?;
        let on_device = match &device {
            Device::Cpu => None,
            device => Some(DevicePolicy::new(policy, args.episodes, device)?),
        };
        for (label, noise, flag) in [
            ("deterministic", None, Actions::Deterministic),
            ("stochastic", Some(args.seed), Actions::Stochastic),
        ] {
            if args.actions == flag || args.actions == Actions::Both {
                let keys = EnvKey::population(&[args.seed], args.episodes);
                let dynamics = dynamics.clone();
                let with = Arithmetic::default();
                let mut env = PlanarVecEnv::new(EnvSpec::new(&task, dynamics, keys), with)?;
                let mut actor = |obs: &[f32], n: Option<&[f32]>| match &on_device {
                    Some(policy) => policy.act(obs, n),
                    None => Ok(policy.act(obs, n)),
                };
                let episodes = evaluate(&mut env, &mut actor, noise)?;
                if let Some(trouble) = episodes.trouble() {
                    crate::log!("{name}, {label} actions: {trouble}; {STEADY}");
                }
                unsound |= episodes.count_broken() == args.episodes;
                rows.push(row(name, label, &task, &domain, env.dynamics(), &episodes));
            }
        }
    }
    print(args.format, &rows)?;
    Ok(ExitCode::from(u8::from(unsound)))
}

fn row(
    name: &str,
    actions: &'static str,
    task: &Task,
    domain: &GapSet,
    dynamics: &Dynamics,
    e: &Episodes,
) -> Row {
    let each = || {
        let one = |((&row, &episode_return), &length): ((&u32, &f64), &u32)| EpisodeRow {
            gap: dynamics.rows[row as usize].gap.to_string(),
            episode_return,
            length,
        };
        e.rows.iter().zip(&e.returns).zip(&e.lengths).map(one)
    };
    Row {
        policy: name.to_string(),
        actions,
        task: task.name.clone(),
        gap: domain.to_string(),
        return_mean: e.mean(),
        return_std: e.std(),
        length_mean: e.mean_length(),
        broken: e.count_broken(),
        normalized_score: task.normalized_score(e.mean()),
        episodes: e.returns.len(),
        each: (dynamics.rows.len() > 1).then(|| each().collect()),
    }
}

fn print(format: Format, rows: &[Row]) -> Result<()> {
    match format {
        Format::Json => emit(&json(&rows)?),
        Format::Short => {
            let line = |r: &Row| {
                format!(
                    "{} {} {:.1} {:.1}",
                    r.policy, r.actions, r.return_mean, r.return_std
                )
            };
            let lines: Vec<String> = rows.iter().map(line).collect();
            emit(&lines.join("\n"))
        }
        Format::Human => {
            let cells: Vec<Vec<String>> = rows
                .iter()
                .map(|r| {
                    vec![
                        r.policy.clone(),
                        r.actions.to_string(),
                        format!("{:.0} ± {:.0}", r.return_mean, r.return_std),
                        r.normalized_score.map_or("–".into(), |s| format!("{s:.1}")),
                        format!("{:.0}", r.length_mean),
                        r.episodes.to_string(),
                    ]
                })
                .collect();
            if let Some(first) = rows.first() {
                let gap = match rows.iter().all(|row| row.gap == first.gap) {
                    true => format!("gap {}", first.gap),
                    false => "each on its own robot".into(),
                };
                emit(&format!("on {}, {gap}", first.task))?;
            }
            let head = ["policy", "actions", "return", "score", "length", "episodes"];
            emit(&table(&head, &cells))
        }
    }
}
