//! `h2oplus verify`: against recorded numbers.

use std::process::ExitCode;

use crate::cli::flag::defaults;
use crate::error::Result;

pub mod algorithms;
pub mod case;
pub mod physics;
pub mod published;
mod rapier;
mod verdict;

/// Flags of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to check (default: everything, against the references in `tests/reference`)
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// An engine against another one's transitions
    Physics(physics::Args),
    /// The learning rules against recorded updates of the published code
    Algorithms(algorithms::Args),
}

/// Runs the check; exit code 1 where something is beyond tolerance.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.what {
        Some(What::Physics(args)) => physics::run(args),
        Some(What::Algorithms(args)) => algorithms::run(args),
        None => {
            let codes = [physics::run(defaults())?, algorithms::run(defaults())?];
            let failed = codes.iter().any(|code| *code != ExitCode::SUCCESS);
            Ok(if failed {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            })
        }
    }
}
