//! What the actor-critic methods share: tanh-Gaussian policy, twin critics with targets, temperature.
//!
//! A method lays out its networks, adds its own passes to the plan, and runs the stages in its own order.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use crate::algo::Recorded;
use crate::data::BehaviourPolicy;
use crate::error::{Error, Result};
use crate::nn::launch::launch;
use crate::nn::ops::actor::ActorLoss;
use crate::nn::ops::dense::{Dense, View};
use crate::nn::ops::dense_grad::DenseGrad;
use crate::nn::ops::gather::Gather;
use crate::nn::ops::head::{Head, Sample, SampleGrad};
use crate::nn::ops::noise::Normals;
use crate::nn::params::{LastLayer, Mlp, Params, Spec, Stepped, take};
use crate::nn::replay::row_len;
use crate::nn::workspace::{Backprop, Pass, Plan, Use, Workspace};
use crate::nn::{PolicySnapshot, Replay};
use crate::rng::Stream;

/// Room for losses and means, floats a member.
pub const STATS: usize = 32;

/// Buffer numbers of a pass's input.
pub const BATCH: usize = 0;
const FRESH: usize = 1;

/// Networks that every actor-critic method has.
#[derive(Clone, Debug)]
pub struct Nets {
    /// S → hidden → 2A.
    pub policy: Mlp,
    /// Offset of log-std's multiplier; its offset follows.
    pub affine: usize,
    /// Offset of log β.
    pub log_alpha: usize,
    /// S + A → hidden → 1, twice.
    pub q: [Mlp; 2],
    policy_range: Range<usize>,
    alpha_range: Range<usize>,
}

impl Nets {
    /// Lays them out; β starts at `alpha`.
    pub fn new(
        spec: &mut Spec,
        obs_dim: usize,
        act_dim: usize,
        hidden: &[usize],
        alpha: f64,
    ) -> Result<Self> {
        if !(alpha.is_finite() && alpha > 0.0) {
            let problem = format!("is {alpha}");
            return Err(Error::input(
                "initial_alpha",
                problem,
                "give a number above 0",
            ));
        }
        let sizes = |inputs: usize, outputs: usize| [&[inputs], hidden, &[outputs]].concat();
        let policy = spec.mlp("policy", &sizes(obs_dim, 2 * act_dim), LastLayer::Small);
        let affine = spec.scalars(&[
            ("policy.log_std_multiplier", 1.0),
            ("policy.log_std_offset", -1.0),
        ]);
        let alpha_range = spec.scalars(&[("log_alpha", alpha.ln() as f32)]);
        let q = ["qf1", "qf2"]
            .map(|name| spec.mlp(name, &sizes(obs_dim + act_dim, 1), LastLayer::Small));
        Ok(Self {
            policy_range: policy.range.start..affine.end,
            policy,
            affine: affine.start,
            log_alpha: alpha_range.start,
            q,
            alpha_range,
        })
    }
}

/// Learning rates and rules of the shared part.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Rates of policy, temperature, critics.
    pub rates: [f64; 3],
    /// H̄.
    pub target_entropy: f32,
    /// Polyak rate of the targets.
    pub target_rate: f32,
}

/// The shared part of an agent.
pub struct Core {
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
    /// Networks.
    pub nets: Nets,
    /// Where passes are laid out.
    pub plan: Plan,
    /// Critics at the batch's actions.
    pub q_data: [Pass; 2],
    /// Target critics at the next actions.
    pub q_next: [Pass; 2],
    /// Activations.
    pub ws: Workspace,
    /// `[P, rows, row]`.
    pub batch: Tensor,
    /// log π of the actions at s, then at s', `[P, 2·rows]`.
    pub log_pi: Tensor,
    /// Targets y, `[P, rows]`.
    pub y: Tensor,
    /// Weights of the critics' squared errors, `[P, rows]`.
    pub w: Tensor,
    /// Losses and means, `[P, STATS]`.
    pub stats: Tensor,
    /// Stepped groups: policy, temperature, critics, then the method's own.
    pub groups: Vec<Stepped>,
    rules: Rules,
    head: Head,
    sample: Sample,
    sample_grad: SampleGrad,
    q_fresh: [Pass; 2],
    actions: [Pass; 2],
    action_grads: [usize; 2],
    noise: Tensor,
    fresh: Tensor,
    launches: Option<[Dense; 2]>,
    back: Option<[DenseGrad; 2]>,
}

