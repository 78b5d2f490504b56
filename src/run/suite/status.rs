//! How a group of a suite ended: a small JSON file, written when it does.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::run::record::run_folder::write;

/// What is said of a group that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupStatus {
    /// Its name.
    pub group: String,
    /// How it ended.
    pub state: GroupState,
    /// Why it failed.
    pub error: Option<String>,
    /// By member: the update, counted from 1, in which it diverged.
    pub diverged: Vec<Option<u64>>,
    /// Updates done by each member.
    pub updates: u64,
    /// Seconds of work on it, over all processes.
    pub seconds: f64,
    /// When it ended, seconds since 1970.
    pub ended: u64,
    /// Commit of the program.
    pub commit: String,
    /// Its version.
    pub version: String,
    /// What it ran on: `cpu`, `threads`, `os`.
    pub hardware: serde_json::Value,
    /// Which share of the plan the process had, `2/4`.
    pub shard: Option<String>,
}

/// How a group ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupState {
    /// Trained to its end; single members may have diverged.
    Done,
    /// An error ended it; it is tried again when the suite goes on.
    Failed,
}

impl GroupStatus {
    /// Reads the file `path`; none where there is no such file.
    ///
    /// # Errors
    /// Where it is damaged.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if !path.is_file() {
            return Ok(None);
        }
        let text = crate::text::read(path)?;
        let help = "delete that file; the group is then looked at again when the suite goes on";
        let status = serde_json::from_str(&text);
        status
            .map(Some)
            .map_err(|e| Error::input(path.display(), e, help))
    }

    /// Writes it to `path`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|e| Error::input(path.display(), e, "report this as a bug"))?;
        write(path, format!("{text}\n").as_bytes())
    }

    /// Whether it was trained to its end.
    pub fn is_done(&self) -> bool {
        self.state == GroupState::Done
    }
}
