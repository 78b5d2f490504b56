//! An update, recorded once and replayed.
//!
//! A method declares its networks, the rows of its batch, and then what an update does, in the order of the paper. The
//! tape lays the memory out, joins forward passes that wait for nothing into one launch, and adds the backward passes
//! that the losses ask for where an optimiser step needs them.
//!
//! **Stages.** An optimiser step ends a stage. What a network gave before it may not be read after it, so the next stage
//! uses the same memory; only what measures are read from when the update is done stays.
//!
//! **Spans.** A method may do different things early and late: [`Tape::until`] and [`Tape::since`] record what belongs to
//! the updates before, and from, a given one, [`Tape::every`] what is done now and then.

mod batch;
mod cloning;
mod deterministic;
mod draw;
mod encoder;
mod forward;
mod losses;
mod networks;
mod penalties;
mod program;
mod ratio;
mod sample;

use std::ops::Range;

use candle_core::{DType, Tensor};

pub use batch::{Batch, Block};
pub use deterministic::Chosen;
pub use draw::Recorded;
pub use encoder::Encoder;
pub use forward::Values;
pub use losses::{TdTarget, Weights};
pub use networks::{Hidden, Net, PolicyNet, Temperature, Twin};
pub(crate) use program::Sealed;
pub use program::{Context, Scene, UpdateProgram};
pub use ratio::Blurred;
pub use sample::Fresh;

use crate::error::Result;
use crate::kernel::PerMember;
use crate::kernel::{Buf, Compute, Kind, RowLayout, Slot, StateScale, Stats};
use crate::method::measures::Measured;
use crate::net::params::{Params, Stepped};
use crate::net::spec::{Mlp, ParamSpec};
use crate::net::workspace::{Pass, Plan};
use forward::{Gradient, Through};
use program::{Draw, Item, Note, Work};

/// Room for losses and means, floats a member.
pub const STATS: usize = 32;

/// Parameters that step together, by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupId(usize);

/// Some of the updates, counted from 0: every so many of a range, from its first on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateSpan {
    range: Range<u64>,
    every: u64,
}

impl UpdateSpan {
    /// Every update.
    const ALL: Self = Self {
        range: 0..u64::MAX,
        every: 1,
    };

    /// Whether `update` is among them.
    fn contains(&self, update: u64) -> bool {
        self.range.contains(&update) && (update - self.range.start).is_multiple_of(self.every)
    }

    /// Whether an update may be in both ranges.
    fn meets(&self, other: &Self) -> bool {
        self.range.start < other.range.end && other.range.start < self.range.end
    }
}

/// Records an update.
pub struct Tape {
    scene: Scene,
    spec: ParamSpec,
    groups: Vec<Stepped>,
    /// Networks that have targets, the targets' names, and their Polyak rate.
    targets: Vec<(Mlp, &'static str)>,
    polyak: PerMember<f32>,
    /// The updates in which the targets follow.
    follow: UpdateSpan,
    policy: Option<PolicyNet>,
    /// There once the networks are done and passes begin.
    params: Option<Params>,
    plan: Plan,
    /// Every pass and what it reads.
    passes: Vec<(Pass, Tensor)>,
    names: Vec<&'static str>,
    state_scale: Option<Buf<StateScale>>,

    prepared: Vec<Note>,
    draws: Vec<(UpdateSpan, Draw)>,
    recorded: Vec<draw::Take>,
    measures: Vec<(UpdateSpan, Measured)>,
    /// Floats a member of activations that measures of these updates are read from.
    kept: Vec<(UpdateSpan, usize)>,
    items: Vec<Item>,
    span: UpdateSpan,
    /// The stage's first item.
    stage: usize,
    /// Gradients that the losses of this stage have written, and networks that they reach through these.
    gradients: Vec<Gradient>,
    through: Vec<Through>,
}

impl Tape {
    /// For the members at `place` in the population of these `seeds`, and observations and actions of these lengths.
    pub fn new(
        [obs_dim, act_dim]: [usize; 2],
        seeds: &[u64],
        place: Range<usize>,
        on: &Compute,
    ) -> Self {
        Self {
            scene: Scene {
                row: RowLayout::new(obs_dim, act_dim),
                seeds: seeds[place.clone()].to_vec(),
                population: seeds.len(),
                place: place.clone(),
                on: on.clone(),
            },
            spec: ParamSpec::default(),
            groups: Vec::new(),
            targets: Vec::new(),
            polyak: 0.0.into(),
            follow: UpdateSpan::ALL,
            policy: None,
            params: None,
            plan: Plan::new(place.len(), [0, 0], on.precision),
            passes: Vec::new(),
            names: Vec::new(),
            state_scale: None,
            prepared: Vec::new(),
            draws: Vec::new(),
            recorded: Vec::new(),
            measures: Vec::new(),
            kept: Vec::new(),
            items: Vec::new(),
            span: UpdateSpan::ALL,
            stage: 0,
            gradients: Vec::new(),
            through: Vec::new(),
        }
    }

