//! HDF5 as both formats use it. Files may be damaged: every array is found, measured and only then
//! read.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hdf5_pure::{Datatype, EnumTypeBuilder, Error as H5Error, FormatError, Layout, make_i8_type};

use crate::error::{Error, Result};

/// h5py's own default level.
pub(super) const GZIP_LEVEL: u32 = 4;

/// Deflate never shrinks by more than this factor, so no sound file declares more bytes per byte
/// of its own length.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// An HDF5 file open for reading.
pub(super) struct H5File {
    path: PathBuf,
    bytes: u64,
    file: hdf5_pure::File,
}

/// An array in it, measured but not read.
pub(super) struct H5Array {
    /// `file: name`, as errors call it.
    pub place: String,
    /// Its extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    file_bytes: u64,
    dataset: hdf5_pure::Dataset,
}

impl H5File {
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::metadata(path).map_err(Error::io(path))?.len();
        let file = guarded(path.display(), || hdf5_pure::File::open_streaming(path))?;
        Ok(Self {
            path: path.to_path_buf(),
            bytes,
            file,
        })
    }

    /// The array called `name`, or `None` where the file has no such name.
    pub fn find(&self, name: &str) -> Result<Option<H5Array>> {
        let place = format!("{}: {name}", self.path.display());
        let found = guarded(&place, || match self.file.dataset(name) {
            Err(H5Error::Format(FormatError::PathNotFound(_))) => Ok(None),
            Err(H5Error::NotADataset(_)) => Ok(Some(None)),
            Err(error) => Err(error),
            Ok(dataset) => dataset.shape().map(|shape| Some(Some((dataset, shape)))),
        })?;
        let Some(found) = found else {
            return Ok(None);
        };
        let Some((dataset, shape)) = found else {
            return Err(Error::input(
                place,
                "a group where one array is needed",
                "use a data set whose observations and actions are plain arrays",
            ));
        };
        let shape = shape
            .into_iter()
            .map(usize::try_from)
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| damaged(&place, "extents beyond this machine's memory"))?;
        Ok(Some(H5Array {
            place,
            shape,
            file_bytes: self.bytes,
            dataset,
        }))
    }

    /// The array called `name`.
    pub fn get(&self, name: &str) -> Result<H5Array> {
        self.find(name)?.ok_or_else(|| {
            Error::input(
                format!("{}: {name}", self.path.display()),
                "no such array",
                "check that this is a D4RL or Minari data file",
            )
        })
    }

    /// Whether the root holds a group called `name`.
    pub fn has_group(&self, name: &str) -> Result<bool> {
        Ok(self.groups()?.iter().any(|group| group == name))
    }

    /// The names of the arrays in the group called `name`; none where there is no such group.
    pub fn arrays(&self, name: &str) -> Result<Vec<String>> {
        let place = format!("{}: {name}", self.path.display());
        guarded(place, || match self.file.group(name) {
            Err(H5Error::Format(FormatError::PathNotFound(_)) | H5Error::NotAGroup(_)) => {
                Ok(Vec::new())
            }
            group => group?.datasets(),
        })
    }

    /// The names of the groups at the root.
    pub fn groups(&self) -> Result<Vec<String>> {
        guarded(self.path.display(), || self.file.root().groups())
    }
}

impl H5Array {
    /// Length of a `[n]` array.
    pub fn vector(&self) -> Result<usize> {
        match self.shape[..] {
            [n] => Ok(n),
            _ => Err(self.misshapen("[rows]")),
        }
    }

    /// Rows and columns of a `[n, m]` array.
    pub fn matrix(&self) -> Result<(usize, usize)> {
        match self.shape[..] {
            [n, m] if m > 0 => Ok((n, m)),
            _ => Err(self.misshapen("[rows, columns]")),
        }
    }

    /// Check the extents.
    pub fn expect(self, shape: &[usize]) -> Result<Self> {
        if self.shape == shape {
            Ok(self)
        } else {
            Err(self.misshapen(format!("{shape:?}")))
        }
    }

    /// All values, row-major. `f64` is rounded to `f32`.
    pub fn floats(&self) -> Result<Vec<f32>> {
        self.check_size()?;
        self.complete(guarded(&self.place, || self.dataset.read_f32())?)
    }

    /// All values, row-major, unrounded.
    pub fn doubles(&self) -> Result<Vec<f64>> {
        self.check_size()?;
        self.complete(guarded(&self.place, || self.dataset.read_f64())?)
    }

