//! The values of an array, from wherever the file keeps them. Memory is asked for only as far as the
//! file can hold what it declares, and touched only where values are.

use std::collections::HashSet;

use bytemuck::Zeroable;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::layout::DataLayout;

use super::array::H5Array;
use super::element::Element;
use super::fault::{REWRITE, damaged, guarded};
use crate::error::{Error, Result};

/// Bytes read at once where values lie in one piece.
const PIECE: usize = 1 << 20;

/// Values of an array, row-major.
pub(super) struct Values<T> {
    pub values: Vec<T>,
    /// How much was ever written, where that is less than all: the rest is the fill value.
    pub written: Option<String>,
}

impl H5Array {
    /// The type of its elements.
    pub(super) fn element(&self) -> Result<Element> {
        let raw = guarded(&self.place, || self.dataset.raw_datatype())?;
        Element::of(self.dataset.dtype(), &raw).map_err(|what| {
            Error::input(
                &self.place,
                format!("holds {what} where numbers are needed"),
                "store float32 or float64 (flags: bool), as D4RL and Minari do",
            )
        })
    }

    /// Every value, made by `decode` of its element's bytes.
    pub(super) fn values<T: Zeroable + Copy>(
        &self,
        decode: impl Fn(Element, &[u8]) -> T,
    ) -> Result<Values<T>> {
        let element = self.element()?;
        let decode = |bytes: &[u8]| decode(element, bytes);
        let count = self.count(element.size)?;
        let out = bytemuck::try_zeroed_vec(count).map_err(|()| {
            Error::input(
                &self.place,
                format!("{count} values do not fit this machine's memory"),
                "use a machine with more, or a file with fewer rows",
            )
        });
        let mut out: Vec<T> = out?;
        if let Some(fill) = self.fill() {
            out.fill(decode(&fill));
        }
        let written = match self.layout()? {
            DataLayout::Compact { data } => {
                self.decode_all(&data, element.size, &mut out, decode)?;
                None
            }
            DataLayout::Contiguous { address, size } => {
                if self.file.undefined(address) || size == 0 && count > 0 {
                    (count > 0).then(|| "never written".to_owned())
                } else {
                    self.read_piece(address, element.size, &mut out, decode)?;
                    None
                }
            }
            DataLayout::Chunked { address, .. } => {
                let all = self.chunks_of_all()?;
                let written = if self.file.undefined(address) {
                    0
                } else {
                    self.read_chunks(element.size, &mut out, decode)?
                };
                (written < all).then(|| format!("{written} of {all} chunks were written"))
            }
        };
        Ok(Values {
            values: out,
            written,
        })
    }

    /// How many values it declares, unless the file cannot hold as many of `size` bytes.
    fn count(&self, size: usize) -> Result<usize> {
        let shape = &self.shape;
        let count = shape.iter().try_fold(1usize, |n, &x| n.checked_mul(x));
        let bytes = count.and_then(|n| n.checked_mul(size));
        match (count, bytes) {
            (Some(count), Some(bytes)) if bytes as u64 <= self.file.limit() => Ok(count),
            _ => Err(damaged(
                &self.place,
                format!(
                    "declares shape {shape:?} of {size} bytes each in a file of {} bytes",
                    self.file.0.bytes
                ),
            )),
        }
    }

    fn layout(&self) -> Result<DataLayout> {
        let mut layout = None;
        for message in &self.header.messages {
            match message {
                HdfMessage::DataLayout(found) => layout = Some(found.layout.clone()),
                HdfMessage::ExternalFiles(_) => {
                    return Err(Error::input(
                        &self.place,
                        "its values lie in another file (external storage)",
                        REWRITE,
                    ));
                }
                _ => {}
            }
        }
        layout.ok_or_else(|| damaged(&self.place, "nothing says where its values lie"))
    }

    /// What stands where nothing was written: the bytes of one element. `None`: zeros.
    fn fill(&self) -> Option<Vec<u8>> {
        let message = self
            .header
            .messages
            .iter()
            .find_map(|message| match message {
                HdfMessage::FillValue(fill) => fill.value.clone(),
                _ => None,
            });
        message.filter(|bytes| bytes.iter().any(|&b| b != 0))
    }

    fn decode_all<T: Copy>(
        &self,
        bytes: &[u8],
        size: usize,
        out: &mut [T],
        decode: impl Fn(&[u8]) -> T,
    ) -> Result<()> {
        if bytes.len() != out.len() * size {
            let (have, want) = (bytes.len(), out.len() * size);
            return Err(damaged(&self.place, format!("{have} bytes of {want}")));
        }
        for (to, from) in out.iter_mut().zip(bytes.chunks_exact(size)) {
            *to = decode(from);
        }
        Ok(())
    }

