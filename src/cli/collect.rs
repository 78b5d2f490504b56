//! `h2oplus collect`: behaviours trained on the real task, and data sets of it (or of it under gaps),
//! made from nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use h2oplus_base::settings;
use serde::{Deserialize, Serialize};

use super::flags::Flags;
use super::{Format, emit};
use crate::data::{Dataset, d4rl};
use crate::env::{Dynamics, Task};
use crate::error::{Error, Result};
use crate::model::GapSet;
use crate::run::config::TrainConfig;
use crate::run::config::memory;
use crate::run::config::resolved::Run;
use crate::run::data::behaviour::{Behaviour, Quality, random_data};
use crate::run::data::real_data::log_notes;
use crate::run::record::inputs;
use crate::run::record::paused::Paused;
use crate::run::record::run_folder::word;
use crate::run::train::stop::Saving;
use crate::run::train::trainer::Trainer;
use crate::setting::Settings;

/// Flags of `collect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    wanted: Flags<Wanted>,
    /// Skip training: roll these snapshots out (`shipped`, or a file that `collect` wrote), or `random`
    /// actions
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

settings! {
    /// What is to be trained and rolled out.
    pub struct Wanted {
        /// Robot and version, or a TOML file of your own
        task: String = "halfcheetah-v2".into(),
        /// What differs from the task: `gravity=1.5`; several in turn, `none/gravity`; drawn,
        /// `gravity=0.5..2.0`; or a TOML file of distributions
        gap: String = "none".into(),
        /// Parameter rows into which strengths are drawn (default: the file's, or 1024; at most one an
        /// environment unless they are redrawn)
        gap_rows: Option<usize> = None => SOME_U32,
        /// Draw an environment's parameters anew at every reset
        gap_redraw: bool = false,
        /// Train until the deterministic policy returns this much (default: the task's `medium_return`;
        /// without one, train for all of --updates)
        target_return: Option<f64> = None => FINITE,
        /// Train for at most this many updates
        updates: u64 = 1_000_000 => SOME_U32,
        /// Snapshots kept for medium-replay, evenly spread over training
        snapshots: usize = 20 => SOME,
        /// Transitions of each data set
        rows: usize = 100_000 => SOME,
        /// Seed of training and data
        seed: u64 = 0 => COUNT,
    }
}

/// `collect.toml` in the folder of the run that is trained: what it is trained for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// None where its path is not text.
    out: Option<String>,
    wanted: Wanted,
}

/// The manifest's name in a run folder.
pub const MANIFEST: &str = "collect.toml";
/// Updates between evaluations, each of which keeps a snapshot.
const SNAPSHOT_EVERY: u64 = 5000;
/// The data sets made of snapshots.
const MADE: [(&str, Quality); 2] = [
    ("medium", Quality::Medium),
    ("medium-replay", Quality::MediumReplay),
];

/// The gaps of the data sets.
fn gap_set(wanted: &Wanted, task: &Task) -> Result<GapSet> {
    task.domain(&wanted.gap)?
        .with(wanted.gap_rows, wanted.gap_redraw)
}

/// What one call makes, and where.
struct Job {
    wanted: Wanted,
    task: Task,
    domain: GapSet,
    out: PathBuf,
}

/// Trains (unless told not to), rolls out, writes, prints statistics.
pub fn run(args: Args) -> Result<ExitCode> {
    let out = |saved: Option<String>| {
        let default = || saved.map_or_else(|| "data".into(), PathBuf::from);
        args.out.clone().unwrap_or_else(default)
    };
    if let Some(path) = &args.resume {
        let (paused, manifest) = resume(path, &args.wanted)?;
        let job = Job::new(manifest.wanted, out(manifest.out))?;
        job.check_behaviour()?;
        return job.train(go_on(paused)?, args.format);
    }
    let job = Job::new(args.wanted.all()?, out(None))?;
    let behaviour = match args.from.as_deref() {
        Some("random") => {
            job.check_set("random")?;
            let (rows, seed) = (job.wanted.rows, job.wanted.seed);
            let data = random_data(&job.task, &job.domain, rows, seed)?;
            print(args.format, &[job.write("random", data)?])?;
            return Ok(ExitCode::SUCCESS);
        }
        Some("shipped") => Behaviour::shipped(&job.task)?,
        Some(file) => Behaviour::load(Path::new(file))?,
        None => {
            job.check_behaviour()?;
            return job.train(job.begin()?, args.format);
        }
    };
    print(args.format, &job.roll_out(&behaviour)?)?;
    Ok(ExitCode::SUCCESS)
}

