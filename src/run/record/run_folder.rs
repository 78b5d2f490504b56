//! The folder of a run: its name, the resolved config, what it ran on, and where things lie.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::inputs;
use super::lock::{LOCK_FILE, Lock};
use super::metrics::METRICS_FILE;
use crate::data::{replace_file, sweep};
use crate::error::{Error, Result};
use crate::run::config::TrainConfig;
use crate::run::config::resolved::Run;

/// `runs/<task>__<algo>__<gap>__<seed>__<unix>/`.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Of a process that works in it; one that only reads has none.
    lock: Option<Arc<Lock>>,
}

/// The last policies of a run that is done.
const POLICIES_FILE: &str = "policies.safetensors";
/// What the names of folders begin with that are not whole yet.
const UNBORN: &str = ".new.";

impl RunFolder {
    /// Makes a new folder under `root`, with the run's config and the files `beside` (name, contents) in
    /// it, and locks it; `parts` are task, method, gap and seeds. It is made under another name, so that
    /// it is there whole or not at all.
    pub fn create(
        root: &Path,
        parts: [&str; 4],
        config: &TrainConfig,
        beside: &[(&str, &str)],
    ) -> Result<Self> {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        let unborn = Self::unborn(root, config, beside)?;
        // A list of gaps holds slashes and may be of any length; a folder's name has 255 bytes at most.
        let short = |part: &str| {
            let fits = part
                .char_indices()
                .take_while(|(at, c)| at + c.len_utf8() <= 55);
            fits.map(|(_, c)| if c == '/' { '_' } else { c })
                .collect::<String>()
        };
        let name = parts.map(short).join("__");
        // Two runs may start within one second: the later one takes the next free number.
        for stamp in unix.. {
            let path = root.join(format!("{name}__{stamp}"));
            match fs::rename(&unborn.path, &path) {
                Ok(()) => return Ok(Self { path, ..unborn }),
                Err(_) if path.exists() => continue,
                Err(e) => return Err(Error::io(&path)(e)),
            }
        }
        unreachable!("the range of stamps has no end")
    }

    /// Makes the new folder `path`, with the run's config in it, and locks it: there whole or not at all.
    ///
    /// # Errors
    /// Where something is there already; [`Error::Io`].
    pub fn create_at(path: &Path, config: &TrainConfig) -> Result<Self> {
        let unborn = Self::unborn(path.parent().unwrap_or(Path::new(".")), config, &[])?;
        fs::rename(&unborn.path, path).map_err(Error::io(path))?;
        Ok(Self {
            path: path.to_path_buf(),
            ..unborn
        })
    }

    /// A new folder under `root` whose name is still to be given, locked.
    fn unborn(root: &Path, config: &TrainConfig, beside: &[(&str, &str)]) -> Result<Self> {
        fs::create_dir_all(root).map_err(Error::io(root))?;
        let path = unborn(root)?;
        let made = Self {
            lock: Some(Arc::new(Lock::take(&path)?)),
            path,
        };
        fs::create_dir(made.checkpoints()).map_err(Error::io(made.checkpoints()))?;
        made.describe(config)?;
        for (name, text) in beside {
            write(&made.path.join(name), text.as_bytes())?;
        }
        Ok(made)
    }

