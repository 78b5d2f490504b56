//! The critics' loss: Σ over halves of mean w·(Q_i − y)², i = 1, 2; no gradient through w or y.

use super::{Shared, each};
use crate::nn::cuda::{Program, arguments, word};
use crate::nn::launch::{Cost, Kernel};

/// Kernel: outputs `[dQ in the deltas, stats]`, inputs `[activations, y, w]`.
#[derive(Clone, Debug)]
pub struct TdLoss {
    /// Members.
    pub members: usize,
    /// Rows of each half; the mean is taken over each apart.
    pub halves: Vec<usize>,
    /// Offsets of Q1 and Q2 at the first row's action.
    pub q: [usize; 2],
    /// Floats from a row's Q to the next row's: 1, or the number of actions at a state of which this is the first.
    pub step: usize,
    /// Floats a member of the activations.
    pub stride: usize,
    /// Floats a member of `y` and of `w`.
    pub row_stride: usize,
    /// Where this loss's [`TdLoss::STATS`] begin, and floats a member.
    pub stats: [usize; 2],
}

impl TdLoss {
    /// What it reports.
    pub const STATS: [&'static str; 5] = [
        "losses/qf1_loss",
        "losses/qf2_loss",
        "losses/qf1_values",
        "losses/qf2_values",
        "losses/target",
    ];
}

arguments! { "td_loss",
    struct TdLossArgs { rows: u32, q: [u32; 2], step: u32, stride: u32, row_stride: u32, stats: [u32; 2] }
}

impl Kernel<2, 3> for TdLoss {
    const NAME: &'static str = "td_loss";

    fn cost(&self) -> Cost {
        Cost {
            flops: 0,
            bytes: (4 * self.members * self.halves.iter().sum::<usize>() * 6) as u64,
        }
    }

    fn cpu(&self, [delta, stats]: [&mut [f32]; 2], [out, y, w]: [&[f32]; 3]) {
        let (delta, stats) = (Shared::new(delta), Shared::new(stats));
        let rows: usize = self.halves.iter().sum();
        each(self.members, |member| {
            let y = &y[member * self.row_stride..][..rows];
            let w = &w[member * self.row_stride..][..rows];
            // SAFETY: members are disjoint.
            let stats =
                unsafe { stats.at(member * self.stats[1] + self.stats[0], Self::STATS.len()) };
            for (i, offset) in self.q.into_iter().enumerate() {
                let (at, step) = (member * self.stride + offset, self.step);
                let q = &out[at..][..(rows - 1) * step + 1];
                // SAFETY: members and critics are disjoint.
                let d = unsafe { delta.at(at, q.len()) };
                let (mut loss, mut first) = (0.0, 0);
                for &half in &self.halves {
                    let inverse = 1.0 / half as f32;
                    for n in first..first + half {
                        let error = q[n * step] - y[n];
                        d[n * step] = 2.0 * w[n] * error * inverse;
                        loss += w[n] * error * error * inverse;
                    }
                    first += half;
                }
                stats[i] = loss;
                stats[2 + i] = q.iter().step_by(step).sum::<f32>() / rows as f32;
            }
            stats[4] = y.iter().sum::<f32>() / rows as f32;
        });
    }

    fn cuda(&self) -> Program {
        let args = TdLossArgs {
            rows: word(self.halves.iter().sum()),
            q: self.q.map(word),
            step: word(self.step),
            stride: word(self.stride),
            row_stride: word(self.row_stride),
            stats: self.stats.map(word),
        };
        let halves: Vec<_> = self.halves.iter().map(|h| word(*h)).collect();
        Program::run(&args, &halves, [self.members, 1, 1])
    }
}
