//! Networks backward: dX = (dY·Wᵀ) ⊙ 1(X > 0) down the layers, then dW = Xᵀ·dY and db = Σ dY, in one launch.
//!
//! On the CPU: the weights are transposed first (once for all tiles of all passes, where a product would do so for
//! each tile), then row tiles run down all layers, then blocks of dW.

use std::ops::Range;

use super::dense::{Layer, View, product};
use super::{Shared, TILE, blocks, each};
use crate::nn::launch::{Cost, Kernel};

/// Rows of dW per task. Fixed, as [`TILE`] is.
const BLOCK: usize = 64;

/// One network's backward pass for one block of rows of every member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// Rows.
    pub rows: usize,
    /// The input, `[rows, inputs]`; `buffer` counts from the launch's third input on.
    pub x: View,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
    /// Whether the gradient of the parameters is wanted.
    pub weights: bool,
    /// Whether the gradient of the input is wanted: its first column, columns, and where in the deltas it goes.
    pub input: Option<(usize, usize, usize)>,
}

/// Kernel: outputs `[deltas, gradient, transposed weights]`, inputs `[parameters, activations, x…]`.
#[derive(Clone, Debug)]
pub struct DenseGrad {
    members: usize,
    /// Floats a member: parameters, activations (and deltas).
    strides: [usize; 2],
    jobs: Vec<Back>,
    /// Layers whose weights are transposed, each at the same offset as in the parameters.
    transposes: Vec<Layer>,
    /// (job, rows)
    tiles: Vec<(usize, Range<usize>)>,
    /// (job, layer, rows of dW)
    blocks: Vec<(usize, usize, Range<usize>)>,
}

impl DenseGrad {
    /// All `jobs` for each of `members` members; `strides`: floats a member of parameters and of activations.
    pub fn new(members: usize, strides: [usize; 2], jobs: Vec<Back>) -> Self {
        let mut transposes: Vec<Layer> = jobs.iter().flat_map(|job| &job.layers[1..]).copied().collect();
        transposes.sort_by_key(|layer| layer.weight);
        transposes.dedup_by_key(|layer| layer.weight);
        let (mut tiles, mut dw) = (Vec::new(), Vec::new());
        for (j, job) in jobs.iter().enumerate() {
            tiles.extend(blocks(job.rows, TILE).map(|b| (j, b)));
            if job.weights {
                for (l, layer) in job.layers.iter().enumerate() {
                    dw.extend(blocks(layer.inputs, BLOCK).map(|b| (j, l, b)));
                }
            }
        }
        // Long tasks first, so that the threads finish together.
        dw.sort_by_key(|(j, l, b)| std::cmp::Reverse(b.len() * jobs[*j].rows * jobs[*j].layers[*l].outputs));
        Self { members, strides, jobs, transposes, tiles, blocks: dw }
    }
}

impl<const I: usize> Kernel<3, I> for DenseGrad {
    const NAME: &'static str = "dense_grad";

    fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        let mut add = |rows: usize, inputs: usize, outputs: usize| {
            cost.flops += (2 * self.members * rows * inputs * outputs) as u64;
            cost.bytes += (4 * self.members * (rows * (inputs + outputs) + inputs * outputs)) as u64;
        };
        for job in &self.jobs {
            for (l, layer) in job.layers.iter().enumerate() {
                if job.weights {
                    add(job.rows, layer.inputs, layer.outputs);
                }
                match job.input {
                    Some((_, columns, _)) if l == 0 => add(job.rows, columns, layer.outputs),
                    _ if l > 0 => add(job.rows, layer.inputs, layer.outputs),
                    _ => {}
                }
            }
        }
        cost
    }

    fn cpu(&self, [deltas, grad, transposed]: [&mut [f32]; 3], input: [&[f32]; I]) {
        let (parameters, acts) = (input[0], input[1]);
        let [param_stride, act_stride] = self.strides;
        let wt = Shared::new(transposed);
        each(self.members * self.transposes.len(), |task| {
            let (member, layer) = (task % self.members, &self.transposes[task / self.members]);
            let (at, len) = (member * param_stride + layer.weight, layer.inputs * layer.outputs);
            // SAFETY: layers and members are disjoint.
            transpose(unsafe { wt.at(at, len) }, &parameters[at..at + len], layer.inputs, layer.outputs);
        });
        let wt: &[f32] = transposed;
        let shared = Shared::new(deltas);
        each(self.members * self.tiles.len(), |task| {
            let (member, (job, rows)) = (task % self.members, &self.tiles[task / self.members]);
            self.descend(&self.jobs[*job], member, rows, shared, parameters, wt, acts);
        });
        let (deltas, grad): (&[f32], _) = (deltas, Shared::new(grad));
        each(self.members * self.blocks.len(), |task| {
            let (member, (job, l, block)) = (task % self.members, &self.blocks[task / self.members]);
            let job = &self.jobs[*job];
            let Layer { outputs, weight, bias, out, .. } = job.layers[*l];
            let first = member * param_stride + weight + block.start * outputs;
            // SAFETY: blocks of one layer, and layers, are disjoint.
            let dw = unsafe { grad.at(first, block.len() * outputs) };
            let (x, ld) = match l {
                0 => (&input[2 + job.x.buffer][job.x.at(member, 0)..], job.x.ld),
                l => (&acts[member * act_stride + job.layers[l - 1].out..], job.layers[*l].inputs),
            };
            let dy = &deltas[member * act_stride + out..][..job.rows * outputs];
            product((block.len(), outputs, job.rows), (dw, outputs, 1), (&x[block.start..], 1, ld), (dy, outputs, 1));
            if block.start == 0 {
                // SAFETY: only the first block writes db.
                column_sums(unsafe { grad.at(member * param_stride + bias, outputs) }, dy);
            }
        });
    }
}

impl DenseGrad {
    /// Takes the last deltas of `rows` down to the first hidden layer, and on to the input if that is wanted.
    #[allow(clippy::too_many_arguments, reason = "the buffers of one kernel")]
    fn descend(&self, job: &Back, member: usize, rows: &Range<usize>, deltas: Shared, parameters: &[f32], wt: &[f32], acts: &[f32]) {
        let [param_stride, act_stride] = self.strides;
        let n = rows.len();
        let place = |layer: &Layer| member * act_stride + layer.out + rows.start * layer.outputs;
        for l in (1..job.layers.len()).rev() {
            let (layer, below) = (&job.layers[l], &job.layers[l - 1]);
            let (inputs, outputs) = (layer.inputs, layer.outputs);
            // SAFETY: row blocks of one pass, passes, and the layers of a pass are disjoint.
            let (dy, dx) = unsafe { (deltas.at(place(layer), n * outputs), deltas.at(place(below), n * inputs)) };
            let weights = &wt[member * param_stride + layer.weight..];
            product((n, inputs, outputs), (dx, inputs, 1), (dy, outputs, 1), (weights, inputs, 1));
            mask(dx, &acts[place(below)..][..n * inputs]);
        }
        if let Some((column, columns, at)) = job.input {
            let layer = &job.layers[0];
            let outputs = layer.outputs;
            // SAFETY: as above; the input's gradient has a place of its own.
            let (dy, dx) = unsafe {
                let dx = deltas.at(member * act_stride + at + rows.start * columns, n * columns);
                (deltas.at(place(layer), n * outputs), dx)
            };
            let weights = &parameters[member * param_stride + layer.weight + column * outputs..];
            product((n, columns, outputs), (dx, columns, 1), (dy, outputs, 1), (weights, 1, outputs));
        }
    }
}

/// `to` `[columns, rows]` ← `from` `[rows, columns]`ᵀ, in square blocks that stay in the first cache.
fn transpose(to: &mut [f32], from: &[f32], rows: usize, columns: usize) {
    const SIDE: usize = 16;
    for r in (0..rows).step_by(SIDE) {
        for c in (0..columns).step_by(SIDE) {
            for r in r..(r + SIDE).min(rows) {
                for c in c..(c + SIDE).min(columns) {
                    to[c * rows + r] = from[r * columns + c];
                }
            }
        }
    }
}

/// dX ← dX where X > 0, else 0.
fn mask(dx: &mut [f32], x: &[f32]) {
    for (d, x) in dx.iter_mut().zip(x) {
        *d = if *x > 0.0 { *d } else { 0.0 };
    }
}

fn column_sums(sums: &mut [f32], rows: &[f32]) {
    sums.fill(0.0);
    for row in rows.chunks_exact(sums.len()) {
        for (s, v) in sums.iter_mut().zip(row) {
            *s += v;
        }
    }
}
