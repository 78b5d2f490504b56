//! Networks forward: h ← act(h·W + b) layer by layer, many networks, members and row tiles in one launch.
//!
//! A tile runs through all layers of its network before the next one begins, so that its activations stay in the
//! cache of one core. Activations that no backward pass reads are not stored at all.

use std::cell::RefCell;

use super::cpu::narrow::{self, NARROW};
use super::cpu::product::{Finish, product};
use super::cpu::wide::transposed;
use super::cpu::{Shared, TILE, blocks, each, member_of};
use super::norm::{self, LayerNorm};
use super::precision::MatmulPrecision;
use crate::kernel::cuda::{self, Program};
use crate::kernel::launch::{Cost, Kernel};

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

/// One layer of an [`Apply`]; offsets within a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// W, `[inputs, outputs]`, in the parameters (or targets).
    pub weight: usize,
    /// b, `[outputs]`.
    pub bias: usize,
    /// The layer's output `[rows, outputs]` in the activations, and its gradient in `act_grads`.
    pub out: usize,
    /// Where its sums are normalised before the ReLU, what that needs.
    pub norm: Option<LayerNorm>,
}

/// One network applied to one block of rows of every member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apply {
    /// Rows.
    pub rows: usize,
    /// The input, `[rows, inputs]`; `buffer` counts from the launch's third input on.
    pub x: View,
    /// 0: the parameters; 1: the targets.
    pub bank: usize,
    /// Floats a member of that bank.
    pub bank_stride: usize,
    /// Layers; a ReLU stands between two of them.
    pub layers: Vec<Layer>,
    /// Whether hidden activations are stored, for a backward pass.
    pub save_for_backward: bool,
    /// The part of the first layer that groups of rows share; none: the rows share nothing.
    pub base: Option<Base>,
}

impl Apply {
    /// Rows per tile: whole groups, where rows come in groups.
    pub(crate) fn tile(&self) -> usize {
        self.base.map_or(TILE, |base| base.tile())
    }
}

/// Rows in groups that share part of their input, as many actions at one state do. The first layer's product with
/// the shared part, plus b, is computed once a group, by a one-layer pass of an earlier launch; the row's own layer
/// reads the columns that differ, and adds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// The earlier pass's output `[rows / per, outputs]` in the activations; in `act_grads`, the gradient's sum over
    /// each group.
    pub out: usize,
    /// Rows a group.
    pub per: usize,
}

impl Base {
    fn tile(self) -> usize {
        (TILE / self.per).max(1) * self.per
    }
}

/// Kernel: outputs `[activations]`, inputs `[parameters, targets, x…]`.
#[derive(Clone, Debug)]
pub struct Dense {
    members: usize,
    /// Floats a member of the activations.
    stride: usize,
    jobs: Vec<Apply>,
    /// (job, first row, rows)
    tiles: Vec<(usize, usize, usize)>,
    precision: MatmulPrecision,
}

impl Dense {
    /// All `jobs` for each of `members` members, whose activations are `stride` floats; on a CPU their products
    /// round to `precision`.
    pub fn new(
        members: usize,
        stride: usize,
        jobs: Vec<Apply>,
        precision: MatmulPrecision,
    ) -> Self {
        let writes = |place: usize| jobs.iter().any(|j| j.layers.iter().any(|l| l.out == place));
        assert!(
            jobs.iter().filter_map(|j| j.base).all(|b| !writes(b.out)),
            "what rows share goes forward in an earlier launch"
        );
        let tiles = jobs
            .iter()
            .enumerate()
            .flat_map(|(j, job)| blocks(job.rows, job.tile()).map(move |b| (j, b.start, b.len())))
            .collect();
        Self {
            members,
            stride,
            jobs,
            tiles,
            precision,
        }
    }
}

