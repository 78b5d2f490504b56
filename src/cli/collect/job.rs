//! What one call makes, and where: trains, rolls out, writes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Wanted;
use super::resume::{MANIFEST, Manifest};
use super::training::{made_by, snapshots, thin};
use crate::cli::Format;
use crate::data::{Dataset, d4rl};
use crate::env::{Dynamics, Task};
use crate::error::{Error, Result};
use crate::model::GapSet;
use crate::run::config::memory;
use crate::run::data::behaviour::{Behaviour, Quality, ROWS};
use crate::run::data::real_data::log_notes;
use crate::run::record::paused::Paused;
use crate::run::record::run_folder::word;
use crate::run::train::stop::Saving;
use crate::run::train::trainer::Trainer;

/// A data set and its file.
type Made = (PathBuf, Dataset);

/// What one call makes, and where.
pub struct Collecting {
    /// What was asked for.
    pub wanted: Wanted,
    /// The real task.
    pub task: Task,
    domain: GapSet,
    out: PathBuf,
}

impl Wanted {
    /// Its data sets as the flag says them.
    pub fn quality_text(&self) -> String {
        let names: Vec<String> = self.made().iter().map(Quality::to_string).collect();
        names.join(",")
    }

    /// Whether no policy acts in any of them.
    pub fn needs_no_training(&self) -> bool {
        self.made().iter().all(|quality| quality.is_untrained())
    }

    /// The gaps of the data sets: the real robot's, unless they are of a simulator.
    fn domain(&self, task: &Task) -> Result<GapSet> {
        let mut domain = task.domain(&self.gap)?;
        if domain == GapSet::default() {
            domain = GapSet::from(&task.real);
        } else if !task.real.is_none() {
            let problem = format!("is {domain}, and the real robot has {}", task.real);
            let help = "leave out either; `--real-gap none` is the plain robot";
            return Err(Error::input("gap", problem, help));
        }
        domain.with(self.gap_rows, self.gap_redraw)
    }
}

