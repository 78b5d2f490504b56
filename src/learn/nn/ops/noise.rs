//! Random numbers, and inputs scaled and blurred.

use super::{PerMember, Shared, blocks, each};
use crate::nn::cuda::{Program, THREADS, arguments, per_member, seeds, word};
use crate::nn::launch::{Cost, Kernel};
use crate::rng::{Stream, normal_pair, philox, unit};

const BLOCK: usize = 4096;

/// What is drawn. Its number is the first word of its counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Standard normals, as [`fill_normal`](crate::rng::fill_normal) has them.
    Normal = 0,
    /// Uniforms on [−1, 1).
    Uniform = 1,
}

/// Kernel: outputs `[noise [members, len]]`, no inputs. Counter (`draw`, `update`, `stream`), key = the member's
/// seed.
#[derive(Clone, Debug)]
pub struct Noise {
    /// What is drawn.
    pub draw: Draw,
    /// One seed a member.
    pub seeds: Vec<u64>,
    /// Index of the update.
    pub update: u32,
    /// Which draws.
    pub stream: Stream,
    /// Numbers a member.
    pub len: usize,
}

arguments! { "noise",
    struct NoiseArgs { draw: u32, update: u32, stream: u32, len: u32 }
}

impl Kernel<1, 0> for Noise {
    const NAME: &'static str = "noise";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.seeds.len() * self.len) as u64,
        }
    }

    fn cpu(&self, [noise]: [&mut [f32]; 1], []: [&[f32]; 0]) {
        let noise = Shared::new(noise);
        let tasks: Vec<_> = blocks(self.len, BLOCK).collect();
        let members = self.seeds.len();
        let lane = self.draw as u32;
        each(members * tasks.len(), |task| {
            let (member, block) = (task % members, &tasks[task / members]);
            // SAFETY: blocks and members are disjoint.
            let out = unsafe { noise.at(member * self.len + block.start, block.len()) };
            for (n, out) in out.chunks_mut(4).enumerate() {
                let at = (block.start / 4 + n) as u32;
                let w = philox(self.seeds[member], lane, self.update, self.stream, at);
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

    fn cuda(&self, _floats: &[usize]) -> Program {
        let args = NoiseArgs {
            draw: self.draw as u32,
            update: self.update,
            stream: self.stream as u32,
            len: word(self.len),
        };
        let blocks = self.len.div_ceil(4 * THREADS as usize);
        let grid = [blocks, self.seeds.len(), 1];
        Program::run(&args, &seeds(&self.seeds), grid)
    }
}

/// Kernel: x ← σ·x, each column with its own σ. Outputs `[x [members, rows, columns]]`, inputs
/// `[σ [members, columns]]`.
#[derive(Clone, Copy, Debug)]
pub struct ScaleColumns {
    /// Members.
    pub members: usize,
    /// Rows a member.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
}

arguments! { "scale_columns",
    struct ScaleColumnsArgs { len: u32, columns: u32 }
}

impl Kernel<1, 1> for ScaleColumns {
    const NAME: &'static str = "scale_columns";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * 2 * self.members * self.rows * self.columns) as u64,
        }
    }

    fn cpu(&self, [x]: [&mut [f32]; 1], [std]: [&[f32]; 1]) {
        let len = self.rows * self.columns;
        for (x, std) in x.chunks_exact_mut(len).zip(std.chunks_exact(self.columns)) {
            for row in x.chunks_exact_mut(self.columns) {
                row.iter_mut().zip(std).for_each(|(x, s)| *x *= s);
            }
        }
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let len = self.rows * self.columns;
        let args = ScaleColumnsArgs {
            len: word(len),
            columns: word(self.columns),
        };
        let blocks = len.div_ceil(THREADS as usize);
        Program::run(&args, &[], [blocks, self.members, 1])
    }
}

/// Kernel: x ← x + σ·noise. Outputs `[x [members, len]]`, inputs `[noise]`.
#[derive(Clone, Debug)]
pub struct Blur {
    /// Members.
    pub members: usize,
    /// Floats a member of x.
    pub len: usize,
    /// σ.
    pub std: PerMember<f32>,
    /// Where x's normals begin in the noise, and floats a member.
    pub noise: [usize; 2],
}

arguments! { "blur",
    struct BlurArgs { len: u32, noise: [u32; 2] }
}

impl Kernel<1, 1> for Blur {
    const NAME: &'static str = "blur";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * 3 * self.members * self.len) as u64,
        }
    }

    fn cpu(&self, [x]: [&mut [f32]; 1], [noise]: [&[f32]; 1]) {
        let x = Shared::new(x);
        let tasks: Vec<_> = blocks(self.len, BLOCK).collect();
        each(self.members * tasks.len(), |task| {
            let (member, block) = (task % self.members, &tasks[task / self.members]);
            let std = self.std.of(member);
            let noise = &noise[member * self.noise[1] + self.noise[0] + block.start..];
            // SAFETY: blocks and members are disjoint.
            let x = unsafe { x.at(member * self.len + block.start, block.len()) };
            for (x, n) in x.iter_mut().zip(noise) {
                *x += std * n;
            }
        });
    }

    fn cuda(&self, _floats: &[usize]) -> Program {
        let args = BlurArgs {
            len: word(self.len),
            noise: self.noise.map(word),
        };
        let tail = per_member(self.members, |m| [self.std.of(m)]);
        let blocks = self.len.div_ceil(THREADS as usize);
        Program::run(&args, &tail, [blocks, self.members, 1])
    }
}