impl Job {
    /// Refuses, before anything is trained, what cannot be made, or would replace another robot's data.
    fn new(wanted: Wanted, out: PathBuf) -> Result<Self> {
        let task = Task::load(&wanted.task)?;
        let domain = gap_set(&wanted, &task)?;
        memory::check_rows(wanted.rows, &task)?;
        Dynamics::draw(&task, &domain, wanted.seed, 1)?;
        std::fs::create_dir_all(&out).map_err(Error::io(&out))?;
        Ok(Self {
            wanted,
            task,
            domain,
            out,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.out.join(format!("{}-{name}", self.task.name))
    }

    /// Refuses to replace the data set called `name` by one of another robot.
    fn check_set(&self, name: &str) -> Result<()> {
        let path = self.path(&format!("{name}.hdf5"));
        // A damaged file may be replaced.
        match path.is_file().then(|| Dataset::read(&path)) {
            Some(Ok(there)) => self.same_robot(&path, (there.obs_dim, there.act_dim)),
            _ => Ok(()),
        }
    }

    /// [`check_set`](Self::check_set) for all that a training leaves.
    fn check_behaviour(&self) -> Result<()> {
        for (name, _) in MADE {
            self.check_set(name)?;
        }
        let path = self.behaviour();
        let there = path.is_file().then(|| Behaviour::load(&path));
        match there.and_then(|there| there.ok()?.snapshots.pop()) {
            Some(last) => self.same_robot(&path, (last.policy.obs_dim(), last.policy.act_dim())),
            None => Ok(()),
        }
    }

    fn same_robot(&self, path: &Path, have: (usize, usize)) -> Result<()> {
        let want = (self.task.obs_dim(), self.task.act_dim());
        if have == want {
            return Ok(());
        }
        let problem = format!(
            "is of another robot: (observations, actions) = {have:?}; {} has {want:?}",
            self.task.name
        );
        let help = "give another folder with --out, or move that file away";
        Err(Error::input(path.display(), problem, help))
    }

    fn behaviour(&self) -> PathBuf {
        self.path("behaviour.safetensors")
    }

    /// Begins to train SAC on the real task.
    fn begin(&self) -> Result<Trainer> {
        let Wanted { seed, updates, .. } = self.wanted;
        let config = TrainConfig {
            target_return: self.wanted.target_return.or(self.task.medium_return),
            // A short training keeps a snapshot too: the last.
            snapshot_every: SNAPSHOT_EVERY.min(updates),
            ..TrainConfig::sac_on(&self.wanted.task, seed, updates)
        };
        let mut wanted = self.wanted.clone();
        inputs::absolute("task", &mut wanted.task);
        inputs::absolute("gap", &mut wanted.gap);
        let out = std::path::absolute(&self.out).unwrap_or_else(|_| self.out.clone());
        let out = out.into_os_string().into_string().ok();
        let manifest = toml::to_string(&Manifest { out, wanted })
            .map_err(|e| Error::input(MANIFEST, e, "give smaller numbers"))?;
        let beside = [(MANIFEST, manifest.as_str())];
        let mut run = Run::new(config)?;
        let with = run.open()?;
        Trainer::create(run, with, Path::new("runs"), None, &beside)
    }

    /// Trains to the end, and writes what comes of it.
    fn train(&self, mut trainer: Trainer, format: Format) -> Result<ExitCode> {
        let folder = trainer.folder().clone();
        trainer.go_on_with("h2oplus collect --resume", None);
        crate::log!("run folder: {}", folder.path().display());
        trainer.run()?;
        let reached = trainer.config().target_return.is_none() || trainer.target_reached();
        if !reached {
            crate::log!(
                "the target was not reached in {} updates",
                trainer.config().updates
            );
        }
        let mut all = snapshots(&folder.snapshots())?;
        if all.snapshots.is_empty() {
            // The target was reached before the first snapshot was due.
            trainer.snapshot()?;
            all = snapshots(&folder.snapshots())?;
        }
        let behaviour = thin(all, self.wanted.snapshots);
        let path = self.behaviour();
        behaviour.save(&path)?;
        crate::log!("wrote {}", path.display());
        let saving = Saving::begin();
        let done = self.roll_out(&behaviour).inspect_err(|e| {
            if matches!(e, Error::Stopped) {
                let run = word(folder.path());
                crate::log!("stopped; go on with: h2oplus collect --resume {run}");
            }
        })?;
        drop(saving);
        print(format, &done)?;
        Ok(ExitCode::from(u8::from(!reached)))
    }

    /// Rolls `behaviour` out and writes both data sets.
    fn roll_out(&self, behaviour: &Behaviour) -> Result<Vec<(PathBuf, Dataset)>> {
        let mut done = Vec::new();
        for (name, quality) in MADE {
            self.check_set(name)?;
            let (rows, seed) = (self.wanted.rows, self.wanted.seed);
            let data = behaviour.roll_out(&self.task, &self.domain, quality, rows, seed)?;
            done.push(self.write(name, data)?);
        }
        Ok(done)
    }

    /// Writes a data set called `name`.
    fn write(&self, name: &str, mut data: Dataset) -> Result<(PathBuf, Dataset)> {
        log_notes(&data);
        data.source = format!("{} {name}", self.task.name);
        let path = self.path(&format!("{name}.hdf5"));
        if path.exists() {
            crate::log!("replacing {}", path.display());
        }
        d4rl::write(&path, &data)?;
        Ok((path, data))
    }
}

/// Goes on with a training.
fn go_on(mut paused: Paused) -> Result<Trainer> {
    let with = paused.run_mut().open()?;
    Trainer::resume(paused, with, None)
}

/// The run in `path`, which goes on, and what it is trained for.
fn resume(path: &Path, flags: &Flags<Wanted>) -> Result<(Paused, Manifest)> {
    let mut paused = Paused::take(path)?;
    let file = path.join(MANIFEST);
    if !file.is_file() {
        return Err(Error::input(
            path.display(),
            "is no run of `h2oplus collect` (it holds no collect.toml)",
            format!("go on with: h2oplus train --resume {}", path.display()),
        ));
    }
    let damaged = |e: &dyn std::fmt::Display| {
        Error::input(file.display(), e, "restore the file as the run wrote it")
    };
    let text = crate::text::read(&file)?;
    let mut manifest: Manifest = toml::from_str(&text).map_err(|e| damaged(&e.message()))?;
    let began = toml::Table::try_from(&manifest.wanted).map_err(|e| damaged(&e))?;
    if manifest.wanted.task != paused.run().config.task {
        return Err(damaged(&"its task is not that of config.toml"));
    }
    let all = flags.all()?;
    for (key, value) in &Wanted::typed(&flags.table)? {
        match key.as_str() {
            "updates" => paused.grow(all.updates)?,
            "rows" => manifest.wanted.rows = all.rows,
            "snapshots" => manifest.wanted.snapshots = all.snapshots,
            _ if same(key, value, began.get(key))? => {}
            _ => {
                let began = began
                    .get(key)
                    .map_or("its default".into(), ToString::to_string);
                return Err(Error::input(
                    key,
                    format!("is {value}; the run was begun with {began}"),
                    "leave it out with --resume (only --updates may grow), or start a new run",
                ));
            }
        }
    }
    Ok((paused, manifest))
}

/// Whether the flag `key` says what the run `began` with.
fn same(key: &str, value: &toml::Value, began: Option<&toml::Value>) -> Result<bool> {
    let (Some(given), Some(toml::Value::String(began))) = (value.as_str(), began) else {
        return Ok(began == Some(value));
    };
    let mut given = given.to_owned();
    inputs::absolute(key, &mut given);
    if key == "task" && !inputs::is_file(key, &given) && !inputs::is_file(key, began) {
        return Ok(Task::load(&given)?.name == Task::load(began)?.name);
    }
    Ok(given == *began)
}

/// All snapshots in a folder, oldest first; none where there is no folder.
fn snapshots(folder: &Path) -> Result<Behaviour> {
    let mut all = Behaviour::default();
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(all),
        entries => entries.map_err(Error::io(folder))?,
    };
    for entry in entries {
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
