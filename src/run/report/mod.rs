//! Reports: what suites and runs came to, beside what was published, computed from their folders alone.

pub mod coverage;
pub mod csv;
pub mod html;
pub mod latex;
pub mod links;
pub mod markdown;
pub mod model;
pub mod motion;
pub mod number;
pub mod plain;
pub mod records;
pub mod statistics;
pub mod suites;
mod summary;
mod verdict;

use std::path::{Path, PathBuf};

use self::links::Links;
use self::model::Report;
use self::statistics::Bootstrap;
use self::suites::Shards;
use crate::error::{Error, Result};
use crate::run::record::run_folder::write;
use crate::run::suite::file::Keep;

/// How a report counts.
#[derive(Clone, Copy, Debug)]
pub struct ReportRules {
    /// How many of a run's last evaluations its score is the mean of; at least one.
    pub last: usize,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
}

impl Report {
    /// What `folders` show: suites' folders, run folders, and folders of run folders, in any mixture.
    ///
    /// # Errors
    /// Where one of them is nothing of the kind, or is damaged.
    pub fn of(folders: &[PathBuf], rules: &ReportRules) -> Result<Self> {
        let (mut suites, mut runs) = (Vec::new(), Vec::new());
        for folder in folders {
            if folder.join("suite.toml").is_file() {
                suites.push(folder.clone());
            } else {
                runs.extend(run_folders(folder)?);
            }
        }
        let mut parts = Vec::new();
        for shards in Shards::of(&suites)? {
            let mut part = shards.part(rules.last)?;
            if shards.plan.keep.contains(&Keep::States) {
                coverage::fill(&mut part)?;
            }
            if shards.plan.keep.contains(&Keep::Motion) {
                motion::fill(&mut part)?;
            }
            parts.push(part);
        }
        if !runs.is_empty() {
            parts.push(plain::part(&runs, rules.last)?);
        }
        for part in &mut parts {
            summary::fill(part, &rules.bootstrap);
        }
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("H2OPLUS_COMMIT"),
            last: rules.last,
            resamples: rules.bootstrap.resamples,
            parts,
        })
    }

    /// Writes `report.html`, `report.md`, `report.tex`, `cells.csv` and `runs.csv` into `folder`; their paths.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let links = Links::from(folder);
        let files = [
            ("report.html", html::page(self, &links)),
            ("report.md", markdown::text(self, &links)),
            ("report.tex", latex::text(self)),
            ("cells.csv", csv::cells(self)),
            ("runs.csv", csv::runs(self)),
        ];
        let write = |(name, text): (&str, String)| {
            let path = folder.join(name);
            write(&path, text.as_bytes()).map(|()| path)
        };
        files.into_iter().map(write).collect()
    }
}

/// The run folder `folder`, or those in it, by name.
fn run_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.join("config.toml").is_file() {
        return Ok(vec![folder.to_path_buf()]);
    }
    let problem = match folder.is_dir() {
        true => "holds neither a suite nor runs",
        false => "there is no such folder",
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let hidden = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with('.')
    };
    let mut runs: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("config.toml").is_file() && !hidden(path))
        .collect();
    runs.sort();
    if runs.is_empty() {
        let help = "name folders that `h2oplus suite` or `h2oplus train` made";
        return Err(Error::input(folder.display(), problem, help));
    }
    Ok(runs)
}
