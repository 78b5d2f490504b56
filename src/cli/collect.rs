//! `h2oplus collect`: behaviours trained on the real task, and data sets of it (or of it under gaps),
//! made from nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::domain::DomainFlags;
use super::{Format, emit};
use crate::data::{Dataset, d4rl};
use crate::env::{Dynamics, Task};
use crate::error::{Error, Result};
use crate::train::behaviour::{Behaviour, Quality, random_data};
use crate::train::config::TrainConfig;
use crate::train::run_folder::RunFolder;
use crate::train::trainer::Trainer;

/// Flags of `collect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Robot and version, or a TOML file of your own
    #[arg(long, default_value = "halfcheetah-v2")]
    task: String,
    #[command(flatten)]
    domain: DomainFlags,
    /// Train until the deterministic policy returns this much (default: the task's `medium_return`;
    /// without one, train for all of --updates)
    #[arg(long)]
    target_return: Option<f64>,
    /// Train for at most this many updates
    #[arg(long, default_value_t = 1_000_000)]
    updates: u64,
    /// Snapshots kept for medium-replay, evenly spread over training
    #[arg(long, default_value_t = 20)]
    snapshots: usize,
    /// Transitions of each data set
    #[arg(long, default_value_t = 100_000)]
    rows: usize,
    /// Seed of training and data
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Skip training: roll these snapshots out (`shipped`, or a file that `collect` wrote), or `random`
    /// actions
    #[arg(long, value_name = "FILE")]
    from: Option<String>,
    /// Go on with an interrupted training
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    resume: Option<PathBuf>,
    /// Folder of the data sets
    #[arg(long, default_value = "data", value_name = "DIR")]
    out: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Updates between evaluations, each of which keeps a snapshot.
const SNAPSHOT_EVERY: u64 = 5000;

/// Trains (unless told not to), rolls out, writes, prints statistics.
pub fn run(args: Args) -> Result<ExitCode> {
    let task = Task::load(&args.task)?;
    let domain = args.domain.domain(&task)?;
    // A domain that cannot be is refused before anything is trained.
    Dynamics::draw(&task, &domain, args.seed, 1)?;
    std::fs::create_dir_all(&args.out).map_err(Error::io(&args.out))?;
    if args.from.as_deref() == Some("random") {
        let data = random_data(&task, &domain, args.rows, args.seed)?;
        let done = [write(&args, &task, "random", data)?];
        print(args.format, &done);
        return Ok(ExitCode::SUCCESS);
    }
    let (behaviour, reached) = match args.from.as_deref() {
        Some("shipped") => (Behaviour::shipped(&task)?, true),
        Some(file) => (Behaviour::load(Path::new(file))?, true),
        None => train(&args, &task)?,
    };
    if args.from.is_none() {
        let path = args
            .out
            .join(format!("{}-behaviour.safetensors", task.name));
        behaviour.save(&path)?;
        crate::log!("wrote {}", path.display());
    }
    let mut done = Vec::new();
    for (name, quality) in [
        ("medium", Quality::Medium),
        ("medium-replay", Quality::MediumReplay),
    ] {
        let data = behaviour.roll_out(&task, &domain, quality, args.rows, args.seed)?;
        done.push(write(&args, &task, name, data)?);
    }
    print(args.format, &done);
    Ok(if reached {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Writes a data set called `name`.
fn write(args: &Args, task: &Task, name: &str, mut data: Dataset) -> Result<(PathBuf, Dataset)> {
    data.log_notes();
    data.source = format!("{} {name}", task.name);
    let path = args.out.join(format!("{}-{name}.hdf5", task.name));
    d4rl::write(&path, &data)?;
    Ok((path, data))
}

/// Trains SAC on the real task; the snapshots, and whether the target was reached.
fn train(args: &Args, task: &Task) -> Result<(Behaviour, bool)> {
    let mut trainer = match &args.resume {
        Some(path) => {
            let folder = RunFolder::open(path)?;
            Trainer::new(folder.read_config()?, folder, None, true)?
        }
        None => {
            let config = TrainConfig {
                target_return: args.target_return.or(task.medium_return),
                // A short training keeps a snapshot too: the last.
                snapshot_every: SNAPSHOT_EVERY.min(args.updates),
                ..TrainConfig::sac_on(&args.task, args.seed, args.updates)
            };
            Trainer::create(config, Path::new("runs"), None)?
        }
    };
    crate::log!("run folder: {}", trainer.folder().path().display());
    trainer.run()?;
    let reached = trainer.config().target_return.is_none() || trainer.target_reached();
    if !reached {
        crate::log!(
            "the target was not reached in {} updates",
            trainer.config().updates
        );
    }
    let all = snapshots(&trainer.folder().path().join("snapshots"))?;
    Ok((thin(all, args.snapshots), reached))
}

/// All snapshots in a folder, oldest first.
fn snapshots(folder: &Path) -> Result<Behaviour> {
    let mut all = Behaviour::default();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.extension().is_some_and(|e| e == "safetensors") {
            all.snapshots.extend(Behaviour::load(&path)?.snapshots);
        }
    }
    all.snapshots.sort_by_key(|s| s.updates);
    Ok(all)
}

/// `keep` snapshots evenly spread, the last among them.
fn thin(all: Behaviour, keep: usize) -> Behaviour {
    let n = all.snapshots.len();
    let keep = keep.clamp(1, n.max(1));
    let chosen = (1..=keep).map(|i| (i * n).div_ceil(keep) - 1);
    Behaviour {
        snapshots: chosen.map(|i| all.snapshots[i].clone()).collect(),
    }
}

fn print(format: Format, done: &[(PathBuf, Dataset)]) {
    match format {
        Format::Json => {
            let sets: Vec<serde_json::Value> = done
                .iter()
                .map(|(path, data)| serde_json::json!({ "file": path, "stats": data.stats() }))
                .collect();
            emit(&format!("{:#}", serde_json::Value::from(sets)));
        }
        Format::Short | Format::Human => {
            for (path, data) in done {
                emit(&format!("{}\n{}", path.display(), data.stats()));
            }
        }
    }
}
