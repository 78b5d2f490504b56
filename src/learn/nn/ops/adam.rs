//! Adam over flat parameters: the groups of one launch may have their own rates and step counts.
//!
//! A parameter that would not stay finite is left as it was, and its member's [health](super::guard) says so;
//! a frozen member is left alone.

use std::ops::Range;

use rayon::prelude::*;

use super::guard::{BROKEN, FROZEN, HEALTH};
use super::wide::wide;
use super::{PerMember, Shared, blocks, member_of};
use crate::nn::cuda::{Program, THREADS, arguments, table, word};
use crate::nn::launch::{Cost, Kernel};

const BLOCK: usize = 16_384;
const BETA: [f64; 2] = [0.9, 0.999];
const EPS: f32 = 1e-8;

/// Parameters with one rate and one count of steps.
#[derive(Clone, Debug)]
pub struct Group {
    /// Which parameters of a member.
    pub range: Range<usize>,
    /// Learning rate.
    pub rate: PerMember<f64>,
    /// Steps done, this one included.
    pub step: u64,
}

/// Kernel: outputs `[parameters, first moments, second moments, health]`, inputs `[gradient]`.
#[derive(Clone, Debug)]
pub struct Adam {
    /// Members.
    pub members: usize,
    /// Floats a member.
    pub stride: usize,
    /// What to step; ranges are disjoint.
    pub groups: Vec<Group>,
}

arguments! { "adam",
    struct AdamArgs { stride: u32, groups: u32, beta: [f32; 2], rest: [f32; 2], eps: f32 }
    struct AdamGroup { first: u32, len: u32, root: f32 }
}

impl Kernel<4, 1> for Adam {
    const NAME: &'static str = "adam";

    fn cost(&self) -> Cost {
        let floats: usize = self.groups.iter().map(|g| g.range.len()).sum();
        Cost {
            flops: 0,
            bytes: (4 * 7 * self.members * floats) as u64,
        }
    }

    fn cpu(&self, [theta, m, v, health]: [&mut [f32]; 4], [grad]: [&[f32]; 1]) {
        let (theta, m, v) = (Shared::new(theta), Shared::new(m), Shared::new(v));
        let tasks: Vec<_> = self
            .groups
            .iter()
            .flat_map(|g| blocks(g.range.len(), BLOCK).map(move |b| (g, b)))
            .collect();
        let mut broken = vec![0; self.members * tasks.len()];
        let flags = broken.par_iter_mut().with_max_len(1).enumerate();
        flags.for_each(|(task, broken)| {
            let (member, n) = member_of(task, tasks.len());
            let (group, block) = &tasks[n];
            if health[member * HEALTH + FROZEN] != 0.0 {
                return;
            }
            let at = member * self.stride + group.range.start + block.start;
            let len = block.len();
            // SAFETY: blocks, groups and members are disjoint.
            let (theta, m, v) = unsafe { (theta.at(at, len), m.at(at, len), v.at(at, len)) };
            let [b1, b2] = BETA.map(|b| 1.0 - b.powf(group.step as f64));
            step(
                theta,
                m,
                v,
                &grad[at..at + len],
                (group.rate.of(member) / b1) as f32,
                b2.sqrt() as f32,
                broken,
            );
        });
        for (task, _) in broken
            .iter()
            .enumerate()
            .filter(|(_, broken)| **broken != 0)
        {
            health[task / tasks.len() * HEALTH + BROKEN] = 1.0;
        }
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let bias = |g: &Group| BETA.map(|b| 1.0 - b.powf(g.step as f64));
        let args = AdamArgs {
            stride: word(self.stride),
            groups: word(self.groups.len()),
            beta: BETA.map(|b| b as f32),
            rest: BETA.map(|b| (1.0 - b) as f32),
            eps: EPS,
        };
        let groups = self.groups.iter().map(|g| AdamGroup {
            first: word(g.range.start),
            len: word(g.range.len()),
            root: bias(g)[1].sqrt() as f32,
        });
        let mut tail = table(&groups.collect::<Vec<_>>());
        for m in 0..self.members {
            let rates = self.groups.iter().map(|g| g.rate.of(m) / bias(g)[0]);
            tail.extend(rates.map(|rate| (rate as f32).to_bits()));
        }
        let floats: usize = self.groups.iter().map(|g| g.range.len()).sum();
        let blocks = floats.div_ceil(4 * THREADS as usize);
        Program::run(&args, &tail, [blocks, self.members, 1])
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
