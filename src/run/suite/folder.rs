//! The folder of a suite: where its plan, its runs and their outcomes lie.

use std::path::{Path, PathBuf};

use super::plan::{RunGroup, SuitePlan};
use super::status::GroupStatus;
use crate::error::{Error, Result};

/// A suite's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteFolder {
    path: PathBuf,
}

impl SuiteFolder {
    /// The folder at `path`, which need not be there.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// The folder at `path`, and the plan in it.
    ///
    /// # Errors
    /// Where it holds none.
    pub fn open(path: &Path) -> Result<(Self, SuitePlan)> {
        let folder = Self::at(path);
        if !folder.plan().is_file() {
            let problem = match path.exists() {
                true => "is no suite's folder (it holds no suite.toml)",
                false => "there is no such folder",
            };
            let help = "name a folder that `h2oplus suite` made";
            return Err(Error::input(path.display(), problem, help));
        }
        let plan = SuitePlan::read(&folder.plan())?;
        Ok((folder, plan))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `suite.toml`, the plan.
    pub fn plan(&self) -> PathBuf {
        self.path.join("suite.toml")
    }

    /// `runs/`, which holds a run folder for each group.
    pub fn runs(&self) -> PathBuf {
        self.path.join("runs")
    }

    /// The run folder of `group`.
    pub fn run(&self, group: &str) -> PathBuf {
        self.runs().join(group)
    }

    /// `data/`, which holds the data sets that the suite makes.
    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// `group`, its data where this folder has them.
    ///
    /// # Errors
    /// Where the folder's path is no text.
    pub fn placed(&self, plan: &SuitePlan, group: &RunGroup) -> Result<RunGroup> {
        let mut group = group.clone();
        let data = group.run.get("data").and_then(toml::Value::as_str);
        let Some(set) = plan.sets.iter().find(|set| Some(set.file.as_str()) == data) else {
            return Ok(group);
        };
        let path = self.data().join(&set.file);
        let path = std::path::absolute(&path).map_err(Error::io(&path))?;
        let text = path.into_os_string().into_string();
        let text = text.map_err(|_| {
            Error::input(
                self.path.display(),
                "is no text",
                "give a path of plain text",
            )
        })?;
        group.run.insert("data".into(), text.into());
        Ok(group)
    }

    /// `status/`.
    pub fn statuses(&self) -> PathBuf {
        self.path.join("status")
    }

    /// How `group` ended; the file is there once it has.
    pub fn status(&self, group: &str) -> PathBuf {
        self.statuses().join(format!("{group}.json"))
    }

    /// How `group` ended; none while it waits or is trained.
    ///
    /// # Errors
    /// Where the file is damaged.
    pub fn read_status(&self, group: &str) -> Result<Option<GroupStatus>> {
        GroupStatus::read(&self.status(group))
    }
}
