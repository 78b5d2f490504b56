//! ELU between the layers of an encoder: y = x where x > 0, eˣ − 1 elsewhere.

use super::cpu::{blocks, each};
use crate::kernel::{Acts, OnHost, Slot, kernel};

/// Floats of a task.
const SLICE: usize = 4096;

kernel! {
    /// Writes y of a layer's sums.
    pub struct Elu in "elu";
    fields {
        /// Numbers.
        len: usize,
        /// The sums.
        x: Slot<Acts>,
    }
    each {}
    buffers EluBuffers {
        out {
            /// y.
            hidden: Activated,
        }
        in {
            /// The sums.
            acts: Acts,
        }
    }
    threads |k| k.len;
    floats |k| 2 * k.len;
}

impl Elu {
    fn twin(&self, b: EluBuffers<OnHost<'_>>) {
        let tasks: Vec<_> = blocks(self.len, SLICE).collect();
        each(self.members * tasks.len(), |task| {
            let (member, block) = (task % self.members, &tasks[task / self.members]);
            let x = &b.acts.at(member, self.x, self.len)[block.clone()];
            // SAFETY: blocks and members are disjoint.
            let y = unsafe { b.hidden.part(member, block.start, block.len()) };
            for (y, x) in y.iter_mut().zip(x) {
                *y = if *x > 0.0 { *x } else { x.exp_m1() };
            }
        });
    }
}

kernel! {
    /// Writes the gradient of the sums, given ∂/∂y.
    pub struct EluGrad in "elu_grad";
    fields {
        /// Numbers.
        len: usize,
        /// The sums; their gradient goes to the same place among the deltas.
        x: Slot<Acts>,
        /// ∂/∂y, which lies among the deltas.
        d_y: Slot<Acts>,
    }
    each {}
    buffers EluGradBuffers {
        out {
            /// Where the gradient goes.
            deltas: Deltas,
        }
        in {
            /// The sums.
            acts: Acts,
        }
    }
    threads |k| k.len;
    floats |k| 3 * k.len;
}

impl EluGrad {
    fn twin(&self, b: EluGradBuffers<OnHost<'_>>) {
        each(self.members, |member| {
            let x = b.acts.at(member, self.x, self.len);
            // SAFETY: members, and the places within a member, are disjoint.
            let (d_x, d_y) = unsafe {
                (
                    b.deltas.at(member, self.x, self.len),
                    &*b.deltas.at(member, self.d_y, self.len),
                )
            };
            for ((d_x, d_y), x) in d_x.iter_mut().zip(d_y).zip(x) {
                *d_x = d_y * if *x > 0.0 { 1.0 } else { x.exp() };
            }
        });
    }
}
