//! `h2oplus verify algorithms`: recorded updates of the published code, replayed.
//!
//! The [`Case`] says what a file holds and how an error is measured, [`published`](super::published) what that code
//! calls things.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::case::{Case, TOLERANCE, Worst};
use crate::cli::{Format, emit};
use crate::error::{Error, Result};

/// Flags of `verify algorithms`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of recorded cases (*.safetensors)
    #[arg(long, default_value = "tests/reference/algorithms", value_name = "DIR")]
    reference: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Replays every case and prints a line for each.
pub fn run(args: Args) -> Result<ExitCode> {
    let mut outcomes = Vec::new();
    for path in cases(&args.reference)? {
        let case = Case::read(&path)?;
        let worst = case
            .agent()?
            .map(|mut agent| case.replay(&mut agent))
            .transpose()?;
        outcomes.push((case.name, worst));
    }
    let failed = outcomes
        .iter()
        .any(|(_, w)| w.as_ref().is_some_and(|w| !w.passes()));
    let verdict = |worst: &Option<Worst>| match worst {
        None => "not built",
        Some(worst) if worst.passes() => "ok",
        Some(_) => "FAIL",
    };
    if args.format == Format::Json {
        let case = |(case, worst): &(String, Option<Worst>)| {
            serde_json::json!({
                "case": case,
                "verdict": verdict(worst),
                "tolerance": TOLERANCE,
                "error": worst.as_ref().map(|w| w.error),
                "parameter": worst.as_ref().map(|w| &w.parameter),
            })
        };
        let cases: Vec<Value> = outcomes.iter().map(case).collect();
        emit(&serde_json::json!({ "cases": cases, "ok": !failed }).to_string())?;
    } else {
        for (case, worst) in &outcomes {
            let detail = worst.as_ref().map_or(String::new(), |w| {
                format!(": worst relative error {:.1e} at {}", w.error, w.parameter)
            });
            emit(&format!("{} {case}{detail}", verdict(worst)))?;
        }
        if args.format == Format::Human {
            emit(&format!(
                "(error: |x − r| / max(|r|, largest |r| of the tensor / 10), after each update; \
                 tolerance {TOLERANCE:.0e})"
            ))?;
        }
    }
    Ok(ExitCode::from(u8::from(failed)))
}

fn cases(folder: &Path) -> Result<Vec<PathBuf>> {
    let help = "name a folder of recorded cases with --reference";
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    paths.sort();
    if paths.is_empty() {
        return Err(Error::input(
            folder.display(),
            "holds no *.safetensors",
            help,
        ));
    }
    Ok(paths)
}
