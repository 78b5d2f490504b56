//! Blocks of environments, one a register, and the lanes that they make up.

use crate::engine::planar::integrate::{EnvStep, RowSet, State};
use crate::engine::planar::profile::StageTimes;
use crate::engine::planar::real::{Mask, Param, Real};
use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::{MAX_DOFS, Topology};
use crate::engine::planar::work::{Dofs, Work};
use crate::env::{Group, status};
use rayon::prelude::*;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Parameters that blocks with the same rows have in common.
struct Page<R: Real> {
    /// Row of each lane.
    rows: Vec<usize>,
    tables: PageTables<R>,
}

enum PageTables<R: Real> {
    /// All lanes have the same row.
    Shared(Box<Tables<R::Scalar>>),
    /// A row a lane.
    Mixed(Box<Tables<R>>),
}

/// Where a block's parameters are: on a common page until a lane's row changes.
enum Slot<R: Real> {
    Common(usize),
    Own(Box<Tables<R>>),
}

/// Environments on lanes of one type.
pub struct Lanes<R: Real> {
    topology: Topology,
    rows: Vec<Tables<f64>>,
    states: Vec<State<R>>,
    pages: Vec<Page<R>>,
    /// Of each block.
    slots: Vec<Slot<R>>,
    num_envs: usize,
    /// One a thread.
    scratch: Vec<Mutex<Box<Work<R>>>>,
}

impl<R: Real> Lanes<R> {
    /// Environment `e` has row `assigned[e]` of `rows`.
    pub(super) fn new(topology: &Topology, rows: Vec<Tables<f64>>, assigned: &[usize]) -> Self {
        let nan = R::splat(f64::NAN);
        let zero = R::splat(0.0);
        let num_envs = assigned.len();
        let (mut states, mut pages, mut slots) = (Vec::new(), Vec::new(), Vec::new());
        let mut known = HashMap::new();
        for first in (0..num_envs).step_by(R::LANES) {
            // Lanes beyond the last environment idle on the first lane's row.
            let idle = R::Mask::from_fn(|lane| first + lane >= num_envs);
            let row_of = |lane| assigned[if idle.test(lane) { first } else { first + lane }];
            let lanes: Vec<usize> = (0..R::LANES).map(row_of).collect();
            slots.push(Slot::Common(*known.entry(lanes.clone()).or_insert_with(
                || {
                    pages.push(Page::new(&rows, lanes));
                    pages.len() - 1
                },
            )));
            states.push(State {
                qpos: [zero; MAX_DOFS],
                qvel: [zero; MAX_DOFS],
                qacc: [zero; MAX_DOFS],
                ctrl: [zero; MAX_DOFS],
                dx: nan,
                idle,
                unconverged: R::Mask::none(),
                trace: None,
            });
        }
        let scratch = (0..rayon::current_num_threads()).map(|_| Mutex::new(Work::poisoned()));
        Self {
            topology: topology.clone(),
            rows,
            states,
            pages,
            slots,
            num_envs,
            scratch: scratch.collect(),
        }
    }

    /// The blocks, in order of their environments, for threads to share out.
    pub fn par_blocks(&mut self) -> impl IndexedParallelIterator<Item = LaneBlock<'_, R>> {
        let Self {
            topology,
            rows,
            states,
            pages,
            slots,
            num_envs,
            scratch,
        } = self;
        let (topology, rows, pages) = (&*topology, &**rows, &**pages);
        let (num_envs, scratch) = (*num_envs, &**scratch);
        states
            .par_iter_mut()
            .zip(slots.par_iter_mut())
            .enumerate()
            .map(move |(n, (state, slot))| LaneBlock {
                topology,
                rows,
                pages,
                slot,
                state,
                scratch,
                first: n * R::LANES,
                len: R::LANES.min(num_envs - n * R::LANES),
            })
    }

    /// Environments a block.
    pub fn width(&self) -> usize {
        R::LANES
    }

    /// From now on remembers the rows of each env step.
    pub(super) fn trace_rows(&mut self) {
        for state in &mut self.states {
            state.trace = Some(Vec::new());
        }
    }

    /// Rows that one environment had at each evaluation of the latest env step.
    pub(super) fn rows(&self, env: usize) -> Vec<RowSet> {
        let trace = self.states[env / R::LANES]
            .trace
            .as_deref()
            .unwrap_or_default();
        trace.iter().map(|rows| rows[env % R::LANES]).collect()
    }

    /// `f` of every thread's stage times.
    pub(super) fn each_stage_times(&mut self, mut f: impl FnMut(&mut StageTimes)) {
        for work in &mut self.scratch {
            f(&mut work
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .stage_times);
        }
    }

    /// `f` of every environment's block and lane.
    pub(super) fn collect(&self, f: impl Fn(&State<R>, usize) -> f64) -> Vec<f64> {
        let one = |env| f(&self.states[env / R::LANES], env % R::LANES);
        (0..self.num_envs).map(one).collect()
    }

    /// A part of the state in the model's own coordinates, `[n, nv]`.
    pub(super) fn collect_dofs(&self, part: impl Fn(&State<R>) -> &Dofs<R>) -> Vec<f64> {
        let sign = &self.topology.sign[..self.topology.nv()];
        let one = |env: usize| {
            let part = part(&self.states[env / R::LANES]);
            sign.iter()
                .zip(part)
                .map(move |(sign, x)| sign * x.get(env % R::LANES))
        };
        (0..self.num_envs).flat_map(one).collect()
    }

    /// Block and lane of environment `env`.
    pub(super) fn block(&mut self, env: usize) -> (LaneBlock<'_, R>, usize) {
        let n = env / R::LANES;
        let block = LaneBlock {
            topology: &self.topology,
            rows: &self.rows,
            pages: &self.pages,
            slot: &mut self.slots[n],
            state: &mut self.states[n],
            scratch: &self.scratch,
            first: n * R::LANES,
            len: R::LANES.min(self.num_envs - n * R::LANES),
        };
        (block, env % R::LANES)
    }
}

