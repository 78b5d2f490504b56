//! What every method has: parameters and their optimiser, a batch, room for activations, the agent's bookkeeping.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use crate::data::BehaviourPolicy;
use crate::error::{Error, Result};
use crate::nn::kernel::{Buf, Kind, RowLayout, Rows, Slot, StateScale, Stats, Uniforms, W, Y};
use crate::nn::ops::PerMember;
use crate::nn::ops::dense::{Dense, View};
use crate::nn::ops::gather::{Gather, GatherBuffers};
use crate::nn::ops::noise::{Draw, Noise, NoiseBuffers};
use crate::nn::ops::standardise::{Standardise, StandardiseBuffers};
use crate::nn::params::{Params, Stepped, take};
use crate::nn::spec::{Mlp, Spec};
use crate::nn::workspace::{Plan, Workspace};
use crate::nn::{Acting, Actor, PolicySnapshot, Replay};
use crate::rng::Stream;

/// Room for losses and means, floats a member.
pub const STATS: usize = 32;

/// Buffer number of the batch as a pass's input.
pub const BATCH: usize = 0;

/// Parameters that step together, by their number among the learner's groups.
pub type Group = usize;

/// A population of learners, each with the same networks.
pub struct Learner {
    /// Length of an observation.
    pub obs_dim: usize,
    /// Length of an action.
    pub act_dim: usize,
    /// Rows of a member's batch.
    pub rows: usize,
    /// One seed a member.
    pub seeds: Vec<u64>,
    /// Updates done.
    pub updates: u64,
    /// All parameters.
    pub params: Params,
    /// Where the policy lies in them.
    pub actor: Actor,
    /// Where passes are laid out.
    pub plan: Plan,
    /// Activations.
    pub ws: Workspace,
    /// `[P, rows, row]`.
    pub batch: Buf<Rows>,
    /// Targets y, `[P, rows]`.
    pub y: Buf<Y>,
    /// Weights of the critics' squared errors, `[P, rows]`.
    pub w: Buf<W>,
    /// Losses and means, `[P, STATS]`.
    pub stats: Buf<Stats>,
    names: Vec<&'static str>,
    groups: Vec<Stepped>,
    /// The policies, laid out for as many observations as they were last asked for.
    acting: RefCell<Option<Acting>>,
    target_rate: PerMember<f32>,
    /// Mean and 1/σ of the data set's states, `[P, 2, S]`, where states are learned from on its scale.
    state_scale: Option<Buf<StateScale>>,
}

