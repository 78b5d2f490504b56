//! Health of the members: which of them have diverged, and are frozen.

use crate::kernel::{OnHost, kernel};

/// Floats of health a member.
pub const HEALTH: usize = 2;
/// Of these, the update in which the member diverged, counted from 1; 0: it has not. What is not 0 stands still.
pub const FROZEN: usize = 0;
/// Of these, whether a parameter would not stay finite: [Adam](super::adam) sets it.
pub const BROKEN: usize = 1;

kernel! {
    /// Freezes a member whose losses or parameters are not all finite; at the end of an update, before anything else of
    /// the member moves.
    pub struct Guard in "guard";
    fields {
        /// Losses and means a member.
        len: usize,
        /// The update, counted from 1, as the health holds it.
        update: f32,
    }
    each {}
    buffers GuardBuffers {
        out {
            /// Which members are frozen.
            health: Health,
        }
        in {
            /// Losses and means.
            stats: Stats,
        }
    }
    threads |_| 1;
    floats |k| k.len + HEALTH;
}

impl Guard {
    fn twin(&self, b: GuardBuffers<OnHost<'_>>) {
        for member in 0..self.members {
            // SAFETY: one task writes.
            let health = unsafe { b.health.of(member) };
            let stats = &b.stats.of(member)[..self.len];
            let lost = health[BROKEN] != 0.0 || stats.iter().any(|s| !s.is_finite());
            if lost && health[FROZEN] == 0.0 {
                health[FROZEN] = self.update;
            }
        }
    }
}
