//! Errors as Python's: what a user can put right is a `ValueError` with place, problem and help.

use h2oplus::error::Error;
use pyo3::PyErr;
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyRuntimeError, PyValueError};

/// The exception that says `error`; an adapter for `map_err`.
pub fn raised(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Input { .. } => PyValueError::new_err(text),
        Error::Io { .. } => PyOSError::new_err(text),
        Error::Stopped => PyKeyboardInterrupt::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}
