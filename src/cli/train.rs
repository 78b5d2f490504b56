//! `h2oplus train`: the main job.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::collect::MANIFEST;
use super::flags::{Flags, MethodFlags};
use super::{Format, emit, of_flag, table};
use crate::engine::Device;
use crate::error::{Error, Result};
use crate::run::config::members::Axis;
use crate::run::config::resolved::{Resources, Run};
use crate::run::config::{self, TrainConfig, resolve};
use crate::run::data::real_data::RealData;
use crate::run::record::paused::Paused;
use crate::run::record::results::{self, ResultLine};
use crate::run::record::run_folder::RunFolder;
use crate::run::train::phases::Spent;
use crate::run::train::trainer::Trainer;
use crate::run::watch::Watch;

/// Flags of `train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: Flags<TrainConfig>,
    /// What members differ in besides the seeds; repeat it for every combination. A setting (lambda=0,0.1,0.5),
    /// gap=gravity,friction, real_gap=none,gravity=0.5 or data=a.hdf5,b.hdf5 (apart by `;` where a value has a comma)
    #[arg(long, value_name = "KEY=V1,V2,…")]
    vary: Vec<String>,
    #[command(flatten)]
    settings: MethodFlags,
    /// Settings as TOML; flags win
    #[arg(long, value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Go on with an interrupted run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config_file", "compare"])]
    resume: Option<PathBuf>,
    /// Also train these methods in the same budget, for comparison: `sac`, `cql,iql`
    #[arg(long, value_name = "ALGO", value_delimiter = ',')]
    compare: Vec<String>,
    /// Folder of the runs
    #[arg(long, default_value = "runs", value_name = "DIR")]
    out: PathBuf,
    /// Serve a page on this machine (127.0.0.1, a free port) that shows curves, time, health and the policy as it learns
    #[arg(long)]
    watch: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Args {
    /// What stood on the command line.
    fn given(&self) -> Result<config::Given> {
        let axis = |text: &String| {
            let help = "write it as KEY=V1,V2,…";
            (text.parse::<Axis>()).map_err(|problem| Error::input("vary", problem, help))
        };
        Ok(config::Given {
            run: self.config.table.clone(),
            settings: self.settings.table.clone(),
            vary: self.vary.iter().map(axis).collect::<Result<_>>()?,
        })
    }
}

/// Trains, and prints what came out.
pub fn run(args: Args) -> Result<ExitCode> {
    let mut start = match &args.resume {
        Some(path) => Start::Paused(Box::new(resume(&args, path)?)),
        None => Start::New(Box::new(resolve(
            &args.given()?,
            args.config_file.as_deref(),
        )?)),
    };
    let said = args.config.table.contains_key("recipe") || args.config_file.is_some();
    if !said && args.resume.is_none() {
        let recipe = &start.run_mut().config.recipe;
        crate::log!("recipe: {recipe} (--recipe paper for the publication's settings)");
    }
    // Before the data are made, which takes seconds.
    let with = start.run_mut().open().map_err(of_flag("--sim-device"))?;
    let run = start.run_mut().clone();
    if run.config.sim_device != Device::Cpu {
        crate::log!("{}", with.note);
    }
    let others = args.compare.iter().map(|algo| run.with_method(algo));
    let others = others.collect::<Result<Vec<_>>>()?;
    let data = RealData::load(&run)?;
    let mut lines: Vec<_> = data.sets.iter().map(ResultLine::data).collect();
    let watch = args.watch.then(Watch::open).transpose()?;
    if let Some(watch) = &watch {
        crate::log!("watch: {}", watch.address());
    }
    let (mut runs, mut times, mut players) = (Vec::new(), Vec::new(), Vec::new());
    for start in [start]
        .into_iter()
        .chain(others.into_iter().map(Box::new).map(Start::New))
    {
        let trainer = train(
            &args,
            start,
            with.clone(),
            &data,
            watch.as_ref(),
            &mut lines,
        )?;
        runs.push((trainer.folder().clone(), trainer.config().clone()));
        times.push(trainer.spent());
        match trainer.leave_players() {
            Ok(left) => players.extend(left),
            Err(error) => crate::log!("no player: {error}"),
        }
    }
    let curve = results::draw_curve(&runs, &data.sets)?;
    print(&args, &lines, &runs, &times, &curve, &players)?;
    let diverged = lines.iter().any(|line| line.diverged_at.is_some());
    Ok(ExitCode::from(u8::from(diverged)))
}

