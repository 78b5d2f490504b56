//! `h2oplus bench`: how fast this machine is.

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Result;

pub mod learn;
pub mod sim;

/// Flags of `bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Updates per second of a method
    Learn(learn::Args),
    /// Env steps per second of the planar kernel
    Sim(sim::Args),
}

/// Measures, and prints.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.what {
        What::Learn(args) => learn::run(args),
        What::Sim(args) => sim::run(args),
    }
}
