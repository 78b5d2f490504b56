//! What holds a critic down: CQL's actions, H2O's gap.

use candle_core::Tensor;

use super::draw::{fill, inverse_deviation};
use super::{Batch, Block, Fresh, PolicyNet, Tape, Twin, Values};
use crate::error::Result;
use crate::kernel::PerMember;
use crate::kernel::candidates::{Beside, BesideBuffers, Candidates, CandidatesBuffers};
use crate::kernel::cql::{CqlLoss, CqlLossBuffers};
use crate::kernel::h2o::{GapWeight, GapWeightBuffers, H2oLoss, H2oLossBuffers};
use crate::kernel::noise::{ScaleColumns, ScaleColumnsBuffers};
use crate::kernel::{
    Actions, Buf, Density, Deviations, LogOmega, Normals, StateActions, Steps, Uniforms,
};
use crate::net::spec::Mlp;
use crate::rng::Stream;

/// The critics at many actions of every real state: the data's, uniform ones, and samples of the policy at s and at s'.
pub struct AtCandidates {
    /// Q, `[states, actions]`; the data's action first. Behind them Q of the simulated rows, at their own actions alone.
    pub q: [Values; 2],
    states: usize,
    actions: usize,
    density: Buf<Density>,
}

/// H2O's gap of every simulated row, as log ω.
pub struct DynamicsGap {
    log_omega: Buf<LogOmega>,
}

impl Tape {
    // ---- CQL ----

    /// The critics at the data's action, at `draws` uniform ones, and at as many samples of the policy at s and at s', for
    /// the real rows of `batch`; and at the simulated rows.
    pub fn at_candidates(
        &mut self,
        batch: &Batch,
        twin: &Twin,
        policy: &PolicyNet,
        fresh: &Fresh,
        draws: usize,
    ) -> Result<AtCandidates> {
        assert!(batch.is_first(), "candidates at a batch's first rows");
        let (members, row, [states, sim]) = (self.members(), self.scene.row, batch.halves());
        let (act_dim, per) = (row.act_dim, 1 + 3 * draws);
        let uniforms: Buf<Uniforms> = self.uniforms(
            "uniform actions",
            Stream::Candidates,
            states * draws * act_dim,
            |d| &d.uniforms,
        )?;
        let normals: Buf<Normals> = self.normals(
            "candidates",
            Stream::Candidates,
            2 * states * draws * act_dim,
            |d| &d.candidates,
        )?;
        let actions: Buf<Actions> = self.zeros(states * per * act_dim)?;
        let density: Buf<Density> = self.zeros(states * 3 * draws)?;
        let kernel = Candidates {
            members,
            states,
            draws,
            raw: self.read_both(&fresh.raw),
            affine: policy.spread.own(),
            row,
        };
        let (to, of, rows) = (actions.clone(), density.clone(), batch.buffer().clone());
        self.launch(move |c| {
            kernel.launch(CandidatesBuffers {
                actions: &to,
                density: &of,
                acts: &c.ws.acts,
                theta: &c.params.theta,
                uniforms: &uniforms,
                normals: &normals,
                batch: &rows,
            })
        });
        let q = match sim {
            0 => {
                let own = Block::of(&actions, [states * per, act_dim], self.latest());
                twin.q.each_ref().map(|q| {
                    let (obs, columns) = (batch.obs(), row.obs()..row.action());
                    let action = row.action()..row.next_obs();
                    let [state, q] = self.grouped(q, (&obs, columns), (&own, action), per);
                    self.trains(&[q, state]);
                    q
                })
            }
            sim => {
                let beside = self.beside(batch, &actions, [states, per, sim])?;
                let mut q = self.twin_at(twin, &beside);
                q.iter_mut().for_each(|q| q.steps = [per, 1]);
                self.trains(&q);
                q
            }
        };
        Ok(AtCandidates {
            q,
            states,
            actions: per,
            density,
        })
    }

    /// `per` actions of each of the first `states` of `batch` beside it, then the `sim` rows behind them as they are: a
    /// network trains in one pass.
    fn beside(
        &mut self,
        batch: &Batch,
        actions: &Buf<Actions>,
        [states, per, sim]: [usize; 3],
    ) -> Result<Block> {
        let row = self.scene.row;
        let size = [states * per + sim, row.next_obs()];
        let all: Buf<StateActions> = self.zeros(size[0] * size[1])?;
        let beside = Beside {
            members: self.members(),
            states,
            per,
            others: sim,
            row,
        };
        let (to, actions, rows) = (all.clone(), actions.clone(), batch.buffer().clone());
        self.launch(move |_| {
            beside.launch(BesideBuffers {
                all: &to,
                actions: &actions,
                batch: &rows,
            })
        });
        Ok(Block::of(&all, size, self.latest()))
    }

    /// CQL's term, added to the critics' loss: weight·(T·logsumexp(Q/T) over the candidates − Q at the data's action).
    pub fn cql_loss(
        &mut self,
        at: &AtCandidates,
        [weight, temperature]: [PerMember<f32>; 2],
        importance: bool,
    ) {
        let loss = CqlLoss {
            members: self.members(),
            states: at.states,
            actions: at.actions,
            q: self.read_both(&at.q),
            weight,
            temperature,
            importance,
            stats_at: self.places(&CqlLoss::STATS),
        };
        let density = at.density.clone();
        self.launch(move |c| {
            loss.launch(CqlLossBuffers {
                act_grads: &c.ws.act_grads,
                stats: c.stats,
                acts: &c.ws.acts,
                density: &density,
            })
        });
    }

