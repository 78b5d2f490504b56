//! `h2oplus train`: the main job.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::collect::MANIFEST;
use super::flags::{Flags, MethodFlags};
use super::{Format, emit, of_flag, table};
use crate::engine::{self, Device};
use crate::env::Task;
use crate::error::{Error, Result};
use crate::method::Method;
use crate::train::config::{self, TrainConfig, resolve};
use crate::train::members::Axis;
use crate::train::paused::Paused;
use crate::train::phases::Spent;
use crate::train::real_data::RealData;
use crate::train::report::{self, ResultLine};
use crate::train::run_folder::RunFolder;
use crate::train::trainer::Trainer;

/// Flags of `train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: Flags<TrainConfig>,
    /// What members differ in besides the seeds; repeat it for every combination. A setting (lambda=0,0.1,0.5),
    /// gap=gravity,friction or data=a.hdf5,b.hdf5 (apart by `;` where a value has a comma)
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
    let (config, resumed) = match &args.resume {
        Some(path) => {
            let paused = resume(&args, path)?;
            (paused.config().clone(), Some(paused))
        }
        None => (resolve(&args.given()?, args.config_file.as_deref())?, None),
    };
    let task = Task::load(&config.task)?;
    // Before the data are made, which takes seconds. A run that goes on was tried when it began.
    let (_, place) = match resumed {
        None => config.try_out(&task).map_err(of_flag("--sim-device"))?,
        Some(_) => {
            engine::choose(config.physics, config.sim_device).map_err(of_flag("--sim-device"))?
        }
    };
    if config.sim_device != Device::Cpu {
        crate::log!("{place}");
    }
    for algo in &args.compare {
        // Refused now, not when the method's turn has come.
        Method::named(algo)?;
    }
    let data = RealData::load(&config, &task)?;
    let mut lines: Vec<_> = data.sets.iter().map(ResultLine::data).collect();
    let (main, spent) = train(&args, &config, &data, resumed, &mut lines)?;
    let mut runs = vec![main.path().to_path_buf()];
    let mut times = vec![spent];
    for algo in &args.compare {
        let mut other = config.clone();
        other.algo = algo.clone();
        // The other method's own settings are its defaults; what was given was for the first.
        other.settings = toml::Table::new();
        other
            .vary
            .retain(|axis| matches!(axis.key.as_str(), "gap" | "data"));
        let (folder, spent) = train(&args, &other, &data, None, &mut lines)?;
        runs.push(folder.path().to_path_buf());
        times.push(spent);
    }
    let curve = report::draw_curve(&main, &runs, &data.sets)?;
    print(&args, &lines, &runs, &times, &curve)?;
    let diverged = lines.iter().any(|line| line.diverged_at.is_some());
    Ok(ExitCode::from(u8::from(diverged)))
}

/// Trains one method, and adds its result lines; where the run lies, and its time.
fn train(
    args: &Args,
    config: &TrainConfig,
    data: &RealData,
    resumed: Option<Paused>,
    lines: &mut Vec<ResultLine>,
) -> Result<(RunFolder, Spent)> {
    let resume = resumed.is_some();
    let mut trainer = match resumed {
        Some(paused) => Trainer::resume(paused, Some(data))?,
        None => Trainer::create(config.clone(), &args.out, Some(data), &[])?,
    };
    let verb = if resume { "resuming" } else { "run folder" };
    crate::log!("{verb}: {}", trainer.folder().path().display());
    trainer.run()?;
    let spent = trainer.spent();
    crate::log!("time: {spent}");
    let members = trainer.config().members.iter().zip(trainer.latest());
    let members = members.zip(trainer.diverged());
    lines.extend(members.map(|((member, e), at)| ResultLine::member(config, member, e, *at)));
    Ok((trainer.folder().clone(), spent))
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
    runs: &[PathBuf],
    times: &[Spent],
    curve: &Path,
) -> Result<()> {
    match args.format {
        Format::Json => {
            let text = |path: &Path| path.to_string_lossy().into_owned();
            let runs: Vec<String> = runs.iter().map(|run| text(run)).collect();
            let doc = serde_json::json!({
                "results": lines, "runs": runs, "seconds": times, "curve": text(curve),
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
            emit(&format!("learning curve: {}", curve.display()))
        }
    }
}
