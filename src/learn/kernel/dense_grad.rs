//! Networks backward: dX = (dY·Wᵀ) ⊙ 1(X > 0) down the layers, then dW = Xᵀ·dY and db = Σ dY, in one launch.
//!
//! On the CPU: the weights are transposed first (once for all tiles of all passes, where a product would do so for
//! each tile), then row tiles run down all layers, then blocks of dW.
//!
//! Longer than 400 lines because the tasks of one launch stand together: each finds in the cache what the one before wrote.

use std::ops::Range;

use super::cpu::bf16;
use super::cpu::narrow::{self, NARROW};
use super::cpu::product::{Finish, product, product_into};
use super::cpu::wide::{column_sums, transpose, transposed};
use super::cpu::{Shared, blocks, each};
use super::dense::{Base, Layer, View};
use super::norm::{self, LayerNorm};
use super::precision::MatmulPrecision;
use crate::kernel::cuda::{self, Program};
use crate::kernel::launch::{Cost, Kernel};

/// Rows and columns of dW per task. Fixed, as [`TILE`](super::cpu::TILE) is.
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
    /// Whether the gradient of the input is wanted: its first column, columns, and where in `act_grads` it goes.
    pub input: Option<(usize, usize, usize)>,
}

/// Kernel: outputs `[act_grads, gradient, transposed weights]`, inputs `[parameters, activations, x…]`.
#[derive(Clone, Debug)]
pub struct DenseGrad {
    members: usize,
    /// Floats a member: parameters, activations (and deltas).
    strides: [usize; 2],
    /// Those that take sums from the others come last.
    jobs: Vec<Back>,
    /// How many do not.
    independent: usize,
    /// Weights that are transposed: where they begin, in the parameters and transposed, and their rows and columns.
    transposes: Vec<[usize; 3]>,
    /// Blocks of dW of each job.
    blocks: Vec<Vec<Block>>,
    precision: MatmulPrecision,
}

/// Rows and columns of one layer's dW.
#[derive(Clone, Debug)]
struct Block {
    layer: usize,
    rows: Range<usize>,
    columns: Range<usize>,
}

impl DenseGrad {
    /// All `jobs` for each of `members` members; `strides`: floats a member of parameters and of activations. On a CPU
    /// their products round to `precision`.
    pub fn new(
        members: usize,
        strides: [usize; 2],
        jobs: Vec<Back>,
        precision: MatmulPrecision,
    ) -> Self {
        let bases: Vec<Base> = jobs
            .iter()
            .filter(|j| j.weights)
            .filter_map(|j| j.base)
            .collect();
        let (shared, mut jobs): (Vec<Back>, Vec<Back>) = jobs
            .into_iter()
            .partition(|job| bases.iter().any(|base| base.out == job.layers[0].out));
        let trains = |place: usize| shared.iter().any(|j| j.weights && j.layers[0].out == place);
        assert!(
            bases.iter().all(|base| trains(base.out)),
            "what rows share goes backward in the same launch"
        );
        let independent = jobs.len();
        jobs.extend(shared);
        let mut transposes = Vec::new();
        // Products in bfloat16 copy their factors anyway, and take them as they lie.
        let turned = precision != MatmulPrecision::Bf16;
        for job in jobs.iter().filter(|_| turned) {
            let wide = job.layers[1..].iter().filter(|l| l.outputs > NARROW);
            transposes.extend(wide.map(|l| [l.weight, l.inputs, l.outputs]));
            let of_input = |(column, columns, _)| {
                let first = &job.layers[0];
                [
                    first.weight + column * first.outputs,
                    columns,
                    first.outputs,
                ]
            };
            transposes.extend(job.input.map(of_input));
        }
        transposes.sort_unstable();
        transposes.dedup();
        Self {
            members,
            strides,
            independent,
            transposes,
            blocks: jobs.iter().map(blocks_of).collect(),
            jobs,
            precision,
        }
    }
}

