//! A vector of environments, as Python has it in hand.

use h2oplus::engine::{Backend, Physics, PlanarVecEnv, build, choose, planar::Precision};
use h2oplus::env::{Autoreset, Dynamics, EnvKey, EnvSpec, EpisodeControl, StepBatch, Task};
use h2oplus::error::{Error, Result};
use h2oplus::run::config::memory;
use h2oplus::run::render::still::pixels;
use h2oplus_base::choice::Choice;
use numpy::{PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::fault::raised;
use crate::policy::PyPolicy;
use crate::pool::Workers;
use crate::rollout::{Rolled, same_step};
use crate::views::BatchPlace;

/// Many robots of one task, stepped together.
///
/// Their numbers lie in two places in turn: those of a step stay as they are until the step after the next.
#[pyclass(module = "h2oplus._core")]
pub struct Robots {
    env: Box<dyn EpisodeControl>,
    /// The other place.
    spare: StepBatch,
    workers: Workers,
    /// Names of what the task is made of.
    task: Task,
    seed: u64,
    autoreset: Autoreset,
}

#[pymethods]
impl Robots {
    #[new]
    #[pyo3(signature = (task, *, num_envs, gap, gap_rows, gap_redraw, seed, physics, device, precision, threads, max_episode_steps, autoreset))]
    #[expect(clippy::too_many_arguments, reason = "what Python names one by one")]
    fn new(
        py: Python<'_>,
        task: &str,
        num_envs: usize,
        gap: &str,
        gap_rows: Option<usize>,
        gap_redraw: bool,
        seed: u64,
        physics: &str,
        device: &str,
        precision: &str,
        threads: usize,
        max_episode_steps: Option<usize>,
        autoreset: &str,
    ) -> PyResult<Self> {
        let mut workers = Workers::new(threads);
        let autoreset = named::<Autoreset>("autoreset_mode", autoreset).map_err(raised)?;
        let made = || {
            let mut task = Task::load(task)?;
            match max_episode_steps {
                Some(0) => {
                    let (problem, help) = ("is 0", "give 1 or more");
                    return Err(Error::input("max_episode_steps", problem, help));
                }
                Some(steps) => task.max_episode_steps = steps,
                None => {}
            }
            memory::check_envs("num_envs", num_envs, &task)?;
            let domain = task.domain(gap)?.with(gap_rows, gap_redraw)?;
            let dynamics = Dynamics::draw(&task, &domain, seed, num_envs)?;
            let keys = EnvKey::population(&[seed], num_envs);
            let spec = EnvSpec::new(&task, dynamics, keys);
            let physics = named("physics", physics)?;
            let (place, _) = choose(physics, named("device", device)?)?;
            let env: Box<dyn EpisodeControl> = match (physics, &place, precision) {
                (physics, place, "float32") => build(physics, place, spec)?,
                (Physics::Planar, Backend::Cpu, "float64") => {
                    Box::new(PlanarVecEnv::new(spec, Precision::F64)?)
                }
                (physics, _, other) => {
                    return Err(Error::input(
                        format!("dtype `{other}`"),
                        format!("the engine {physics} does not compute in it there"),
                        "take float32, or float64 with the engine planar on the CPU",
                    ));
                }
            };
            Ok((task, env))
        };
        let (task, mut env) = py
            .detach(|| workers.run(made))
            .and_then(|built| built)
            .map_err(raised)?;
        env.set_autoreset(autoreset);
        Ok(Self {
            spare: env.batch().clone(),
            env,
            workers,
            task,
            seed,
            autoreset,
        })
    }

    /// Arrays of the two places, by name; the first step or reset writes to the second.
    fn views(this: Bound<'_, Self>) -> PyResult<[Bound<'_, PyDict>; 2]> {
        let robots = this.borrow();
        let places = [robots.env.batch(), &robots.spare].map(BatchPlace::of);
        drop(robots);
        let owner = this.into_any();
        // SAFETY: the vectors of a batch are written in place and exchanged whole, never grown, as long as the robots
        // live; they are written while `step` and its kin have the robots for themselves.
        let [first, second] = places.map(|place| unsafe { place.arrays(&owner) });
        Ok([first?, second?])
    }

    /// One env step with `actions`, `[n, act_dim]`; how many episodes it ended.
    fn step(&mut self, py: Python<'_>, actions: PyReadonlyArray2<'_, f32>) -> PyResult<usize> {
        let actions = actions.as_slice()?;
        let Self {
            env,
            spare,
            workers,
            ..
        } = self;
        let step = || {
            env.exchange(spare);
            let stepped = env.step(actions).map(|batch| {
                let ends = batch.terminated.iter().zip(&batch.truncated);
                ends.filter(|(a, b)| **a || **b).count()
            });
            if stepped.is_err() {
                env.exchange(spare);
            }
            stepped
        };
        py.detach(|| workers.run(step))
            .and_then(|stepped| stepped)
            .map_err(raised)
    }

    /// A new episode where `mask` (`[n]`) says so. A seed, given one by one, keys an environment's draws from here on.
    fn reset(
        &mut self,
        py: Python<'_>,
        mask: PyReadonlyArray1<'_, bool>,
        seeds: Option<Vec<Option<u64>>>,
    ) -> PyResult<()> {
        let mask = self.masked(&mask)?;
        self.turned(py, |env| {
            if let Some(mut seeds) = seeds {
                let own = seeds.iter_mut().zip(&mask);
                own.for_each(|(seed, mask)| *seed = seed.filter(|_| *mask));
                env.reseed(&seeds);
            }
            env.reset_where(&mask)?;
            Ok(())
        })
    }

    /// Whether an episode has ended and the next one has not begun, `[n]`.
    fn over<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<bool>> {
        PyArray1::from_slice(py, self.env.over())
    }

    /// Positions and velocities, `[n, nv]` each.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<[Bound<'py, PyArray2<f64>>; 2]> {
        let n = self.env.num_envs();
        let array = |numbers: Vec<f64>| {
            let nv = numbers.len() / n;
            PyArray1::from_vec(py, numbers).reshape([n, nv])
        };
        let [qpos, qvel] = self.env.states().map_err(raised)?;
        Ok([array(qpos)?, array(qvel)?])
    }

    /// Puts the environments of `mask` at the start of an episode in their rows of `qpos` and `qvel`, `[n, nv]`.
    fn set_state(
        &mut self,
        py: Python<'_>,
        mask: PyReadonlyArray1<'_, bool>,
        qpos: PyReadonlyArray2<'_, f64>,
        qvel: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<()> {
        let mask = self.masked(&mask)?;
        let (qpos, qvel) = (qpos.as_slice()?, qvel.as_slice()?);
        let (n, nv) = (mask.len(), self.env.dynamics().rows[0].model.nv());
        for (place, numbers) in [("qpos", qpos), ("qvel", qvel)] {
            if numbers.len() != n * nv {
                let problem = format!("{} numbers where {} are wanted", numbers.len(), n * nv);
                let help = format!("give [{n}, {nv}]: a row an environment");
                return Err(raised(Error::input(place, problem, help)));
            }
            if let Some(at) = numbers.iter().position(|x| !x.is_finite()) {
                let problem = format!("row {} is not finite", at / nv);
                return Err(raised(Error::input(place, problem, "give finite numbers")));
            }
        }
        self.turned(py, |env| {
            let rows = qpos.chunks(nv).zip(qvel.chunks(nv)).enumerate();
            for (e, (qpos, qvel)) in rows.filter(|(e, _)| mask[*e]) {
                env.set_state(e, qpos, qvel);
            }
            Ok(())
        })
    }

    /// Picture of environment `env`, red, green and blue, `[height, width, 3]`.
    fn render<'py>(
        &self,
        py: Python<'py>,
        env: usize,
        height: u32,
        width: u32,
    ) -> PyResult<Bound<'py, PyArray3<u8>>> {
        let drawn = || {
            let [qpos, _] = self.env.states()?;
            let nv = qpos.len() / self.env.num_envs();
            let row = self.env.param_row()[env] as usize;
            let row = &self.env.dynamics().rows[row];
            pixels(&self.task, row, &qpos[env * nv..][..nv], [width, height])
        };
        let pixels = drawn().map_err(raised)?;
        PyArray1::from_vec(py, pixels).reshape([height as usize, width as usize, 3])
    }

    /// Everything that the future depends on, as bytes.
    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.env.whole_snapshot().map_err(raised)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Goes back to a snapshot.
    fn restore(&mut self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        self.turned(py, |env| env.restore_whole(bytes))
    }

    /// `steps` env steps with the actions of `policy`; transitions by name, `[steps, n, …]`. Samples are keyed by `seed`.
    fn rollout<'py>(
        &mut self,
        py: Python<'py>,
        policy: &PyPolicy,
        steps: usize,
        seed: Option<u64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let seed = seed.filter(|_| !policy.deterministic);
        let (policy, own) = (&policy.policy, self.autoreset);
        let transitions = self.turned(py, |env| {
            same_step(env, own, |env| Rolled::roll(env, policy, steps, seed))?
        })?;
        transitions.arrays(py)
    }

    /// By gap, its strength in each environment, `[n]`; NaN where it is not in force.
    fn gap_strengths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let strengths = self.env.dynamics().strengths(self.env.param_row());
        let arrays = PyDict::new(py);
        for (name, values) in strengths {
            arrays.set_item(name, PyArray1::from_vec(py, values))?;
        }
        Ok(arrays)
    }

    /// Gives the environments of `mask` another gap, from now on.
    fn set_gap(
        &mut self,
        py: Python<'_>,
        mask: PyReadonlyArray1<'_, bool>,
        gap: &str,
        seed: Option<u64>,
    ) -> PyResult<()> {
        let mask = self.masked(&mask)?;
        let envs: Vec<usize> = (0..mask.len()).filter(|&env| mask[env]).collect();
        let seed = seed.unwrap_or(self.seed);
        let task = &self.task;
        let (env, workers) = (&mut self.env, &mut self.workers);
        let set = || {
            let other = Dynamics::draw(task, &task.domain(gap)?, seed, envs.len())?;
            let (dynamics, rows) = env.dynamics().with(env.param_row(), &envs, other);
            env.set_dynamics(dynamics, &rows)
        };
        py.detach(|| workers.run(set))
            .and_then(|set| set)
            .map_err(raised)
    }

    /// Ends the threads.
    fn close(&mut self) {
        self.workers.end();
    }

    /// The task's name.
    #[getter]
    fn task(&self) -> &str {
        &self.task.name
    }

    /// MJCF name of the robot.
    #[getter]
    fn robot(&self) -> &str {
        &self.task.spec.name
    }

    /// Length of an observation.
    #[getter]
    fn obs_dim(&self) -> usize {
        self.task.obs_dim()
    }

    /// Length of an action.
    #[getter]
    fn act_dim(&self) -> usize {
        self.task.act_dim()
    }

    /// Env steps after which an episode is truncated.
    #[getter]
    fn max_episode_steps(&self) -> usize {
        self.task.max_episode_steps
    }

    /// Duration of an env step, s.
    #[getter]
    fn dt(&self) -> f64 {
        self.task.dt()
    }

    /// What gaps and first states were drawn with.
    #[getter]
    fn seed(&self) -> u64 {
        self.seed
    }
}

