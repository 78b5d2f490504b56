//! The program: its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    h2oplus::cli::main(std::env::args_os())
}
