//! An array of a file: found and measured first, read after.

use std::fmt::Display;
use std::sync::Arc;

use hdf5_reader::Dataset;
use hdf5_reader::io::Cursor;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::object_header::ObjectHeader;

use super::fault::{damaged, guarded};
use super::open::H5File;
use crate::error::{Error, Result};

/// An array in a file, measured but not read.
pub(in crate::data) struct H5Array {
    /// `file: name`, as errors call it.
    pub place: String,
    /// Its extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    name: String,
    pub(super) file: H5File,
    pub(super) header: Arc<ObjectHeader>,
    pub(super) dataset: Dataset,
}

impl H5File {
    /// The array called `name`, or `None` where the file has no such name.
    pub fn find(&self, name: &str) -> Result<Option<H5Array>> {
        let place = self.place(name);
        let Some(found) = self.follow(name)? else {
            return Ok(None);
        };
        let opened = &found.file.0.file;
        let header = guarded(&place, || opened.get_or_parse_header(found.address))?;
        if !is_array(&header) {
            return Err(Error::input(
                place,
                "a group where one array is needed",
                "use a data set whose observations and actions are plain arrays",
            ));
        }
        let dataset = guarded(&place, || opened.dataset(&found.path))?;
        let shape: Option<Vec<usize>> = match (dataset.shape(), dataset.num_elements()) {
            ([], Ok(0)) => Some(vec![0]),
            (shape, _) => shape.iter().map(|&n| usize::try_from(n).ok()).collect(),
        };
        let shape = shape.ok_or_else(|| damaged(&place, "extents beyond this machine's memory"))?;
        Ok(Some(H5Array {
            place,
            shape,
            name: name.to_owned(),
            file: found.file,
            header,
            dataset,
        }))
    }

    /// The array called `name`.
    pub fn get(&self, name: &str) -> Result<H5Array> {
        self.find(name)?.ok_or_else(|| {
            Error::input(
                self.place(name),
                "no such array",
                "check that this is a D4RL or Minari data file",
            )
        })
    }

    /// Whether the root has something called `name`, be it a link that leads nowhere.
    pub fn has(&self, name: &str) -> Result<bool> {
        Ok(self.names("/")?.iter().any(|known| known == name))
    }

    /// The names in the group called `name`, sorted; none where there is no such group.
    pub fn names(&self, name: &str) -> Result<Vec<String>> {
        let Some(found) = self.follow(name)? else {
            return Ok(Vec::new());
        };
        let links = found.file.links(found.address)?;
        Ok(links.keys().cloned().collect())
    }

    pub(super) fn undefined(&self, address: u64) -> bool {
        Cursor::is_undefined_offset(address, self.0.file.superblock().offset_size)
    }
}

fn is_array(header: &ObjectHeader) -> bool {
    let has = |is: fn(&HdfMessage) -> bool| header.messages.iter().any(is);
    has(|m| matches!(m, HdfMessage::Dataspace(_)))
        && has(|m| matches!(m, HdfMessage::DataLayout(_)))
}

impl H5Array {
    /// Length of a `[n]` array; `[n, 1]`, as replay buffers store it, is one too.
    pub fn vector(&mut self) -> Result<usize> {
        while self.shape.len() > 1 && self.shape.last() == Some(&1) {
            self.shape.pop();
        }
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

    /// Check the extents; a vector may be stored as one column.
    pub fn expect(mut self, shape: &[usize]) -> Result<Self> {
        if shape.len() == 1 {
            self.vector()?;
        }
        if self.shape == shape {
            Ok(self)
        } else {
            Err(self.misshapen(format!("{shape:?}")))
        }
    }

    /// All values, row-major. `f64` is rounded to `f32`.
    pub fn floats(&self) -> Result<Vec<f32>> {
        let read = self.values(|element, bytes| element.single(bytes))?;
        self.complete(read.written)?;
        Ok(read.values)
    }

    /// All values, row-major, unrounded.
    pub fn doubles(&self) -> Result<Vec<f64>> {
        let read = self.values(|element, bytes| element.double(bytes))?;
        self.complete(read.written)?;
        Ok(read.values)
    }

    /// All flags: h5py's Boolean (an enumeration over `int8`), or numbers that are 0 or 1. Where a
    /// recorder never wrote any, they are HDF5's fill value, which `notes` says.
    pub fn flags(&self, notes: &mut Vec<String>) -> Result<Vec<bool>> {
        let read = self.values(|element, bytes| element.single(bytes))?;
        if let Some(written) = read.written {
            notes.push(format!(
                "{}: {written}; what is missing reads as HDF5's fill value",
                self.place
            ));
        }
        let bad = read.values.iter().position(|&x| x != 0.0 && x != 1.0);
        match bad {
            None => Ok(read.values.into_iter().map(|x| x == 1.0).collect()),
            Some(row) => Err(Error::input(
                format!("{}, row {row}", self.place),
                format!("{} is no flag", read.values[row]),
                "store 0 or 1 (bool)",
            )),
        }
    }

    /// A scalar whole number.
    pub fn integer(&self) -> Result<i64> {
        match self.doubles()?[..] {
            [value] => Ok(value as i64),
            _ => Err(self.misshapen("a number")),
        }
    }

    /// A scalar text.
    pub fn text(&self) -> Result<String> {
        if self.shape.iter().product::<usize>() != 1 {
            return Err(self.misshapen("a text"));
        }
        guarded(&self.place, || self.dataset.read_string())
    }

    fn misshapen(&self, wanted: impl Display) -> Error {
        let array = self.name.rsplit('/').next().unwrap_or(&self.name);
        Error::input(
            &self.place,
            format!("shape {:?} where {wanted} is needed", self.shape),
            format!("store {array} as {wanted}"),
        )
    }

    /// HDF5 reads what was never written as zeros, which no reader of recorded numbers wants.
    fn complete(&self, written: Option<String>) -> Result<()> {
        match written {
            None => Ok(()),
            Some(written) => Err(Error::input(
                &self.place,
                format!("its values are missing: {written}"),
                "its recorder stopped early; keep the rows that it wrote, or record again",
            )),
        }
    }
}