thread_local! {
    /// Hidden activations that are not stored: written and read in turn.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

impl<const I: usize> Kernel<1, I> for Dense {
    const NAME: &'static str = "dense";

    fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        for job in &self.jobs {
            for (l, layer) in job.layers.iter().enumerate() {
                let products = self.members * job.rows * layer.inputs * layer.outputs;
                let stored = if job.save_for_backward || l + 1 == job.layers.len() {
                    job.rows * layer.outputs
                } else {
                    0
                };
                let read = match job.base {
                    _ if l > 0 => 0,
                    Some(base) => job.rows * layer.inputs + job.rows / base.per * layer.outputs,
                    None => job.rows * layer.inputs,
                };
                cost.flops += 2 * products as u64;
                cost.bytes +=
                    (4 * self.members * ((layer.inputs + 1) * layer.outputs + stored + read))
                        as u64;
            }
        }
        cost
    }

    fn cpu(&self, [acts]: [&mut [f32]; 1], input: [&[f32]; I]) {
        let acts = Shared::new(acts);
        each(self.members * self.tiles.len(), |task| {
            let (member, tile) = member_of(task, self.tiles.len());
            let (job, row, rows) = self.tiles[tile];
            let job = &self.jobs[job];
            let weights = &input[job.bank][member * job.bank_stride..][..job.bank_stride];
            SCRATCH.with_borrow_mut(|scratch| {
                let widest = job.layers.iter().map(|l| l.outputs).max().unwrap_or(0);
                let scratch = scratch.each_mut().map(|half| {
                    half.resize(half.len().max(rows * widest), 0.0);
                    Shared::new(half)
                });
                let (mut x, mut ld) = (&input[2 + job.x.buffer][job.x.at(member, row)..], job.x.ld);
                for (l, layer) in job.layers.iter().enumerate() {
                    let Layer {
                        inputs,
                        outputs,
                        weight,
                        bias,
                        out,
                        norm,
                    } = *layer;
                    let last = l + 1 == job.layers.len();
                    let relu = !last && norm.is_none();
                    let y = if job.save_for_backward || last {
                        // SAFETY: tiles are disjoint row blocks of disjoint passes.
                        unsafe {
                            acts.at(member * self.stride + out + row * outputs, rows * outputs)
                        }
                    } else {
                        // SAFETY: this thread alone uses its scratch, and layer l reads the other half.
                        unsafe { scratch[l % 2].at(0, rows * outputs) }
                    };
                    let (w, b) = (
                        &weights[weight..][..inputs * outputs],
                        &weights[bias..][..outputs],
                    );
                    let base = job.base.filter(|_| l == 0);
                    if outputs <= NARROW && last && base.is_none() {
                        narrow::forward(y, x, ld, &transposed(w, inputs, outputs), b);
                    } else {
                        let finish = match base {
                            None => Finish::bias(b, relu),
                            Some(Base { out, per }) => {
                                let first = member * self.stride + out + row / per * outputs;
                                Finish::Add {
                                    // SAFETY: an earlier launch wrote it, and no task of this one does.
                                    bias: unsafe { acts.read(first, rows / per * outputs) },
                                    per,
                                    relu,
                                }
                            }
                        };
                        let size = (rows, outputs, inputs);
                        let (x, w) = ((x, ld, 1), (w, outputs));
                        product(self.precision, size, y, x, w, finish);
                    }
                    if let Some(norm) = norm {
                        let (unit, inverse): (&mut [f32], &mut [f32]) = if job.save_for_backward {
                            let first = member * self.stride + row * outputs;
                            let inverse = member * self.stride + norm.inverse + row;
                            // SAFETY: as for y.
                            unsafe {
                                (
                                    acts.at(first + norm.unit, rows * outputs),
                                    acts.at(inverse, rows),
                                )
                            }
                        } else {
                            (&mut [], &mut [])
                        };
                        let affine = norm.affine.map_or([&[][..]; 2], |places| {
                            places.map(|place| &weights[place..][..outputs])
                        });
                        norm::forward(y, outputs, affine, unit, inverse);
                    }
                    (x, ld) = (y, outputs);
                }
            });
        });
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        cuda::dense::forward(self.members, self.stride, &self.jobs)
    }
}
