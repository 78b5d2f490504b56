//! Activations of every use of every network, and the launches that fill them.
//!
//! A [`Pass`] is one network applied to one block of rows. Passes that do not depend on each other go through
//! a layer in one launch: many small products in parallel, one a thread, beat one product over all threads.

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::nn::launch::launch;
use crate::nn::ops::dense::{Apply, Dense, View};
use crate::nn::ops::dense_grad::{Back, DenseGrad};
use crate::nn::params::Mlp;

/// One network applied to one block of rows.
#[derive(Clone, Debug)]
pub struct Pass {
    mlp: Mlp,
    /// 0: the parameters; 1: the targets.
    bank: usize,
    /// Floats a member of that bank.
    bank_len: usize,
    input: View,
    /// Rows.
    pub rows: usize,
    /// Where each layer's output begins.
    at: Vec<usize>,
}

impl Pass {
    /// Offset of the last layer's output, `[rows, outputs]`, in the last activations and deltas.
    pub fn out(&self) -> usize {
        self.at[self.at.len() - 1]
    }
}

/// Collects the passes of an agent; [`Plan::alloc`] then makes room for them.
#[derive(Clone, Debug)]
pub struct Plan {
    members: usize,
    lens: Vec<usize>,
    input_grads: usize,
}

impl Plan {
    /// For networks of `depth` layers.
    pub fn new(members: usize, depth: usize) -> Self {
        Self {
            members,
            lens: vec![0; depth],
            input_grads: 0,
        }
    }

    /// Room for `mlp` on `rows` rows. `targets`: it lies in the targets. `bank_len`: floats a member of the
    /// parameters (or targets) that it lies in. `input` counts buffers as the agent hands them to `forward`.
    pub fn pass(
        &mut self,
        mlp: &Mlp,
        targets: bool,
        bank_len: usize,
        input: View,
        rows: usize,
    ) -> Pass {
        let at = mlp.layers.iter().zip(&mut self.lens).map(|(layer, len)| {
            let at = *len;
            *len += rows * layer.outputs;
            at
        });
        let at = at.collect();
        Pass {
            mlp: mlp.clone(),
            bank: usize::from(targets),
            bank_len,
            input,
            rows,
            at,
        }
    }

    /// Room for the gradient of `pass` with respect to `columns` of its input; its offset.
    pub fn input_grad(&mut self, pass: &Pass, columns: usize) -> usize {
        let at = self.input_grads;
        self.input_grads += pass.rows * columns;
        at
    }

    /// Floats a member of the last activations (and deltas).
    pub fn out_len(&self) -> usize {
        self.lens[self.lens.len() - 1]
    }

    /// Floats a member of the input gradients.
    pub fn input_grad_len(&self) -> usize {
        self.input_grads.max(1)
    }

    /// The buffers.
    pub fn alloc(&self, device: &Device) -> Result<Workspace> {
        let make = |len: &usize| Tensor::zeros((self.members, (*len).max(1)), DType::F32, device);
        Ok(Workspace {
            acts: self
                .lens
                .iter()
                .map(make)
                .collect::<candle_core::Result<_>>()?,
            deltas: self
                .lens
                .iter()
                .map(make)
                .collect::<candle_core::Result<_>>()?,
            input_grads: make(&self.input_grads)?,
        })
    }

    /// The launches, layer by layer, that run `passes` forward.
    pub fn forward(&self, passes: &[&Pass]) -> Forward {
        let layers = self.lens.iter().enumerate().map(|(l, len)| {
            let jobs = passes.iter().map(|p| {
                let layer = p.mlp.layers[l];
                Apply {
                    rows: p.rows,
                    inputs: layer.inputs,
                    outputs: layer.outputs,
                    x: self.layer_input(p, l),
                    w: View {
                        buffer: p.bank,
                        offset: layer.weight,
                        ld: layer.outputs,
                        stride: p.bank_len,
                    },
                    bias: layer.bias,
                    y: View {
                        buffer: 0,
                        offset: p.at[l],
                        ld: layer.outputs,
                        stride: *len,
                    },
                    relu: l + 1 < self.lens.len(),
                }
            });
            Dense::new(self.members, jobs.collect())
        });
        Forward(layers.collect())
    }

