//! Minari folders.
use std::path::Path;

use super::Dataset;
use crate::error::{Error, Result};

/// The file in a Minari folder that holds the episodes.
pub const MAIN_FILE: &str = "main_data.hdf5";

/// Read.
pub fn read(path: impl AsRef<Path>) -> Result<Dataset> {
    Err(Error::input(
        path.as_ref().display(),
        "Minari folders are not read yet",
        "use a D4RL file",
    ))
}
