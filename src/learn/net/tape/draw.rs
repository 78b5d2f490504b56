//! What an update draws: rows of the replays, and noise.

use std::ops::Range;

use candle_core::Tensor;

use super::program::{Context, Draw, Side};
use super::{Batch, Tape};
use crate::error::{Error, Result};
use crate::kernel::gather::{Gather, GatherBuffers};
use crate::kernel::noise::{self, Noise, NoiseBuffers};
use crate::kernel::standardise::{Standardise, StandardiseBuffers};
use crate::kernel::{Buf, Kind, RowLayout, Rows, Uniforms};
use crate::net::Replay;
use crate::rng::Stream;

/// What an update would have drawn, for every member in turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// The batch, `[P, rows, row]`: real rows, then simulated ones.
    pub batch: Vec<f32>,
    /// Normals of the policy's actions, `[P, 2·rows, A]`: at the batch's states, then at its next states.
    pub noise: Vec<f32>,
    /// The classifiers' rows (s,a,s') before the noise, `[P, 2·half, 2S + A]`: real, then simulated. Or the encoder's
    /// rows, `[P, rows, 2S + A]`.
    pub ratio: Vec<f32>,
    /// Normals added to them, of the same shape.
    pub ratio_noise: Vec<f32>,
    /// CQL's uniform actions on [−1, 1), `[P, rows, K, A]`.
    pub uniforms: Vec<f32>,
    /// Normals of CQL's sampled actions, `[P, 2, rows, K, A]`: at the batch's states, then at its next states.
    pub candidates: Vec<f32>,
    /// Normals of the next states at which H2O measures the gap, `[P, sim, samples, S]`.
    pub next_states: Vec<f32>,
    /// Their standard deviations, `[P, S]`.
    pub spread: Vec<f32>,
    /// Normals of the target policy's actions in TD3, `[P, rows, A]`.
    pub target_noise: Vec<f32>,
    /// Normals of the actions that are drawn to the data's, `[P, real, A]`.
    pub cloning: Vec<f32>,
}

impl Recorded {
    /// What member `member` of `members` would have drawn.
    pub(crate) fn of(&self, member: usize, members: usize) -> Self {
        let part = |all: &Vec<f32>| {
            let len = all.len() / members;
            // What does not divide is the last one's, whose buffer then refuses it.
            let until = if member + 1 < members {
                (member + 1) * len
            } else {
                all.len()
            };
            all[member * len..until].to_vec()
        };
        Self {
            batch: part(&self.batch),
            noise: part(&self.noise),
            ratio: part(&self.ratio),
            ratio_noise: part(&self.ratio_noise),
            uniforms: part(&self.uniforms),
            candidates: part(&self.candidates),
            next_states: part(&self.next_states),
            spread: part(&self.spread),
            target_noise: part(&self.target_noise),
            cloning: part(&self.cloning),
        }
    }
}

/// Puts recorded draws in the place of random ones.
pub(super) type Take = Box<dyn Fn(&Recorded) -> Result<()> + Send + Sync>;

impl Tape {
    // ---- rows ----

    /// Room for so many real and simulated rows, whose states are on the scale of the data if `standardise`; with this
    /// the networks are all declared.
    ///
    /// # Errors
    /// Without rows, and where a network has a layer without outputs.
    pub fn rows(&mut self, [real, sim]: [usize; 2], standardise: bool) -> Result<Batch> {
        if real + sim == 0 {
            let help = "give at least one row";
            return Err(Error::input("batch", "has no rows", help));
        }
        self.params()?;
        if standardise {
            self.standardise_states()?;
        }
        let layout = self.scene.row;
        let rows: Buf<Rows> = self.zeros((real + sim) * layout.floats())?;
        self.take("batch", &rows, |draws| &draws.batch);
        Ok(Batch {
            rows,
            layout,
            capacity: real + sim,
            real,
            range: 0..real + sim,
        })
    }

