//! What has been recorded, laid out and ready to run.

use std::ops::Range;

use candle_core::Tensor;

use super::forward::Gradient;
use super::{GroupId, PolicyNet, Recorded, Tape, UpdateSpan, draw};
use crate::error::Result;
use crate::kernel::PerMember;
use crate::kernel::dense::Dense;
use crate::kernel::dense_grad::DenseGrad;
use crate::kernel::{Buf, Compute, RowLayout, StateScale, Stats};
use crate::method::measures::Measured;
use crate::net::Replay;
use crate::net::params::{Params, Stepped};
use crate::net::workspace::{Pass, Workspace};

/// What stays the same for all updates.
#[derive(Clone, Debug)]
pub struct Scene {
    /// A row of a batch.
    pub row: RowLayout,
    /// One seed a member.
    pub seeds: Vec<u64>,
    /// Where these members stand in their population.
    pub place: Range<usize>,
    /// Members of the population.
    pub population: usize,
    /// Where everything lies, and how products round.
    pub on: Compute,
}

/// What a launch finds at hand.
pub struct Context<'a> {
    /// Row, seeds, device.
    pub scene: &'a Scene,
    /// Parameters.
    pub params: &'a Params,
    /// Activations.
    pub ws: &'a Workspace,
    /// Losses and means, `[P, STATS]`.
    pub stats: &'a Buf<Stats>,
    /// Updates done.
    pub updates: u64,
}

impl Context<'_> {
    /// Members, P.
    pub fn members(&self) -> usize {
        self.scene.seeds.len()
    }

    /// Mean and deviation of each number of the states that each member draws from `real`.
    pub fn state_moments(&self, real: &Replay) -> Result<Vec<Vec<(f64, f64)>>> {
        let by_part = real.state_moments(self.scene.row.obs_dim)?;
        let members = self.scene.place.clone();
        Ok(members.map(|m| by_part[real.part(m)].clone()).collect())
    }
}

/// A launch.
pub(super) type Launch = Box<dyn Fn(&Context) -> Result<()> + Send + Sync>;

/// A launch that reads a replay.
pub(super) type Note = Box<dyn Fn(&Context, &Replay) -> Result<()> + Send + Sync>;

/// The replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The real data.
    Real,
    /// What the simulator gave.
    Sim,
}

/// A draw of an update.
pub(super) enum Draw {
    /// Rows of a replay.
    Rows(Side, Note),
    /// Random numbers.
    Noise(Launch),
}

/// Work of an update, before memory is laid out.
pub(super) enum Work {
    /// Passes, by their numbers.
    Forward(Vec<usize>),
    /// The backward passes that fill these gradients.
    Backward(Vec<Gradient>),
    /// Another launch.
    Launch(Launch),
    /// An Adam step.
    Step(Vec<GroupId>),
}

/// Work, and in which updates it is done.
pub(super) struct Item {
    pub span: UpdateSpan,
    pub work: Work,
}

impl Item {
    /// Whether it is the forward launch of pass `number`.
    pub fn runs(&self, number: usize) -> bool {
        matches!(&self.work, Work::Forward(passes) if passes.contains(&number))
    }
}

/// Work of an update, laid out.
enum Ready {
    /// With the buffers that the passes read.
    Forward(Dense, Vec<Tensor>),
    Backward(DenseGrad, Vec<Tensor>),
    Launch(Launch),
    Step(Vec<GroupId>),
}

/// An update, ready to run.
pub struct UpdateProgram {
    groups: Vec<Stepped>,
    names: Vec<&'static str>,
    polyak: (UpdateSpan, PerMember<f32>),
    state_scale: Option<Buf<StateScale>>,
    before_first: Vec<Note>,
    draws: Vec<(UpdateSpan, Draw)>,
    recorded: Vec<draw::Take>,
    measures: Vec<(UpdateSpan, Measured)>,
    items: Vec<(UpdateSpan, Ready)>,
}

/// A tape's parts: what it recorded, on which parameters, with how much room, and the policy that acts.
pub(crate) struct Sealed {
    pub scene: Scene,
    pub program: UpdateProgram,
    pub params: Params,
    pub ws: Workspace,
    pub policy: PolicyNet,
}

