//! `h2oplus gap`: the gaps that there are, what they edit and do, and which of them explain recorded data.

mod effect;
pub mod list;
pub mod measure;

use std::process::ExitCode;

use crate::env::Task;
use crate::error::Result;
use crate::model::GapSet;

/// Flags of `gap`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Tasks and gaps; with --task, every field of its robot that they edit
    List(list::Args),
    /// How far apart trajectories with and without a gap are under the same actions
    Effect(effect::Args),
    /// Which gaps explain recorded data: how far they bring the simulator to its transitions
    Measure(measure::Args),
}

/// Prints what was asked for.
///
/// # Errors
/// Those of the subcommand.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.what {
        What::List(args) => list::run(args),
        What::Effect(args) => effect::run(args),
        What::Measure(args) => measure::run(args),
    }
}

/// What `--gap` names, or every gap of the task at its default strength.
fn domains(task: &Task, gap: Option<&str>) -> Result<Vec<GapSet>> {
    match gap {
        Some(text) => Ok(task.domain(text)?.split()),
        None => {
            let names = task.gaps.names_for(&task.spec.name);
            names.into_iter().map(|name| task.domain(name)).collect()
        }
    }
}
