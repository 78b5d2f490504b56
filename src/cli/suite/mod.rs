//! `h2oplus suite`: the tables and figures of the paper, each from one command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use toml::Table;

use super::choice::choice;
use super::{Format, flag};
use crate::engine::Device;
use crate::error::{Error, Result};
use crate::kernel::MatmulPrecision;
use crate::net::device::DeviceKind;
use crate::range::Range;
use crate::run::config::seeds::Seeds;
use crate::run::record::run_folder::word;
use crate::run::suite::folder::SuiteFolder;
use crate::run::suite::plan::{SuitePlan, SuiteSize};
use crate::run::suite::predict::{Prediction, predict};
use crate::run::suite::resolve::{GROUP_MEMBERS, Overrides, plan};
use crate::run::suite::shard::Shard;
use crate::run::suite::shipped;
use crate::run::suite::work::{Outcome, SuiteWork};

mod data;
mod print;
mod slurm;

/// Flags of `suite`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which suite, or a TOML file of your own; without one, they are listed
    name: Option<String>,
    /// As published: 1 M updates, five seeds, data as large as D4RL's
    #[arg(long, group = "size")]
    paper: bool,
    /// The recipe `fast` for every method, as many updates as fit into a night on two cores (this is the default)
    #[arg(long, group = "size")]
    quick: bool,
    /// Shows in minutes that everything runs
    #[arg(long, group = "size")]
    smoke: bool,
    /// Folder of the suite (default: suites/NAME-SIZE)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the suite in this folder: what is done is not repeated
    #[arg(long, value_name = "DIR", conflicts_with_all = ["name", "size", "out", "list", "updates", "seeds", "eval_every", "device", "sim_device", "precision", "data_dir", "members"])]
    resume: Option<PathBuf>,
    /// List the suites
    #[arg(long, conflicts_with = "name")]
    list: bool,
    /// Print the plan and end
    #[arg(long)]
    dry_run: bool,
    /// Updates of each run, in place of the size's
    #[arg(long, value_name = "N", value_parser = Range::SOME_U32.parser::<u64>())]
    updates: Option<u64>,
    /// Seeds of each cell, in place of the size's: `0..4`
    #[arg(long, value_name = "SEEDS")]
    seeds: Option<Seeds>,
    /// Updates between evaluations, in place of the size's
    #[arg(long, value_name = "N", value_parser = Range::SOME.parser::<u64>())]
    eval_every: Option<u64>,
    /// Where the learner runs
    #[arg(long, value_parser = choice::<DeviceKind>())]
    device: Option<DeviceKind>,
    /// Where the simulator runs
    #[arg(long, value_parser = choice::<Device>())]
    sim_device: Option<Device>,

    /// How matrix products round: `tf32` on a GPU, `bf16` on a CPU with units for it
    #[arg(long, value_parser = choice::<MatmulPrecision>())]
    precision: Option<MatmulPrecision>,
    /// Folder of D4RL's own files, or of those that `h2oplus collect` writes, in place of rolled-out data
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Most runs that are trained as one population
    #[arg(long, value_name = "N", default_value_t = GROUP_MEMBERS, value_parser = Range::SOME_U32.parser::<usize>())]
    members: usize,
    /// Train this share of the plan alone: `1/4`
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Who starts the work
    #[arg(long, value_enum, default_value_t)]
    launcher: Launcher,
    /// Shares into which `slurm` splits the plan, a job of the array each
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = Range::SOME_U32.parser::<usize>())]
    shards: usize,
    /// A line of options for `sbatch`, such as `--partition=gpu --time=12:00:00`; repeat it for more
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    sbatch: Vec<String>,
    /// Keep the checkpoints of runs that are done, and not their last policies alone
    #[arg(long)]
    keep_checkpoints: bool,
    /// Start without measuring how long it will take
    #[arg(long)]
    no_predict: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Who starts the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Launcher {
    /// This process does it.
    #[default]
    Local,
    /// A job array of Slurm: it is written into the folder, and submitted.
    Slurm,
}

