//! Rows of transitions, and the columns of them that networks read.

use std::ops::Range;

use candle_core::Tensor;

use crate::kernel::dense::View;
use crate::kernel::{Buf, Kind, RowLayout, Rows};

/// Rows of transitions, `[P, rows, row]`: real ones, then simulated ones.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(super) rows: Buf<Rows>,
    pub(super) layout: RowLayout,
    /// Rows of a member.
    pub(super) capacity: usize,
    pub(super) real: usize,
    pub(super) range: Range<usize>,
}

impl Batch {
    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The real rows.
    pub fn real(&self) -> Self {
        Self {
            range: 0..self.real,
            ..self.clone()
        }
    }

    /// The simulated rows.
    pub fn sim(&self) -> Self {
        Self {
            range: self.real..self.capacity,
            ..self.clone()
        }
    }

    /// How many of the rows are real, how many simulated.
    pub fn halves(&self) -> [usize; 2] {
        let real = self.real.clamp(self.range.start, self.range.end) - self.range.start;
        [real, self.len() - real]
    }

    /// s.
    pub fn obs(&self) -> Block {
        self.columns(self.layout.obs())
    }

    /// (s, a).
    pub fn obs_action(&self) -> Block {
        self.columns(self.layout.obs())
    }

    /// (s, a, s').
    pub fn dynamics(&self) -> Block {
        self.columns(self.layout.obs())
    }

    /// s'.
    pub fn next_obs(&self) -> Block {
        self.columns(self.layout.next_obs())
    }

    /// All rows of the buffer.
    pub(super) fn buffer(&self) -> &Buf<Rows> {
        &self.rows
    }

    /// The first rows of the buffer are these rows.
    pub(super) fn is_first(&self) -> bool {
        self.range.start == 0
    }

    fn columns(&self, first: usize) -> Block {
        let ld = self.layout.floats();
        let view = View {
            buffer: 0,
            offset: self.range.start * ld + first,
            ld,
            stride: self.capacity * ld,
        };
        Block {
            view,
            rows: self.len(),
            from: (*self.rows).clone(),
            after: None,
        }
    }
}

/// Rows that a network reads: as many columns as it has inputs.
#[derive(Clone, Debug)]
pub struct Block {
    pub(super) from: Tensor,
    pub(super) view: View,
    pub(super) rows: usize,
    /// The item that writes them; none: they are drawn.
    pub(super) after: Option<usize>,
}

impl Block {
    /// The rows of a buffer `[P, rows, width]` that the latest item writes.
    pub(super) fn of<K: Kind>(
        buffer: &Buf<K>,
        [rows, width]: [usize; 2],
        after: Option<usize>,
    ) -> Self {
        let view = View {
            buffer: 0,
            offset: 0,
            ld: width,
            stride: rows * width,
        };
        Self {
            from: (**buffer).clone(),
            view,
            rows,
            after,
        }
    }

    /// The same rows from column `first` on.
    pub(super) fn columns(&self, first: usize) -> Self {
        let mut block = self.clone();
        block.view.offset += first;
        block
    }

    pub(super) fn part(&self, rows: Range<usize>) -> Self {
        let offset = self.view.offset + rows.start * self.view.ld;
        Self {
            view: View {
                offset,
                ..self.view
            },
            rows: rows.len(),
            ..self.clone()
        }
    }
}
