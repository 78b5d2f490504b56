//! `h2oplus bench`: throughput on this machine.

use crate::error::Result;
use std::process::ExitCode;

pub mod sim;

/// Flags of `bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Env steps of the planar kernel
    Sim(sim::Args),
}

/// Runs the benchmark.
///
/// # Errors
/// Where the task or a gap does not exist.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.what {
        What::Sim(args) => sim::run(args),
    }
}