impl Core {
    /// Parameters, passes and buffers for `rows` batch rows a member.
    pub fn new(
        spec: Spec,
        nets: Nets,
        obs_dim: usize,
        rows: usize,
        rules: Rules,
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let members = seeds.len();
        if members == 0 || rows == 0 {
            return Err(Error::input(
                "settings",
                "no seeds, or an empty batch",
                "give at least one seed and one row",
            ));
        }
        let depth = nets.policy.layers.len();
        let act_dim = nets.policy.layers[depth - 1].outputs / 2;
        let (row, width) = (row_len(obs_dim, act_dim), obs_dim + act_dim);
        let params = Params::new(
            spec,
            &[(&nets.q[0], "target_qf1"), (&nets.q[1], "target_qf2")],
            seeds,
            device,
        )?;
        let targets = nets.q.each_ref().map(|q| params.target_of(q));
        let (len, target_len) = (params.len(), params.target_len());

        let mut plan = Plan::new(members, [len, target_len]);
        let batch = |column: usize| View {
            buffer: BATCH,
            offset: column,
            ld: row,
            stride: rows * row,
        };
        let fresh = |first: usize| View {
            buffer: FRESH,
            offset: first * width,
            ld: width,
            stride: 2 * rows * width,
        };
        let actions = [(0, Use::Train), (width, Use::Infer)]
            .map(|(column, purpose)| plan.pass(&nets.policy, purpose, batch(column), rows));
        let q_data = nets
            .q
            .each_ref()
            .map(|q| plan.pass(q, Use::Train, batch(0), rows));
        let q_fresh = nets
            .q
            .each_ref()
            .map(|q| plan.pass(q, Use::Train, fresh(0), rows));
        let q_next = targets
            .each_ref()
            .map(|q| plan.pass(q, Use::Target, fresh(rows), rows));
        let action_grads = q_fresh
            .each_ref()
            .map(|pass| plan.input_grad(pass, act_dim));

        let zeros = |floats: usize| Tensor::zeros((members, floats), DType::F32, device);
        let ranges = [
            nets.policy_range.clone(),
            nets.alpha_range.clone(),
            nets.q[0].range.start..nets.q[1].range.end,
        ];
        let groups = ranges
            .into_iter()
            .zip(rules.rates)
            .map(|(range, rate)| Stepped {
                range,
                rate,
                steps: 0,
            });
        let head = Head {
            members,
            rows: 2 * rows,
            act_dim,
            raw: actions[0].out(),
            raw_stride: 0,
            noise: 0,
            noise_stride: 2 * rows * act_dim,
            affine: nets.affine,
            param_stride: len,
        };
        Ok(Self {
            obs_dim,
            act_dim,
            rows,
            seeds: seeds.to_vec(),
            updates: 0,
            sample: Sample {
                head,
                obs_dim,
                row,
                batch: rows,
                columns: [0, width],
                next_raw: actions[1].out(),
            },
            sample_grad: SampleGrad {
                head,
                d_action: action_grads,
                log_alpha: nets.log_alpha,
            },
            head,
            ws: Plan::new(members, [0, 0]).alloc(device)?,
            batch: zeros(rows * row)?,
            noise: zeros(2 * rows * act_dim)?,
            fresh: zeros(2 * rows * width)?,
            log_pi: zeros(2 * rows)?,
            y: zeros(rows)?,
            w: Tensor::ones((members, rows), DType::F32, device)?,
            stats: zeros(STATS)?,
            groups: groups.collect(),
            params,
            nets,
            plan,
            q_data,
            q_fresh,
            q_next,
            actions,
            action_grads,
            rules,
            launches: None,
            back: None,
        })
    }