impl Collecting {
    /// Refuses, before anything is trained, what cannot be made, or would replace another robot's data.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(wanted: Wanted, out: PathBuf) -> Result<Self> {
        let task = wanted.real_task()?;
        let domain = wanted.domain(&task)?;
        if wanted.whole() && domain != GapSet::from(&task.real) {
            let problem =
                "is not what the agent is trained on, whose whole replay is to be written";
            let help = "leave it out, or take `--replay snapshots`";
            return Err(Error::input("gap", problem, help));
        }
        memory::check_rows(wanted.rows.unwrap_or(ROWS), &task)?;
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
        self.out.join(self.task.file_name(name))
    }

    fn set(&self, quality: Quality) -> PathBuf {
        self.path(&format!("{quality}.hdf5"))
    }

    /// Refuses to replace a data set by one of another robot.
    fn check_set(&self, quality: Quality) -> Result<()> {
        let path = self.set(quality);
        // A damaged file may be replaced.
        match path.is_file().then(|| Dataset::read(&path)) {
            Some(Ok(there)) => self.same_robot(&path, (there.obs_dim, there.act_dim)),
            _ => Ok(()),
        }
    }

    /// [`check_set`](Self::check_set) for all that a training leaves.
    ///
    /// # Errors
    /// The file that would be replaced.
    pub fn check_behaviour(&self) -> Result<()> {
        for quality in self.wanted.made() {
            self.check_set(*quality)?;
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
    ///
    /// # Errors
    /// Where the run's folder cannot be made.
    pub fn begin(&self) -> Result<Trainer> {
        let manifest = Manifest::new(&self.wanted, &self.out).text()?;
        let beside = [(MANIFEST, manifest.as_str())];
        let mut run = self.wanted.training(&self.task)?;
        let with = run.open()?;
        let mut trainer = Trainer::create(run, with, Path::new("runs"), None, &beside)?;
        self.keep_states(&mut trainer)?;
        Ok(trainer)
    }

    /// Goes on with a training.
    ///
    /// # Errors
    /// Where its checkpoint does not fit it.
    pub fn go_on(&self, mut paused: Paused) -> Result<Trainer> {
        let with = paused.run_mut().open()?;
        let mut trainer = Trainer::resume(paused, with, None)?;
        self.keep_states(&mut trainer)?;
        Ok(trainer)
    }

    fn keep_states(&self, trainer: &mut Trainer) -> Result<()> {
        match self.wanted.whole() {
            true => trainer.keep_states(),
            false => Ok(()),
        }
    }

    /// Trains to the end, and writes what comes of it.
    ///
    /// # Errors
    /// Those of the training, and where something cannot be written.
    pub fn train(&self, mut trainer: Trainer, format: Format) -> Result<ExitCode> {
        let run = word(trainer.folder().path());
        trainer.go_on_with("h2oplus collect --resume", None);
        crate::log!("run folder: {}", trainer.folder().path().display());
        let (done, reached) = self.train_and_write(trainer).inspect_err(|e| {
            if matches!(e, Error::Stopped) {
                crate::log!("stopped; go on with: h2oplus collect --resume {run}");
            }
        })?;
        super::print(format, &done)?;
        Ok(ExitCode::from(u8::from(!reached)))
    }

    /// Trains in the folder `path`, or goes on there, and writes what comes of it.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn train_at(&self, path: &Path, go_on_with: (&'static str, &Path)) -> Result<()> {
        self.check_behaviour()?;
        if self.wanted.needs_no_training() {
            return self.roll_out(&Behaviour::default()).map(|_| ());
        }
        let mut trainer = match path.join("config.toml").is_file() {
            true => self.go_on(Paused::take(path)?)?,
            false => {
                let mut run = self.wanted.training(&self.task)?;
                let with = run.open()?;
                let mut trainer = Trainer::create_at(run, with, path, None)?;
                self.keep_states(&mut trainer)?;
                trainer
            }
        };
        let (command, folder) = go_on_with;
        trainer.go_on_with(command, Some(folder));
        trainer.be_brief();
        self.train_and_write(trainer).map(|_| ())
    }

    /// Trains to the end, and writes what comes of it: the data sets, and whether the target was reached.
    fn train_and_write(&self, mut trainer: Trainer) -> Result<(Vec<Made>, bool)> {
        let folder = trainer.folder().clone();
        trainer.run()?;
        let mut all = snapshots(&folder.snapshots())?;
        if all.snapshots.is_empty() {
            // The target was reached before the first snapshot was due.
            trainer.snapshot()?;
            all = snapshots(&folder.snapshots())?;
        }
        let medium = self.wanted.medium(&self.task);
        let reached = medium.is_none_or(|due| {
            trainer.target_reached() || all.snapshots.iter().any(|s| s.eval_return >= due)
        });
        if !reached {
            let updates = trainer.config().updates;
            crate::log!("the target was not reached in {updates} updates");
        }
        let behaviour = thin(&all, medium, self.wanted.snapshots);
        let path = self.behaviour();
        behaviour.save(&path)?;
        crate::log!("wrote {}", path.display());
        let whole = |quality| {
            let whole = quality == Quality::MediumReplay && self.wanted.whole();
            whole.then(|| self.everything(&trainer, &all))
        };
        let saving = Saving::begin();
        let done = self.make(&behaviour, whole)?;
        drop(saving);
        Ok((done, reached))
    }

    /// What the agent did until it was medium, or the first rows of all that it did.
    fn everything(&self, trainer: &Trainer, all: &Behaviour) -> Result<Dataset> {
        let upto = all.up_to_medium(self.wanted.medium(&self.task));
        let until = match upto.last() {
            Some(medium) if upto.len() < all.snapshots.len() => {
                made_by(medium.updates, trainer.config())
            }
            _ => usize::MAX,
        };
        let most = self.wanted.rows.unwrap_or(until);
        let data = trainer.transitions(most)?;
        if let Some(rows) = self.wanted.rows.filter(|rows| *rows > data.len()) {
            crate::log!("note: {} of {rows} transitions were made", data.len());
        }
        Ok(data)
    }

    /// Rolls `behaviour` out and writes all data sets.
    ///
    /// # Errors
    /// Where a data set cannot be made or written.
    pub fn roll_out(&self, behaviour: &Behaviour) -> Result<Vec<Made>> {
        self.make(behaviour, |_| None)
    }

    /// Writes all data sets: those that are `given`, or else rolled out.
    fn make(
        &self,
        behaviour: &Behaviour,
        given: impl Fn(Quality) -> Option<Result<Dataset>>,
    ) -> Result<Vec<Made>> {
        let (of, medium) = ((&self.task, &self.domain), self.wanted.medium(&self.task));
        let seed = self.wanted.seed;
        let mut done = Vec::new();
        for &quality in self.wanted.made() {
            self.check_set(quality)?;
            let rows = self
                .wanted
                .rows
                .map_or_else(|| quality.rows(&self.task), Ok)?;
            let data = match given(quality) {
                Some(data) => data?,
                None => behaviour.roll_out(of, quality, medium, rows, seed)?,
            };
            done.push(self.write(quality, data)?);
        }
        Ok(done)
    }

    /// Writes a data set.
    fn write(&self, quality: Quality, mut data: Dataset) -> Result<Made> {
        log_notes(&data);
        data.source = format!("{} {quality}", self.task.title());
        let path = self.set(quality);
        if path.exists() {
            crate::log!("replacing {}", path.display());
        }
        d4rl::write(&path, &data)?;
        Ok((path, data))
    }
}