/// Plans, trains, and prints what came out.
pub fn run(args: Args) -> Result<ExitCode> {
    let (folder, plan) = match (&args.resume, &args.name) {
        (Some(path), _) => SuiteFolder::open(path)?,
        (None, Some(name)) => args.plan(name)?,
        (None, None) => return print::list(args.format),
    };
    let work = |seconds| SuiteWork {
        folder: &folder,
        plan: &plan,
        shard: args.shard,
        keep_checkpoints: args.keep_checkpoints,
        seconds,
    };
    let blank = work(vec![0.0; plan.groups.len()]);
    let pending = blank.pending()?;
    let prediction = match args.no_predict || args.launcher == Launcher::Slurm {
        true => None,
        false => Some(measure(&folder, &plan, &pending)?),
    };
    let overview = print::Overview {
        folder: &folder,
        plan: &plan,
        groups: blank.groups(),
        pending: &pending,
        prediction: prediction.as_ref(),
        shard: args.shard,
    };
    if args.dry_run {
        overview.emit(args.format)?;
        return Ok(ExitCode::SUCCESS);
    }
    overview.log();
    settle(&folder, &plan)?;
    if args.launcher == Launcher::Slurm {
        return slurm::submit(&args, &folder);
    }
    let mut seconds = vec![0.0; plan.groups.len()];
    for (n, predicted) in pending
        .iter()
        .zip(prediction.iter().flat_map(|p| &p.seconds))
    {
        seconds[*n] = *predicted;
    }
    data::make(&folder, &plan, &pending)?;
    let outcome = work(seconds).run()?;
    print::outcome(args.format, &folder, &plan, &outcome)?;
    let missed = outcome.failed + outcome.diverged > 0;
    Ok(ExitCode::from(u8::from(missed)))
}

impl Args {
    /// The plan of a new suite, and where it goes.
    fn plan(&self, name: &str) -> Result<(SuiteFolder, SuitePlan)> {
        let size = match (self.paper, self.smoke) {
            (true, _) => SuiteSize::Paper,
            (_, true) => SuiteSize::Smoke,
            _ => SuiteSize::Quick,
        };
        let (name, suite) = shipped::named(name)?;
        let over = Overrides {
            run: self.over(),
            data_dir: self.data_dir.clone(),
            members: self.members,
        };
        let plan = plan(&name, &suite, size, &over)?;
        let default = || Path::new("suites").join(format!("{name}-{size}"));
        let out = self.out.clone().unwrap_or_else(default);
        Ok((SuiteFolder::at(&out), plan))
    }

    /// Keys of a run that stood on the command line.
    fn over(&self) -> Table {
        let mut over = Table::new();
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let numbers = [("updates", self.updates), ("eval_every", self.eval_every)];
        for (key, number) in numbers {
            if let Some(number) = number {
                over.insert(key.into(), whole(number).into());
            }
        }
        let texts = [
            ("seeds", self.seeds.as_ref().map(ToString::to_string)),
            ("device", self.device.map(|device| device.to_string())),
            (
                "precision",
                self.precision.map(|precision| precision.to_string()),
            ),
            (
                "sim_device",
                self.sim_device.map(|device| device.to_string()),
            ),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                over.insert(key.into(), text.into());
            }
        }
        over
    }
}

/// Measures the methods of the groups that are still to be trained, and of the trainings that make their data.
fn measure(folder: &SuiteFolder, plan: &SuitePlan, pending: &[usize]) -> Result<Prediction> {
    let groups: Vec<_> = pending.iter().map(|n| &plan.groups[*n]).collect();
    if !groups.is_empty() {
        crate::log!("measuring this machine, about a second a method");
    }
    let trainings = data::missing(folder, plan, pending);
    let trainings: Vec<_> = trainings
        .iter()
        .map(|sets| data::training(sets))
        .collect::<Result<_>>()?;
    predict(&groups, &trainings).map_err(super::of_flag("--sim-device"))
}

/// Writes the plan into the folder; where one is there already, it must be the same.
fn settle(folder: &SuiteFolder, plan: &SuitePlan) -> Result<()> {
    if !folder.plan().is_file() {
        std::fs::create_dir_all(folder.path()).map_err(Error::io(folder.path()))?;
        return plan.write(&folder.plan());
    }
    let there = SuitePlan::read(&folder.plan())?;
    if there.same_as(plan) {
        return Ok(());
    }
    let problem = format!("holds another plan: {} --{}", there.suite, there.size);
    let help = format!(
        "go on with that one (h2oplus suite --resume {}), or give another folder with {}",
        word(folder.path()),
        flag::name("out")
    );
    Err(Error::input(folder.path().display(), problem, help))
}
