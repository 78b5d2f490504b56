//! `h2oplus bench`: throughput on this machine.

use std::process::ExitCode;

use crate::cli::flag::defaults;
use crate::error::Result;

mod engine;
mod lanes;
pub mod learn;
pub mod sim;
mod steps;

/// Flags of `bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to measure (default: both)
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Env steps per second
    Sim(sim::Args),
    /// Updates per second of a method
    Learn(learn::Args),
}

/// Measures, and prints.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.what {
        Some(What::Sim(args)) => sim::run(args),
        Some(What::Learn(args)) => learn::run(args),
        None => {
            sim::run(defaults())?;
            learn::run(defaults())
        }
    }
}