/// Where a training begins.
enum Start {
    New(Box<Run>),
    Paused(Box<Paused>),
}

impl Start {
    fn run_mut(&mut self) -> &mut Run {
        match self {
            Self::New(run) => run,
            Self::Paused(paused) => paused.run_mut(),
        }
    }
}

/// Trains one method, and adds its result lines.
fn train(
    args: &Args,
    start: Start,
    with: Resources,
    data: &RealData,
    watch: Option<&Watch>,
    lines: &mut Vec<ResultLine>,
) -> Result<Trainer> {
    let (mut trainer, verb) = match start {
        Start::Paused(paused) => (Trainer::resume(*paused, with, Some(data))?, "resuming"),
        Start::New(run) => {
            let trainer = Trainer::create(*run, with, &args.out, Some(data), &[])?;
            (trainer, "run folder")
        }
    };
    crate::log!("{verb}: {}", trainer.folder().path().display());
    if let Some(watch) = watch {
        trainer.watched_on(watch.board());
    }
    trainer.run()?;
    crate::log!("time: {}", trainer.spent());
    let config = trainer.config();
    let members = config.members.iter().zip(trainer.latest());
    let members = members.zip(trainer.diverged());
    lines.extend(members.map(|((member, e), at)| ResultLine::member(config, member, e, *at)));
    Ok(trainer)
}

/// The run in `path`, which goes on: as it was, but for a longer budget, if one is given.
fn resume(args: &Args, path: &Path) -> Result<Paused> {
    if path.join(MANIFEST).is_file() {
        return Err(Error::input(
            path.display(),
            "is a run of `h2oplus collect`",
            format!("go on with: h2oplus collect --resume {}", path.display()),
        ));
    }
    let given = args.given()?;
    let vary = given.vary.first().map(|_| "vary");
    let keys = given.run.keys().chain(given.settings.keys());
    for key in keys.map(String::as_str).chain(vary) {
        if key != "updates" {
            return Err(Error::input(
                key,
                "cannot change in a run that goes on",
                "leave it out with --resume (only --updates may grow), or start a new run",
            ));
        }
    }
    let mut paused = Paused::take(path)?;
    if given.run.contains_key("updates") {
        paused.grow(args.config.all()?.updates)?;
    }
    Ok(paused)
}

/// What a result line says of a member that diverged.
fn diverged(line: &ResultLine) -> String {
    let said = |at| format!(" (diverged in update {at})");
    line.diverged_at.map_or(String::new(), said)
}

fn print(
    args: &Args,
    lines: &[ResultLine],
    runs: &[(RunFolder, TrainConfig)],
    times: &[Spent],
    curve: &Path,
    players: &[PathBuf],
) -> Result<()> {
    match args.format {
        Format::Json => {
            let text = |path: &Path| path.to_string_lossy().into_owned();
            let runs: Vec<String> = runs.iter().map(|(run, _)| text(run.path())).collect();
            let doc = serde_json::json!({
                "results": lines, "runs": runs, "seconds": times, "curve": text(curve),
                "players": players.iter().map(|path| text(path)).collect::<Vec<_>>(),
            });
            emit(&format!("{doc:#}"))
        }
        Format::Short => {
            let text: Vec<String> = lines
                .iter()
                .map(|l| format!("{} {:.0} {:.0}{}", l.what, l.mean, l.std, diverged(l)))
                .collect();
            emit(&text.join("\n"))
        }
        Format::Human => {
            let rows: Vec<Vec<String>> = lines
                .iter()
                .map(|l| {
                    vec![
                        l.what.clone(),
                        format!("{:.0} ± {:.0}{}", l.mean, l.std, diverged(l)),
                        format!("{}", l.episodes),
                        format!("{:.0}", l.length),
                    ]
                })
                .collect();
            let head = [
                "return on the real task",
                "mean ± std",
                "episodes",
                "length",
            ];
            emit(&table(&head, &rows))?;
            emit(&format!("learning curve: {}", curve.display()))?;
            match players {
                [] => Ok(()),
                [first, rest @ ..] => {
                    let more = match rest.len() {
                        0 => String::new(),
                        n => format!(" and {n} more beside it"),
                    };
                    emit(&format!("what the policy does: {}{more}", first.display()))
                }
            }
        }
    }
}
