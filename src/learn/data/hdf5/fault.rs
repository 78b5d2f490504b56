//! What is wrong with a file, in our own words: the place, the problem and what helps.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hdf5_reader::error::Error as H5Error;

use crate::error::{Error, Result};

/// For files that are sound, but stored in a way that is not read here.
pub(super) const REWRITE: &str = "write it again in a plain way: `h5repack -l CONTI -f NONE IN OUT`, or read and \
     write the arrays with h5py";

const COPY_AGAIN: &str = "the file is damaged or was cut short; copy or download it again";

/// Run a call of the HDF5 reader: its errors, and a panic should damage trip one, name `place`.
pub(super) fn guarded<T>(
    place: impl Display,
    call: impl FnOnce() -> hdf5_reader::error::Result<T>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| explain(place, &error)),
        Err(_) => Err(damaged(place, "the HDF5 reader gave up")),
    }
}

/// A file that contradicts itself.
pub(super) fn damaged(place: impl Display, problem: impl Display) -> Error {
    Error::input(
        place,
        format!("not a sound HDF5 file: {problem}"),
        COPY_AGAIN,
    )
}

/// What the operating system refused, said as such.
pub(in crate::data) fn refused(place: impl Display, error: &std::io::Error) -> Error {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    match error.kind() {
        NotFound => Error::input(place, "no such file", "check the name and the folder"),
        PermissionDenied => Error::input(
            place,
            "may not be read: permission denied",
            "give yourself the right to read it (`chmod u+r`), or copy it",
        ),
        _ => Error::input(
            place,
            format!("cannot be read: {error}"),
            "check the file and the disk that it lies on",
        ),
    }
}

fn explain(place: impl Display, error: &H5Error) -> Error {
    match error {
        H5Error::Context { source, .. } => explain(place, source),
        H5Error::Io(error) => refused(place, error),
        H5Error::UnsupportedLayoutClass(3) => Error::input(
            place,
            "a virtual data set: its values lie in other files",
            REWRITE,
        ),
        H5Error::UnsupportedFilter(_) => Error::input(
            place,
            "compressed by a filter that is not read here (gzip, lzf, szip, shuffle and scale-offset are)",
            "write it again with gzip: `h5repack -f GZIP=4 IN OUT`, or read and write the arrays with h5py",
        ),
        H5Error::UnsupportedSuperblockVersion(_)
        | H5Error::UnsupportedObjectHeaderVersion(_)
        | H5Error::UnsupportedDataspaceVersion(_)
        | H5Error::UnsupportedDatatypeClass(_)
        | H5Error::UnsupportedLayoutClass(_)
        | H5Error::UnsupportedLayoutVersion(_)
        | H5Error::UnsupportedFilterPipelineVersion(_)
        | H5Error::UnsupportedFillValueVersion(_)
        | H5Error::UnsupportedLinkVersion(_)
        | H5Error::UnsupportedLinkType(_)
        | H5Error::UnsupportedChunkIndexType(_)
        | H5Error::UnsupportedEncoding(_) => Error::input(
            place,
            "a way of storage that is not read here, unless the file is damaged",
            REWRITE,
        ),
        H5Error::ChecksumMismatch { .. } => damaged(place, "a checksum is wrong"),
        H5Error::ResourceLimit(_) => damaged(place, "it declares more than it can hold"),
        H5Error::UnexpectedEof { .. }
        | H5Error::OffsetOutOfBounds(_)
        | H5Error::UndefinedAddress => damaged(place, "it refers to what lies beyond its end"),
        H5Error::DecompressionError(_) | H5Error::FilterError(_) => {
            damaged(place, "a compressed block does not unpack")
        }
        _ => damaged(place, "its structure is broken"),
    }
}
