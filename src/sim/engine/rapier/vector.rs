//! Rapier as an engine of the host: four worlds are a group.

use crate::engine::rapier::{Robot, Scratch, World};
use crate::env::status::BROKEN;
use crate::env::{Engine, EnvSpec, EpisodeControl, Group, HostEnv, Job};
use crate::error::{Error, Result};
use crate::model::Model;
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Environments that a thread steps one after the other.
const GROUP: usize = 4;

thread_local! {
    /// What the worlds that a thread steps share.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// Environments of one task in Rapier.
pub type RapierVecEnv = HostEnv<Worlds>;

impl RapierVecEnv {
    /// The environments of `spec`, not yet [`reset`](crate::env::VecEnv::reset).
    ///
    /// # Errors
    /// Without environments; as [`Robot::new`].
    pub fn new(spec: EnvSpec) -> Result<Self> {
        Self::with(spec, Worlds::new)
    }
}

/// As [`RapierVecEnv::new`].
pub(in crate::engine) fn build(spec: EnvSpec) -> Result<Box<dyn EpisodeControl>> {
    Ok(Box::new(RapierVecEnv::new(spec)?))
}

/// A world an environment.
pub struct Worlds {
    /// By parameter row.
    robots: Vec<Robot>,
    places: Vec<Place>,
}

/// A world, and what its group knows of it.
struct Place {
    world: World,
    /// Parameter row.
    row: usize,
    ctrl: Vec<f64>,
    /// Of the latest step.
    dx: f64,
    status: u32,
}

impl Worlds {
    fn new(models: &[&Model], rows: &[usize]) -> Result<Self> {
        if rows.is_empty() {
            return Err(Error::input(
                "Rapier",
                "a vector without environments",
                "ask for at least one",
            ));
        }
        let robots: Vec<Result<Robot>> = models.par_iter().map(|m| Robot::new(m)).collect();
        let robots: Vec<Robot> = robots.into_iter().collect::<Result<_>>()?;
        let place = |&row: &usize| Place {
            world: World::of(&robots[row]),
            row,
            ctrl: vec![0.0; models[row].nu()],
            dx: 0.0,
            status: 0,
        };
        Ok(Self {
            places: rows.par_iter().map(place).collect(),
            robots,
        })
    }
}

impl Place {
    fn set_param_row(&mut self, robots: &[Robot], row: usize) {
        self.row = row;
        self.world = World::of(&robots[row]);
    }

    fn set_state(&mut self, robots: &[Robot], qpos: &[f64], qvel: &[f64]) {
        let robot = &robots[self.row];
        if self.status & BROKEN != 0 {
            // What Rapier keeps beside the state may be broken too.
            self.world = World::of(robot);
        }
        self.status = 0;
        self.world.set_state(robot, qpos, qvel);
    }

    fn step(&mut self, robots: &[Robot], scratch: &mut Scratch, frames: usize) {
        let robot = &robots[self.row];
        let before = self.world.x(robot);
        self.status = self.world.step(scratch, robot, &self.ctrl, frames);
        self.dx = self.world.x(robot) - before;
    }
}

impl Engine for Worlds {
    fn run(&mut self, job: Job<'_>) {
        let robots = &*self.robots;
        let groups = self.places.par_chunks_mut(GROUP).enumerate();
        job.on(
            GROUP,
            groups.map(|(n, places)| Neighbours {
                robots,
                first: n * GROUP,
                places,
            }),
        );
    }

    fn set_param_row(&mut self, env: usize, row: usize) {
        self.places[env].set_param_row(&self.robots, row);
    }

    fn set_state(&mut self, env: usize, qpos: &[f64], qvel: &[f64]) {
        self.places[env].set_state(&self.robots, qpos, qvel);
    }

    fn states(&self) -> [Vec<f64>; 2] {
        let nv = self.robots[0].nv();
        let [mut qpos, mut qvel] = [0, 1].map(|_| vec![0.0; self.places.len() * nv]);
        let states = qpos.chunks_mut(nv).zip(qvel.chunks_mut(nv));
        for (place, (qpos, qvel)) in self.places.iter().zip(states) {
            place.world.state(&self.robots[place.row], qpos, qvel);
        }
        [qpos, qvel]
    }

    fn saved_width(&self) -> usize {
        2 * self.robots[0].nv()
    }

    fn save(&self) -> Vec<f64> {
        let width = self.saved_width();
        let mut saved = vec![0.0; self.places.len() * width];
        for (place, state) in self.places.iter().zip(saved.chunks_mut(width)) {
            place.world.coordinates(&self.robots[place.row], state);
        }
        saved
    }

    fn load(&mut self, saved: &[f64]) {
        let width = self.saved_width();
        for (place, state) in self.places.iter_mut().zip(saved.chunks(width)) {
            place.world.set_coordinates(&self.robots[place.row], state);
        }
    }

    fn renewed(&self, models: &[&Model], rows: &[usize]) -> Result<Self> {
        Self::new(models, rows)
    }
}

/// Some neighbouring worlds.
struct Neighbours<'a> {
    robots: &'a [Robot],
    first: usize,
    places: &'a mut [Place],
}

impl Group for Neighbours<'_> {
    fn envs(&self) -> Range<usize> {
        self.first..self.first + self.places.len()
    }

    fn set_param_row(&mut self, i: usize, row: usize) {
        self.places[i].set_param_row(self.robots, row);
    }

    fn set_state(&mut self, i: usize, qpos: &[f64], qvel: &[f64]) {
        self.places[i].set_state(self.robots, qpos, qvel);
    }

    fn set_ctrl(&mut self, i: usize, ctrl: &[f64]) {
        self.places[i].ctrl.copy_from_slice(ctrl);
    }

    fn step(&mut self, frames: usize) {
        SCRATCH.with_borrow_mut(|scratch| {
            for place in &mut *self.places {
                place.step(self.robots, scratch, frames);
            }
        });
    }

    fn state(&self, i: usize, qpos: &mut [f64], qvel: &mut [f64]) {
        let place = &self.places[i];
        place.world.state(&self.robots[place.row], qpos, qvel);
    }

    fn dx(&self, i: usize) -> f64 {
        self.places[i].dx
    }

    fn status(&self, i: usize) -> u32 {
        self.places[i].status
    }
}