/// Blocks of dW; large ones first, so that the threads finish together.
fn blocks_of(job: &Back) -> Vec<Block> {
    let mut all = Vec::new();
    for (layer, shape) in job.layers.iter().enumerate().filter(|_| job.weights) {
        let narrow = shape.outputs <= NARROW;
        let height = if narrow { shape.inputs } else { BLOCK };
        for rows in blocks(shape.inputs, height) {
            all.extend(blocks(shape.outputs, BLOCK).map(|columns| Block {
                layer,
                rows: rows.clone(),
                columns,
            }));
        }
    }
    all.sort_by_key(|block| std::cmp::Reverse(block.rows.len() * block.columns.len()));
    all
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
            // A pass of which the input's gradient alone is wanted is a twin critic's, and the smaller value alone
            // counts: of the two passes half the rows have a gradient.
            let rows = job.rows / if job.weights { 1 } else { 2 };
            for (l, layer) in job.layers.iter().enumerate() {
                if job.weights {
                    add(rows, layer.inputs, layer.outputs);
                }
                match job.input {
                    Some((_, columns, _)) if l == 0 => add(rows, columns, layer.outputs),
                    _ if l > 0 => add(rows, layer.inputs, layer.outputs),
                    _ => {}
                }
            }
        }
        cost
    }

    fn cpu(&self, [act_grads, grad, transposed]: [&mut [f32]; 3], input: [&[f32]; I]) {
        let (act_grads, grad, wt) = (
            Shared::new(act_grads),
            Shared::new(grad),
            Shared::new(transposed),
        );
        // A thread that takes a member, or one of its passes, finds what it has just written in its own cache; the
        // others take part of its tiles and blocks where there is nothing larger left.
        each(self.members, |member| {
            let of = Member {
                grad: self,
                member,
                parameters: input[0],
                acts: input[1],
                act_grads,
                dw: grad,
                wt,
            };
            each(self.transposes.len(), |n| of.transpose(self.transposes[n]));
            let pass = |n: usize| {
                let job = &self.jobs[n];
                let tiles: Vec<_> = blocks(job.rows, job.tile).collect();
                each(tiles.len(), |tile| of.descend(job, &tiles[tile]));
                let x = &input[2 + job.x.buffer][job.x.at(member, 0)..];
                let blocks = &self.blocks[n];
                each(blocks.len(), |block| of.weights(job, x, &blocks[block]));
            };
            each(self.independent, pass);
            each(self.jobs.len() - self.independent, |n| {
                pass(self.independent + n)
            });
        });
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        cuda::dense::backward(self.members, self.strides, &self.jobs)
    }
}

/// One member's buffers.
struct Member<'a> {
    grad: &'a DenseGrad,
    member: usize,
    parameters: &'a [f32],
    acts: &'a [f32],
    act_grads: Shared,
    dw: Shared,
    wt: Shared,
}

