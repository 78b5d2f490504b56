//! Factors as tiles of pairs.

use std::arch::x86_64::*;

/// Lines of a tile, and pairs of steps.
pub(super) const LINES: usize = 16;
/// Steps of a tile.
pub(super) const STEPS: usize = 2 * LINES;

/// 16 × 16 pairs of bfloat16: A's with a line in a row, B's with a pair of steps in a row.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Tile(pub(super) [u32; LINES * LINES]);

impl Tile {
    pub(super) const ZERO: Self = Self([0; LINES * LINES]);
}

/// A factor: A's lines are rows, B's are columns.
#[derive(Clone, Copy)]
pub(super) struct Factor {
    /// The first float.
    pub(super) from: *const f32,
    /// Lines, and floats from one to the next.
    pub(super) lines: (usize, usize),
    /// Steps, and floats from one to the next. One of the two distances is 1.
    pub(super) steps: (usize, usize),
    /// Whether a tile's row is a line; else it is a pair of steps.
    pub(super) by_line: bool,
}

impl Factor {
    /// Tiles of lines, and of steps.
    pub(super) fn tiles(&self) -> (usize, usize) {
        (self.lines.0.div_ceil(LINES), self.steps.0.div_ceil(STEPS))
    }

    /// Fills `to`, all tiles of 16 lines after another; 0 stands behind the last line and step.
    ///
    /// # Safety
    /// The factor's floats can be read, and the CPU has what is named here.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn pack(&self, to: &mut [Tile]) {
        let (_, depth) = self.tiles();
        for (n, tile) in to.iter_mut().enumerate() {
            let (line, step) = (n / depth * LINES, n % depth * STEPS);
            let (lines, steps) = (self.lines.0 - line, self.steps.0 - step);
            let from = self
                .from
                .wrapping_add(line * self.lines.1 + step * self.steps.1);
            // SAFETY: as the caller promises; what is behind the last line and step is not read.
            let mut rows = unsafe {
                if self.steps.1 == 1 {
                    lines_of(from, self.lines.1, lines, steps)
                } else {
                    pairs_of(from, self.steps.1, lines, steps)
                }
            };
            if self.by_line != (self.steps.1 == 1) {
                rows = transposed(rows);
            }
            for (to, row) in tile.0.chunks_exact_mut(LINES).zip(rows) {
                // SAFETY: 16 pairs.
                unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), row) };
            }
        }
    }
}

/// Lanes of a vector that hold something where `left` floats are left.
#[inline]
pub(super) fn mask(left: usize) -> __mmask16 {
    if left < LINES { (1 << left) - 1 } else { !0 }
}

/// A line in each row: its steps lie side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn lines_of(from: *const f32, apart: usize, lines: usize, steps: usize) -> [__m512i; LINES] {
    let (first, second) = (mask(steps), mask(steps.saturating_sub(LINES)));
    let mut rows = [_mm512_setzero_si512(); LINES];
    for (line, row) in rows.iter_mut().enumerate().take(lines) {
        let from = from.wrapping_add(line * apart);
        // SAFETY: the masks leave out what is behind the last step.
        let (low, high) = unsafe {
            (
                _mm512_maskz_loadu_ps(first, from),
                _mm512_maskz_loadu_ps(second, from.wrapping_add(LINES)),
            )
        };
        *row = bits(_mm512_cvtne2ps_pbh(high, low));
    }
    rows
}

/// A pair of steps in each row: a step's lines lie side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pairs_of(from: *const f32, apart: usize, lines: usize, steps: usize) -> [__m512i; LINES] {
    // Lane 2i of the result is lane i of the even step, lane 2i + 1 that of the odd one.
    let order = _mm512_add_epi32(
        _mm512_mullo_epi32(
            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
            _mm512_set1_epi32(0x1_0001),
        ),
        _mm512_set1_epi32(0x10_0000),
    );
    let some = mask(lines);
    let mut rows = [_mm512_setzero_si512(); LINES];
    for (pair, row) in rows.iter_mut().enumerate().take(steps.div_ceil(2)) {
        let odd_too = if 2 * pair + 1 < steps { some } else { 0 };
        // SAFETY: the masks leave out what is behind the last line and step.
        let (even, odd) = unsafe {
            (
                _mm512_maskz_loadu_ps(some, from.wrapping_add(2 * pair * apart)),
                _mm512_maskz_loadu_ps(odd_too, from.wrapping_add((2 * pair + 1) * apart)),
            )
        };
        *row = _mm512_permutexvar_epi16(order, bits(_mm512_cvtne2ps_pbh(odd, even)));
    }
    rows
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn bits(row: __m512bh) -> __m512i {
    // SAFETY: any 512 bits are both.
    unsafe { std::mem::transmute(row) }
}

/// 16 × 16 pairs, rows for columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512i; LINES]) -> [__m512i; LINES] {
    let mut twos = rows;
    for n in (0..LINES).step_by(2) {
        twos[n] = _mm512_unpacklo_epi32(rows[n], rows[n + 1]);
        twos[n + 1] = _mm512_unpackhi_epi32(rows[n], rows[n + 1]);
    }
    let mut fours = twos;
    for n in (0..LINES).step_by(4) {
        fours[n] = _mm512_unpacklo_epi64(twos[n], twos[n + 2]);
        fours[n + 1] = _mm512_unpackhi_epi64(twos[n], twos[n + 2]);
        fours[n + 2] = _mm512_unpacklo_epi64(twos[n + 1], twos[n + 3]);
        fours[n + 3] = _mm512_unpackhi_epi64(twos[n + 1], twos[n + 3]);
    }
    // Quarter q of fours[4·g + c] holds column 4·q + c of rows 4·g to 4·g + 3.
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    let mut columns = fours;
    for c in 0..4 {
        let even = _mm512_shuffle_i32x4::<EVEN>(fours[c], fours[4 + c]);
        let odd = _mm512_shuffle_i32x4::<ODD>(fours[c], fours[4 + c]);
        let lower_even = _mm512_shuffle_i32x4::<EVEN>(fours[8 + c], fours[12 + c]);
        let lower_odd = _mm512_shuffle_i32x4::<ODD>(fours[8 + c], fours[12 + c]);
        columns[c] = _mm512_shuffle_i32x4::<EVEN>(even, lower_even);
        columns[4 + c] = _mm512_shuffle_i32x4::<EVEN>(odd, lower_odd);
        columns[8 + c] = _mm512_shuffle_i32x4::<ODD>(even, lower_even);
        columns[12 + c] = _mm512_shuffle_i32x4::<ODD>(odd, lower_odd);
    }
    columns
}
