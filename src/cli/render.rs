//! `h2oplus render`: what a policy does, or did, to look at.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Format, emit, json};
use crate::cli::choice::choice;
use crate::data::Dataset;
use crate::engine::Physics;
use crate::env::Task;
use crate::error::{Error, Result};
use crate::model::GapSet;
use crate::range::Range;
use crate::run::data::real_data::log_notes;
use crate::run::policies::{Policies, robot_of_name};
use crate::run::record::run_folder::RunFolder;
use crate::run::render::roll::FilmPlan;
use crate::run::render::{Film, FilmFormat, recorded};

/// Flags of `render`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folder, checkpoint, behaviour snapshots, or data file: its recorded states, or else its behaviour policy;
    /// without one, the newest run in `runs/`
    what: Option<PathBuf>,
    /// What is written: a page with a player (.html), an animation (.gif), or a strip of pictures (.png)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Task (default: the run's, or the one that the file's name begins with)
    #[arg(long)]
    task: Option<String>,
    /// What differs on the real robot (default: as the run has it, or the file's name says)
    #[arg(long, value_name = "GAP")]
    real_gap: Option<String>,
    /// What differs in the simulator (default: as the run has it; for files: none)
    #[arg(long)]
    gap: Option<String>,
    /// Engine of the simulator (default: the run's, or planar)
    #[arg(long, value_parser = choice::<Physics>())]
    physics: Option<Physics>,
    /// Which policy, counted from 0 (default: a run's first member, the last of several snapshots)
    #[arg(long, value_name = "N", value_parser = Range::COUNT.parser::<usize>())]
    policy: Option<usize>,
    /// Which episode of a data file, counted from 0
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = Range::COUNT.parser::<usize>())]
    episode: usize,
    /// Env steps at most
    #[arg(long, default_value_t = 1000, value_parser = Range::SOME_U32.parser::<usize>())]
    steps: usize,
    /// Sample the policy's actions
    #[arg(long)]
    stochastic: bool,
    /// Seed of the initial state, of what is drawn in the gap, and of the noise
    #[arg(long, default_value_t = 0, value_parser = Range::COUNT.parser::<u64>())]
    seed: u64,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Renders.
///
/// # Errors
/// Where there is nothing to show, or the file cannot be written.
pub fn run(args: Args) -> Result<ExitCode> {
    FilmFormat::of(&args.out)?;
    let path = match &args.what {
        Some(path) => path.clone(),
        None => RunFolder::newest(Path::new("runs"))?.path().to_path_buf(),
    };
    let film = match states_of(&path)? {
        Some(data) => of_states(&args, &path, &data)?,
        None => of_policy(&args, &path)?,
    };
    film.write(&args.out)?;
    print(&args, &film)?;
    Ok(ExitCode::SUCCESS)
}

/// The data file at `path`, where it is one that holds states.
fn states_of(path: &Path) -> Result<Option<Dataset>> {
    let name = path.to_string_lossy();
    if RunFolder::around(path).is_some() || name.ends_with(".safetensors") && is_snapshots(path) {
        return Ok(None);
    }
    let data = Dataset::read(path)?;
    let states = data.qpos.is_some() && data.qvel.is_some();
    if !states && data.policy.is_none() {
        let problem = "holds neither states of the robot (infos/qpos, infos/qvel) nor a behaviour policy (metadata/policy)";
        let help = "give a run folder, a checkpoint, or a data file that has one of the two";
        return Err(Error::input(path.display(), problem, help));
    }
    Ok(states.then_some(data))
}

/// Whether the safetensors file at `path` is one of behaviour snapshots.
fn is_snapshots(path: &Path) -> bool {
    crate::run::data::behaviour::Behaviour::load(path).is_ok()
}

fn of_states(args: &Args, path: &Path, data: &Dataset) -> Result<Film> {
    log_notes(data);
    let [task, real_gap] = robot_of_name(path)?;
    let task = Task::load(args.task.as_deref().unwrap_or(&task))?;
    let task = task.with_real(args.real_gap.as_deref().unwrap_or(&real_gap))?;
    let gap = simulated(args, &task)?.unwrap_or_else(|| GapSet::from(&task.real));
    let physics = args.physics.unwrap_or_default();
    recorded::film(&plan(args, &task, &gap, physics), data, args.episode)
}

fn of_policy(args: &Args, path: &Path) -> Result<Film> {
    let found = Policies::open(path)?;
    let (n, chosen) = found.choose(args.policy)?;
    let task = found.task(n, args.task.as_deref(), args.real_gap.as_deref())?;
    found.check(&chosen.name, &chosen.policy, &task)?;
    let own = match &found.run {
        Some(run) => run.members().get(n).map(|member| run.gap(member)),
        None => None,
    };
    let gap = match (simulated(args, &task)?, own.transpose()?) {
        (Some(gap), _) | (None, Some(gap)) => gap,
        (None, None) => GapSet::default(),
    };
    let physics = found.run.as_ref().map(|run| run.config.physics);
    let physics = args.physics.or(physics).unwrap_or_default();
    plan(args, &task, &gap, physics).film(&chosen.policy, &chosen.name)
}

/// The gap of the command line, tried on the robot.
fn simulated(args: &Args, task: &Task) -> Result<Option<GapSet>> {
    let gap = args.gap.as_ref().map(|gap| task.domain(gap));
    let gap = gap.transpose()?;
    gap.iter().try_for_each(|gap| gap.check(&task.spec))?;
    Ok(gap)
}

fn plan<'a>(args: &Args, task: &'a Task, gap: &'a GapSet, physics: Physics) -> FilmPlan<'a> {
    FilmPlan {
        task,
        gap,
        physics,
        seed: args.seed,
        steps: args.steps,
        stochastic: args.stochastic,
    }
}

fn print(args: &Args, film: &Film) -> Result<()> {
    let lines = film.tracks.iter().map(|track| {
        serde_json::json!({
            "world": track.name, "gap": track.gap, "steps": track.frames.len(),
            "return": track.total(), "end": track.end.words(),
        })
    });
    let out = args.out.display().to_string();
    match args.format {
        Format::Json => emit(&json(&serde_json::json!({
            "title": film.title, "about": film.about, "out": out, "tracks": lines.collect::<Vec<_>>(),
        }))?),
        Format::Short => emit(&out),
        Format::Human => {
            emit(&format!("{}: {}", film.title, film.about))?;
            for pairing in &film.pairings {
                let [left, right] = pairing.tracks.map(|n| {
                    let track = &film.tracks[n];
                    let (steps, end) = (track.frames.len(), track.end.words());
                    format!(
                        "{} {:.0} in {steps} steps ({end})",
                        track.name,
                        track.total()
                    )
                });
                emit(&format!("{}: {left}, {right}", pairing.label))?;
            }
            emit(&format!("written: {out}"))
        }
    }
}