    /// Opens an existing run to read it; says what is missing when `path` is none.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self {
            path: path.to_path_buf(),
            lock: None,
        };
        if run.config().is_file() {
            return Ok(run);
        }
        if !path.exists() {
            let help = "name a folder that `h2oplus train` made; they lie in runs/";
            return Err(Error::input(
                path.display(),
                "there is no such run folder",
                help,
            ));
        }
        // A file of a run: its folder is meant.
        let above = path.ancestors().skip(1).take(2);
        let run = above
            .filter(|p| *p != Path::new(""))
            .find(|p| p.join("config.toml").is_file());
        let help = match run {
            Some(run) => format!("name the run's folder: {}", run.display()),
            None => {
                "name a folder that `h2oplus train` made, such as runs/halfcheetah-v2__h2oplus__…"
                    .into()
            }
        };
        let problem = "is not a run folder (it holds no config.toml)";
        Err(Error::input(path.display(), problem, help))
    }

    /// Opens an existing run to go on with it: no other process may work in it. What a killed one
    /// left half written is removed.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`Lock::take`].
    pub fn take(path: &Path) -> Result<Self> {
        let mut run = Self::open(path)?;
        run.lock = Some(Arc::new(Lock::take(path)?));
        for folder in [path.to_path_buf(), run.checkpoints(), run.snapshots()] {
            sweep(&folder, None);
        }
        Ok(run)
    }

    /// Refuses a folder that was deleted or moved while the run goes on.
    pub fn still_there(&self) -> Result<()> {
        if self.config().is_file() && self.checkpoints().is_dir() {
            return Ok(());
        }
        Err(self.gone())
    }

    /// The error of a folder that was deleted or moved while the run went on.
    pub fn gone(&self) -> Error {
        Error::input(
            self.path.display(),
            "the run folder, or a file of it, is gone: deleted or moved while the run went on",
            "put it back and resume from its last checkpoint, or start the run anew",
        )
    }

    /// The folder of the run that `path` is, or whose checkpoint, snapshot or kept policies it is.
    pub fn around(path: &Path) -> Option<PathBuf> {
        let is_run = |folder: &&Path| folder.join("config.toml").is_file();
        if path.is_dir() {
            return Some(path).filter(is_run).map(Path::to_path_buf);
        }
        let (name, folder) = (path.file_name()?.to_string_lossy(), path.parent()?);
        let run = match &*name {
            POLICIES_FILE => folder,
            step if step.starts_with("step_") => folder.parent()?,
            _ => return None,
        };
        Some(run).filter(is_run).map(Path::to_path_buf)
    }

    /// Whether `path`, a file of a run, is a behaviour snapshot of its policy.
    pub fn is_snapshot(path: &Path) -> bool {
        path.parent()
            .is_some_and(|folder| folder.ends_with("snapshots"))
    }

    /// Whether the policies of `path`, the run or a file of it, are those that it kept in place of checkpoints.
    pub fn policies_of(&self, path: &Path) -> bool {
        let kept = path.is_dir() && self.policies().is_file() && !self.has_checkpoints();
        kept || path.file_name() == self.policies().file_name()
    }

    /// The newest run under `root`.
    pub fn newest(root: &Path) -> Result<Self> {
        let newest = fs::read_dir(root)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.join("config.toml").is_file() && !is_unborn(path))
            .max_by_key(|path| fs::metadata(path).and_then(|m| m.modified()).ok());
        match newest {
            Some(path) => Self::open(&path),
            None => Err(Error::input(
                root.display(),
                "holds no run",
                "start one with `h2oplus train`, or name a run, a checkpoint or a data file",
            )),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// `config.toml`, the resolved config.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }
    /// `metrics.jsonl`, the truth about the run.
    pub fn metrics(&self) -> PathBuf {
        self.path.join(METRICS_FILE)
    }
    /// `dynamics.jsonl`, the simulator's parameter rows.
    pub fn dynamics(&self) -> PathBuf {
        self.path.join("dynamics.jsonl")
    }
    /// `checkpoints/`.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }
    /// Whether there are any: a suite removes those of runs that are done.
    pub fn has_checkpoints(&self) -> bool {
        fs::read_dir(self.checkpoints()).is_ok_and(|mut all| all.next().is_some())
    }
    /// `snapshots/`, behaviour snapshots of the policy.
    pub fn snapshots(&self) -> PathBuf {
        self.path.join("snapshots")
    }
    /// `policies.safetensors`: the last policy of each member of a run that is done.
    pub fn policies(&self) -> PathBuf {
        self.path.join(POLICIES_FILE)
    }
    /// `states.safetensors`: rows of each member's replay in the simulator.
    pub fn states(&self) -> PathBuf {
        self.path.join("states.safetensors")
    }
    /// `networks.safetensors`: all networks of each member.
    pub fn networks(&self) -> PathBuf {
        self.path.join("networks.safetensors")
    }
    /// `motion.csv`: how each member's robots moved on the real task at the end.
    pub fn motion(&self) -> PathBuf {
        self.path.join("motion.csv")
    }
    /// `learning_curve.svg`.
    pub fn curve(&self) -> PathBuf {
        self.path.join("learning_curve.svg")
    }

    /// The page on which one sees what the policy of member `member` does: `player.html`, of others `player-3.html`.
    pub fn player(&self, member: usize) -> PathBuf {
        self.path.join(match member {
            0 => "player.html".to_owned(),
            member => format!("player-{member}.html"),
        })
    }

    /// Writes `config.toml`.
    pub fn write_config(&self, config: &TrainConfig) -> Result<()> {
        write(&self.config(), config.to_toml()?.as_bytes())
    }

    /// Writes `config.toml` and `meta.json`.
    fn describe(&self, config: &TrainConfig) -> Result<()> {
        self.write_config(config)?;
        let args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
        let meta = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "commit": env!("H2OPLUS_COMMIT"),
            "command": args.collect::<Vec<_>>().join(" "),
            "hardware": hardware(),
        });
        write(
            &self.path.join("meta.json"),
            format!("{meta:#}\n").as_bytes(),
        )
    }

    /// Reads `config.toml` back, and refuses values that no run can have.
    pub fn read_run(&self) -> Result<Run> {
        Run::read(&self.config()).map_err(|e| inputs::moved(self, e))
    }
}

/// An empty folder under `root` for a run that is being made; those that killed processes left go.
fn unborn(root: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_unborn(&path) && path.join(LOCK_FILE).is_file() && Lock::take(&path).is_ok() {
            // Best effort: what cannot be removed does no harm.
            let _ = fs::remove_dir_all(path);
        }
    }
    for n in 0.. {
        let path = root.join(format!("{UNBORN}{}.{n}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(e) => return Err(Error::io(&path)(e)),
        }
    }
    unreachable!("the range of numbers has no end")
}

fn is_unborn(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with(UNBORN)
}

/// A path as a word for a shell, so that a command that is printed can be copied.
pub fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/._-=+,:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Processor, threads and operating system, for records of measurements.
pub fn hardware() -> serde_json::Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_string())
    });
    serde_json::json!({
        "cpu": cpu.unwrap_or_else(|| std::env::consts::ARCH.into()),
        "threads": rayon::current_num_threads(),
        "os": std::env::consts::OS,
    })
}

/// All of `bytes` or what was there before.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_file(path, |out| out.write_all(bytes).map_err(Error::io(path)))
}
