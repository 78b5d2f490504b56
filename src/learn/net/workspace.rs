//! Activations of every use of every network, and the launches that fill them.
//!
//! A [`Pass`] is one network applied to one block of rows. Passes that do not depend on each other share a launch:
//! many small products in parallel, one a thread, beat one product over all threads.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::kernel::dense::{Apply, Base, Dense, Layer, View};
use crate::kernel::dense_grad::{Back, DenseGrad};
use crate::kernel::launch::launch;
use crate::kernel::norm::{LayerNorm, Norm};
use crate::kernel::{Acts, Buf, Deltas, MatmulPrecision, Slot};
use crate::net::params::Params;
use crate::net::spec::{Linear, Mlp};

/// Floats to which a pass's places are aligned: one cache line.
const ALIGN: usize = 16;

/// One network applied to one block of rows.
#[derive(Clone, Debug)]
pub struct Pass {
    job: Apply,
}

impl Pass {
    /// The last layer's output, `[rows, outputs]`, and its gradient.
    pub fn out(&self) -> Slot<Acts> {
        Slot::new(self.job.layers[self.job.layers.len() - 1].out)
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.job.rows
    }

    /// A backward pass will follow.
    pub fn save_for_backward(&mut self) {
        self.job.save_for_backward = true;
    }

    /// Its input is buffer `number` of those handed to its launch.
    pub fn reads_buffer(&mut self, number: usize) {
        self.job.x.buffer = number;
    }
}

/// Which parameters a pass uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bank {
    /// The trained ones.
    Trained = 0,
    /// The targets.
    Target = 1,
}

/// Collects the passes of an agent; [`Plan::alloc`] then makes room for them.
#[derive(Clone, Debug)]
pub struct Plan {
    members: usize,
    /// Floats a member: parameters, targets.
    banks: [usize; 2],
    precision: MatmulPrecision,
    /// Floats a member of the stage at hand.
    len: usize,
    /// Floats a member of the largest stage.
    room: usize,
}

impl Plan {
    /// For `banks` floats a member of parameters and of targets; products round to `precision`.
    pub fn new(members: usize, banks: [usize; 2], precision: MatmulPrecision) -> Self {
        Self {
            members,
            banks,
            precision,
            len: 0,
            room: 0,
        }
    }

    /// Room for `mlp` on `rows` rows. `input` counts buffers as they are handed to the launch.
    pub fn pass(&mut self, mlp: &Mlp, bank: Bank, input: View, rows: usize) -> Pass {
        let layers = mlp.layers.iter().map(|l| Layer {
            inputs: l.inputs,
            outputs: l.outputs,
            weight: l.weight,
            bias: l.bias,
            out: self.take(rows * l.outputs),
            norm: (l.norm != Norm::None).then(|| LayerNorm {
                unit: self.take(rows * l.outputs),
                inverse: self.take(rows),
                affine: l.affine,
            }),
        });
        let layers = layers.collect();
        let bank = bank as usize;
        Pass {
            job: Apply {
                rows,
                x: input,
                bank,
                bank_stride: self.banks[bank],
                layers,
                save_for_backward: false,
                base: None,
            },
        }
    }

    /// The part of `mlp`'s first layer that the groups of a [`grouped`](Self::grouped) pass share: `columns` of the
    /// layer's input, `[groups, columns]` at `input`. It goes forward in an earlier launch than the grouped pass, and
    /// backward in the same.
    pub fn shared(&mut self, mlp: &Mlp, input: View, columns: Range<usize>, groups: usize) -> Pass {
        // It is a sum that the rows' own parts join: what becomes of that is theirs.
        let mut sum = part(mlp, &columns);
        sum.norm = Norm::None;
        let first = Mlp {
            layers: vec![sum],
            ..mlp.clone()
        };
        self.pass(&first, Bank::Trained, input, groups)
    }

    /// Room for `mlp` on `per` rows for each group of `shared`, which differ in `columns` of the input,
    /// `[groups·per, columns]` at `input`. The shared part may read those columns too, and the rows give what is added
    /// to them; but then no backward pass may follow.
    pub fn grouped(
        &mut self,
        mlp: &Mlp,
        shared: &Pass,
        input: View,
        columns: Range<usize>,
        per: usize,
    ) -> Pass {
        let mut rest = mlp.clone();
        rest.layers[0] = part(mlp, &columns);
        let mut pass = self.pass(&rest, Bank::Trained, input, shared.rows() * per);
        pass.job.base = Some(Base {
            out: shared.out().offset(),
            per,
        });
        pass
    }

    /// Room in `act_grads` for the gradient of `pass` with respect to `columns` of its input.
    pub fn input_grad(&mut self, pass: &Pass, columns: usize) -> Slot<Acts> {
        Slot::new(self.take(pass.rows() * columns))
    }

    /// Begins another stage, whose passes are laid out over those before, but for the first `kept` floats: nothing else of
    /// them is read any more. A smaller workspace stays in the caches.
    pub fn rewind(&mut self, kept: usize) {
        self.len = kept;
    }

