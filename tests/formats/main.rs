//! Data files and run records: what is read, what is written, and what damage does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod d4rl;
mod damage;
mod ends;
mod gaps;
mod minari;
mod python;
mod records;
mod sizes;
mod tensors;
mod variants;

use std::path::{Path, PathBuf};

/// A file recorded by `tests/reference/formats/record.py`.
fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference/formats")
        .join(name)
}

/// `record.py`'s `ramp`: `column + k/64` for the `k`-th of `n` elements.
fn ramp(column: f32, n: usize) -> Vec<f32> {
    (0..n).map(|k| column + k as f32 / 64.0).collect()
}

/// An HDF5 file of these arrays.
fn write_hdf5(path: &Path, arrays: Vec<hdf5_writer::DatasetBuilder>) {
    let file = arrays
        .into_iter()
        .fold(hdf5_writer::Hdf5Builder::new(), |f, a| f.dataset(a));
    let image = file
        .into_plan()
        .and_then(|plan| plan.encode(Default::default()));
    std::fs::write(path, image.expect("sound")).expect("written");
}