    /// The launches, last layer first, that take `passes` backward from the last deltas.
    pub fn backward(&self, passes: &[Backprop]) -> Backward {
        let layers = (0..self.lens.len()).rev().map(|l| {
            let jobs = passes.iter().filter_map(|b| {
                let (pass, layer) = (b.pass, b.pass.mlp.layers[l]);
                let mut job = Back {
                    rows: pass.rows,
                    inputs: layer.inputs,
                    outputs: layer.outputs,
                    dy: View {
                        buffer: 0,
                        offset: pass.at[l],
                        ld: layer.outputs,
                        stride: self.lens[l],
                    },
                    x: self.layer_input(pass, l),
                    w: View {
                        buffer: 0,
                        offset: layer.weight,
                        ld: layer.outputs,
                        stride: pass.bank_len,
                    },
                    grad: b.weights.then_some((layer.weight, layer.bias)),
                    dx: None,
                    relu: l > 0,
                };
                if l > 0 {
                    let ld = layer.inputs;
                    job.dx = Some(View {
                        buffer: 0,
                        offset: pass.at[l - 1],
                        ld,
                        stride: self.lens[l - 1],
                    });
                } else if let Some((column, columns, offset)) = b.input {
                    assert!(
                        !b.weights,
                        "input and weight gradients of one pass are not asked for together"
                    );
                    job.inputs = columns;
                    job.w.offset += column * layer.outputs;
                    job.dx = Some(View {
                        buffer: 0,
                        offset,
                        ld: columns,
                        stride: self.input_grad_len(),
                    });
                }
                (job.grad.is_some() || job.dx.is_some()).then_some(job)
            });
            DenseGrad::new(self.members, jobs.collect())
        });
        Backward(layers.collect())
    }

    fn layer_input(&self, pass: &Pass, layer: usize) -> View {
        match layer {
            0 => pass.input,
            l => View {
                buffer: 0,
                offset: pass.at[l - 1],
                ld: pass.mlp.layers[l].inputs,
                stride: self.lens[l - 1],
            },
        }
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
    pub input: Option<(usize, usize, usize)>,
}

/// Launches of a forward pass.
pub struct Forward(Vec<Dense>);

/// Launches of a backward pass.
pub struct Backward(Vec<DenseGrad>);

/// Activations and their gradients, `[members, len]` a layer.
pub struct Workspace {
    acts: Vec<Tensor>,
    deltas: Vec<Tensor>,
    /// Gradients with respect to inputs.
    pub input_grads: Tensor,
}

impl Workspace {
    /// The last activations.
    pub fn out(&self) -> &Tensor {
        &self.acts[self.acts.len() - 1]
    }

    /// Gradients with respect to the last activations, which losses write.
    pub fn delta(&self) -> &Tensor {
        &self.deltas[self.deltas.len() - 1]
    }

    /// Runs `launches`; `input` is `[parameters, targets, buffers…]`.
    pub fn forward<const I: usize>(&self, launches: &Forward, input: [&Tensor; I]) -> Result<()> {
        for (l, dense) in launches.0.iter().enumerate() {
            match l {
                0 => launch(dense, [&self.acts[0]], input)?,
                l => launch(
                    dense,
                    [&self.acts[l]],
                    [input[0], input[1], &self.acts[l - 1]],
                )?,
            }
        }
        Ok(())
    }

    /// Runs `launches`, filling `grad`; `input` is `[parameters, buffers…]`.
    pub fn backward<const I: usize>(
        &self,
        launches: &Backward,
        grad: &Tensor,
        theta: &Tensor,
        input: [&Tensor; I],
    ) -> Result<()> {
        let last = launches.0.len() - 1;
        for (n, back) in launches.0.iter().enumerate() {
            let l = last - n;
            if l > 0 {
                launch(
                    back,
                    [&self.deltas[l - 1], grad],
                    [theta, &self.deltas[l], &self.acts[l - 1]],
                )?;
            } else {
                // A pass reads at most three buffers; repeats fill the places.
                let at = |n: usize| input[n.min(I - 1)];
                launch(
                    back,
                    [&self.input_grads, grad],
                    [theta, &self.deltas[0], at(0), at(1), at(2)],
                )?;
            }
        }
        Ok(())
    }
}