impl Member<'_> {
    /// First float of the parameters' and of the activations' place.
    fn parameter(&self, at: usize) -> usize {
        self.member * self.grad.strides[0] + at
    }

    fn activation(&self, at: usize) -> usize {
        self.member * self.grad.strides[1] + at
    }

    fn transpose(&self, [at, rows, columns]: [usize; 3]) {
        let at = self.parameter(at);
        // SAFETY: weights and members are disjoint, and read once all are written.
        let to = unsafe { self.wt.at(at, rows * columns) };
        transpose(to, &self.parameters[at..at + rows * columns], rows, columns);
    }

    /// Takes the last deltas of `rows` down to the first hidden layer, and on to the input if that is wanted.
    fn descend(&self, job: &Back, rows: &Range<usize>) {
        let (act_grads, n) = (self.act_grads, rows.len());
        let place = |layer: &Layer| self.activation(layer.out + rows.start * layer.outputs);
        // Hidden deltas stand side by side, those of rows that have any.
        let live = self.live(job, rows);
        for l in (1..job.layers.len()).rev() {
            let (layer, below) = (&job.layers[l], &job.layers[l - 1]);
            let (inputs, outputs) = (layer.inputs, layer.outputs);
            // SAFETY: row blocks of one pass, passes, and the layers of a pass are disjoint.
            let (dy, dx) = unsafe {
                (
                    act_grads.at(place(layer), n * outputs),
                    act_grads.at(place(below), n * inputs),
                )
            };
            let at = self.parameter(layer.weight);
            let x = &self.acts[place(below)..][..n * inputs];
            if outputs <= NARROW {
                let columns = transposed(&self.parameters[at..], inputs, outputs);
                for (dx, &row) in dx.chunks_exact_mut(inputs).zip(&live) {
                    let (dy, x) = (&dy[row * outputs..], &x[row * inputs..]);
                    narrow::backward(dx, &dy[..outputs], &columns, outputs, &x[..inputs]);
                }
            } else {
                let finish = Finish::Mask { x, rows: &live };
                self.down((live.len(), inputs, outputs), dx, dy, at, finish);
            }
            if let Some(norm) = below.norm {
                self.unnormalise(
                    &mut dx[..live.len() * inputs],
                    norm,
                    rows,
                    &live,
                    inputs,
                    job.weights,
                );
            }
        }
        let layer = &job.layers[0];
        let outputs = layer.outputs;
        // SAFETY: as above; nobody writes this tile's deltas any more.
        let dy = unsafe { act_grads.read(place(layer), n * outputs) };
        if let Some(Base { out, per }) = job.base
            && job.weights
        {
            let first = self.activation(out + rows.start / per * outputs);
            // SAFETY: tiles are whole groups, and the shared part's deltas are written here alone.
            let sums = unsafe { act_grads.at(first, n / per * outputs) };
            let groups = dy.chunks_exact(per * outputs);
            for (sums, dy) in sums.chunks_exact_mut(outputs).zip(groups) {
                column_sums(sums, dy);
            }
        }
        if let Some((column, columns, at)) = job.input {
            let at = self.activation(at + rows.start * columns);
            // SAFETY: the input's gradient has a place of its own.
            let dx = unsafe { act_grads.at(at, n * columns) };
            let at = self.parameter(layer.weight + column * outputs);
            let mut some = vec![0.0; live.len() * columns];
            let size = (live.len(), columns, outputs);
            self.down(size, &mut some, dy, at, Finish::Store);
            dx.fill(0.0);
            for (some, &row) in some.chunks_exact(columns).zip(&live) {
                dx[row * columns..][..columns].copy_from_slice(some);
            }
        }
    }

    /// dx `[rows, inputs]` ← dy·Wᵀ; W, `[inputs, outputs]`, begins at parameter `at`.
    fn down(
        &self,
        size @ (_, inputs, outputs): (usize, usize, usize),
        dx: &mut [f32],
        dy: &[f32],
        at: usize,
        finish: Finish,
    ) {
        let dy = (dy, outputs, 1);
        if self.grad.precision == MatmulPrecision::Bf16 {
            let w = &self.parameters[at..][..inputs * outputs];
            bf16::product(size, dx, dy, (w, 1, outputs), finish);
        } else {
            // SAFETY: all weights of this member have been transposed.
            let wt = unsafe { self.wt.read(at, inputs * outputs) };
            product(self.grad.precision, size, dx, dy, (wt, inputs), finish);
        }
    }

    /// Takes `d`, the gradient of the outputs of a normalised layer of `width` units at the rows `live` of `rows`, to that of
    /// its sums. What it was is kept where the gain's and the bias's gradients are `wanted`.
    fn unnormalise(
        &self,
        d: &mut [f32],
        norm: LayerNorm,
        rows: &Range<usize>,
        live: &[usize],
        width: usize,
        wanted: bool,
    ) {
        let place = self.activation(norm.unit + rows.start * width);
        let gain = norm.affine.map_or(&[][..], |[gain, _]| {
            &self.parameters[self.parameter(gain)..][..width]
        });
        if wanted && norm.affine.is_some() {
            // SAFETY: row blocks, passes and layers are disjoint.
            unsafe { self.act_grads.at(place, d.len()) }.copy_from_slice(d);
        }
        let unit = &self.acts[place..][..rows.len() * width];
        let inverse = &self.acts[self.activation(norm.inverse + rows.start)..][..rows.len()];
        norm::backward(d, width, gain, unit, inverse, live);
    }

    /// The gradients of a normalised layer's gain and bias.
    fn affine(&self, norm: LayerNorm, rows: usize, width: usize) {
        let Some([gain, bias]) = norm.affine else {
            return;
        };
        let (place, floats) = (self.activation(norm.unit), rows * width);
        // SAFETY: the pass's tiles have all gone down, and one task takes these sums.
        let (dz, gain, bias) = unsafe {
            (
                self.act_grads.read(place, floats),
                self.dw.at(self.parameter(gain), width),
                self.dw.at(self.parameter(bias), width),
            )
        };
        norm::sums(gain, bias, dz, &self.acts[place..][..floats]);
    }

    /// Which of `rows` go down: all of them where dW is wanted too; else those with a gradient, as of twin critics the
    /// one with the smaller value alone has.
    fn live(&self, job: &Back, rows: &Range<usize>) -> Vec<usize> {
        let last = &job.layers[job.layers.len() - 1];
        if job.weights || job.layers.len() < 2 || last.outputs > NARROW {
            return (0..rows.len()).collect();
        }
        let at = self.activation(last.out + rows.start * last.outputs);
        // SAFETY: the losses wrote the last deltas in an earlier launch.
        let dy = unsafe { self.act_grads.read(at, rows.len() * last.outputs) };
        let dy = dy.chunks_exact(last.outputs).enumerate();
        dy.filter(|(_, dy)| dy.iter().any(|d| *d != 0.0))
            .map(|(row, _)| row)
            .collect()
    }

    /// One block of a layer's dW, and db with the first; `x` is the pass's input.
    fn weights(&self, job: &Back, x: &[f32], block: &Block) {
        let Block {
            layer: l,
            rows,
            columns,
        } = block;
        let Layer {
            inputs,
            outputs,
            weight,
            bias,
            out,
            norm,
        } = job.layers[*l];
        let first = self.parameter(weight) + rows.start * outputs;
        let (x, ld) = match l {
            0 => (x, job.x.ld),
            l => (&self.acts[self.activation(job.layers[l - 1].out)..], inputs),
        };
        // SAFETY: the pass's tiles have all gone down.
        let dy = unsafe {
            self.act_grads
                .read(self.activation(out), job.rows * outputs)
        };
        if outputs <= NARROW {
            // SAFETY: layers are disjoint, and a narrow one is one block.
            let dw = unsafe { self.dw.at(first, inputs * outputs) };
            narrow::weights(dw, x, ld, dy, outputs);
        } else {
            let len = (rows.len() - 1) * outputs + columns.len();
            let dw = self.dw.pointer(first + columns.start, len);
            let size = (rows.len(), columns.len(), job.rows);
            // SAFETY: blocks of one layer, and layers, are disjoint.
            unsafe {
                product_into(
                    self.grad.precision,
                    size,
                    (dw, outputs),
                    (&x[rows.start..], 1, ld),
                    (&dy[columns.start..], outputs),
                    Finish::Store,
                )
            };
        }
        if rows.start == 0 && columns.start == 0 && (*l > 0 || job.base.is_none()) {
            // SAFETY: only the first block writes db.
            let db = unsafe { self.dw.at(self.parameter(bias), outputs) };
            column_sums(db, dy);
        }
        if rows.start == 0
            && columns.start == 0
            && let Some(norm) = norm
        {
            self.affine(norm, job.rows, outputs);
        }
    }
}
