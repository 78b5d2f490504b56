//! The checkpoints of a run: `checkpoints/step_<updates>.safetensors`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use candle_core::Device;

use super::checkpoint::{Checkpoint, Refusal};
use crate::error::{Error, Result};

/// The newest checkpoint that is sound.
pub struct Newest {
    /// Where it lies.
    pub path: PathBuf,
    /// What it holds.
    pub checkpoint: Checkpoint,
    /// Those after it, which are damaged.
    pub damaged: Vec<PathBuf>,
}

/// The newest sound checkpoint in `folder`, and a line on stderr for each that is damaged; `None`
/// where the run ended before its first one.
///
/// # Errors
/// Where all are damaged, or one is of another format.
pub fn newest(folder: &Path, device: &Device) -> Result<Option<Newest>> {
    let (mut damaged, mut first) = (Vec::new(), None);
    for (_, path) in list(folder)?.into_iter().rev() {
        match Checkpoint::load(&path, device) {
            Ok(checkpoint) => {
                if let Some(error) = first {
                    let path = path.display();
                    crate::log!(
                        "note: {}\n  the one before it is used: {path}",
                        brief(&error)
                    );
                }
                return Ok(Some(Newest {
                    path,
                    checkpoint,
                    damaged,
                }));
            }
            // The run that is still going on has pruned it.
            Err(Refusal::Other(Error::Io { source, .. }))
                if source.kind() == ErrorKind::NotFound => {}
            Err(Refusal::Other(error)) => return Err(error),
            Err(Refusal::Damaged(error)) => {
                damaged.push(path);
                first.get_or_insert(error);
            }
        }
    }
    match first {
        None => Ok(None),
        Some(error) => Err(Error::input(
            folder.display(),
            format!("no checkpoint is usable; the newest: {}", brief(&error)),
            "restore one of them; or delete them all, and the run begins again at update 0",
        )),
    }
}

/// An error without its help.
fn brief(error: &Error) -> String {
    match error {
        Error::Input { place, problem, .. } => format!("{place}: {problem}"),
        other => other.to_string(),
    }
}

/// Gives damaged checkpoints another name, `….aside`, so that the run can write them anew.
pub fn set_aside(damaged: &[PathBuf]) -> Result<()> {
    for path in damaged {
        let mut aside = path.clone().into_os_string();
        aside.push(".aside");
        fs::rename(path, &aside).map_err(Error::io(path))?;
        crate::log!(
            "note: the damaged checkpoint is now {}",
            Path::new(&aside).display()
        );
    }
    Ok(())
}

/// Removes all but the newest `keep` checkpoints.
pub fn prune(folder: &Path, keep: usize) -> Result<()> {
    let all = list(folder)?;
    for (_, path) in all.iter().take(all.len().saturating_sub(keep)) {
        match fs::remove_file(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(Error::io(path)(e)),
            _ => {}
        }
    }
    Ok(())
}

/// The name of the checkpoint after `updates` updates.
pub fn name(updates: u64) -> String {
    format!("step_{updates}.safetensors")
}

/// The k of `step_<k>.safetensors`.
pub fn step_of(path: &Path) -> Option<u64> {
    let file = path.file_name()?.to_str()?;
    let k = file.strip_prefix("step_")?.strip_suffix(".safetensors")?;
    k.parse().ok().filter(|k| name(*k) == file)
}

/// Checkpoints in `folder`, oldest first.
fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if let Some(step) = step_of(&path) {
            all.push((step, path));
        }
    }
    all.sort();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::record::checkpoint::Header;

    fn three(dir: &Path) {
        for updates in [5, 100, 20] {
            let header = Header {
                updates,
                ..Header::default()
            };
            let checkpoint = Checkpoint {
                header,
                ..Checkpoint::default()
            };
            checkpoint.save(&dir.join(name(updates))).unwrap();
        }
    }

    fn steps(dir: &Path) -> Vec<u64> {
        let all = list(dir).unwrap();
        all.into_iter().map(|(step, _)| step).collect()
    }

    #[test]
    fn prune_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        three(dir.path());
        prune(dir.path(), 2).unwrap();
        assert_eq!(steps(dir.path()), [20, 100]);
    }

    #[test]
    fn a_damaged_one_gives_way_to_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        three(dir.path());
        let newest = || newest(dir.path(), &Device::Cpu);
        assert_eq!(newest().unwrap().unwrap().checkpoint.header.updates, 100);
        fs::write(dir.path().join(name(100)), "").unwrap();
        fs::write(dir.path().join(name(20)), "no checkpoint").unwrap();
        let found = newest().unwrap().unwrap();
        assert_eq!(found.checkpoint.header.updates, 5);
        assert_eq!(steps(dir.path()), [5, 20, 100], "looking changes nothing");
        set_aside(&found.damaged).unwrap();
        assert_eq!(steps(dir.path()), [5]);
        assert!(dir.path().join("step_20.safetensors.aside").is_file());
        fs::write(dir.path().join(name(5)), "").unwrap();
        let error = newest().err().unwrap().to_string();
        assert!(
            error.contains("step_5") && error.contains("help:"),
            "{error}"
        );
        fs::remove_file(dir.path().join(name(5))).unwrap();
        assert!(newest().unwrap().is_none());
    }
}
