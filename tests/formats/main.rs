//! Data files and run records: what is read, what is written, and what damage does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod d4rl;
mod damage;
mod gaps;
mod minari;
mod python;
mod records;

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