impl Tape {
    /// Lays the memory out and makes the launches.
    ///
    /// # Panics
    /// Where a method has recorded no policy, or losses without a step.
    pub(crate) fn seal(mut self) -> Result<Sealed> {
        self.params()?;
        self.next_stage();
        let (plan, mut passes) = (self.plan, self.passes);
        for item in &self.items {
            if let Work::Backward(gradients) = &item.work {
                let trained = gradients.iter().map(|gradient| gradient.pass);
                trained.for_each(|pass| passes[pass].0.save_for_backward());
            }
        }
        let mut ready = |work| match work {
            Work::Forward(numbers) => {
                let buffers = number_buffers(&mut passes, &numbers);
                let passes: Vec<_> = numbers.iter().map(|n| &passes[*n].0).collect();
                Ready::Forward(plan.forward(&passes), buffers)
            }
            Work::Backward(gradients) => {
                let numbers: Vec<_> = gradients.iter().map(|g| g.pass).collect();
                let buffers = number_buffers(&mut passes, &numbers);
                let back = plan.backward(&Self::backprops(&passes, &gradients));
                Ready::Backward(back, buffers)
            }
            Work::Launch(launch) => Ready::Launch(launch),
            Work::Step(groups) => Ready::Step(groups),
        };
        let items = self.items.into_iter();
        let items = items.map(|item| (item.span, ready(item.work))).collect();
        Ok(Sealed {
            program: UpdateProgram {
                groups: self.groups,
                names: self.names,
                polyak: (self.follow, self.polyak),
                state_scale: self.state_scale,
                before_first: self.prepared,
                draws: self.draws,
                recorded: self.recorded,
                measures: self.measures,
                items,
            },
            ws: plan.alloc(&self.scene.on.device)?,
            params: self.params.expect("made above"),
            policy: self.policy.expect("a method has a policy"),
            scene: self.scene,
        })
    }
}

/// Numbers the buffers that these passes read, as their launch counts them.
fn number_buffers(passes: &mut [(Pass, Tensor)], numbers: &[usize]) -> Vec<Tensor> {
    let mut buffers: Vec<Tensor> = Vec::new();
    for number in numbers {
        let (pass, from) = &mut passes[*number];
        let known = buffers.iter().position(|b| b.id() == from.id());
        pass.reads_buffer(known.unwrap_or(buffers.len()));
        if known.is_none() {
            buffers.push(from.clone());
        }
    }
    buffers
}

impl UpdateProgram {
    // ---- an update ----

    /// What is done once before a process's first update.
    pub fn prepare(&self, c: &Context, real: &Replay) -> Result<()> {
        self.before_first.iter().try_for_each(|work| work(c, real))
    }

    /// Draws what the update needs.
    pub fn draw(&self, c: &Context, real: &Replay, sim: &Replay) -> Result<()> {
        for (span, draw) in &self.draws {
            match draw {
                _ if !span.contains(c.updates) => {}
                Draw::Rows(Side::Real, draw) => draw(c, real)?,
                Draw::Rows(Side::Sim, draw) => draw(c, sim)?,
                Draw::Noise(draw) => draw(c)?,
            }
        }
        Ok(())
    }

    /// Takes recorded draws.
    pub fn take(&self, draws: &Recorded) -> Result<()> {
        self.recorded.iter().try_for_each(|take| take(draws))
    }

    /// The update itself: its items, then the guard and the targets.
    pub fn run(&mut self, c: &Context) -> Result<()> {
        let (groups, params, ws) = (&mut self.groups, c.params, c.ws);
        for (_, work) in self
            .items
            .iter()
            .filter(|(span, _)| span.contains(c.updates))
        {
            match work {
                Ready::Forward(dense, buffers) => ws.forward(dense, params, buffers)?,
                Ready::Backward(back, buffers) => ws.backward(back, params, buffers)?,
                Ready::Launch(launch) => launch(c)?,
                Ready::Step(chosen) => {
                    let all = groups.iter_mut().enumerate();
                    let chosen = all.filter(|(n, _)| chosen.contains(&GroupId(*n)));
                    params.step(&mut chosen.map(|(_, group)| group).collect::<Vec<_>>())?;
                }
            }
        }
        params.guard(c.stats, c.updates + 1)?;
        let (span, rate) = &self.polyak;
        match span.contains(c.updates) {
            true => params.smooth(rate),
            false => Ok(()),
        }
    }

    // ---- what it is asked for ----

    /// The first update that draws from the simulator's replay; none: it never does.
    pub fn simulates_from(&self) -> Option<u64> {
        let of_sim = self.draws.iter().filter_map(|(span, draw)| match draw {
            Draw::Rows(Side::Sim, _) => Some(span.range.start),
            _ => None,
        });
        of_sim.min()
    }

    /// Where update `update` leaves its TD errors and its weights.
    pub fn measured(&self, update: u64) -> Option<&Measured> {
        let mut of_update = self.measures.iter();
        let found = of_update.find(|(span, _)| span.contains(update));
        found.map(|(_, measured)| measured)
    }

    /// Names of losses and means, in the order of their places.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// Mean and 1/σ of the data's states, `[P, 2, S]`, where states are learned from on its scale.
    pub fn state_scale(&self) -> Option<&Buf<StateScale>> {
        self.state_scale.as_ref()
    }

    /// Steps done by each group.
    pub fn steps(&self) -> impl Iterator<Item = u64> {
        self.groups.iter().map(|group| group.steps)
    }

    /// Sets the [`steps`](Self::steps).
    pub fn set_steps(&mut self, steps: &[i64]) {
        let groups = self.groups.iter_mut().zip(steps);
        groups.for_each(|(group, steps)| group.steps = *steps as u64);
    }
}
