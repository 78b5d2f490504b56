//! Parses, runs, and maps the outcome to an exit code: 0 done, 1 a check or target was missed,
//! 2 error, 130 stopped by Ctrl-C with everything saved.

use std::process::ExitCode;

use h2oplus::cli::Cli;
use h2oplus::error::Error;

fn main() -> ExitCode {
    match Cli::parse_args().run() {
        Ok(code) => code,
        Err(Error::Stopped) => ExitCode::from(130),
        Err(error) => {
            h2oplus::log!("error: {error}");
            ExitCode::from(2)
        }
    }
}