impl Learner {
    /// Parameters and buffers for batches of `rows` rows a member. `targets`: see [`Params::new`];
    /// `target_rate`: their Polyak rate.
    pub fn new(
        spec: Spec,
        actor: Actor,
        targets: &[(&Mlp, &'static str)],
        target_rate: PerMember<f32>,
        [obs_dim, act_dim, rows]: [usize; 3],
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let members = seeds.len();
        if members == 0 || rows == 0 {
            let problem = "no seeds, or an empty batch";
            let help = "give at least one seed and one row";
            return Err(Error::input("settings", problem, help));
        }
        let params = Params::new(spec, targets, seeds, device)?;
        let zeros = |floats: usize| Tensor::zeros((members, floats), DType::F32, device);
        Ok(Self {
            obs_dim,
            act_dim,
            rows,
            seeds: seeds.to_vec(),
            updates: 0,
            plan: Plan::new(members, [params.len(), params.target_len()]),
            ws: Plan::new(members, [0, 0]).alloc(device)?,
            batch: zeros(rows * RowLayout::new(obs_dim, act_dim).floats())?.into(),
            y: zeros(rows)?.into(),
            w: Tensor::ones((members, rows), DType::F32, device)?.into(),
            stats: zeros(STATS)?.into(),
            names: Vec::new(),
            groups: Vec::new(),
            acting: RefCell::new(None),
            target_rate,
            state_scale: None,
            params,
            actor,
        })
    }

    // ---- layout ----

    /// Parameters `range` step together, at `rate`.
    pub fn group(&mut self, range: Range<usize>, rate: PerMember<f64>) -> Group {
        self.groups.push(Stepped {
            range,
            rate,
            cosine_steps: None,
            steps: 0,
        });
        self.groups.len() - 1
    }

    /// The rate of `group` falls to 0 along half a cosine over so many `steps`.
    pub fn anneal(&mut self, group: Group, steps: u64) {
        self.groups[group].cosine_steps = Some(steps);
    }

    /// States are learned from on the data set's scale, once [`fit_states`](Self::fit_states) has it.
    pub fn standardise_states(&mut self) -> Result<()> {
        let shape = (self.members(), 1, self.obs_dim);
        let (device, f32) = (self.batch.device(), DType::F32);
        let parts = [
            Tensor::zeros(shape, f32, device)?,
            Tensor::ones(shape, f32, device)?,
        ];
        self.state_scale = Some(Tensor::cat(&parts, 1)?.into());
        Ok(())
    }

    /// Where a loss puts the numbers called `names`. The same names share their places.
    pub fn places(&mut self, names: &[&'static str]) -> Slot<Stats> {
        let known = self.names.windows(names.len()).position(|w| w == names);
        let first = known.unwrap_or_else(|| {
            self.names.extend(names);
            self.names.len() - names.len()
        });
        assert!(self.names.len() <= STATS, "room for every loss");
        Slot::new(first)
    }

    /// The batch from `row` and `column` on, as a pass's input.
    pub fn batch_view(&self, row: usize, column: usize) -> View {
        let ld = self.row().floats();
        View {
            buffer: BATCH,
            offset: row * ld + column,
            ld,
            stride: self.rows * ld,
        }
    }

    /// Makes room for the passes laid out.
    pub fn alloc(&mut self) -> Result<()> {
        self.ws = self.plan.alloc(self.batch.device())?;
        Ok(())
    }

    /// Members, P.
    pub fn members(&self) -> usize {
        self.seeds.len()
    }

    /// A row of the batch.
    pub fn row(&self) -> RowLayout {
        RowLayout::new(self.obs_dim, self.act_dim)
    }

    // ---- update ----

    /// Takes the scale of the states from `data`: mean and deviation, to which 1e-3 is added as in the published code.
    pub fn fit_states(&mut self, data: &Replay) -> Result<()> {
        let Some(scale) = &mut self.state_scale else {
            return Ok(());
        };
        let by_part = data.state_moments(self.obs_dim)?;
        let members = self.seeds.len();
        let of_member = |m: usize| {
            let fitted = &by_part[data.part(m)];
            let inverse = |(_, std): &(f64, f64)| (1.0 / (std + 1e-3)) as f32;
            let means = fitted.iter().map(|(mean, _)| *mean as f32);
            means.chain(fitted.iter().map(inverse))
        };
        let all: Vec<f32> = (0..members).flat_map(of_member).collect();
        **scale = Tensor::from_vec(all, (members, 2, self.obs_dim), scale.device())?;
        Ok(())
    }

    /// Draws `rows` rows of `replay` into the batch from row `first` on.
    pub fn draw(&self, replay: &Replay, stream: Stream, first: usize, rows: usize) -> Result<()> {
        let width = self.row().floats();
        self.gather(replay, stream, 0, first..first + rows, width, &self.batch)?;
        let Some(scale) = &self.state_scale else {
            return Ok(());
        };
        let standardise = Standardise {
            members: self.members(),
            rows: first..first + rows,
            row: self.row(),
        };
        let batch = &self.batch;
        standardise.launch(StandardiseBuffers { batch, scale })
    }

    /// Draws `rows` of each member's part of `into`, the first `width` floats of each.
    pub fn gather(
        &self,
        replay: &Replay,
        stream: Stream,
        lane: u32,
        rows: Range<usize>,
        width: usize,
        into: &Buf<Rows>,
    ) -> Result<()> {
        let (spans, row) = (replay.spans(), replay.row());
        let parts = spans.values();
        let fits =
            row == self.row().floats() && (parts.len() == 1 || parts.len() == self.members());
        if !fits || parts.iter().any(|span| span.len == 0) {
            let problem = format!("a replay of {row} floats a row, filled as {parts:?}");
            let help = "fill it first, with this task's transitions";
            return Err(Error::input("replay", problem, help));
        }
        let gather = Gather {
            members: self.members(),
            lane,
            update: self.updates as u32,
            stream,
            row,
            first: rows.start,
            rows: rows.len(),
            width,
            seed: self.seeds.clone().into(),
            span: spans,
        };
        gather.launch(GatherBuffers {
            batch: into,
            replay: &replay.rows,
        })
    }

    /// Fills `into`, `[P, len]`, with standard normals.
    pub fn normals<K: Kind>(&self, stream: Stream, into: &Buf<K>) -> Result<()> {
        self.noise(Draw::Normal, stream, into)
    }

    /// Fills `into`, `[P, len]`, with uniforms on [−1, 1).
    pub fn uniforms(&self, stream: Stream, into: &Buf<Uniforms>) -> Result<()> {
        self.noise(Draw::Uniform, stream, into)
    }

    fn noise<K: Kind>(&self, draw: Draw, stream: Stream, into: &Buf<K>) -> Result<()> {
        let noise = Noise {
            members: self.members(),
            draw,
            update: self.updates as u32,
            stream,
            len: into.elem_count() / self.members(),
            seed: self.seeds.clone().into(),
        };
        let drawn = &into.to_draw();
        noise.launch(NoiseBuffers { drawn })
    }

    /// Runs passes that read the batch alone.
    pub fn forward(&self, passes: &Dense) -> Result<()> {
        let input: [&Tensor; 3] = [&self.params.theta, &self.params.target, &self.batch];
        self.ws.forward(passes, input)
    }

    /// Adam on `groups`.
    pub fn step(&mut self, groups: &[Group]) -> Result<()> {
        let chosen = self.groups.iter_mut().enumerate();
        let chosen = chosen.filter_map(|(n, group)| groups.contains(&n).then_some(group));
        self.params.step(&mut chosen.collect::<Vec<_>>())
    }

    /// Ends an update: freezes members that have diverged, moves the targets, counts.
    pub fn close(&mut self) -> Result<()> {
        self.params.guard(&self.stats, self.updates + 1)?;
        self.params.smooth(&self.target_rate)?;
        self.updates += 1;
        Ok(())
    }

    // ---- what an agent is asked for ----

    /// See [`Agent::act`](crate::algo::Agent::act).
    pub fn act(&self, obs: &Tensor, noise: Option<&Tensor>) -> Result<Tensor> {
        let obs = match &self.state_scale {
            Some(scale) => &obs
                .broadcast_sub(&scale.narrow(1, 0, 1)?)?
                .broadcast_mul(&scale.narrow(1, 1, 1)?)?,
            None => obs,
        };
        let (_, rows, _) = obs.dims3()?;
        let mut acting = self.acting.borrow_mut();
        if !acting.as_ref().is_some_and(|acting| acting.fits(rows)) {
            *acting = Some(Acting::new(&self.params, &self.actor, rows)?);
        }
        let acting = acting.as_ref().expect("laid out above");
        acting.act(&self.params, obs, noise)
    }

    /// See [`Agent::policy`](crate::algo::Agent::policy).
    pub fn policy(&self, member: usize) -> Result<BehaviourPolicy> {
        let policy = PolicySnapshot::of(&self.params, &self.actor, member)?;
        let policy = match &self.state_scale {
            Some(scale) => {
                let scale = scale.get(member)?.to_vec2::<f32>()?;
                policy.standardised(&scale[0], &scale[1])
            }
            None => policy,
        };
        Ok(BehaviourPolicy::from(&policy))
    }

    /// See [`Agent::metrics`](crate::algo::Agent::metrics).
    pub fn metrics(&self) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let stats = self.stats.to_vec2::<f32>()?;
        let of = |n: usize| stats.iter().map(|s| s[n]).collect();
        let named = self.names.iter().enumerate();
        Ok(named.map(|(n, name)| (*name, of(n))).collect())
    }

    /// See [`Agent::state`](crate::algo::Agent::state).
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = self.params.state()?;
        let scale = self.state_scale.iter();
        state.extend(scale.map(|scale| ("state_scale".to_owned(), (**scale).clone())));
        let counts = self.groups.iter().map(|g| g.steps as i64);
        let counts: Vec<_> = counts.chain([self.updates as i64]).collect();
        state.push(("counters".to_owned(), Tensor::new(counts, &Device::Cpu)?));
        Ok(state)
    }

    /// See [`Agent::load_state`](crate::algo::Agent::load_state).
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let len = self.groups.len() + 1;
        let counters = take(state, "counters", &[len], DType::I64, &Device::Cpu)?;
        let counters = counters.to_vec1::<i64>()?;
        if let Some(scale) = &mut self.state_scale {
            let (dims, device) = (scale.dims().to_vec(), scale.device().clone());
            **scale = take(state, "state_scale", &dims, DType::F32, &device)?;
        }
        self.params.load_state(state)?;
        for (group, steps) in self.groups.iter_mut().zip(&counters) {
            group.steps = *steps as u64;
        }
        self.updates = counters[self.groups.len()] as u64;
        Ok(())
    }
}

/// Overwrites a buffer with recorded numbers.
pub fn set(name: &str, from: &[f32], to: &mut Tensor) -> Result<()> {
    if from.len() != to.elem_count() {
        let (have, want) = (from.len(), to.elem_count());
        let problem = format!("recorded {name} has {have} numbers, not {want}");
        let help = "use a record made with these sizes";
        return Err(Error::input("recorded draws", problem, help));
    }
    *to = Tensor::from_slice(from, to.shape(), to.device())?;
    Ok(())
}