    /// Every update of the span draws `batch`: real rows of the data, simulated ones of the simulator's replay.
    pub fn draw(&mut self, batch: &Batch) {
        let first = batch.range.start;
        let [real, sim] = batch.halves();
        let parts = [
            (Side::Real, Stream::SampleReal, first..first + real),
            (
                Side::Sim,
                Stream::SampleSim,
                first + real..first + real + sim,
            ),
        ];
        for (side, stream, rows) in parts {
            self.draw_rows(side, (0, stream), rows, batch.layout, &batch.rows);
        }
    }

    /// Rows (s,a,s') apart from the batch: so many real ones, then simulated ones; drawn in every update of the span.
    pub(super) fn dynamics_rows(&mut self, [real, sim]: [usize; 2]) -> Result<Buf<Rows>> {
        let row = self.scene.row.of_dynamics();
        let rows: Buf<Rows> = self.zeros((real + sim) * row.floats())?;
        let parts = [(Side::Real, 0..real), (Side::Sim, real..real + sim)];
        for (lane, (side, part)) in (0..).zip(parts) {
            self.draw_rows(side, (lane, Stream::SampleRatio), part, row, &rows);
        }
        Ok(rows)
    }

    /// Every update of the span draws these rows of `into` from the data or the simulator's replay, on the scale of the
    /// states if there is one.
    fn draw_rows(
        &mut self,
        side: Side,
        lane: (u32, Stream),
        rows: Range<usize>,
        row: RowLayout,
        into: &Buf<Rows>,
    ) {
        if rows.is_empty() {
            return;
        }
        let (into, scale) = (into.clone(), self.state_scale.clone());
        self.drawn(side, move |c, replay| {
            gather(c, replay, lane, &rows, row.floats(), &into)?;
            let Some(scale) = &scale else { return Ok(()) };
            let standardise = Standardise {
                members: c.members(),
                rows: rows.clone(),
                row,
            };
            let batch = &into;
            standardise.launch(StandardiseBuffers { batch, scale })
        });
    }

    /// States are learned from on the scale of the data: s ← (s − mean)/σ. The first update takes the scale.
    fn standardise_states(&mut self) -> Result<()> {
        let (obs_dim, members) = (self.obs_dim(), self.members());
        let unit = [vec![0.0f32; obs_dim], vec![1.0; obs_dim]].concat();
        let unit = Tensor::from_vec(
            unit.repeat(members),
            (members, 2, obs_dim),
            &self.scene.on.device,
        )?;
        let scale = Buf::from(unit);
        self.state_scale = Some(scale.clone());
        self.before_first(move |c, real| {
            if c.updates > 0 {
                return Ok(());
            }
            let of_member = |fitted: &Vec<(f64, f64)>| {
                let inverse = |(_, std): &(f64, f64)| inverse_deviation(*std) as f32;
                let means = fitted.iter().map(|(mean, _)| *mean as f32);
                means.chain(fitted.iter().map(inverse)).collect::<Vec<_>>()
            };
            let all: Vec<f32> = c.state_moments(real)?.iter().flat_map(of_member).collect();
            fill("scale of the states", &all, &scale)
        });
        Ok(())
    }

    // ---- noise ----

    /// Standard normals, `[P, floats]`, drawn in every update of the span; `take` names their record.
    pub(super) fn normals<K: Kind>(
        &mut self,
        name: &'static str,
        stream: Stream,
        floats: usize,
        take: fn(&Recorded) -> &Vec<f32>,
    ) -> Result<Buf<K>> {
        self.noise(noise::Draw::Normal, name, stream, floats, take)
    }

    /// Uniforms on [−1, 1), likewise.
    pub(super) fn uniforms(
        &mut self,
        name: &'static str,
        stream: Stream,
        floats: usize,
        take: fn(&Recorded) -> &Vec<f32>,
    ) -> Result<Buf<Uniforms>> {
        self.noise(noise::Draw::Uniform, name, stream, floats, take)
    }

