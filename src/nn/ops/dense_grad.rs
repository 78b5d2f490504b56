//! Networks backward: dX = (dY·Wᵀ) ⊙ 1(X > 0) down the layers, then dW = Xᵀ·dY and db = Σ dY, in one launch.
//!
//! On the CPU: the weights are transposed first (once for all tiles of all passes, where a product would do so for
//! each tile), then row tiles run down all layers, then blocks of dW.

use std::ops::Range;

use super::dense::{Base, Layer, View, product, product_into};
use super::narrow::{self, NARROW};
use super::wide::{column_sums, mask, transpose};
use super::{Shared, blocks, each, member_of};
use crate::nn::cuda::{self, Program};
use crate::nn::launch::{Cost, Kernel};

/// Rows and columns of dW per task. Fixed, as [`TILE`](super::TILE) is.
const BLOCK: usize = 128;

/// One network's backward pass for one block of rows of every member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// Rows.
    pub rows: usize,
    /// The input, `[rows, inputs]`; `buffer` counts from the launch's third input on.
    pub x: View,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
    /// Where the rows' groups share part of the first layer: that part's own pass takes the sums from there to W's
    /// other rows and to b.
    pub base: Option<Base>,
    /// Rows per tile.
    pub tile: usize,
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
    /// (job, layer, rows and columns of dW)
    blocks: Vec<(usize, usize, Range<usize>, Range<usize>)>,
}

impl DenseGrad {
    /// All `jobs` for each of `members` members; `strides`: floats a member of parameters and of activations.
    pub fn new(members: usize, strides: [usize; 2], jobs: Vec<Back>) -> Self {
        let trains = |place: usize| jobs.iter().any(|j| j.weights && j.layers[0].out == place);
        let bases = jobs.iter().filter(|j| j.weights).filter_map(|j| j.base);
        assert!(
            bases.clone().all(|base| trains(base.out)),
            "what rows share goes backward in the same launch"
        );
        let above = jobs.iter().flat_map(|job| &job.layers[1..]);
        let mut transposes: Vec<Layer> = above
            .filter(|layer| layer.outputs > NARROW)
            .copied()
            .collect();
        transposes.sort_by_key(|layer| layer.weight);
        transposes.dedup_by_key(|layer| layer.weight);
        let (mut tiles, mut dw) = (Vec::new(), Vec::new());
        for (j, job) in jobs.iter().enumerate() {
            tiles.extend(blocks(job.rows, job.tile).map(|b| (j, b)));
            if job.weights {
                for (l, layer) in job.layers.iter().enumerate() {
                    for rows in blocks(
                        layer.inputs,
                        BLOCK.max(if layer.outputs <= NARROW {
                            layer.inputs
                        } else {
                            0
                        }),
                    ) {
                        dw.extend(
                            blocks(layer.outputs, BLOCK)
                                .map(|columns| (j, l, rows.clone(), columns)),
                        );
                    }
                }
            }
        }
        // Long tasks first, so that the threads finish together.
        dw.sort_by_key(|(j, _, r, c)| std::cmp::Reverse(r.len() * c.len() * jobs[*j].rows));
        Self {
            members,
            strides,
            jobs,
            transposes,
            tiles,
            blocks: dw,
        }
    }
}

impl<const I: usize> Kernel<3, I> for DenseGrad {
    const NAME: &'static str = "dense_grad";

    fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        let mut add = |rows: usize, inputs: usize, outputs: usize| {
            cost.flops += (2 * self.members * rows * inputs * outputs) as u64;
            cost.bytes +=
                (4 * self.members * (rows * (inputs + outputs) + inputs * outputs)) as u64;
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
            let (member, n) = member_of(task, self.transposes.len());
            let layer = &self.transposes[n];
            let (at, len) = (
                member * param_stride + layer.weight,
                layer.inputs * layer.outputs,
            );
            // SAFETY: layers and members are disjoint.
            transpose(
                unsafe { wt.at(at, len) },
                &parameters[at..at + len],
                layer.inputs,
                layer.outputs,
            );
        });
        let wt: &[f32] = transposed;
        let shared = Shared::new(deltas);
        each(self.members * self.tiles.len(), |task| {
            let (member, n) = member_of(task, self.tiles.len());
            let (job, rows) = &self.tiles[n];
            self.descend(&self.jobs[*job], member, rows, shared, parameters, wt, acts);
        });
        let (deltas, grad): (&[f32], _) = (deltas, Shared::new(grad));
        each(self.members * self.blocks.len(), |task| {
            let (member, n) = member_of(task, self.blocks.len());
            let (job, l, rows, columns) = &self.blocks[n];
            let job = &self.jobs[*job];
            let Layer {
                inputs,
                outputs,
                weight,
                bias,
                out,
            } = job.layers[*l];
            let first = member * param_stride + weight + rows.start * outputs;
            let (x, ld) = match l {
                0 => (&input[2 + job.x.buffer][job.x.at(member, 0)..], job.x.ld),
                l => (&acts[member * act_stride + job.layers[l - 1].out..], inputs),
            };
            let dy = &deltas[member * act_stride + out..][..job.rows * outputs];
            if outputs <= NARROW {
                // SAFETY: layers are disjoint, and a narrow one is one block.
                narrow::weights(
                    unsafe { grad.at(first, inputs * outputs) },
                    x,
                    ld,
                    dy,
                    outputs,
                );
            } else {
                let dw = grad.pointer(
                    first + columns.start,
                    (rows.len() - 1) * outputs + columns.len(),
                );
                let size = (rows.len(), columns.len(), job.rows);
                // SAFETY: blocks of one layer, and layers, are disjoint.
                unsafe {
                    product_into(
                        size,
                        (dw, outputs, 1),
                        (&x[rows.start..], 1, ld),
                        (&dy[columns.start..], outputs, 1),
                    )
                };
            }
            if rows.start == 0 && columns.start == 0 && (*l > 0 || job.base.is_none()) {
                // SAFETY: only the first block writes db.
                column_sums(
                    unsafe { grad.at(member * param_stride + bias, outputs) },
                    dy,
                );
            }
        });
    }

    fn cuda(&self) -> Option<Program> {
        Some(cuda::dense::backward(
            self.members,
            self.strides,
            &self.jobs,
        ))
    }
}

impl DenseGrad {
    /// Takes the last deltas of `rows` down to the first hidden layer, and on to the input if that is wanted.
    #[allow(clippy::too_many_arguments, reason = "the buffers of one kernel")]
    fn descend(
        &self,
        job: &Back,
        member: usize,
        rows: &Range<usize>,
        deltas: Shared,
        parameters: &[f32],
        wt: &[f32],
        acts: &[f32],
    ) {
        let [param_stride, act_stride] = self.strides;
        let n = rows.len();
        let place = |layer: &Layer| member * act_stride + layer.out + rows.start * layer.outputs;
        for l in (1..job.layers.len()).rev() {
            let (layer, below) = (&job.layers[l], &job.layers[l - 1]);
            let (inputs, outputs) = (layer.inputs, layer.outputs);
            // SAFETY: row blocks of one pass, passes, and the layers of a pass are disjoint.
            let (dy, dx) = unsafe {
                (
                    deltas.at(place(layer), n * outputs),
                    deltas.at(place(below), n * inputs),
                )
            };
            let (at, x) = (
                member * param_stride + layer.weight,
                &acts[place(below)..][..n * inputs],
            );
            if outputs <= NARROW {
                let columns = narrow::columns(&parameters[at..], inputs, outputs);
                narrow::backward(dx, dy, &columns, outputs, x);
            } else {
                product(
                    (n, inputs, outputs),
                    (dx, inputs, 1),
                    (dy, outputs, 1),
                    (&wt[at..], inputs, 1),
                );
                mask(dx, x);
            }
        }
        if let Some(Base { out, per }) = job.base
            && job.weights
        {
            let layer = &job.layers[0];
            let first = member * act_stride + out + rows.start / per * layer.outputs;
            // SAFETY: tiles are whole groups, and the shared part's deltas are written here alone.
            let (dy, sums) = unsafe {
                (
                    deltas.at(place(layer), n * layer.outputs),
                    deltas.at(first, n / per * layer.outputs),
                )
            };
            let groups = dy.chunks_exact(per * layer.outputs);
            for (sums, dy) in sums.chunks_exact_mut(layer.outputs).zip(groups) {
                column_sums(sums, dy);
            }
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
            product(
                (n, columns, outputs),
                (dx, columns, 1),
                (dy, outputs, 1),
                (weights, 1, outputs),
            );
        }
    }
}
