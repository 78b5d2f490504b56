//! The command line, as `python -m h2oplus`.

use std::process::ExitCode;

use pyo3::prelude::*;

/// Runs the command line on `arguments`, without the program's name; the exit code.
#[pyfunction]
pub fn main(py: Python<'_>, arguments: Vec<String>) -> u8 {
    let all = std::iter::once("h2oplus".to_owned()).chain(arguments);
    let code = py.detach(|| h2oplus::cli::main(all.map(Into::into)));
    // An exit code does not say its number, but which it equals.
    let number = (0..=u8::MAX).find(|number| ExitCode::from(*number) == code);
    number.unwrap_or(2)
}
