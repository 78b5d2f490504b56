//! The files that a run is made from, by what they hold: a run that goes on needs the same ones.

use std::ffi::OsString;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::run_folder::RunFolder;
use super::seal::hexadecimal;
use crate::env::Task;
use crate::error::{Error, Result};
use crate::model::gap::files;
use crate::run::config::TrainConfig;
use crate::run::data::behaviour::Quality;

/// A file (or a Minari folder) and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it is to the run: `data`, `task`, `gap`, `real_gap`, `robot` or `table of gaps`.
    pub what: String,
    /// Where it lay.
    pub path: PathBuf,
    /// SHA-256 of its contents, in hexadecimal.
    pub sha256: String,
}

/// The files that `config` names, in an order that follows from the config alone.
///
/// # Errors
/// Where one is not there, or cannot be read.
pub fn of(config: &TrainConfig) -> Result<Vec<Input>> {
    let mut found: Vec<(&str, PathBuf)> = Vec::new();
    if is_file("task", &config.task) {
        let task = PathBuf::from(&config.task);
        let beside = Task::beside(&task)?;
        found.push(("task", task));
        found.extend(beside);
    }
    let mut add = |what, path: &str| {
        let file = (what, PathBuf::from(path.trim()));
        if !found.contains(&file) {
            found.push(file);
        }
    };
    for member in &config.members {
        for (key, name) in [
            ("data", &member.data),
            ("gap", &member.gap),
            (
                "real_gap",
                member.real_gap.as_ref().unwrap_or(&config.real_gap),
            ),
        ] {
            let paths = paths(key, name).into_iter();
            paths.for_each(|at| add(key, &name[at]));
        }
    }
    let input = |(what, path): (&str, PathBuf)| {
        Ok(Input {
            what: what.to_owned(),
            sha256: digest(&path)?,
            path,
        })
    };
    found.into_iter().map(input).collect()
}

/// Refuses files that are not those the run began with, as `checkpoint` says.
///
/// # Errors
/// The file that is missing or differs, by name.
pub fn check(
    folder: &RunFolder,
    config: &TrainConfig,
    checkpoint: &Path,
    began: &[Input],
) -> Result<()> {
    let now = of(config).map_err(|e| moved(folder, e))?;
    let kinds = |all: &[Input]| {
        all.iter()
            .map(|input| input.what.clone())
            .collect::<Vec<_>>()
    };
    if kinds(&now) != kinds(began) {
        let named = |all: &[Input]| {
            let all = all
                .iter()
                .map(|i| format!("{} {}", i.what, i.path.display()));
            all.collect::<Vec<_>>().join(", ")
        };
        let problem = format!(
            "its files are [{}]; the run began with [{}]",
            named(&now),
            named(began)
        );
        let help = "restore the file as the run wrote it";
        return Err(Error::input(folder.config().display(), problem, help));
    }
    match now
        .iter()
        .zip(began)
        .find(|(now, began)| now.sha256 != began.sha256)
    {
        None => Ok(()),
        Some((now, _)) => Err(Error::input(
            now.path.display(),
            format!(
                "the {} is not what the run began with: its contents have changed, says {}",
                now.what,
                checkpoint.display()
            ),
            "put the old contents back to go on to the same results, or start a new run",
        )),
    }
}

/// Says of a file that is missing where its name stands.
pub fn moved(folder: &RunFolder, error: Error) -> Error {
    match error {
        Error::Io { path, source } => Error::input(
            path.display(),
            format!("{source}; {} names it", folder.config().display()),
            "put it back there, or write its new place into that config.toml",
        ),
        other => other,
    }
}

/// Makes the paths in `config` whole, so that the run can go on from any folder; its members follow.
pub fn settle(config: &mut TrainConfig) -> Result<()> {
    absolute("task", &mut config.task);
    absolute("data", &mut config.data);
    absolute("gap", &mut config.gap);
    absolute("real_gap", &mut config.real_gap);
    for axis in &mut config.vary {
        for value in &mut axis.values {
            if let toml::Value::String(text) = value {
                absolute(&axis.key, text);
            }
        }
    }
    config.members = config.population()?;
    Ok(())
}

/// Whether `name`, the value of the config's `key`, names a file.
pub fn is_file(key: &str, name: &str) -> bool {
    match key {
        "task" => Task::is_file(name),
        "data" => name != "none" && Quality::shipped(name).is_none(),
        "gap" | "real_gap" => !files(name).is_empty(),
        _ => false,
    }
}

/// Where paths stand in `name`, the value of `key`: a gap may name several beside other words.
fn paths(key: &str, name: &str) -> Vec<Range<usize>> {
    match key {
        "gap" | "real_gap" => files(name),
        _ if is_file(key, name) => std::iter::once(0..name.len()).collect(),
        _ => Vec::new(),
    }
}

/// Makes the paths in `name`, the value of `key`, whole; one that is not text stays as it was.
pub fn absolute(key: &str, name: &mut String) {
    for at in paths(key, name).into_iter().rev() {
        let whole = std::path::absolute(name[at.clone()].trim());
        if let Ok(Ok(whole)) = whole.map(|path| path.into_os_string().into_string()) {
            name.replace_range(at, &whole);
        }
    }
}

/// SHA-256 of a file; of a folder, over the names and digests of what is in it and not hidden.
fn digest(path: &Path) -> Result<String> {
    let mut sha = Sha256::new();
    if !path.is_dir() {
        let mut file = File::open(path).map_err(Error::io(path))?;
        std::io::copy(&mut file, &mut sha).map_err(Error::io(path))?;
        return Ok(hexadecimal(sha.finalize()));
    }
    let entries = std::fs::read_dir(path).map_err(Error::io(path))?;
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(Error::io(path))?;
    names.sort();
    let shown = |name: &OsString| !name.as_encoded_bytes().starts_with(b".");
    for name in names.into_iter().filter(shown) {
        sha.update(name.as_encoded_bytes());
        sha.update([0]);
        sha.update(digest(&path.join(&name))?);
    }
    Ok(hexadecimal(sha.finalize()))
}
