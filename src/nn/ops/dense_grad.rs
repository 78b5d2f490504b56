//! Dense layers backward: dX = (dY·Wᵀ) ⊙ 1(X > 0), dW = Xᵀ·dY, db = Σ dY, in one launch.

use std::ops::Range;

use super::dense::{View, product};
use super::{Shared, TILE, blocks, each};
use crate::nn::launch::{Cost, Kernel};

/// Rows of dW per task. Fixed, as [`TILE`] is.
const BLOCK: usize = 64;

/// One layer's backward pass for one block of rows of every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    /// Rows.
    pub rows: usize,
    /// Inputs of the layer (or, for `dx` alone, of the columns asked for).
    pub inputs: usize,
    /// Outputs of the layer.
    pub outputs: usize,
    /// dY, `[rows, outputs]`.
    pub dy: View,
    /// X, `[rows, inputs]`; `buffer` counts from the launch's third input on.
    pub x: View,
    /// W, `[inputs, outputs]`, in the parameters.
    pub w: View,
    /// Offsets of dW and db in the gradient, if they are wanted.
    pub grad: Option<(usize, usize)>,
    /// Where dX goes, if it is wanted.
    pub dx: Option<View>,
    /// Whether X came out of a ReLU, whose slope multiplies dX.
    pub relu: bool,
}

#[derive(Clone, Debug)]
enum Task {
    Input(usize, Range<usize>),
    Weights(usize, Range<usize>),
}

/// Kernel: outputs `[dx, gradient]`, inputs `[parameters, dy, x…]`.
#[derive(Clone, Debug)]
pub struct DenseGrad {
    members: usize,
    jobs: Vec<Back>,
    tasks: Vec<Task>,
}

impl DenseGrad {
    /// All `jobs` for each of `members` members.
    pub fn new(members: usize, jobs: Vec<Back>) -> Self {
        let mut tasks = Vec::new();
        for (j, job) in jobs.iter().enumerate() {
            if job.dx.is_some() {
                tasks.extend(blocks(job.rows, TILE).map(|b| Task::Input(j, b)));
            }
            if job.grad.is_some() {
                tasks.extend(blocks(job.inputs, BLOCK).map(|b| Task::Weights(j, b)));
            }
        }
        tasks.sort_by_key(|task| {
            std::cmp::Reverse(match task {
                Task::Input(j, b) => b.len() * jobs[*j].inputs * jobs[*j].outputs,
                Task::Weights(j, b) => b.len() * jobs[*j].rows * jobs[*j].outputs,
            })
        });
        Self {
            members,
            jobs,
            tasks,
        }
    }
}

impl<const I: usize> Kernel<2, I> for DenseGrad {
    const NAME: &'static str = "dense_grad";

    fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        for j in &self.jobs {
            for wanted in [j.dx.is_some(), j.grad.is_some()] {
                let floats = j.rows * (j.inputs + j.outputs) + j.inputs * j.outputs;
                cost.flops +=
                    u64::from(wanted) * (self.members * 2 * j.rows * j.inputs * j.outputs) as u64;
                cost.bytes += u64::from(wanted) * (self.members * 4 * floats) as u64;
            }
        }
        cost
    }

    fn cpu(&self, [dx, grad]: [&mut [f32]; 2], input: [&[f32]; I]) {
        let (parameters, dy) = (input[0], input[1]);
        let (dx, grad) = (Shared::new(dx), Shared::new(grad));
        each(self.members * self.tasks.len(), |task| {
            let (member, task) = (task % self.members, task / self.members);
            match &self.tasks[task] {
                Task::Input(j, block) => {
                    let job = &self.jobs[*j];
                    let to = job.dx.expect("the task exists because dX is wanted");
                    let (rows, inputs) = (block.len(), job.inputs);
                    // SAFETY: row blocks of one pass, and passes, are disjoint.
                    let dx = unsafe { dx.at(to.at(member, block.start), rows * inputs) };
                    product(
                        (rows, inputs, job.outputs),
                        (dx, inputs, 1),
                        (&dy[job.dy.at(member, block.start)..], job.dy.ld, 1),
                        (&parameters[job.w.at(member, 0)..], 1, job.w.ld),
                    );
                    if job.relu {
                        let x = &input[2 + job.x.buffer][job.x.at(member, block.start)..]
                            [..rows * inputs];
                        mask(dx, x);
                    }
                }
                Task::Weights(j, block) => {
                    let job = &self.jobs[*j];
                    let (weight, bias) = job.grad.expect("the task exists because dW is wanted");
                    let outputs = job.outputs;
                    let first = member * job.w.stride + weight + block.start * outputs;
                    // SAFETY: blocks of one layer, and layers, are disjoint.
                    let dw = unsafe { grad.at(first, block.len() * outputs) };
                    let x = &input[2 + job.x.buffer][job.x.at(member, 0) + block.start..];
                    let dy = &dy[job.dy.at(member, 0)..];
                    product(
                        (block.len(), outputs, job.rows),
                        (dw, outputs, 1),
                        (x, 1, job.x.ld),
                        (dy, job.dy.ld, 1),
                    );
                    if block.start == 0 {
                        // SAFETY: only the first block writes db.
                        let db = unsafe { grad.at(member * job.w.stride + bias, outputs) };
                        column_sums(db, &dy[..job.rows * outputs]);
                    }
                }
            }
        });
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
