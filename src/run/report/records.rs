//! What a run folder tells: its config, its evaluations by member, and what it ran on.

use std::path::{Path, PathBuf};

use serde_json::Value;
use toml::Table;

use super::model::{RunGroupResult, RunState};
use crate::error::Result;
use crate::run::config::TrainConfig;
use crate::run::config::members::Member;
use crate::run::record::metrics::{MetricsLine, read_jsonl};
use crate::run::record::run_folder::RunFolder;

/// What a run folder tells.
#[derive(Clone, Debug)]
pub struct RunRecords {
    /// Its config, with all settings and members.
    pub config: TrainConfig,
    /// The method's settings by member, resolved.
    pub settings: Vec<Table>,
    /// All lines of its metrics.
    lines: Vec<MetricsLine>,
    /// `meta.json`, or null.
    meta: Value,
}

impl RunRecords {
    /// Reads the run folder `path`.
    ///
    /// # Errors
    /// Where it is none, or a file in it is damaged.
    pub fn read(path: &Path) -> Result<Self> {
        let folder = RunFolder::open(path)?;
        let run = folder.read_run()?;
        let meta = std::fs::read_to_string(path.join("meta.json")).ok();
        let meta = meta.and_then(|text| serde_json::from_str(&text).ok());
        let lines = match folder.metrics().exists() {
            true => read_jsonl(folder.metrics())?,
            false => Vec::new(),
        };
        Ok(Self {
            settings: run.settings,
            config: run.config,
            lines,
            meta: meta.unwrap_or(Value::Null),
        })
    }

    /// Its members.
    pub fn members(&self) -> &[Member] {
        &self.config.members
    }

    /// Update and value of each evaluation of `member`, where they are finite.
    pub fn evaluations(&self, member: usize, unit: &str) -> Vec<(u64, f64)> {
        let key = match unit {
            "score" => "eval/normalized_score",
            _ => "eval/return",
        };
        let lines = self.lines.iter().filter(|line| line.member == member);
        lines
            .filter_map(|line| Some((line.step, line.get(key)?)))
            .collect()
    }

    /// Updates of `member` that the records know of.
    pub fn updates(&self, member: usize) -> u64 {
        let lines = self.lines.iter().filter(|line| line.member == member);
        lines.map(|line| line.step).max().unwrap_or(0)
    }

    /// How `member` ended, by the records alone.
    pub fn state(&self, member: usize) -> RunState {
        let lines = self.lines.iter().filter(|line| line.member == member);
        let diverged = lines.filter_map(|l| l.get("charts/diverged_at")).next();
        let updates = self.updates(member);
        match diverged {
            Some(at) => RunState::Diverged(at as u64),
            None if updates < self.config.updates => RunState::Unfinished(updates),
            None => RunState::Done,
        }
    }

    /// The player that the run in `path` left of `member`, where it did.
    pub fn player(&self, path: &Path, member: usize) -> Option<PathBuf> {
        let player = RunFolder::open(path).ok()?.player(member);
        player.is_file().then_some(player)
    }

    /// The folder at `path`, as reports list it.
    pub fn group(&self, name: String, path: &Path) -> RunGroupResult {
        let text = |key: &str| self.meta[key].as_str().unwrap_or_default().to_owned();
        let members = self.members().len();
        RunGroupResult {
            name,
            path: Some(path.to_path_buf()),
            algo: self.config.algo.clone(),
            members,
            updates: self.config.updates,
            done: (0..members).map(|member| self.updates(member)).sum(),
            seconds: self.lines.iter().fold(0.0, |most, l| most.max(l.wall_s)),
            hardware: hardware(&self.meta["hardware"]),
            program: program(&text("version"), &text("commit")),
        }
    }

    /// Keys of the run and settings of the method of `member`, by name, as texts.
    pub fn described(&self, member: usize) -> Vec<(String, String)> {
        let config: Table =
            toml::from_str(&self.config.to_toml().unwrap_or_default()).unwrap_or_default();
        let own = &self.members()[member];
        let run = config.into_iter().filter_map(|(key, value)| {
            let value = match key.as_str() {
                "vary" | "settings" | "members" | "seeds" => return None,
                "gap" => own.gap.clone().into(),
                "data" => own.data.clone().into(),
                _ => value,
            };
            Some((key, shown(&value)))
        });
        let settings = self.settings[member].iter();
        let settings = settings.map(|(key, value)| (key.clone(), shown(value)));
        run.chain(settings).collect()
    }
}

/// A value without quotes.
pub fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Float(x) => format!("{x}"),
        other => other.to_string(),
    }
}

/// `AMD EPYC, 2 threads, linux`.
pub fn hardware(value: &Value) -> String {
    let Some(cpu) = value["cpu"].as_str() else {
        return String::new();
    };
    let threads = value["threads"].as_u64().unwrap_or(0);
    let os = value["os"].as_str().unwrap_or_default();
    let ending = if threads == 1 { "" } else { "s" };
    format!("{cpu}, {threads} thread{ending}, {os}")
}

/// `0.2.0 (4119580)`.
pub fn program(version: &str, commit: &str) -> String {
    match (version, commit) {
        ("", _) => String::new(),
        (version, "") => version.to_owned(),
        (version, commit) => format!("{version} ({commit})"),
    }
}
