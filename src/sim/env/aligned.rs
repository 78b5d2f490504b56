//! Numbers that begin where a cache line does.

use bytemuck::{Pod, Zeroable};
use std::ops::{Deref, DerefMut};

/// Numbers of a cache line.
const LINE: usize = 16;

#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// As many numbers as it was made with, from a 64-byte boundary on: what other libraries take over without a copy (JAX
/// takes nothing else).
#[derive(Clone, Debug, Default)]
pub struct AlignedFloats {
    lines: Vec<Line>,
    len: usize,
}

impl AlignedFloats {
    /// `len` numbers, all `x`.
    pub fn of(x: f32, len: usize) -> Self {
        let lines = vec![Line([x; LINE]); len.div_ceil(LINE)];
        Self { lines, len }
    }
}

impl Deref for AlignedFloats {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for AlignedFloats {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

impl PartialEq for AlignedFloats {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_them_begins_at_a_line() {
        for len in [0, 1, 16, 17, 1000] {
            let mut floats = AlignedFloats::of(2.0, len);
            assert_eq!((floats.len(), floats.as_ptr() as usize % 64), (len, 0));
            floats.iter_mut().for_each(|x| *x += 1.0);
            assert!(floats.iter().all(|x| *x == 3.0));
            assert_ne!(floats, AlignedFloats::of(3.0, len + 1));
        }
    }
}