    /// Values that lie in one piece from `address` on.
    fn read_piece<T: Copy>(
        &self,
        address: u64,
        size: usize,
        out: &mut [T],
        decode: impl Fn(&[u8]) -> T,
    ) -> Result<()> {
        let storage = self.file.0.file.storage();
        let step = PIECE / size;
        for (k, part) in out.chunks_mut(step).enumerate() {
            let at = address.saturating_add((k * step * size) as u64);
            let bytes = guarded(&self.place, || storage.read_range(at, part.len() * size))?;
            self.decode_all(&bytes, size, part, &decode)?;
        }
        Ok(())
    }

    /// Chunks that the whole array takes.
    fn chunks_of_all(&self) -> Result<u64> {
        let chunk = self.dataset.chunks().unwrap_or_default();
        let wrong = || damaged(&self.place, format!("chunks {chunk:?} of {:?}", self.shape));
        if chunk.len() != self.shape.len() || chunk.contains(&0) {
            return Err(wrong());
        }
        let counts = self.shape.iter().zip(&chunk);
        counts
            .map(|(&extent, &chunk)| (extent as u64).div_ceil(u64::from(chunk)))
            .try_fold(1u64, u64::checked_mul)
            .ok_or_else(wrong)
    }

    /// Fills in the chunks that were written, and tells how many there are.
    fn read_chunks<T: Copy>(
        &self,
        size: usize,
        out: &mut [T],
        decode: impl Fn(&[u8]) -> T,
    ) -> Result<u64> {
        let mut seen = HashSet::new();
        let mut chunks = guarded(&self.place, || self.dataset.iter_chunks())?;
        while let Some(chunk) = guarded(&self.place, || chunks.next().transpose())? {
            let (at, extent) = (chunk.offsets(), chunk.shape());
            let inside = at.len() == self.shape.len()
                && at.iter().zip(&self.shape).all(|(&at, &n)| at < n as u64);
            // An array that was made smaller may keep chunks beyond its end.
            if !inside || !seen.insert(at.to_vec()) {
                continue;
            }
            let grid = Grid::new(&self.shape, at, extent);
            if chunk.bytes().len() < grid.bytes(size) {
                return Err(damaged(&self.place, "a chunk is too short"));
            }
            grid.runs(|from, to, run| {
                let bytes = &chunk.bytes()[from * size..(from + run) * size];
                for (to, from) in out[to..to + run].iter_mut().zip(bytes.chunks_exact(size)) {
                    *to = decode(from);
                }
            });
        }
        Ok(seen.len() as u64)
    }
}

/// Where a chunk lies in its array; both row-major.
struct Grid<'a> {
    array: &'a [usize],
    at: Vec<usize>,
    chunk: Vec<usize>,
    /// What of the chunk lies inside the array.
    part: Vec<usize>,
}

impl<'a> Grid<'a> {
    fn new(array: &'a [usize], at: &[u64], chunk: &[u64]) -> Self {
        let narrow = |x: &[u64]| -> Vec<usize> {
            // `at` is inside the array, and a chunk's extents are 32-bit numbers.
            x.iter()
                .map(|&x| usize::try_from(x).unwrap_or(usize::MAX))
                .collect()
        };
        let (at, chunk) = (narrow(at), narrow(chunk));
        let part = array.iter().zip(&at).zip(&chunk);
        let part = part.map(|((n, at), chunk)| (n - at).min(*chunk)).collect();
        Self {
            array,
            at,
            chunk,
            part,
        }
    }

    fn bytes(&self, size: usize) -> usize {
        self.chunk.iter().fold(size, |n, &x| n.saturating_mul(x))
    }

    /// Every run of neighbours: its place in the chunk, its place in the array, its length.
    fn runs(&self, mut each: impl FnMut(usize, usize, usize)) {
        let Some((&run, outer)) = self.part.split_last() else {
            return each(0, 0, 1);
        };
        let mut index = vec![0; outer.len()];
        loop {
            let (mut from, mut to) = (0, 0);
            for axis in 0..self.array.len() {
                let inside = index.get(axis).copied().unwrap_or(0);
                from = from * self.chunk[axis] + inside;
                to = to * self.array[axis] + self.at[axis] + inside;
            }
            each(from, to, run);
            let Some(axis) = (0..outer.len())
                .rev()
                .find(|&axis| index[axis] + 1 < outer[axis])
            else {
                return;
            };
            index[axis] += 1;
            index[axis + 1..].fill(0);
        }
    }
}
