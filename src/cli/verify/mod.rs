//! `h2oplus verify`: against recorded numbers.

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Result;

pub mod algorithms;
pub mod physics;

/// Flags of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Learning rules against recorded updates of the published code
    Algorithms(algorithms::Args),
    /// The planar kernel against another engine's transitions, or a data set's
    Physics(physics::Args),
}

/// Checks, and prints a line a file.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.what {
        What::Algorithms(args) => algorithms::run(args),
        What::Physics(args) => physics::run(args),
    }
}
