//! The layouts in which data sets are kept: told from a file's contents when one is read, from its name when one is
//! written.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Dataset, EpisodeRules, d4rl, hdf5, minari, tensors};
use crate::error::{Error, Result};

/// How a data set lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One HDF5 file.
    D4rl,
    /// A folder.
    Minari,
    /// One safetensors file, whose tensors have D4RL's names.
    Tensors,
}

impl Layout {
    /// As a reader knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::D4rl => "D4RL",
            Self::Minari => "Minari",
            Self::Tensors => "safetensors",
        }
    }

    /// The layout of what lies at `path`.
    ///
    /// # Errors
    /// Where there is nothing that can be opened.
    pub fn of(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Minari);
        }
        if is_tensors(path) {
            return Ok(Self::Tensors);
        }
        let minari = hdf5::H5File::open(path)?.has("episode_0")?;
        Ok(if minari { Self::Minari } else { Self::D4rl })
    }

    /// The layout that a data set called `path` is to have: by its ending, and without one a folder.
    ///
    /// # Errors
    /// Where the ending is none of them.
    pub fn to(path: &Path) -> Result<Self> {
        let ending = path
            .extension()
            .map(|end| end.to_string_lossy().into_owned());
        match ending.as_deref() {
            _ if path.is_dir() => Ok(Self::Minari),
            Some("hdf5" | "h5") => Ok(Self::D4rl),
            Some("safetensors") => Ok(Self::Tensors),
            None => Ok(Self::Minari),
            Some(other) => Err(Error::input(
                path.display(),
                format!("no layout of data sets ends in `.{other}`"),
                "end it in .hdf5 (D4RL) or .safetensors, or in nothing (a Minari folder)",
            )),
        }
    }
}

/// Whether a file begins as a safetensors file does: a length of eight bytes, then JSON. One that is damaged there is
/// told by its name.
fn is_tensors(path: &Path) -> bool {
    let mut head = [0; 9];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    let begins = read.is_ok() && head[8] == b'{' && !head.starts_with(b"\x89HDF");
    begins || path.extension().is_some_and(|end| end == "safetensors")
}

impl Dataset {
    /// [`read_as`](Self::read_as) of no task in particular.
    ///
    /// # Errors
    /// As [`read_as`](Self::read_as).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::read_as(path, &EpisodeRules::default())
    }

    /// Read a data set: an HDF5 file in D4RL's layout, a Minari folder or its main file (which holds a group
    /// `episode_0`), or a safetensors file. `rules` tell ends of episodes that the file does not mark.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no such file, it is damaged or misshapen, or what it holds does
    /// not pass [`Dataset::validate`].
    pub fn read_as(path: impl AsRef<Path>, rules: &EpisodeRules) -> Result<Self> {
        let path = path.as_ref();
        let mut data = match Layout::of(path)? {
            Layout::Minari => minari::read(path)?,
            Layout::D4rl => d4rl::read_as(path, rules)?,
            Layout::Tensors => tensors::read_as(path, rules)?,
        };
        data.note_terminals(rules);
        Ok(data)
    }

    /// Write it in the layout that the name of `path` asks for.
    ///
    /// # Errors
    /// As [`Layout::to`], and those of the layout's own `write`.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match Layout::to(path)? {
            Layout::Minari => minari::write(path, self),
            Layout::D4rl => d4rl::write(path, self),
            Layout::Tensors => tensors::write(path, self),
        }
    }
}
