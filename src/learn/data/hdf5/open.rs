//! A file is opened only if it is what it says: HDF5, complete, and closed by its writer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use hdf5_reader::error::Error as H5Error;
use hdf5_reader::{FileStorage, FilterRegistry, Hdf5File, OpenOptions};

use super::fault::{damaged, guarded, refused};
use super::links::Links;
use super::lzf;
use crate::error::{Error, Result};

/// Deflate never shrinks by more than this factor, so no sound file declares more bytes per byte of
/// its own length.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// An HDF5 file open for reading; clones share it.
#[derive(Clone)]
pub(in crate::data) struct H5File(pub(super) Rc<Opened>);

pub(super) struct Opened {
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    pub file: Hdf5File,
    /// Links of the groups that were visited, by the group's address.
    pub links: RefCell<HashMap<u64, Rc<Links>>>,
    /// Files that its external links name.
    pub others: RefCell<HashMap<PathBuf, H5File>>,
}

impl H5File {
    pub fn open(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|e| refused(path.display(), &e))?;
        if !metadata.is_file() {
            return Err(Error::input(
                path.display(),
                "neither a file nor a folder",
                "name an HDF5 file, or a Minari folder",
            ));
        }
        let mut file = std::fs::File::open(path).map_err(|e| refused(path.display(), &e))?;
        let mut head = Vec::new();
        (&mut file)
            .take(64)
            .read_to_end(&mut head)
            .map_err(|e| refused(path.display(), &e))?;
        let bytes = metadata.len();
        let file = guarded(path.display(), || {
            let storage = Arc::new(FileStorage::from_file(file)?);
            match Hdf5File::from_storage_with_options(storage, options(bytes)) {
                Err(H5Error::InvalidMagic) => Ok(None),
                other => other.map(Some),
            }
        })?;
        let file = file.ok_or_else(|| other_kind(path, &head))?;
        let block = file.superblock();
        // Version 3 marks a file while somebody writes to it; a recorder that was killed leaves the mark.
        if block.version >= 3 && block.consistency_flags & 1 != 0 {
            return Err(Error::input(
                path.display(),
                "still open for writing, or its recorder was killed before it closed the file",
                "close it in the recorder; if that is gone, `h5clear -s FILE` and check the last rows",
            ));
        }
        if block.base_address == 0 && block.eof_address > bytes {
            let whole = block.eof_address;
            return Err(damaged(
                path.display(),
                format!("cut short after {bytes} of {whole} bytes, or its recorder was killed"),
            ));
        }
        Ok(Self(Rc::new(Opened {
            path: path.to_path_buf(),
            bytes,
            file,
            links: RefCell::default(),
            others: RefCell::default(),
        })))
    }

    /// More bytes than a sound array of this file has.
    pub(super) fn limit(&self) -> u64 {
        limit(self.0.bytes)
    }

    /// `file: name`, as errors call it.
    pub(super) fn place(&self, name: &str) -> String {
        format!("{}: {name}", self.0.path.display())
    }
}

fn limit(bytes: u64) -> u64 {
    bytes.saturating_mul(MAX_DEFLATE_RATIO)
}

/// Chunks pass through once, so none is kept; nothing may be larger than the file can hold.
fn options(bytes: u64) -> OpenOptions {
    let most = usize::try_from(limit(bytes)).unwrap_or(usize::MAX);
    let mut filters = FilterRegistry::new();
    filters.register(lzf::FILTER, Box::new(lzf::filter));
    OpenOptions::default()
        .with_chunk_cache_bytes(0)
        .with_filter_registry(filters)
        .with_max_chunk_bytes(most)
        .with_max_read_bytes(most)
}

/// What a file without HDF5's mark is, from its first bytes.
fn other_kind(path: &Path, head: &[u8]) -> Error {
    let rewrite = "read the arrays with numpy and write them with h5py: `f[\"rewards\"] = …`";
    let known: [(&[u8], &str, &str); 9] = [
        (b"PK\x03\x04", "a zip archive (as .npz is)", rewrite),
        (b"\x93NUMPY", "a NumPy array (.npy)", rewrite),
        (b"\x80", "a Python pickle", rewrite),
        (
            b"\x1f\x8b",
            "packed by gzip",
            "unpack it first: `gunzip FILE`",
        ),
        (
            b"PAR1",
            "a Parquet file",
            "write it again as HDF5; Minari: data_format=\"hdf5\"",
        ),
        (
            b"ARROW1",
            "an Arrow file",
            "write it again as HDF5; Minari: data_format=\"hdf5\"",
        ),
        (
            b"version https://git-lfs",
            "a Git LFS pointer, not the data",
            "fetch the data: `git lfs pull`",
        ),
        (
            b"<",
            "a web page or XML",
            "download the file itself, not the page about it",
        ),
        (b"{", "JSON", "name the HDF5 file that lies beside it"),
    ];
    let found = known.iter().find(|(mark, ..)| head.starts_with(mark));
    let (what, help) = match found {
        Some((_, what, help)) => (*what, *help),
        None if head.is_empty() => ("empty", "record, copy or download it again"),
        None => (
            "without HDF5's first bytes",
            "give a D4RL file (.hdf5) or a Minari folder; if it was one, copy or download it again",
        ),
    };
    Error::input(path.display(), format!("no HDF5 file: {what}"), help)
}
