//! The folder of a run: its name, the resolved config, what it ran on, and where things lie.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::metrics::METRICS_FILE;
use crate::data::replace_file;
use crate::error::{Error, Result};

/// `runs/<task>__<algo>__<gap>__<seed>__<unix>/`.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes a new folder under `root`; `parts` are task, method, gap and seeds.
    pub fn create(root: &Path, parts: [&str; 4]) -> Result<Self> {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        fs::create_dir_all(root).map_err(Error::io(root))?;
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
            match fs::create_dir(&path) {
                Ok(()) => {
                    let run = Self { path };
                    fs::create_dir(run.checkpoints()).map_err(Error::io(run.checkpoints()))?;
                    return Ok(run);
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(Error::io(&path)(e)),
            }
        }
        unreachable!("the range of stamps has no end")
    }

    /// Opens an existing run; says what is missing when `path` is none.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self {
            path: path.to_path_buf(),
        };
        if !run.config().is_file() {
            return Err(Error::input(
                path.display(),
                "is not a run folder (it holds no config.toml)",
                "name a folder that `h2oplus train` made, such as runs/halfcheetah-v2__h2oplus__…",
            ));
        }
        Ok(run)
    }

    /// The newest run under `root`.
    pub fn newest(root: &Path) -> Result<Self> {
        let newest = fs::read_dir(root)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.join("config.toml").is_file())
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
    /// `learning_curve.svg`.
    pub fn curve(&self) -> PathBuf {
        self.path.join("learning_curve.svg")
    }

    /// Writes `config.toml` and `meta.json`.
    pub fn describe(&self, config: &impl Serialize) -> Result<()> {
        let text = toml::to_string(config)
            .map_err(|e| Error::input(self.config().display(), e, "report this as a bug"))?;
        write(&self.config(), text.as_bytes())?;
        let meta = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "commit": env!("H2OPLUS_COMMIT"),
            "command": command(),
            "hardware": hardware(),
        });
        write(
            &self.path.join("meta.json"),
            format!("{meta:#}\n").as_bytes(),
        )
    }

    /// Reads `config.toml` back.
    pub fn read_config<T: DeserializeOwned>(&self) -> Result<T> {
        let path = self.config();
        let text = crate::text::read(&path)?;
        toml::from_str(&text).map_err(|e| {
            Error::input(
                path.display(),
                e.message(),
                "restore the file as the run wrote it",
            )
        })
    }
}

/// The words of this process's command line. A path may hold bytes that are no text: they become `�`.
fn command() -> String {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    words.collect::<Vec<_>>().join(" ")
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
