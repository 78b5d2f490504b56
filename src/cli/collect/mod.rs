//! `h2oplus collect`: behaviours trained on the real task, and data sets of it (or of it under gaps),
//! made from nothing.

pub(super) mod job;
mod resume;
mod training;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use h2oplus_base::{choices, settings};

use self::job::Collecting;
use super::flags::Flags;
use super::{Format, emit};
use crate::data::Dataset;
use crate::env::task::OWN_REAL;
use crate::error::{Error, Result};
use crate::kernel::MatmulPrecision;
use crate::run::data::behaviour::{Behaviour, Qualities, Quality};

pub use self::resume::MANIFEST;

/// Flags of `collect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    wanted: Flags<Wanted>,
    /// Skip training: roll these policies out (`shipped`, a file of snapshots that `collect` wrote, a run
    /// or a checkpoint), or `random` actions, or those of a scripted `human`, as the task's `[human]` says
    #[arg(long, value_name = "FILE")]
    from: Option<String>,
    /// Go on with an interrupted training; what is written afterwards is as it was asked for then,
    /// unless --rows, --snapshots or --out say otherwise
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    resume: Option<PathBuf>,
    /// Folder of the data sets (default: data)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

choices! {
    /// How `medium-replay` is made.
    pub enum ReplayKind {
        /// From snapshots of the policy, rolled out in turn
        Snapshots = "snapshots",
        /// From everything that the agent did while it was trained, random actions first, as D4RL's was
        Whole = "whole",
    }
}

settings! {
    /// What is to be trained and rolled out.
    pub struct Wanted {
        /// Robot and version, or a TOML file of your own
        task: String = "halfcheetah-v2".into(),
        /// What differs on the real robot, which is trained and rolled out on: one gap of fixed strength
        real_gap: String = OWN_REAL.into(),
        /// What differs from the task: `gravity=1.5`; several in turn, `none/gravity`; drawn,
        /// `gravity=0.5..2.0`; or a TOML file of distributions
        gap: String = "none".into(),
        /// Parameter rows into which strengths are drawn (default: the file's, or 1024; at most one an
        /// environment unless they are redrawn)
        gap_rows: Option<usize> = None => SOME_U32,
        /// Draw an environment's parameters anew at every reset
        gap_redraw: bool = false,
        /// Data sets to write, of `random`, `human`, `medium`, `medium-replay`, `expert` (the last policy; it
        /// trains for all of --updates), `medium-expert` (default: `medium,medium-replay`; `expert` of a run or
        /// checkpoint)
        quality: Option<Qualities> = None,
        /// How `medium-replay` is made
        replay: ReplayKind = ReplayKind::Snapshots,
        /// Return that counts as medium, at which training stops (default: the task's `medium_return`;
        /// without one, it goes on for all of --updates)
        target_return: Option<f64> = None => FINITE,
        /// Train for at most this many updates (default: a million; with a whole replay, half of that,
        /// in which its million transitions are made)
        updates: Option<u64> = None => SOME_U32,
        /// Whose settings SAC has: `paper`, `fast` (smaller networks and batches, normalised critics: quicker
        /// updates); or a TOML file
        recipe: String = "paper".into(),
        /// How matrix products round while it learns: `tf32` on a GPU, `bf16` on a CPU with units for it
        precision: MatmulPrecision = MatmulPrecision::default(),
        /// Snapshots kept for medium-replay, evenly spread over training
        snapshots: usize = 20 => SOME,
        /// Transitions of each data set (default: 100,000; a whole replay: until the medium policy. With
        /// a number, it trains until so many are made)
        rows: Option<usize> = None => SOME,
        /// Seed of training and data
        seed: u64 = 0 => COUNT,
    }
}

/// Trains (unless told not to), rolls out, writes, prints statistics.
pub fn run(args: Args) -> Result<ExitCode> {
    if let Some(path) = &args.resume {
        let (paused, manifest) = resume::resume(path, &args.wanted)?;
        let out = args.out.or(manifest.out());
        let job = Collecting::new(manifest.wanted, out.unwrap_or_else(|| "data".into()))?;
        job.check_behaviour()?;
        return job.train(job.go_on(paused)?, args.format);
    }
    let out = args.out.unwrap_or_else(|| "data".into());
    let job = |default: &[Quality]| {
        let mut wanted = args.wanted.all()?;
        wanted.quality.get_or_insert(default.into());
        Collecting::new(wanted, out)
    };
    let all = [Quality::Medium, Quality::MediumReplay];
    let Some(from) = args.from.as_deref() else {
        let job = job(&all)?;
        if job.wanted.needs_no_training() {
            return done(args.format, &job.roll_out(&Behaviour::default())?);
        }
        job.check_behaviour()?;
        return job.train(job.begin()?, args.format);
    };
    let (job, behaviour) = match from {
        "random" => (job(&[Quality::Random])?, Behaviour::default()),
        "human" => (job(&[Quality::Human])?, Behaviour::default()),
        "shipped" => {
            let job = job(&all)?;
            let behaviour = Behaviour::shipped(&job.task)?;
            (job, behaviour)
        }
        file => {
            let path = Path::new(file);
            let behaviour = Behaviour::open(path)?;
            match Behaviour::is_one_policy(path) {
                true => (job(&[Quality::Expert])?, behaviour),
                false => (job(&all)?, behaviour),
            }
        }
    };
    job.check_source(from)?;
    done(args.format, &job.roll_out(&behaviour)?)
}

fn done(format: Format, made: &[(PathBuf, Dataset)]) -> Result<ExitCode> {
    print(format, made)?;
    Ok(ExitCode::SUCCESS)
}

fn print(format: Format, done: &[(PathBuf, Dataset)]) -> Result<()> {
    match format {
        Format::Json => {
            let sets: Vec<serde_json::Value> = done
                .iter()
                .map(|(path, data)| {
                    serde_json::json!({ "file": path.to_string_lossy(), "stats": data.stats() })
                })
                .collect();
            emit(&format!("{:#}", serde_json::Value::from(sets)))
        }
        Format::Short | Format::Human => {
            let text =
                |(path, data): &(PathBuf, Dataset)| format!("{}\n{}", path.display(), data.stats());
            emit(&done.iter().map(text).collect::<Vec<_>>().join("\n"))
        }
    }
}

impl Collecting {
    /// Refuses data sets that the policies of `from` cannot make.
    fn check_source(&self, from: &str) -> Result<()> {
        let made = self.wanted.made();
        let refused = |problem: &str, help: &str| {
            let place = format!("--quality {}", self.wanted.quality_text());
            Err(Error::input(
                place,
                format!("{problem} `--from {from}`"),
                help,
            ))
        };
        if self.wanted.replay == ReplayKind::Whole {
            let place = format!("--replay {}", self.wanted.replay);
            let problem =
                format!("is what a training leaves; nothing is trained with `--from {from}`");
            return Err(Error::input(place, problem, "leave --from out"));
        }
        match from {
            "random" | "human" if made.iter().any(|quality| quality.to_string() != from) => {
                refused(
                    "asks for other actions than",
                    "leave --quality out, or --from",
                )
            }
            "shipped" if made.iter().any(|quality| quality.takes_expert()) => refused(
                "asks for an expert of",
                "the shipped policies end with the medium one: leave --from out to train an expert (hours), or give a \
                 run or a checkpoint of your own",
            ),
            _ => Ok(()),
        }
    }
}