    /// All flags: h5py's Boolean (an enumeration over `int8`), or numbers that are 0 or 1.
    pub fn flags(&self) -> Result<Vec<bool>> {
        self.check_size()?;
        let numbers = self.complete(guarded(&self.place, || self.dataset.read_f32())?)?;
        let bad = numbers.iter().position(|&x| x != 0.0 && x != 1.0);
        match bad {
            None => Ok(numbers.into_iter().map(|x| x == 1.0).collect()),
            Some(row) => Err(Error::input(
                format!("{}, row {row}", self.place),
                format!("{} is no flag", numbers[row]),
                "store 0 or 1 (bool)",
            )),
        }
    }

    /// A scalar whole number.
    pub fn integer(&self) -> Result<i64> {
        self.check_size()?;
        let values = guarded(&self.place, || self.dataset.read_i64())?;
        values
            .first()
            .copied()
            .ok_or_else(|| self.misshapen("a number"))
    }

    /// A scalar text.
    pub fn text(&self) -> Result<String> {
        self.check_size()?;
        let mut values = guarded(&self.place, || self.dataset.read_string())?;
        values.pop().ok_or_else(|| self.misshapen("a text"))
    }

    fn misshapen(&self, wanted: impl Display) -> Error {
        Error::input(
            &self.place,
            format!("shape {:?} where {wanted} is needed", self.shape),
            "write the file again with arrays that agree in length",
        )
    }

    fn complete<T>(&self, values: Vec<T>) -> Result<Vec<T>> {
        let declared: usize = self.shape.iter().product();
        if values.len() == declared {
            return Ok(values);
        }
        Err(damaged(
            &self.place,
            format!("{} values of {declared}", values.len()),
        ))
    }

    /// Refuse an array whose declared extents the file cannot hold, before memory is asked for: a
    /// damaged header may claim any size. HDF5 also reads storage that was never written as zeros,
    /// which no reader of recorded data wants.
    fn check_size(&self) -> Result<()> {
        let (layout, element, chunks) = guarded(&self.place, || {
            let layout = self.dataset.layout()?;
            let chunks = match layout {
                Layout::Chunked { .. } => self.dataset.chunks()?.len(),
                _ => 0,
            };
            Ok((layout, self.dataset.element_size()?, chunks))
        })?;
        let bytes = self.shape.iter().try_fold(element, |product, &extent| {
            product.checked_mul(extent as u64)
        });
        let limit = self.file_bytes.saturating_mul(MAX_DEFLATE_RATIO);
        if bytes.is_none_or(|bytes| bytes > limit) {
            let declared = format!("declares shape {:?} of {element} bytes each", self.shape);
            return Err(damaged(
                &self.place,
                format!("{declared} in a file of {} bytes", self.file_bytes),
            ));
        }
        match layout {
            Layout::Contiguous { address: None, .. } if bytes != Some(0) => {
                Err(damaged(&self.place, "its values were never written"))
            }
            Layout::Chunked { chunk_shape, .. } => {
                let wanted = self.shape.iter().zip(&chunk_shape).try_fold(
                    1u64,
                    |product, (&extent, &chunk)| {
                        product.checked_mul((extent as u64).div_ceil(chunk.max(1)))
                    },
                );
                if wanted == Some(chunks as u64) {
                    return Ok(());
                }
                let wanted = wanted.map_or("too many".to_owned(), |n| n.to_string());
                Err(damaged(
                    &self.place,
                    format!("{chunks} of {wanted} chunks were written"),
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Run a call of the HDF5 reader: its errors, and a panic should damage trip one, name `place`.
fn guarded<T>(
    place: impl Display,
    call: impl FnOnce() -> std::result::Result<T, H5Error>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| damaged(place, error)),
        Err(_) => Err(damaged(place, "the HDF5 reader gave up")),
    }
}

fn damaged(place: impl Display, problem: impl Display) -> Error {
    Error::input(
        place,
        format!("not a sound HDF5 file: {problem}"),
        "the file is damaged or was cut short; copy or download it again",
    )
}

/// h5py's Boolean: an enumeration over `int8`.
pub(super) fn boolean() -> std::result::Result<Datatype, FormatError> {
    EnumTypeBuilder::with_base(make_i8_type())
        .value("FALSE", 0)
        .value("TRUE", 1)
        .build()
}
