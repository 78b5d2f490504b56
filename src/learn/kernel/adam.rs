//! Adam over flat parameters: the groups of one launch may have their own rates and step counts.
//!
//! A parameter that would not stay finite is left as it was, and its member's [health](super::guard) says so;
//! a frozen member is left alone.

use std::ops::Range;

use rayon::prelude::*;

use super::PerMember;
use super::cpu::wide::wide;
use super::cpu::{blocks, member_of};
use super::guard::{BROKEN, FROZEN};
use crate::kernel::cuda::word;
use crate::kernel::{OnHost, fields, kernel};

const BLOCK: usize = 16_384;
/// PyTorch's defaults.
const BETA: [f64; 2] = [0.9, 0.999];
const EPS: f32 = 1e-8;

/// Numbers by name, as the CUDA source knows them.
pub(super) fn cuda_constants() -> [(&'static str, f32); 5] {
    let [b1, b2] = BETA.map(|b| b as f32);
    let [c1, c2] = BETA.map(|b| (1.0 - b) as f32);
    let names = ["BETA_1", "BETA_2", "REST_1", "REST_2", "EPS"];
    std::array::from_fn(|n| (names[n], [b1, b2, c1, c2, EPS][n]))
}

/// Parameters with one rate and one count of steps.
#[derive(Clone, Debug)]
pub struct ParamGroup {
    /// Which parameters of a member.
    pub range: Range<usize>,
    /// Learning rate.
    pub rate: PerMember<f64>,
    /// Steps done, this one included.
    pub step: u64,
}

impl ParamGroup {
    /// 1 − βᵗ of either moment.
    fn bias(&self) -> [f64; 2] {
        BETA.map(|b| 1.0 - b.powf(self.step as f64))
    }

    /// What a member's step is a multiple of: rate / (1 − β₁ᵗ).
    fn rate(&self, member: usize) -> f32 {
        (self.rate.of(member) / self.bias()[0]) as f32
    }

    /// √(1 − β₂ᵗ).
    fn root(&self) -> f32 {
        self.bias()[1].sqrt() as f32
    }
}

// Their number; they themselves stand in the table.
fields! { Vec<ParamGroup>, "unsigned", 1, |x| [word(x.len())]; }

kernel! {
    /// A step of every group, from the gradient.
    pub struct Adam in "adam";
    fields {
        /// What to step; ranges are disjoint.
        groups: Vec<ParamGroup>,
    }
    each {}
    buffers AdamBuffers {
        out {
            /// Parameters.
            theta: Theta,
            /// Means of the gradient.
            m: Moment,
            /// Means of its square.
            v: Moment,
            /// Which members are frozen, and which have a step that is not finite.
            health: Health,
        }
        in {
            /// The gradient.
            grad: Grad,
        }
    }
    threads |k| k.floats().div_ceil(4);
    floats |k| 7 * k.floats();
    table |k| k.table();
}

impl Adam {
    /// Parameters of a member that are stepped.
    fn floats(&self) -> usize {
        self.groups.iter().map(|g| g.range.len()).sum()
    }

    /// First parameter, length and root of each group, then the rates `[members, groups]`.
    fn table(&self) -> Vec<u32> {
        let row = |g: &ParamGroup| [word(g.range.start), word(g.range.len()), g.root().to_bits()];
        let mut table: Vec<_> = self.groups.iter().flat_map(row).collect();
        for m in 0..self.members {
            table.extend(self.groups.iter().map(|g| g.rate(m).to_bits()));
        }
        table
    }

    fn twin(&self, b: AdamBuffers<OnHost<'_>>) {
        let tasks: Vec<_> = self
            .groups
            .iter()
            .flat_map(|g| blocks(g.range.len(), BLOCK).map(move |b| (g, b)))
            .collect();
        // SAFETY: no task is running.
        let health = |member| unsafe { b.health.of(member) };
        let frozen: Vec<_> = (0..self.members)
            .map(|m| health(m)[FROZEN] != 0.0)
            .collect();
        let mut broken = vec![0; self.members * tasks.len()];
        let flags = broken.par_iter_mut().with_max_len(1).enumerate();
        flags.for_each(|(task, broken)| {
            let (member, n) = member_of(task, tasks.len());
            let (group, block) = &tasks[n];
            if frozen[member] {
                return;
            }
            let (at, len) = (group.range.start + block.start, block.len());
            // SAFETY: blocks, groups and members are disjoint.
            let [theta, m, v] = unsafe {
                [
                    b.theta.part(member, at, len),
                    b.m.part(member, at, len),
                    b.v.part(member, at, len),
                ]
            };
            let grad = &b.grad.of(member)[at..at + len];
            step(theta, m, v, grad, group.rate(member), group.root(), broken);
        });
        for task in (0..broken.len()).filter(|task| broken[*task] != 0) {
            health(task / tasks.len())[BROKEN] = 1.0;
        }
    }
}

wide! {
    /// PyTorch's order: θ −= (rate/bias1)·m / (√v/√bias2 + ε); `broken` where that is not finite.
    fn step(theta: &mut [f32], m: &mut [f32], v: &mut [f32], grad: &[f32], rate: f32, root: f32, broken: &mut u32) {
        let mut bad = 0;
        let [b1, b2] = BETA.map(|b| b as f32);
        let [c1, c2] = BETA.map(|b| (1.0 - b) as f32);
        for (((theta, m), v), g) in theta.iter_mut().zip(m).zip(v).zip(grad) {
            *m = b1 * *m + c1 * g;
            *v = b2 * *v + c2 * g * g;
            let next = *theta - rate * *m / (v.sqrt() / root + EPS);
            // False for NaN too.
            let finite = next.abs() <= f32::MAX;
            *theta = if finite { next } else { *theta };
            bad |= u32::from(!finite);
        }
        *broken = bad;
    }
}
