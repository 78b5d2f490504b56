//! `h2oplus verify physics --physics rapier`: how far the second engine is from recorded transitions.

use crate::cli::verify::verdict::{spread, spread_json};
use crate::cli::{Format, emit};
use crate::error::Result;
use crate::measure::distance::{ActiveConstraint, Distance, distance};
use crate::measure::reference::Reference;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Largest median, over transitions without floor and limits, of the error of qpos and of qvel over
/// max(1, |qvel|). Contacts and limits are Rapier's own, and are reported only.
pub const TOLERANCE: f64 = 1e-3;

/// Measures every file and judges the transitions without floor and limits.
///
/// # Errors
/// Where a file cannot be read.
pub fn run(files: &[PathBuf], format: Format) -> Result<ExitCode> {
    let mut cases = Vec::new();
    for file in files {
        let reference = Reference::load(file)?;
        let (model, _) = reference.task.model(&reference.gap)?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        cases.push((name.into_owned(), distance(&reference, &model)?));
    }
    let failed = cases.iter().filter(|(_, kinds)| !passes(kinds)).count();
    if format == Format::Json {
        let rows: Vec<Value> = cases
            .iter()
            .map(|(name, kinds)| case(name, kinds))
            .collect();
        emit(&json!({ "physics": "rapier", "cases": rows, "ok": failed == 0 }).to_string())?;
        return Ok(ExitCode::from(u8::from(failed > 0)));
    }
    if format == Format::Human {
        emit(
            "errors after an env step as median/99 %/max over a file's transitions, by what acted on the robot\n\
             in either engine; scaled = error of qvel / max(1, |qvel|)",
        )?;
    }
    for (name, kinds) in &cases {
        let verdict = if passes(kinds) { "ok" } else { "FAIL" };
        let parts: Vec<String> = kinds.iter().map(part).collect();
        emit(&format!("{verdict} {name}: {}", parts.join(" | ")))?;
    }
    if format == Format::Human {
        emit(&format!(
            "{} of {} files within tolerance (free: medians {TOLERANCE:.0e}; floor and limits are Rapier's own)",
            cases.len() - failed,
            cases.len()
        ))?;
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

fn passes(kinds: &[Distance]) -> bool {
    let free = kinds.iter().filter(|k| k.acting == ActiveConstraint::Free);
    let mut medians = free.flat_map(|k| [k.qpos.median, k.scaled_qvel.median]);
    medians.all(|m| m <= TOLERANCE)
}

fn part(kind: &Distance) -> String {
    format!(
        "{} ({}) qpos {} scaled {}",
        kind.acting.label(),
        kind.transitions,
        spread(kind.qpos),
        spread(kind.scaled_qvel)
    )
}

fn case(name: &str, kinds: &[Distance]) -> Value {
    let mut case = json!({
        "case": name,
        "verdict": if passes(kinds) { "ok" } else { "FAIL" },
    });
    for kind in kinds {
        case[kind.acting.label()] = json!({
            "transitions": kind.transitions,
            "qpos_env": spread_json(kind.qpos),
            "scaled_qvel_env": spread_json(kind.scaled_qvel),
        });
    }
    case
}