    /// Length of an observation, S.
    pub fn obs_dim(&self) -> usize {
        self.scene.row.obs_dim
    }

    /// Length of an action, A.
    pub fn act_dim(&self) -> usize {
        self.scene.row.act_dim
    }

    /// Members, P.
    pub fn members(&self) -> usize {
        self.scene.seeds.len()
    }

    // ---- spans ----

    /// Records `work` for the updates before `update`; nothing where that is the first.
    pub fn until(&mut self, update: u64, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        match update {
            0 => Ok(()),
            _ => self.within(0..update, 1, work),
        }
    }

    /// Records `work` for the updates from `update` on.
    pub fn since(&mut self, update: u64, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.within(update..u64::MAX, 1, work)
    }

    /// Records `work` for every `every`th update of the span at hand, its first among them.
    pub fn every(&mut self, every: u64, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.within(self.span.range.clone(), every, work)
    }

    fn within(
        &mut self,
        range: Range<u64>,
        every: u64,
        work: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let around = std::mem::replace(&mut self.span, UpdateSpan { range, every });
        self.next_stage();
        work(self)?;
        self.span = around;
        self.next_stage();
        Ok(())
    }

    fn next_stage(&mut self) {
        assert!(
            self.gradients.is_empty() && self.through.is_empty(),
            "an optimiser step follows the losses"
        );
        self.stage = self.items.len();
        let of_updates = self.kept.iter().filter(|(span, _)| span.meets(&self.span));
        self.plan
            .rewind(of_updates.map(|(_, kept)| *kept).max().unwrap_or(0));
    }

    // ---- steps ----

    /// One Adam step of `groups` along the gradients of the losses since the last step.
    pub fn step(&mut self, groups: &[GroupId]) {
        let gradients = std::mem::take(&mut self.gradients);
        if !gradients.is_empty() {
            self.work(Work::Backward(gradients));
        }
        for Through { launches, gradient } in std::mem::take(&mut self.through) {
            let launches = launches.into_iter().map(Work::Launch);
            launches.for_each(|launch| self.work(launch));
            self.work(Work::Backward(vec![gradient]));
        }
        self.work(Work::Step(groups.to_vec()));
        self.next_stage();
    }

    /// The targets follow the parameters in the updates of the span at hand, and in no others; else they do in all.
    pub fn targets_follow(&mut self) {
        self.follow = self.span.clone();
    }

    // ---- for what is recorded ----

    /// The parameters, and with them the end of the networks' layout.
    fn params(&mut self) -> Result<&Params> {
        if self.params.is_none() {
            let spec = std::mem::take(&mut self.spec);
            let targets: Vec<_> = self
                .targets
                .iter()
                .map(|(mlp, name)| (mlp, *name))
                .collect();
            let params = Params::new(spec, &targets, &self.scene.seeds, &self.scene.on.device)?;
            let banks = [params.len(), params.target_len()];
            self.plan = Plan::new(self.members(), banks, self.scene.on.precision);
            self.params = Some(params);
        }
        Ok(self.params.as_ref().expect("made above"))
    }

    fn work(&mut self, work: Work) {
        let span = self.span.clone();
        self.items.push(Item { span, work });
    }

    /// Records a launch.
    fn launch(&mut self, launch: impl Fn(&Context) -> Result<()> + Send + Sync + 'static) {
        self.work(Work::Launch(Box::new(launch)));
    }

    /// A buffer of `floats` zeros a member.
    fn zeros<K: Kind>(&self, floats: usize) -> Result<Buf<K>> {
        let shape = (self.members(), floats);
        Ok(Tensor::zeros(shape, DType::F32, &self.scene.on.device)?.into())
    }

    /// Where a loss puts the numbers called `names`. The same names share their places.
    fn places(&mut self, names: &[&'static str]) -> Slot<Stats> {
        let known = self.names.windows(names.len()).position(|w| w == names);
        let first = known.unwrap_or_else(|| {
            self.names.extend(names);
            self.names.len() - names.len()
        });
        assert!(self.names.len() <= STATS, "room for every loss");
        Slot::new(first)
    }
}
