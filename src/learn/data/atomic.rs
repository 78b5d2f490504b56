//! Files that are either the old one or the new one, never half of either.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Write `path` through a temporary file beside it, which is renamed once it is on the disk: a
/// crash or a full disk on the way leaves what was at `path` before.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be made or the file not written, and whatever `fill` returns.
pub fn replace_file(
    path: impl AsRef<Path>,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    let Some(name) = path.file_name() else {
        return Err(Error::input(
            path.display(),
            "not a file's name",
            "name a file to write",
        ));
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    // The process id keeps two runs that write the same file from mixing their bytes.
    let mut temporary = name.to_os_string();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let write = || -> Result<()> {
        let mut out = BufWriter::new(File::create(&temporary).map_err(Error::io(&temporary))?);
        fill(&mut out)?;
        out.flush().map_err(Error::io(&temporary))?;
        out.get_ref().sync_all().map_err(Error::io(&temporary))?;
        std::fs::rename(&temporary, path).map_err(Error::io(path))
    };
    write().inspect_err(|_| {
        // Best effort: the error that matters is the one on its way up.
        let _ = std::fs::remove_file(&temporary);
    })
}