impl<R: Real> Page<R> {
    fn new(all: &[Tables<f64>], rows: Vec<usize>) -> Self {
        let tables = if rows.iter().all(|&r| r == rows[0]) {
            PageTables::Shared(Box::new(all[rows[0]].shared::<R>()))
        } else {
            PageTables::Mixed(Self::mixed(all, &rows))
        };
        Self { rows, tables }
    }

    fn mixed(all: &[Tables<f64>], rows: &[usize]) -> Box<Tables<R>> {
        let lanes: Vec<_> = rows.iter().map(|&r| &all[r]).collect();
        Box::new(Tables::mixed::<R>(&lanes))
    }
}

/// Environments of one register. Numbers cross this border as float64 and in the model's own
/// coordinates.
pub struct LaneBlock<'a, R: Real> {
    topology: &'a Topology,
    rows: &'a [Tables<f64>],
    pages: &'a [Page<R>],
    slot: &'a mut Slot<R>,
    state: &'a mut State<R>,
    scratch: &'a [Mutex<Box<Work<R>>>],
    first: usize,
    len: usize,
}

impl<R: Real> LaneBlock<'_, R> {
    /// Sets the solver's warm start of lane `lane`, an acceleration `[nv]`.
    pub fn set_warm_start(&mut self, lane: usize, x: &[f64]) {
        for (i, x) in x.iter().enumerate() {
            self.state.qacc[i].set(lane, self.topology.sign[i] * x);
        }
    }
}

impl<R: Real> Group for LaneBlock<'_, R> {
    fn envs(&self) -> Range<usize> {
        self.first..self.first + self.len
    }

    fn set_ctrl(&mut self, lane: usize, ctrl: &[f64]) {
        for (c, x) in self.state.ctrl.iter_mut().zip(ctrl) {
            c.set(lane, *x);
        }
    }

    /// The block's parameters become its own.
    fn set_param_row(&mut self, lane: usize, row: usize) {
        if let Slot::Common(page) = *self.slot {
            let rows = &self.pages[page].rows;
            *self.slot = Slot::Own(Page::mixed(self.rows, rows));
        }
        if let Slot::Own(tables) = self.slot {
            tables.set_lane(lane, &self.rows[row]);
        }
    }

    /// Forgets the warm start too.
    fn set_state(&mut self, lane: usize, qpos: &[f64], qvel: &[f64]) {
        let nv = self.topology.nv();
        for (i, sign) in self.topology.sign.iter().enumerate().take(nv) {
            self.state.qpos[i].set(lane, sign * qpos[i]);
            self.state.qvel[i].set(lane, sign * qvel[i]);
            self.state.qacc[i].set(lane, 0.0);
        }
    }

    fn state(&self, lane: usize, qpos: &mut [f64], qvel: &mut [f64]) {
        let out = qpos.iter_mut().zip(qvel).zip(&self.topology.sign);
        for (i, ((q, v), sign)) in out.enumerate() {
            *q = sign * self.state.qpos[i].get(lane);
            *v = sign * self.state.qvel[i].get(lane);
        }
    }

    fn dx(&self, lane: usize) -> f64 {
        self.state.dx.get(lane)
    }

    fn status(&self, lane: usize) -> u32 {
        let nv = self.topology.nv();
        let sound = |x: &R| x.get(lane).abs() <= status::LARGEST;
        let sound =
            self.state.qpos[..nv].iter().all(sound) && self.state.qvel[..nv].iter().all(sound);
        let unconverged = self.state.unconverged.test(lane);
        u32::from(!sound) * status::BROKEN + u32::from(unconverged) * status::UNCONVERGED
    }

    fn step(&mut self, frames: usize) {
        let thread = rayon::current_thread_index().unwrap_or(0) % self.scratch.len();
        let mut work = self.scratch[thread]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (topology, state) = (self.topology, &mut *self.state);
        let mixed = match self.slot {
            Slot::Own(tables) => tables,
            Slot::Common(page) => match &self.pages[*page].tables {
                PageTables::Mixed(tables) => tables,
                PageTables::Shared(tables) => {
                    return env_step(topology, &**tables, state, &mut work, frames);
                }
            },
        };
        env_step(topology, &**mixed, state, &mut work, frames);
    }
}

/// Runs the kernel that is compiled for robots like this one.
fn env_step<R: Real, X: Param<R>>(
    topology: &Topology,
    tables: &Tables<X>,
    state: &mut State<R>,
    work: &mut Work<R>,
    frames: usize,
) {
    macro_rules! run {
        ($more:literal) => {
            R::vectorize(EnvStep::<R, X, $more> {
                topology,
                tables,
                state,
                work,
                frames,
            })
        };
    }
    if topology.rolls || !topology.pairs.is_empty() {
        run!(true)
    } else {
        run!(false)
    }
}
