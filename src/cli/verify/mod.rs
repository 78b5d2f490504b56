//! `h2oplus verify`: against recorded references.

use crate::error::Result;
use std::process::ExitCode;

pub mod algorithms;
pub mod physics;

/// Flags of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The planar kernel against another engine's transitions, or against a data file's
    Physics(physics::Args),
    /// The learning rules against recorded updates of the published code
    Algorithms(algorithms::Args),
}

/// Runs the check.
///
/// # Errors
/// Where a reference cannot be read.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.what {
        What::Physics(args) => physics::run(args),
        What::Algorithms(args) => algorithms::run(args),
    }
}
