//! Files that are either the old one or the new one, never half of either.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Write `path` through a temporary file beside it, which is renamed once it is on the disk: a
/// crash or a full disk on the way leaves what was at `path` before. What killed writes of the
/// same file left behind is removed. The folder must be there: one that was deleted is not made anew.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written, and whatever `fill` returns.
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
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    sweep(folder, Some(name));
    // The process id keeps two runs that write the same file from mixing their bytes.
    let mut temporary = name.to_os_string();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let write = || -> Result<()> {
        let file = File::create(&temporary).map_err(Error::io(&temporary))?;
        // Says to `sweep` that somebody is at work on it; a file system without locks goes without.
        let _ = file.try_lock();
        let mut out = BufWriter::new(file);
        fill(&mut out)?;
        out.flush().map_err(Error::io(&temporary))?;
        out.get_ref().sync_all().map_err(Error::io(&temporary))?;
        fs::rename(&temporary, path).map_err(Error::io(path))?;
        sync_folder(folder)
    };
    write().inspect_err(|_| {
        // Best effort: the error that matters is the one on its way up.
        let _ = fs::remove_file(&temporary);
    })
}

/// Make the folder that `path` lies in.
pub(super) fn make_folder_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(Error::io(folder)),
        None => Ok(()),
    }
}

/// Put a folder's names on the disk: without it, a rename may be undone when the power is cut.
fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(Error::io(folder))?;
    }
    Ok(())
}

/// Remove the temporary files of killed writes from `folder`: all of them, or those of the file
/// called `name`. A file on which a living process is at work is locked, and stays.
pub fn sweep(folder: &Path, name: Option<&OsStr>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let found = found.to_string_lossy();
        let Some((of, process)) = found
            .strip_suffix(".tmp")
            .and_then(|found| found.rsplit_once('.'))
        else {
            continue;
        };
        let ours = process.bytes().all(|b| b.is_ascii_digit()) && !process.is_empty();
        if !ours || name.is_some_and(|name| name.to_string_lossy() != of) {
            continue;
        }
        let path = entry.path();
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            // Best effort: what cannot be removed does no harm.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_overs_go_and_files_at_work_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let names = ["a.hdf5.12.tmp", "a.hdf5.13.tmp", "b.12.tmp", "a.hdf5.x.tmp"];
        for name in names {
            fs::write(at(name), "half").expect("written");
        }
        let busy = File::open(at("a.hdf5.13.tmp")).expect("opened");
        busy.lock().expect("locked");
        replace_file(at("a.hdf5"), |out| {
            out.write_all(b"whole").map_err(Error::io("a.hdf5"))
        })
        .expect("written");
        let left = |name: &str| at(name).exists();
        assert_eq!(names.map(left), [false, true, true, true]);
        drop(busy);
        sweep(folder.path(), None);
        assert_eq!(names.map(left), [false, false, false, true]);
        assert_eq!(fs::read(at("a.hdf5")).expect("read"), b"whole");
    }
}
