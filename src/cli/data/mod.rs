//! `h2oplus data`: what a data set holds, other layouts of it, and mixes of several.

mod convert;
mod info;
mod mix;

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Format, emit};
use crate::data::{Dataset, Layout};
use crate::error::{Error, Result};
use crate::run::data::real_data::log_notes;

/// Flags of `data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Statistics, normalised score, ranges and histograms of data sets
    Info(info::Args),
    /// Write a data set in another layout: D4RL's (.hdf5), safetensors (.safetensors), or a Minari folder
    Convert(convert::Args),
    /// Write one data set of parts of several
    Mix(mix::Args),
}

/// Does what was asked for.
///
/// # Errors
/// Those of the subcommand.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.what {
        What::Info(args) => info::run(args),
        What::Convert(args) => convert::run(args),
        What::Mix(args) => mix::run(args),
    }
}

/// Refuses to write `out` where that would take from `from`, or something that is no data set, its place.
fn check_out(out: &Path, from: &[&Path]) -> Result<Layout> {
    let layout = Layout::to(out)?;
    let whole = |path: &Path| std::fs::canonicalize(path).ok();
    let same = |path: &&&Path| whole(path).is_some() && whole(path) == whole(out);
    if let Some(path) = from.iter().find(same) {
        let problem = format!("is {} itself, which is read", path.display());
        return Err(Error::input(
            out.display(),
            problem,
            "give the new data set another name",
        ));
    }
    let mut there = std::fs::read_dir(out).into_iter().flatten();
    let minari = out.join("data/main_data.hdf5").is_file();
    if out.is_dir() && !minari && there.next().is_some() {
        let problem = "is a folder that holds other things than a Minari data set";
        return Err(Error::input(out.display(), problem, "name a new folder"));
    }
    Ok(layout)
}

/// Writes `data` to `out`, and says so.
fn write(out: &Path, data: &Dataset, format: Format) -> Result<ExitCode> {
    let layout = Layout::to(out)?;
    log_notes(data);
    if layout == Layout::Minari && data.policy.is_some() {
        crate::log!("note: the behaviour policy is left out, for which Minari has no place");
    }
    let whole = data
        .episodes()
        .last()
        .is_none_or(|rows| data.terminals[rows.end - 1] || data.timeouts[rows.end - 1]);
    if layout == Layout::Minari && !whole {
        crate::log!("note: the last episode is not whole; Minari marks it as truncated");
    }
    if out.exists() {
        crate::log!("replacing {}", out.display());
    }
    data.write(out)?;
    let (rows, episodes) = (data.len(), data.episodes().count());
    match format {
        Format::Json => {
            let made: Value = json!({
                "file": out.to_string_lossy(),
                "layout": layout.name(),
                "rows": rows,
                "episodes": episodes,
            });
            emit(&format!("{made:#}"))?;
        }
        Format::Short | Format::Human => emit(&format!(
            "{} ({}): {rows} rows, {episodes} episodes",
            out.display(),
            layout.name()
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}
