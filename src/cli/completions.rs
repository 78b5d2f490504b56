//! `h2oplus completions SHELL`.

use std::process::ExitCode;

use clap::CommandFactory;

use crate::error::Result;

/// Flags of `completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shell to complete for
    #[arg(default_value = "bash")]
    shell: clap_complete::Shell,
}

/// Prints the completion script.
pub fn run(args: Args) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut super::Cli::command(),
        "h2oplus",
        &mut script,
    );
    super::emit(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