    /// Floats a member of the stage so far.
    pub fn stage_len(&self) -> usize {
        self.len
    }

    /// Floats a member of the activations, and of their gradients.
    pub fn room(&self) -> usize {
        self.room
    }

    fn take(&mut self, floats: usize) -> usize {
        let at = self.len;
        self.len += floats.next_multiple_of(ALIGN);
        self.room = self.room.max(self.len);
        at
    }

    /// Room for the activations alone, where nothing goes backward.
    pub fn activations(&self, device: &Device) -> Result<Buf<Acts>> {
        let shape = (self.members, self.room.max(1));
        Ok(Tensor::zeros(shape, DType::F32, device)?.into())
    }

    /// The buffers.
    pub fn alloc(&self, device: &Device) -> Result<Workspace> {
        let zeros = |len: usize| Tensor::zeros((self.members, len.max(1)), DType::F32, device);
        // The CPU alone transposes weights; a GPU's launch has the place and does not read it.
        let transposed = if device.is_cpu() { self.banks[0] } else { 0 };
        Ok(Workspace {
            acts: self.activations(device)?,
            act_grads: zeros(self.room)?.into(),
            transposed: zeros(transposed)?,
        })
    }

    /// The launch that runs `passes` forward. To be made once all passes are laid out.
    pub fn forward(&self, passes: &[&Pass]) -> Dense {
        Dense::new(
            self.members,
            self.room,
            passes.iter().map(|p| p.job.clone()).collect(),
            self.precision,
        )
    }

    /// The launch that takes `passes` backward from the last deltas. To be made once all passes are laid out.
    pub fn backward(&self, passes: &[Backprop]) -> DenseGrad {
        let jobs = passes.iter().map(|b| {
            let Apply {
                rows,
                x,
                layers,
                save_for_backward,
                base,
                ..
            } = b.pass.job.clone();
            assert!(save_for_backward, "only a pass for training goes backward");
            Back {
                rows,
                x,
                layers,
                base,
                tile: b.pass.job.tile(),
                weights: b.weights,
                input: b
                    .input
                    .map(|(first, columns, at)| (first, columns, at.offset())),
            }
        });
        let jobs: Vec<Back> = jobs.collect();
        let mut trained: Vec<usize> = jobs
            .iter()
            .filter(|job| job.weights)
            .map(|job| job.layers[0].weight)
            .collect();
        trained.sort_unstable();
        let apart = trained.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(
            apart,
            "a network trains in one pass of a launch, which stores its gradient"
        );
        let strides = [self.banks[0], self.room];
        DenseGrad::new(self.members, strides, jobs, self.precision)
    }
}

/// The first layer of `mlp` on `columns` of its input alone.
fn part(mlp: &Mlp, columns: &Range<usize>) -> Linear {
    let first = mlp.layers[0];
    Linear {
        inputs: columns.len(),
        weight: first.weight + columns.start * first.outputs,
        ..first
    }
}

/// What is wanted of a backward pass.
#[derive(Clone, Copy, Debug)]
pub struct Backprop<'a> {
    /// Which pass.
    pub pass: &'a Pass,
    /// The gradient of its parameters.
    pub weights: bool,
    /// The gradient of its input: first column, columns, where ([`Plan::input_grad`]).
    pub input: Option<(usize, usize, Slot<Acts>)>,
}

impl<'a> Backprop<'a> {
    /// The gradient of its parameters alone.
    pub fn weights(pass: &'a Pass) -> Self {
        Self {
            pass,
            weights: true,
            input: None,
        }
    }
}

/// Activations and their gradients, `[members, Plan::len]`.
pub struct Workspace {
    /// Activations.
    pub acts: Buf<Acts>,
    /// Gradients with respect to them; losses write those of last layers.
    pub act_grads: Buf<Deltas>,
    transposed: Tensor,
}

impl Workspace {
    /// Runs `dense` on `buffers`.
    pub fn forward(&self, dense: &Dense, params: &Params, buffers: &[Tensor]) -> Result<()> {
        let (out, theta, target) = ([&*self.acts], &params.theta, &params.target);
        match buffers {
            [x] => launch(dense, out, [theta, target, x]),
            [x, y] => launch(dense, out, [theta, target, x, y]),
            [x, y, z] => launch(dense, out, [theta, target, x, y, z]),
            _ => unreachable!("a launch reads one to three buffers of rows"),
        }
    }

    /// Runs `back` on `buffers`, filling the gradient of the parameters.
    pub fn backward(&self, back: &DenseGrad, params: &Params, buffers: &[Tensor]) -> Result<()> {
        let out: [&Tensor; 3] = [&self.act_grads, &params.grad, &self.transposed];
        let (theta, acts) = (&params.theta, &self.acts);
        match buffers {
            [x] => launch(back, out, [theta, acts, x]),
            [x, y] => launch(back, out, [theta, acts, x, y]),
            [x, y, z] => launch(back, out, [theta, acts, x, y, z]),
            _ => unreachable!("a launch reads one to three buffers of rows"),
        }
    }
}
