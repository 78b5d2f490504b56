//! Films of a policy: it acts on the real robot and in the simulator from the same state; and once more in the
//! simulator, which is then given the real robot's actions.

use super::{Film, Frame, Pairing, Track, TrackEnd};
use crate::engine::planar::Precision;
use crate::engine::planar::touch::TouchProbe;
use crate::engine::{self, Backend, Physics, PlanarVecEnv};
use crate::env::status::BROKEN;
use crate::env::{Dynamics, EnvKey, EnvSpec, Task, VecEnv};
use crate::error::Result;
use crate::model::{GapSet, Model};
use crate::net::Act;
use crate::policy::Policy;
use crate::rng::{Stream, fill_normal};

/// What a film of a policy is made of.
pub struct FilmPlan<'a> {
    /// The real task.
    pub task: &'a Task,
    /// What differs in the simulator.
    pub gap: &'a GapSet,
    /// The simulator's engine.
    pub physics: Physics,
    /// Seed of the initial state, of what is drawn in the gap, and of the noise.
    pub seed: u64,
    /// Env steps at most.
    pub steps: usize,
    /// Whether actions are sampled.
    pub stochastic: bool,
}

impl FilmPlan<'_> {
    /// The film of `policy`, called `name`.
    ///
    /// # Errors
    /// Where the robots exceed an engine's limits, or the policy's actions are not finite.
    pub fn film(&self, policy: &Policy, name: &str) -> Result<Film> {
        let mut noise = vec![0.0; policy.act_dim()];
        let mut act = |step: usize, obs: &[f32]| {
            fill_normal(&mut noise, self.seed, 0, step as u32, Stream::Policy);
            Some(policy.act(obs, self.stochastic.then_some(&noise[..])))
        };
        let mut taken = Vec::new();
        let mut act_and_keep = |step: usize, obs: &[f32]| {
            taken.extend(act(step, obs));
            taken.last().cloned()
        };
        let mut env = real(self.task, self.seed)?;
        let real = take(&mut env, "real", self.steps, None, &mut act_and_keep)?;
        let mut env = self.simulator()?;
        let own = take(env.as_mut(), "simulator", self.steps, None, &mut act)?;
        let mut env = self.simulator()?;
        let mut again = |step: usize, _: &[f32]| taken.get(step).cloned();
        let same = take(env.as_mut(), "simulator", self.steps, None, &mut again)?;
        let kind = if self.stochastic {
            "sampled"
        } else {
            "deterministic"
        };
        let pairing = |label: &str, right| Pairing {
            label: label.into(),
            tracks: [0, right],
        };
        Ok(Film {
            about: format!("{name}, {kind} actions"),
            tracks: vec![real, own, same],
            pairings: vec![pairing("same policy", 1), pairing("same actions", 2)],
            ..blank(self.task)?
        })
    }

    /// The simulator, before its first reset.
    ///
    /// # Errors
    /// Where a gap does not fit the robot.
    pub fn simulator(&self) -> Result<Box<dyn VecEnv>> {
        let dynamics = Dynamics::draw(self.task, self.gap, self.seed, 1)?;
        let spec = EnvSpec::new(self.task, dynamics, EnvKey::population(&[self.seed], 1));
        match self.physics {
            Physics::Planar => Ok(Box::new(PlanarVecEnv::new(spec, Precision::F64)?)),
            other => Ok(engine::build(other, &Backend::Cpu, spec)?),
        }
    }
}

/// The real robot of `task`, before its first reset.
///
/// # Errors
/// Where its gap does not fit it.
pub fn real(task: &Task, seed: u64) -> Result<PlanarVecEnv> {
    let keys = EnvKey::population(&[seed], 1);
    PlanarVecEnv::new(
        EnvSpec::new(task, Dynamics::real(task)?, keys),
        Precision::F64,
    )
}

/// A film of `task`'s robot without tracks.
///
/// # Errors
/// Where the robot does not compile.
pub fn blank(task: &Task) -> Result<Film> {
    let (model, _) = task.model(&task.real)?;
    let motor = |m: &crate::model::Actuator| {
        let [lo, hi] = m.ctrlrange;
        (m.name.clone(), m.gear.abs() * lo.abs().max(hi.abs()))
    };
    Ok(Film {
        title: task.title(),
        about: String::new(),
        dt: task.dt(),
        motors: model.actuators.iter().map(motor).collect(),
        tracks: Vec::new(),
        pairings: Vec::new(),
    })
}

