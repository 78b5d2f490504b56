//! Activations of every use of every network, and the launches that fill them.
//!
//! A [`Pass`] is one network applied to one block of rows. Passes that do not depend on each other share a launch:
//! many small products in parallel, one a thread, beat one product over all threads.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::nn::kernel::{Acts, Buf, Deltas, Grad, Slot, Theta};
use crate::nn::launch::launch;
use crate::nn::ops::dense::{Apply, Base, Dense, Layer, View};
use crate::nn::ops::dense_grad::{Back, DenseGrad};
use crate::nn::spec::{Linear, Mlp};

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
}

/// Which parameters a pass uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The trained ones, and a backward pass may follow.
    Train,
    /// The trained ones, forward only.
    Infer,
    /// The targets, forward only.
    Target,
}

/// Collects the passes of an agent; [`Plan::alloc`] then makes room for them.
#[derive(Clone, Debug)]
pub struct Plan {
    members: usize,
    /// Floats a member: parameters, targets.
    banks: [usize; 2],
    len: usize,
}

impl Plan {
    /// For `banks` floats a member of parameters and of targets.
    pub fn new(members: usize, banks: [usize; 2]) -> Self {
        Self {
            members,
            banks,
            len: 0,
        }
    }

    /// Room for `mlp` on `rows` rows. `input` counts buffers as the agent hands them to `forward`.
    pub fn pass(&mut self, mlp: &Mlp, purpose: Use, input: View, rows: usize) -> Pass {
        let layers = mlp.layers.iter().map(|l| Layer {
            inputs: l.inputs,
            outputs: l.outputs,
            weight: l.weight,
            bias: l.bias,
            out: self.take(rows * l.outputs),
        });
        let layers = layers.collect();
        let bank = usize::from(purpose == Use::Target);
        let save_for_backward = purpose == Use::Train;
        Pass {
            job: Apply {
                rows,
                x: input,
                bank,
                bank_stride: self.banks[bank],
                layers,
                save_for_backward,
                base: None,
            },
        }
    }

    /// The part of `mlp`'s first layer that the groups of a [`grouped`](Self::grouped) pass share: `columns` of the
    /// layer's input, `[groups, columns]` at `input`. It goes forward in an earlier launch than the grouped pass, and
    /// backward in the same.
    pub fn shared(
        &mut self,
        mlp: &Mlp,
        purpose: Use,
        input: View,
        columns: Range<usize>,
        groups: usize,
    ) -> Pass {
        let first = Mlp {
            layers: vec![part(mlp, &columns)],
            ..mlp.clone()
        };
        self.pass(&first, purpose, input, groups)
    }

    /// Room for `mlp` on `per` rows for each group of `shared`, which differ in `columns` of the input,
    /// `[groups·per, columns]` at `input`. The shared part may read those columns too, and the rows give what is added
    /// to them; but then no backward pass may follow.
    pub fn grouped(
        &mut self,
        mlp: &Mlp,
        purpose: Use,
        shared: &Pass,
        input: View,
        columns: Range<usize>,
        per: usize,
    ) -> Pass {
        let mut rest = mlp.clone();
        rest.layers[0] = part(mlp, &columns);
        let mut pass = self.pass(&rest, purpose, input, shared.rows() * per);
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

    /// Lays out passes over the places of those before them: for a stage that is over before the others begin.
    /// A smaller workspace stays in the caches.
    pub fn overlay<T>(&mut self, stage: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::take(&mut self.len);
        let made = stage(self);
        self.len = self.len.max(before);
        made
    }

    /// Floats a member of the activations (and deltas).
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no pass has been laid out.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn take(&mut self, floats: usize) -> usize {
        let at = self.len;
        self.len += floats.next_multiple_of(ALIGN);
        at
    }

    /// Room for the activations alone, where nothing goes backward.
    pub fn activations(&self, device: &Device) -> Result<Buf<Acts>> {
        let shape = (self.members, self.len.max(1));
        Ok(Tensor::zeros(shape, DType::F32, device)?.into())
    }

    /// The buffers.
    pub fn alloc(&self, device: &Device) -> Result<Workspace> {
        let zeros = |len: usize| Tensor::zeros((self.members, len.max(1)), DType::F32, device);
        // The CPU alone transposes weights; a GPU's launch has the place and does not read it.
        let transposed = if device.is_cpu() { self.banks[0] } else { 0 };
        Ok(Workspace {
            acts: self.activations(device)?,
            act_grads: zeros(self.len)?.into(),
            transposed: zeros(transposed)?,
        })
    }

    /// The launch that runs `passes` forward. To be made once all passes are laid out.
    pub fn forward(&self, passes: &[&Pass]) -> Dense {
        Dense::new(
            self.members,
            self.len,
            passes.iter().map(|p| p.job.clone()).collect(),
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
        DenseGrad::new(self.members, [self.banks[0], self.len], jobs.collect())
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
    /// Runs `dense`; `input` is `[parameters, targets, buffers…]`.
    pub fn forward<const I: usize>(&self, dense: &Dense, input: [&Tensor; I]) -> Result<()> {
        launch(dense, [&self.acts], input)
    }

    /// Runs `back`, filling `grad`; `buffers` are those of `forward`.
    pub fn backward(
        &self,
        back: &DenseGrad,
        grad: &Buf<Grad>,
        theta: &Buf<Theta>,
        buffers: &[&Tensor],
    ) -> Result<()> {
        let out: [&Tensor; 3] = [&self.act_grads, grad, &self.transposed];
        match *buffers {
            [x] => launch(back, out, [theta, &self.acts, x]),
            [x, y] => launch(back, out, [theta, &self.acts, x, y]),
            _ => unreachable!("an agent has one or two input buffers"),
        }
    }
}
