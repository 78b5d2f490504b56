//! The lock of a run folder: one process works in it at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Held until it is dropped, or its process ends in whatever way.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// The file's name in a run folder; it holds the number of the process.
pub const LOCK_FILE: &str = "lock";

impl Lock {
    /// Takes the lock of `folder`.
    ///
    /// # Errors
    /// Where another process has it, which is named; [`Error::Io`].
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        Self::at(&path)?.ok_or_else(|| {
            // It may not have written its number yet; then the message goes without.
            let process = std::fs::read_to_string(&path).unwrap_or_default();
            let problem = format!("another process works in it: {}", process.trim());
            let help = "wait until it ends, or stop it first (Ctrl-C there saves)";
            Error::input(folder.display(), problem, help)
        })
    }

    /// Takes the lock that the file `path` is, which is made where there is none; nothing where another process has it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn at(path: &Path) -> Result<Option<Self>> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(Error::io(path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => {
                crate::log!(
                    "note: {} cannot be locked ({e}); let no second process work in the folder",
                    path.display()
                );
                return Ok(Some(Self { _file: file }));
            }
        }
        let process = format!("{}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.write_all(process.as_bytes()))
            .map_err(Error::io(path))?;
        Ok(Some(Self { _file: file }))
    }
}