    /// Ends the layout: `passes` join the first forward launches, `backs` the first backward ones.
    pub fn finish(&mut self, passes: &[&Pass], backs: &[Backprop]) -> Result<()> {
        let own = self
            .actions
            .iter()
            .chain(&self.q_data)
            .chain(passes.iter().copied());
        let first = self.plan.forward(&own.collect::<Vec<_>>());
        let second = self
            .plan
            .forward(&self.q_fresh.iter().chain(&self.q_next).collect::<Vec<_>>());
        let input = |n: usize| Some((self.obs_dim, self.act_dim, self.action_grads[n]));
        let mut critics: Vec<_> = self
            .q_data
            .iter()
            .map(|pass| Backprop {
                pass,
                weights: true,
                input: None,
            })
            .collect();
        critics.extend(self.q_fresh.iter().enumerate().map(|(n, pass)| Backprop {
            pass,
            weights: false,
            input: input(n),
        }));
        critics.extend(backs);
        let policy = Backprop {
            pass: &self.actions[0],
            weights: true,
            input: None,
        };
        self.back = Some([self.plan.backward(&critics), self.plan.backward(&[policy])]);
        self.launches = Some([first, second]);
        self.head.raw_stride = self.plan.len();
        self.sample.head = self.head;
        self.sample_grad.head = Head {
            rows: self.rows,
            ..self.head
        };
        self.ws = self.plan.alloc(self.batch.device())?;
        Ok(())
    }

    /// The batch from `row` and `column` on, as a pass's input.
    pub fn batch_view(&self, row: usize, column: usize) -> View {
        let ld = row_len(self.obs_dim, self.act_dim);
        View {
            buffer: BATCH,
            offset: row * ld + column,
            ld,
            stride: self.rows * ld,
        }
    }

    /// Members, P.
    pub fn members(&self) -> usize {
        self.seeds.len()
    }

    /// The policy's head on the batch's states.
    pub fn head(&self) -> Head {
        self.sample_grad.head
    }

    /// Draws `rows` rows of `replay` into the batch from row `first` on.
    pub fn draw(&self, replay: &Replay, stream: Stream, first: usize, rows: usize) -> Result<()> {
        self.gather(
            replay,
            stream,
            0,
            [first, rows, self.rows],
            row_len(self.obs_dim, self.act_dim),
            &self.batch,
        )
    }

    /// Draws rows `[first, rows, of a member]` of `width` floats into `into`.
    pub fn gather(
        &self,
        replay: &Replay,
        stream: Stream,
        lane: u32,
        [first, rows, batch_rows]: [usize; 3],
        width: usize,
        into: &Tensor,
    ) -> Result<()> {
        let (groups, capacity, row) = replay.dims();
        let fits =
            row == row_len(self.obs_dim, self.act_dim) && (groups == 1 || groups == self.members());
        if !fits || replay.len == 0 {
            let problem = format!(
                "a replay of {} rows, {groups} groups, {row} floats a row",
                replay.len
            );
            return Err(Error::input(
                "replay",
                problem,
                "fill it first, with this task's transitions",
            ));
        }
        let (seeds, len) = (self.seeds.clone(), replay.len);
        let update = self.updates as u32;
        let gather = Gather {
            seeds,
            lane,
            update,
            stream,
            groups,
            capacity,
            len,
            row,
            first,
            rows,
            batch_rows,
            width,
        };
        launch(&gather, [into], [&replay.rows])
    }

    /// Draws the noise of the policy's actions.
    pub fn draw_noise(&self) -> Result<()> {
        let len = self.head.noise_stride;
        let normals = Normals {
            seeds: self.seeds.clone(),
            update: self.updates as u32,
            stream: Stream::Update,
            len,
        };
        launch(&normals, [&self.noise], [])
    }

    /// Takes batch and noise from a record.
    pub fn set_draws(&mut self, draws: &Recorded) -> Result<()> {
        for (name, from, to) in [
            ("batch", &draws.batch, &mut self.batch),
            ("noise", &draws.noise, &mut self.noise),
        ] {
            set(name, from, to)?;
        }
        Ok(())
    }