/// Chooses an action for the step and the observation; none ends the track.
pub type ActorFn<'a> = dyn FnMut(usize, &[f32]) -> Option<Vec<f32>> + 'a;

/// One episode of the only environment of `env`, from `start` (`qpos` and `qvel`) or a state of its own.
///
/// # Errors
/// Where the actions are not finite.
pub fn take(
    env: &mut dyn VecEnv,
    name: &str,
    steps: usize,
    start: Option<[&[f64]; 2]>,
    actor: &mut ActorFn<'_>,
) -> Result<Track> {
    let mut obs = env.reset()?.to_vec();
    if let Some([qpos, qvel]) = start {
        env.set_state(0, qpos, qvel);
    }
    let row = env.dynamics().rows[env.param_row()[0] as usize].clone();
    let task = env.task().clone();
    let mut camera = Camera::new(&row.model, is_planar(env))?;
    let mut track = Track {
        name: name.into(),
        gap: world(env, &row.gap.to_string()),
        limbs: row.gap.edit(&task.spec)?.0.limbs()?,
        weight: camera.weight(),
        frames: Vec::new(),
        end: TrackEnd::Cut,
    };
    for step in 0..steps {
        let Some(action) = actor(step, &obs) else {
            break;
        };
        let wide = |x: Vec<f32>| x.into_iter().map(f64::from).collect::<Vec<_>>();
        let (qpos, qvel) = (wide(env.qpos()?), wide(env.qvel()?));
        let batch = env.step(&action)?;
        let reward = f64::from(batch.reward[0]);
        let (fell, cut) = (batch.terminated[0], batch.truncated[0]);
        obs.copy_from_slice(&batch.obs);
        // What a late motor with a dead zone has of the action, not what was asked for.
        let controls = env.controls().unwrap_or(&[]);
        track
            .frames
            .push(camera.frame(&qpos, &qvel, controls, reward));
        if fell || cut {
            track.end = match (fell, env.status()[0] & BROKEN != 0) {
                (true, _) => TrackEnd::Fell,
                (_, true) => TrackEnd::Broke,
                _ => TrackEnd::Limit,
            };
            break;
        }
    }
    Ok(track)
}

fn is_planar(env: &dyn VecEnv) -> bool {
    (env as &dyn std::any::Any).is::<PlanarVecEnv>()
}

/// What differs there, and the engine, where it is another.
fn world(env: &dyn VecEnv, gap: &str) -> String {
    match (is_planar(env), gap) {
        (true, gap) => gap.to_owned(),
        (false, "none") => "Rapier".into(),
        (false, gap) => format!("{gap}, Rapier"),
    }
}

/// Takes frames of one robot.
pub struct Camera {
    model: Model,
    probe: Option<TouchProbe>,
}

impl Camera {
    /// Of `model`; with its contacts, as the planar engine sees them, where they are `seen`.
    ///
    /// # Errors
    /// Where it exceeds that engine's limits.
    pub fn new(model: &Model, seen: bool) -> Result<Self> {
        Ok(Self {
            probe: seen.then(|| TouchProbe::new(model)).transpose()?,
            model: model.clone(),
        })
    }

    /// The robot's weight, N; 1 where it has none.
    pub fn weight(&self) -> f64 {
        let mass: f64 = self.model.bodies.iter().map(|body| body.mass).sum();
        let weight = mass * self.model.gravity.abs();
        if weight > 0.0 { weight } else { 1.0 }
    }

    /// The robot at this state (`[nv]` each) under these controls (`[nu]`).
    pub fn frame(&mut self, qpos: &[f64], qvel: &[f64], controls: &[f64], reward: f64) -> Frame {
        let motors = self.model.actuators.iter().zip(controls);
        let torque = motors.map(|(m, c)| m.gear * c.clamp(m.ctrlrange[0], m.ctrlrange[1]));
        Frame {
            poses: self.model.poses(qpos),
            touches: (self.probe.as_mut())
                .map_or_else(Vec::new, |probe| probe.touches(qpos, qvel, controls)),
            torques: torque.collect(),
            reward,
        }
    }
}
