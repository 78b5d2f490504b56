//! The suites that the program has with it: the files of `envs/suites`.

use std::path::Path;

use h2oplus_base::nearest::among;

use super::file::SuiteFile;
use crate::error::{Error, Result};

macro_rules! suites {
    ($($name:literal),+) => {
        [$(($name, include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/envs/suites/", $name, ".toml"
        )))),+]
    };
}

/// Names and texts of the shipped suites.
pub const SUITES: [(&str, &str); 9] = suites!(
    "table1", "table2", "table3", "figure3", "figure4", "ablation", "ratio", "odrl", "robot"
);

/// The suite called `name`, or in the TOML file of that name; and what records call it.
///
/// # Errors
/// Where there is none, or the file is no suite.
pub fn named(name: &str) -> Result<(String, SuiteFile)> {
    if let Some((name, text)) = SUITES.iter().find(|(known, _)| *known == name) {
        return Ok(((*name).to_owned(), SuiteFile::parse(Path::new(name), text)?));
    }
    let path = Path::new(name);
    if path.extension().is_some_and(|ending| ending == "toml") {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let suite = SuiteFile::parse(path, &crate::text::read(path)?)?;
        return Ok((stem.into_owned(), suite));
    }
    let help = among(name, &SUITES.map(|(name, _)| name));
    let problem = "there is no such suite";
    Err(Error::input(format!("suite `{name}`"), problem, help))
}
