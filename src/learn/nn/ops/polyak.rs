//! Target smoothing: θ̂ ← (1−τ)·θ̂ + τ·θ; not of a frozen member.

use std::ops::Range;

use super::guard::{FROZEN, HEALTH};
use super::{PerMember, Shared, blocks, each, member_of};
use crate::nn::cuda::{Program, THREADS, arguments, per_member, word};
use crate::nn::launch::{Cost, Kernel};

const BLOCK: usize = 32_768;

/// Kernel: outputs `[targets]`, inputs `[parameters, health]`.
#[derive(Clone, Debug)]
pub struct Polyak {
    /// Members.
    pub members: usize,
    /// Floats a member of the parameters.
    pub stride: usize,
    /// Which parameters have targets; the targets hold just these.
    pub range: Range<usize>,
    /// τ.
    pub rate: PerMember<f32>,
}

arguments! { "polyak",
    struct PolyakArgs { first: u32, len: u32, stride: u32 }
}

impl Kernel<1, 2> for Polyak {
    const NAME: &'static str = "polyak";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * 3 * self.members * self.range.len()) as u64,
        }
    }

    fn cpu(&self, [target]: [&mut [f32]; 1], [theta, health]: [&[f32]; 2]) {
        let target = Shared::new(target);
        let tasks: Vec<_> = blocks(self.range.len(), BLOCK).collect();
        each(self.members * tasks.len(), |task| {
            let (member, n) = member_of(task, tasks.len());
            let block = &tasks[n];
            if health[member * HEALTH + FROZEN] != 0.0 {
                return;
            }
            let rate = self.rate.of(member);
            // SAFETY: blocks and members are disjoint.
            let target = unsafe { target.at(member * self.range.len() + block.start, block.len()) };
            let theta =
                &theta[member * self.stride + self.range.start + block.start..][..block.len()];
            for (t, x) in target.iter_mut().zip(theta) {
                *t = (1.0 - rate) * *t + rate * x;
            }
        });
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let args = PolyakArgs {
            first: word(self.range.start),
            len: word(self.range.len()),
            stride: word(self.stride),
        };
        let tail = per_member(self.members, |m| [self.rate.of(m)]);
        let blocks = self.range.len().div_ceil(4 * THREADS as usize);
        Program::run(&args, &tail, [blocks, self.members, 1])
    }
}
