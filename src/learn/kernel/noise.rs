//! Random numbers, and inputs scaled and blurred.

use super::cpu::{blocks, each};
use crate::kernel::{OnHost, fields, kernel};
use crate::rng::{Stream, normal_pair, philox, unit};

const SLICE: usize = 4096;

/// What is drawn. Its number is the first word of its counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Standard normals, as [`fill_normal`](crate::rng::fill_normal) has them.
    Normal = 0,
    /// Uniforms on [−1, 1).
    Uniform = 1,
}

fields! { Draw, "unsigned", 1, |x| [*x as u32]; }

kernel! {
    /// Fills a buffer. Counter (`draw`, `update`, `stream`), key = the member's seed.
    pub struct Noise in "noise";
    fields {
        /// What is drawn.
        draw: Draw,
        /// Index of the update.
        update: u32,
        /// Which draws.
        stream: Stream,
        /// Numbers a member.
        len: usize,
    }
    each {
        /// Key of the draws.
        seed: u64,
    }
    buffers NoiseBuffers {
        out {
            /// What is filled.
            drawn: Drawn,
        }
        in {}
    }
    threads |k| k.len.div_ceil(4);
    floats |k| k.len;
}

impl Noise {
    fn twin(&self, b: NoiseBuffers<OnHost<'_>>) {
        let tasks: Vec<_> = blocks(self.len, SLICE).collect();
        let lane = self.draw as u32;
        each(self.members * tasks.len(), |task| {
            let (member, block) = (task % self.members, &tasks[task / self.members]);
            // SAFETY: blocks and members are disjoint.
            let out = unsafe { b.drawn.part(member, block.start, block.len()) };
            for (n, out) in out.chunks_mut(4).enumerate() {
                let at = (block.start / 4 + n) as u32;
                let w = philox(self.seed.of(member), lane, self.update, self.stream, at);
                let x = match self.draw {
                    Draw::Normal => {
                        let [[a, b], [c, d]] = [normal_pair(w[0], w[1]), normal_pair(w[2], w[3])];
                        [a, b, c, d]
                    }
                    Draw::Uniform => w.map(|w| 2.0 * unit(w) - 1.0),
                };
                out.copy_from_slice(&x[..out.len()]);
            }
        });
    }
}

kernel! {
    /// x ← σ·x, each column with its own σ.
    pub struct ScaleColumns in "scale_columns";
    fields {
        /// Floats a member of x.
        len: usize,
        /// Columns.
        columns: usize,
    }
    each {}
    buffers ScaleColumnsBuffers {
        out {
            /// x.
            x: Steps,
        }
        in {
            /// σ of every column.
            std: Deviations,
        }
    }
    threads |k| k.len;
    floats |k| 2 * k.len;
}

impl ScaleColumns {
    fn twin(&self, b: ScaleColumnsBuffers<OnHost<'_>>) {
        for member in 0..self.members {
            // SAFETY: one task writes.
            let x = unsafe { b.x.part(member, 0, self.len) };
            for row in x.chunks_exact_mut(self.columns) {
                row.iter_mut()
                    .zip(b.std.of(member))
                    .for_each(|(x, s)| *x *= s);
            }
        }
    }
}

kernel! {
    /// x ← x + σ·noise.
    pub struct Blur in "blur";
    fields {
        /// Floats a member of x.
        len: usize,
    }
    each {
        /// σ.
        std: f32,
    }
    buffers BlurBuffers {
        out {
            /// x.
            x: Rows,
        }
        in {
            /// As many normals.
            noise: Normals,
        }
    }
    threads |k| k.len;
    floats |k| 3 * k.len;
}

impl Blur {
    fn twin(&self, b: BlurBuffers<OnHost<'_>>) {
        let tasks: Vec<_> = blocks(self.len, SLICE).collect();
        each(self.members * tasks.len(), |task| {
            let (member, block) = (task % self.members, &tasks[task / self.members]);
            let std = self.std.of(member);
            // SAFETY: blocks and members are disjoint.
            let x = unsafe { b.x.part(member, block.start, block.len()) };
            for (x, n) in x.iter_mut().zip(&b.noise.of(member)[block.clone()]) {
                *x += std * n;
            }
        });
    }
}