    /// Forward: policy at s and s', critics at (s,a), the method's own; then actions; then the critics there.
    pub fn forward(&self) -> Result<()> {
        let [first, second] = self
            .launches
            .as_ref()
            .expect("an agent finishes its layout in `new`");
        let input = [
            &self.params.theta,
            &self.params.target,
            &self.batch,
            &self.fresh,
        ];
        self.ws.forward(first, input)?;
        let raw = [&self.ws.acts, &self.params.theta, &self.noise, &self.batch];
        launch(&self.sample, [&self.fresh, &self.log_pi], raw)?;
        self.ws.forward(second, input)
    }

    /// The policy's and the temperature's losses.
    pub fn actor_loss(&self, stats: usize) -> Result<()> {
        let loss = ActorLoss {
            members: self.members(),
            rows: self.rows,
            q: self.q_fresh.each_ref().map(Pass::out),
            stride: self.plan.len(),
            log_pi_stride: 2 * self.rows,
            log_alpha: self.nets.log_alpha,
            param_stride: self.params.len(),
            target_entropy: self.rules.target_entropy,
            stats: [stats, STATS],
        };
        launch(
            &loss,
            [&self.ws.deltas, &self.params.grad, &self.stats],
            [&self.ws.acts, &self.log_pi, &self.params.theta],
        )
    }

    /// Backward: critics and the method's own, then through the actions into the policy.
    pub fn backward(&self) -> Result<()> {
        let [critics, policy] = self
            .back
            .as_ref()
            .expect("an agent finishes its layout in `new`");
        let (grad, theta) = (&self.params.grad, &self.params.theta);
        self.ws
            .backward(critics, grad, theta, &[&self.batch, &self.fresh])?;
        launch(
            &self.sample_grad,
            [&self.ws.deltas, grad],
            [&self.ws.acts, theta, &self.noise],
        )?;
        self.ws.backward(policy, grad, theta, &[&self.batch])
    }

    /// Adam on groups `which`.
    pub fn step(&mut self, which: Range<usize>) -> Result<()> {
        self.params
            .step(&mut self.groups[which].iter_mut().collect::<Vec<_>>())
    }

    /// Moves the targets.
    pub fn smooth(&self) -> Result<()> {
        self.params.smooth(self.rules.target_rate)
    }

    /// See [`Agent::act`](crate::algo::Agent::act).
    pub fn act(&self, obs: &Tensor, noise: Option<&Tensor>) -> Result<Tensor> {
        crate::nn::policy::act(
            &self.params,
            &self.nets.policy,
            self.nets.affine,
            obs,
            noise,
        )
    }

    /// See [`Agent::policy`](crate::algo::Agent::policy).
    pub fn policy(&self, member: usize) -> Result<BehaviourPolicy> {
        let policy = PolicySnapshot::of(&self.params, &self.nets.policy, self.nets.affine, member)?;
        Ok(BehaviourPolicy::from(&policy))
    }

    /// `stats` by the `names` of their places.
    pub fn metrics(&self, names: &[&'static str]) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let stats = self.stats.to_vec2::<f32>()?;
        Ok(names
            .iter()
            .enumerate()
            .map(|(n, name)| (*name, stats.iter().map(|s| s[n]).collect()))
            .collect())
    }

    /// See [`Agent::state`](crate::algo::Agent::state).
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = self.params.state()?;
        let counts = self
            .groups
            .iter()
            .map(|g| g.steps as i64)
            .chain([self.updates as i64]);
        let counts: Vec<_> = counts.collect();
        state.push(("counters".to_owned(), Tensor::new(counts, &Device::Cpu)?));
        Ok(state)
    }

    /// See [`Agent::load_state`](crate::algo::Agent::load_state).
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let counters = take(
            state,
            "counters",
            &[self.groups.len() + 1],
            DType::I64,
            &Device::Cpu,
        )?
        .to_vec1::<i64>()?;
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
        let problem = format!(
            "recorded {name} has {} numbers, not {}",
            from.len(),
            to.elem_count()
        );
        return Err(Error::input(
            "recorded draws",
            problem,
            "use a record made with these sizes",
        ));
    }
    *to = Tensor::from_slice(from, to.shape(), to.device())?;
    Ok(())
}
