//! What a training of `collect` keeps to go on, and what may change then.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Wanted;
use super::training::Budget;
use crate::cli::flags::Flags;
use crate::env::Task;
use crate::error::{Error, Result};
use crate::run::record::inputs;
use crate::run::record::paused::Paused;
use crate::setting::Settings;

/// `collect.toml` in the folder of the run that is trained: what it is trained for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// None where its path is not text.
    out: Option<String>,
    /// What was asked for.
    pub wanted: Wanted,
}

/// The manifest's name in a run folder.
pub const MANIFEST: &str = "collect.toml";

impl Manifest {
    /// Of data sets in the folder `out`.
    pub fn new(wanted: &Wanted, out: &Path) -> Self {
        let mut wanted = wanted.clone();
        inputs::absolute("task", &mut wanted.task);
        inputs::absolute("gap", &mut wanted.gap);
        inputs::absolute("real_gap", &mut wanted.real_gap);
        let out = std::path::absolute(out).unwrap_or_else(|_| out.to_path_buf());
        let out = out.into_os_string().into_string().ok();
        Self { out, wanted }
    }

    /// The folder of the data sets.
    pub fn out(&self) -> Option<PathBuf> {
        self.out.as_ref().map(PathBuf::from)
    }

    /// Its text.
    ///
    /// # Errors
    /// Where a number has more than TOML's 63 bits.
    pub fn text(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::input(MANIFEST, e, "give smaller numbers"))
    }
}

/// The run in `path`, which goes on, and what it is trained for.
///
/// # Errors
/// Where it is no run of `collect`, or `flags` ask for what it was not begun for.
pub fn resume(path: &Path, flags: &Flags<Wanted>) -> Result<(Paused, Manifest)> {
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
        let sized = !manifest.wanted.whole() || manifest.wanted.rows.is_some();
        match key.as_str() {
            "updates" => {
                paused.grow(all.updates.unwrap_or(paused.run().config.updates))?;
                manifest.wanted.updates = all.updates;
            }
            // A whole replay that was to end with the medium policy is not sized.
            "rows" if sized => manifest.wanted.rows = all.rows,
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
    let task = manifest.wanted.real_task()?;
    let due = Budget::of(&manifest.wanted, &task)?.updates;
    paused.grow(due.max(paused.run().config.updates))?;
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