impl Robots {
    /// `mask` as it is wanted, `[n]`.
    fn masked(&self, mask: &PyReadonlyArray1<'_, bool>) -> PyResult<Vec<bool>> {
        let mask = mask.as_array().to_vec();
        let n = self.env.num_envs();
        if mask.len() == n {
            return Ok(mask);
        }
        let problem = format!("{} of {n} environments", mask.len());
        let help = "give a boolean an environment";
        Err(raised(Error::input("mask", problem, help)))
    }

    /// Does `change` to what the other place then holds, so that the latest step's numbers stay.
    fn turned<T: Send>(
        &mut self,
        py: Python<'_>,
        change: impl FnOnce(&mut dyn EpisodeControl) -> Result<T> + Send,
    ) -> PyResult<T> {
        let Self {
            env,
            spare,
            workers,
            ..
        } = self;
        let turn = || {
            spare.copy_from(env.batch());
            env.exchange(spare);
            let changed = change(env.as_mut());
            if changed.is_err() {
                env.exchange(spare);
            }
            changed
        };
        py.detach(|| workers.run(turn))
            .and_then(|changed| changed)
            .map_err(raised)
    }
}

/// The value of `T` that `name` names; `place` says what it is for.
fn named<T: Choice>(place: &str, name: &str) -> Result<T> {
    let known = T::ALL.iter().find(|(_, other, _)| *other == name);
    known.map(|(value, ..)| *value).ok_or_else(|| {
        let names: Vec<&str> = T::ALL.iter().map(|(_, name, _)| *name).collect();
        let help = format!("take one of: {}", names.join(", "));
        Error::input(
            format!("{place} `{name}`"),
            "there is none of this name",
            help,
        )
    })
}