    fn noise<K: Kind>(
        &mut self,
        draw: noise::Draw,
        name: &'static str,
        stream: Stream,
        len: usize,
        take: fn(&Recorded) -> &Vec<f32>,
    ) -> Result<Buf<K>> {
        let buffer: Buf<K> = self.zeros(len)?;
        self.take(name, &buffer, take);
        let drawn = buffer.to_draw();
        let span = self.span.clone();
        let run = move |c: &Context| {
            let noise = Noise {
                members: c.members(),
                draw,
                update: c.updates as u32,
                stream,
                len,
                seed: c.scene.seeds.clone().into(),
            };
            noise.launch(NoiseBuffers { drawn: &drawn })
        };
        self.draws.push((span, Draw::Noise(Box::new(run))));
        Ok(buffer)
    }

    // ---- how it is recorded ----

    /// The latest item.
    pub(super) fn latest(&self) -> Option<usize> {
        self.items.len().checked_sub(1)
    }

    /// Done once before the first update of a process, with the real data at hand.
    pub(super) fn before_first(
        &mut self,
        work: impl Fn(&Context, &Replay) -> Result<()> + Send + Sync + 'static,
    ) {
        self.prepared.push(Box::new(work));
    }

    fn drawn(
        &mut self,
        side: Side,
        run: impl Fn(&Context, &Replay) -> Result<()> + Send + Sync + 'static,
    ) {
        let draw = Draw::Rows(side, Box::new(run));
        self.draws.push((self.span.clone(), draw));
    }

    /// A record's numbers go into `buffer`.
    pub(super) fn take<K: Kind>(
        &mut self,
        name: &'static str,
        buffer: &Buf<K>,
        take: fn(&Recorded) -> &Vec<f32>,
    ) {
        let to = (**buffer).clone();
        self.recorded
            .push(Box::new(move |draws| fill(name, take(draws), &to)));
    }
}

/// Overwrites a buffer, in place, with numbers called `name`.
pub(super) fn fill(name: &str, from: &[f32], to: &Tensor) -> Result<()> {
    if from.len() != to.elem_count() {
        let (have, want) = (from.len(), to.elem_count());
        let problem = format!("recorded {name} has {have} numbers, not {want}");
        let help = "use a record made with these sizes";
        return Err(Error::input("recorded draws", problem, help));
    }
    let from = Tensor::from_slice(from, to.shape(), to.device())?;
    Ok(to.slice_set(&from, 0, 0)?)
}

/// 1/σ, to which 1e-3 is added as in the published code of IQL.
pub(super) fn inverse_deviation(std: f64) -> f64 {
    1.0 / (std + 1e-3)
}

/// Draws `rows` of each member's part of `into`, the first `width` floats of each.
fn gather(
    c: &Context,
    replay: &Replay,
    (lane, stream): (u32, Stream),
    rows: &Range<usize>,
    width: usize,
    into: &Buf<Rows>,
) -> Result<()> {
    let (spans, row) = (replay.spans(), replay.row());
    let parts = spans.values();
    let fits =
        row == c.scene.row.floats() && (parts.len() == 1 || parts.len() == c.scene.population);
    if !fits || parts.iter().any(|span| span.len == 0) {
        let problem = format!("a replay of {row} floats a row, filled as {parts:?}");
        let help = "fill it first, with this task's transitions";
        return Err(Error::input("replay", problem, help));
    }
    let gather = Gather {
        members: c.members(),
        lane,
        update: c.updates as u32,
        stream,
        row,
        first: rows.start,
        rows: rows.len(),
        width,
        seed: c.scene.seeds.clone().into(),
        span: spans.part(&c.scene.place),
    };
    gather.launch(GatherBuffers {
        batch: into,
        replay: &replay.rows,
    })
}
