//! Health of the members: which of them have diverged, and are frozen.

use crate::nn::cuda::{Program, THREADS, arguments, word};
use crate::nn::launch::{Cost, Kernel};

/// Floats of health a member.
pub const HEALTH: usize = 2;
/// Of these, the update in which the member diverged, counted from 1; 0: it has not. What is not 0 stands still.
pub const FROZEN: usize = 0;
/// Of these, whether a parameter would not stay finite: [Adam](super::adam) sets it.
pub const BROKEN: usize = 1;

/// Kernel: outputs `[health [members, HEALTH]]`, inputs `[stats]`. Freezes a member whose losses or parameters are
/// not all finite; at the end of an update, before anything else of the member moves.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    /// Members.
    pub members: usize,
    /// Losses and means a member.
    pub stats: usize,
    /// The update, counted from 1.
    pub update: u64,
}

arguments! { "guard",
    struct GuardArgs { members: u32, stats: u32, update: f32 }
}

impl Kernel<1, 1> for Guard {
    const NAME: &'static str = "guard";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.members * (self.stats + HEALTH)) as u64,
        }
    }

    fn cpu(&self, [health]: [&mut [f32]; 1], [stats]: [&[f32]; 1]) {
        let members = health
            .chunks_exact_mut(HEALTH)
            .zip(stats.chunks_exact(self.stats));
        for (health, stats) in members {
            let lost = health[BROKEN] != 0.0 || stats.iter().any(|s| !s.is_finite());
            if lost && health[FROZEN] == 0.0 {
                health[FROZEN] = self.update as f32;
            }
        }
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let args = GuardArgs {
            members: word(self.members),
            stats: word(self.stats),
            update: self.update as f32,
        };
        let blocks = self.members.div_ceil(THREADS as usize);
        Program::run(&args, &[], [blocks, 1, 1])
    }
}