    // ---- H2O ----

    /// How wide the gap is at each simulated row of `batch`: u is the mean of log p_sim/p_real over `samples` next states
    /// around the simulated one, clipped; log ω is that of u's share. The next states are drawn with `spread` times the
    /// deviations of the data's states among `padding` zeros per row.
    pub fn gap(
        &mut self,
        batch: &Batch,
        sas: &Mlp,
        samples: usize,
        clip: PerMember<[f32; 2]>,
        [spread, padding]: [PerMember<f64>; 2],
    ) -> Result<DynamicsGap> {
        let (members, row, sim) = (self.members(), self.scene.row, batch.sim());
        let (obs_dim, len) = (row.obs_dim, sim.len() * samples * row.obs_dim);
        let steps: Buf<Steps> =
            self.normals("next states", Stream::NextStates, len, |d| &d.next_states)?;
        let std: Buf<Deviations> = self.zeros(obs_dim)?;
        let (to, factor) = (std.clone(), spread.clone());
        let scaled = self.state_scale.is_some();
        self.before_first(move |c, real| {
            let of_member = |(member, moments): (usize, Vec<_>)| {
                let (spread, padding) = (spread.of(member), padding.of(member));
                let of_column = move |m: (f64, f64)| {
                    // Of states on the data's scale, on that scale.
                    let scale = if scaled { inverse_deviation(m.1) } else { 1.0 };
                    (spread * scale * padded_deviation(m, padding)) as f32
                };
                moments.into_iter().map(of_column)
            };
            let moments = c.state_moments(real)?.into_iter().enumerate();
            let all: Vec<f32> = moments.flat_map(of_member).collect();
            fill("deviations", &all, &to)
        });
        let to: Tensor = (*std).clone();
        self.recorded.push(Box::new(move |draws| {
            let scaled = draws.spread.chunks(obs_dim).enumerate();
            let scaled = scaled.flat_map(|(m, row)| {
                let factor = factor.of(m) as f32;
                row.iter().map(move |std| std * factor)
            });
            fill("deviations", &scaled.collect::<Vec<_>>(), &to)
        }));
        let scale = ScaleColumns {
            members,
            len,
            columns: obs_dim,
        };
        let x = steps.clone();
        self.launch(move |_| scale.launch(ScaleColumnsBuffers { x: &x, std: &std }));
        let around = Block::of(&steps, [sim.len() * samples, obs_dim], self.latest());
        let (all, next) = (0..row.dynamics(), row.next_obs()..row.dynamics());
        let [_, raw] = self.grouped(sas, (&sim.dynamics(), all), (&around, next), samples);
        let log_omega: Buf<LogOmega> = self.zeros(sim.len())?;
        let weight = GapWeight {
            members,
            sim: sim.len(),
            samples,
            raw: self.read(&raw),
            clip,
            stats_at: self.places(&GapWeight::STATS),
        };
        let to = log_omega.clone();
        self.launch(move |c| {
            weight.launch(GapWeightBuffers {
                log_omega: &to,
                stats: c.stats,
                acts: &c.ws.acts,
            })
        });
        Ok(DynamicsGap { log_omega })
    }

    /// H2O's term, added to the critics' loss: weight·(T·log Σ_sim exp((Q + log ω)/T) − mean of Q over the real rows).
    pub fn h2o_loss(
        &mut self,
        batch: &Batch,
        q: [Values; 2],
        gap: &DynamicsGap,
        [weight, temperature]: [PerMember<f32>; 2],
    ) {
        let [real, sim] = batch.halves();
        let loss = H2oLoss {
            members: self.members(),
            real,
            sim,
            q: self.read_both(&q),
            weight,
            temperature,
            stats_at: self.places(&H2oLoss::STATS),
        };
        let log_omega = gap.log_omega.clone();
        self.launch(move |c| {
            loss.launch(H2oLossBuffers {
                act_grads: &c.ws.act_grads,
                stats: c.stats,
                acts: &c.ws.acts,
                log_omega: &log_omega,
            })
        });
    }
}

/// Deviation of numbers with this mean and deviation among `padding` zeros per number, plus the authors' 1e-3.
fn padded_deviation((mean, std): (f64, f64), padding: f64) -> f64 {
    let share = 1.0 / (1.0 + padding);
    let square = (std * std + mean * mean) * share;
    (square - (mean * share).powi(2)).max(0.0).sqrt() + 1e-3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::moments;

    #[test]
    fn deviations_among_zeros_are_those_of_the_padded_list() {
        let mut values = vec![1.0, -2.0, 3.5, 0.25];
        let of_values = moments(values.iter().copied());
        values.extend([0.0; 40]);
        let (_, std) = moments(values.iter().copied());
        assert!((padded_deviation(of_values, 10.0) - std - 1e-3).abs() < 1e-12);
        assert!((padded_deviation(of_values, 0.0) - of_values.1 - 1e-3).abs() < 1e-12);
    }
}
