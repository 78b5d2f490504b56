//! The critics' loss: Σ over halves of mean w·(Q_i − y)², i = 1, 2; no gradient through w or y.

use super::cpu::each;
use crate::kernel::{Acts, OnHost, Slot, Stats, kernel};

kernel! {
    /// Writes dQ and its [`TdLoss::STATS`].
    pub struct TdLoss in "td_loss";
    fields {
        /// Rows of each half; the mean is taken over each apart. The second may be empty.
        halves: [usize; 2],
        /// Q1 and Q2 at the first row's action.
        q: [Slot<Acts>; 2],
        /// Floats from a row's Q to the next row's, in each half: 1, or the number of actions at a state of which this is
        /// the first.
        steps: [usize; 2],
        /// Where the stats go.
        stats_at: Slot<Stats>,
    }
    each {}
    buffers TdLossBuffers {
        out {
            /// Where dQ goes.
            act_grads: Deltas,
            /// Losses and means.
            stats: Stats,
        }
        in {
            /// Q.
            acts: Acts,
            /// Targets, a row's each.
            y: Y,
            /// Weights, a row's each.
            w: W,
        }
    }
    stats [
        "losses/qf1_loss",
        "losses/qf2_loss",
        "losses/qf1_values",
        "losses/qf2_values",
        "losses/target",
    ];
    threads |_| super::BLOCK;
    floats |k| 6 * k.rows();
}

impl TdLoss {
    /// Rows of both halves.
    pub fn rows(&self) -> usize {
        self.halves.iter().sum()
    }

    /// Where each row's Q lies behind the first row's.
    pub fn places(&self) -> impl Iterator<Item = usize> + Clone {
        let ([first, second], [step, other]) = (self.halves, self.steps);
        let behind = first * step;
        let places = (0..first).map(move |n| n * step);
        places.chain((0..second).map(move |n| behind + n * other))
    }

    /// Floats from the first row's Q to the last's, both included.
    pub fn floats(&self) -> usize {
        self.places().last().map_or(0, |last| last + 1)
    }

    fn twin(&self, b: TdLossBuffers<OnHost<'_>>) {
        let rows = self.rows();
        each(self.members, |member| {
            let (y, w) = (&b.y.of(member)[..rows], &b.w.of(member)[..rows]);
            // SAFETY: members are disjoint.
            let stats = unsafe { b.stats.at(member, self.stats_at, Self::STATS.len()) };
            for (i, at) in self.q.into_iter().enumerate() {
                let q = b.acts.at(member, at, self.floats());
                // SAFETY: members and critics are disjoint.
                let d = unsafe { b.act_grads.at(member, at, q.len()) };
                let inverse = self.halves.map(|half| 1.0 / half as f32);
                let mut loss = 0.0;
                for (n, at) in self.places().enumerate() {
                    let inverse = inverse[usize::from(n >= self.halves[0])];
                    let error = q[at] - y[n];
                    d[at] = 2.0 * w[n] * error * inverse;
                    loss += w[n] * error * error * inverse;
                }
                stats[i] = loss;
                stats[2 + i] = self.places().map(|at| q[at]).sum::<f32>() / rows as f32;
            }
            stats[4] = y.iter().sum::<f32>() / rows as f32;
        });
    }
}
