//! Dense layers forward: Y = act(X·W + b), many networks, members and row blocks in one launch.

use gemm::Parallelism;

use super::{Shared, TILE, blocks, each};
use crate::nn::launch::{Cost, Kernel};

/// A matrix inside a buffer, rows `ld` floats apart, members `stride` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Which of the launch's buffers.
    pub buffer: usize,
    /// First float within a member.
    pub offset: usize,
    /// Floats from a row to the next.
    pub ld: usize,
    /// Floats from a member to the next.
    pub stride: usize,
}

impl View {
    /// Index of `row`'s first float.
    pub fn at(&self, member: usize, row: usize) -> usize {
        member * self.stride + self.offset + row * self.ld
    }
}

/// One layer applied to one block of rows of every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apply {
    /// Rows.
    pub rows: usize,
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// X, `[rows, inputs]`; `buffer` counts from the launch's third input on.
    pub x: View,
    /// W, `[inputs, outputs]`; `buffer` 0 is the parameters, 1 the targets.
    pub w: View,
    /// Offset of b, `[outputs]`, in W's buffer.
    pub bias: usize,
    /// Y, `[rows, outputs]`.
    pub y: View,
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// Kernel: outputs `[y]`, inputs `[parameters, targets, x…]`.
#[derive(Clone, Debug)]
pub struct Dense {
    members: usize,
    jobs: Vec<Apply>,
    /// (job, first row, rows)
    tiles: Vec<(usize, usize, usize)>,
}

impl Dense {
    /// All `jobs` for each of `members` members.
    pub fn new(members: usize, jobs: Vec<Apply>) -> Self {
        let mut tiles: Vec<_> = jobs
            .iter()
            .enumerate()
            .flat_map(|(j, job)| blocks(job.rows, TILE).map(move |b| (j, b.start, b.len())))
            .collect();
        // Long tiles first, so that the threads finish together.
        tiles.sort_by_key(|&(j, _, rows)| {
            std::cmp::Reverse(rows * jobs[j].inputs * jobs[j].outputs)
        });
        Self {
            members,
            jobs,
            tiles,
        }
    }
}

impl<const I: usize> Kernel<1, I> for Dense {
    const NAME: &'static str = "dense";

    fn cost(&self) -> Cost {
        let sum =
            |f: fn(&Apply) -> usize| (self.members * self.jobs.iter().map(f).sum::<usize>()) as u64;
        Cost {
            flops: sum(|j| 2 * j.rows * j.inputs * j.outputs),
            bytes: sum(|j| 4 * (j.rows * (j.inputs + j.outputs) + (j.inputs + 1) * j.outputs)),
        }
    }

    fn cpu(&self, [y]: [&mut [f32]; 1], input: [&[f32]; I]) {
        let y = Shared::new(y);
        each(self.members * self.tiles.len(), |task| {
            let (member, tile) = (task % self.members, task / self.members);
            let (job, row, rows) = self.tiles[tile];
            let Apply {
                inputs,
                outputs,
                x,
                w,
                bias,
                y: to,
                relu,
                ..
            } = self.jobs[job];
            debug_assert_eq!(to.ld, outputs);
            // SAFETY: tiles are disjoint row blocks of disjoint passes.
            let y = unsafe { y.at(to.at(member, row), rows * outputs) };
            let weights = input[w.buffer];
            product(
                (rows, outputs, inputs),
                (y, outputs, 1),
                (&input[2 + x.buffer][x.at(member, row)..], x.ld, 1),
                (&weights[w.at(member, 0)..], w.ld, 1),
            );
            let bias = &weights[member * w.stride + bias..][..outputs];
            add_bias(y, bias, relu);
        });
    }
}

/// y ← y + b by rows, then max(·, 0) if `relu`.
fn add_bias(y: &mut [f32], bias: &[f32], relu: bool) {
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    for row in y.chunks_exact_mut(bias.len()) {
        for (y, b) in row.iter_mut().zip(bias) {
            *y = (*y + b).max(floor);
        }
    }
}

/// C = A·B on one thread, `(m, n, k)`; each matrix is (first float on, row stride, column stride).
pub(crate) fn product(
    (m, n, k): (usize, usize, usize),
    (c, c_rs, c_cs): (&mut [f32], usize, usize),
    (a, a_rs, a_cs): (&[f32], usize, usize),
    (b, b_rs, b_cs): (&[f32], usize, usize),
) {
    let last = |r: usize, rs: usize, q: usize, cs: usize| (r - 1) * rs + (q - 1) * cs;
    assert!(last(m, c_rs, n, c_cs) < c.len(), "C is too short");
    assert!(last(m, a_rs, k, a_cs) < a.len(), "A is too short");
    assert!(last(k, b_rs, n, b_cs) < b.len(), "B is too short");
    // SAFETY: every index touched lies below the last one, asserted above; C is borrowed mutably.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            c_cs as isize,
            c_rs as isize,
            false,
            a.as_ptr(),
            a_cs as isize,
            a_rs as isize,
            b.as_ptr(),
            b_cs as isize,
            b_rs as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
