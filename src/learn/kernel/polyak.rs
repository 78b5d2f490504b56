//! Target smoothing: θ̂ ← (1−τ)·θ̂ + τ·θ; not of a frozen member.

use std::ops::Range;

use super::cpu::{blocks, each, member_of};
use super::guard::FROZEN;
use crate::kernel::{OnHost, kernel};

const SLICE: usize = 32_768;

kernel! {
    /// Moves the targets.
    pub struct Polyak in "polyak";
    fields {
        /// Which parameters have targets; the targets hold just these.
        range: Range<usize>,
    }
    each {
        /// τ.
        rate: f32,
    }
    buffers PolyakBuffers {
        out {
            /// The targets.
            smoothed: Smoothed,
        }
        in {
            /// Parameters.
            theta: Theta,
            /// Which members are frozen.
            health: Health,
        }
    }
    threads |k| k.range.len().div_ceil(4);
    floats |k| 3 * k.range.len();
}

impl Polyak {
    fn twin(&self, b: PolyakBuffers<OnHost<'_>>) {
        let tasks: Vec<_> = blocks(self.range.len(), SLICE).collect();
        each(self.members * tasks.len(), |task| {
            let (member, n) = member_of(task, tasks.len());
            let block = &tasks[n];
            if b.health.of(member)[FROZEN] != 0.0 {
                return;
            }
            let rate = self.rate.of(member);
            // SAFETY: blocks and members are disjoint.
            let target = unsafe { b.smoothed.part(member, block.start, block.len()) };
            let theta = &b.theta.of(member)[self.range.clone()][block.clone()];
            for (t, x) in target.iter_mut().zip(theta) {
                *t = (1.0 - rate) * *t + rate * x;
            }
        });
    }
}
