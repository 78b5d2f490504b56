//! `h2oplus data convert`: the same columns in another layout.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{check_out, write};
use crate::cli::Format;
use crate::data::Dataset;
use crate::error::Result;

/// Flags of `data convert`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A D4RL or safetensors file, or a Minari folder, told by its contents
    from: PathBuf,
    /// What is written: .hdf5 is D4RL's layout, .safetensors that; a name without an ending is a Minari folder
    to: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reads and writes.
///
/// # Errors
/// Where either cannot be done.
pub fn run(args: Args) -> Result<ExitCode> {
    check_out(&args.to, &[&args.from])?;
    let data = Dataset::read(&args.from)?;
    write(&args.to, &data, args.format)
}
