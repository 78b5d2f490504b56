//! Parses, runs, and maps the outcome to an exit code: 0 done, 1 a check or target was missed,
//! 2 error, 130 stopped by a signal with everything saved.

use std::process::ExitCode;

use h2oplus::cli::Cli;
use h2oplus::error::Error;
use h2oplus::run::train::stop;

fn main() -> ExitCode {
    stop::listen();
    match Cli::main() {
        Ok(code) => code,
        Err(Error::Stopped) => ExitCode::from(stop::SAVED),
        Err(error) => {
            h2oplus::log!("error: {error}");
            ExitCode::from(2)
        }
    }
}
