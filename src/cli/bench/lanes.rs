//! What `bench sim` measures of our lanes: rate, operations, share of peak, stages.

use crate::cli::bench::steps::{WARM_UP, action_batches, roll, steps_per_second};
use crate::engine::PlanarVecEnv;
use crate::engine::planar::lanes::counted::take_flops;
use crate::engine::planar::profile::{PeakFlops, Stage, ticks};
use crate::engine::planar::{Arithmetic, Precision, Width};
use crate::env::{Dynamics, EnvKey, EnvSpec, Task, VecEnv};
use crate::error::{Error, Result};
use crate::model::GapSet;
use rayon::prelude::*;
use serde_json::json;

/// Environments and steps over which operations are counted.
const COUNTED: (usize, usize) = (64, 40);

/// Parameter rows and what they are drawn from.
pub struct Drawn {
    /// What they are drawn from.
    pub domain: GapSet,
    /// How many.
    pub rows: usize,
    /// Time to draw and compile them, s.
    pub seconds: f64,
}

/// What was measured.
pub struct LanesReport {
    /// What was stepped.
    pub task: Task,
    drawn: Drawn,
    /// Environments stepped together.
    pub num_envs: usize,
    threads: usize,
    lanes: usize,
    /// Env steps a second.
    pub rate: f64,
    /// Operations of an env step on one lane.
    needed: f64,
    /// Operations of an env step's share of its register; known for 16 lanes.
    executed: Option<f64>,
    /// Peak of all threads, FLOP/s.
    peak: f64,
    /// Share of a thread's time in each stage, and outside the kernel.
    stages: Vec<(&'static str, f64)>,
}

impl LanesReport {
    /// Measures `num_envs` environments with `dynamics` for `seconds` s, and its inside apart.
    ///
    /// # Errors
    /// Where the robots exceed the kernel's limits.
    pub fn measure(
        task: Task,
        drawn: Drawn,
        dynamics: &Dynamics,
        num_envs: usize,
        seconds: f64,
    ) -> Result<Self> {
        let mut env = make(&task, dynamics, num_envs, Arithmetic::default())?;
        let rate = steps_per_second(&mut env, seconds)?;
        let threads = rayon::current_num_threads();
        Ok(Self {
            num_envs,
            threads,
            lanes: env.engine().width(),
            rate,
            needed: flops_per_step(&task, dynamics, Width::One)?,
            executed: match Width::detect() {
                Width::Sixteen => Some(flops_per_step(&task, dynamics, Width::Sixteen)?),
                _ => None,
            },
            peak: peak_flops(&task, threads)?,
            stages: stage_shares(&task, dynamics)?,
            drawn,
            task,
        })
    }

    fn physics_rate(&self) -> f64 {
        self.rate * self.task.frame_skip as f64
    }

    /// The report as `short`.
    pub fn short(&self) -> String {
        format!(
            "{} {} envs {} threads {} lanes: {:.0} env steps/s, {:.0} physics steps/s",
            self.task.name,
            self.num_envs,
            self.threads,
            self.lanes,
            self.rate,
            self.physics_rate()
        )
    }

    /// The report as `json`.
    pub fn json(&self) -> String {
        let stages: serde_json::Map<_, _> = self
            .stages
            .iter()
            .map(|(name, share)| (name.to_string(), json!(share)))
            .collect();
        json!({
            "bench": "sim",
            "physics": "planar",
            "device": "cpu",
            "task": self.task.name,
            "gap": self.drawn.domain.to_string(),
            "redrawn": self.drawn.domain.redraws(),
            "parameter_rows": self.drawn.rows,
            "seconds_to_compile_rows": self.drawn.seconds,
            "num_envs": self.num_envs,
            "threads": self.threads,
            "lanes": self.lanes,
            "env_steps_per_s": self.rate,
            "physics_steps_per_s": self.physics_rate(),
            "ns_per_env_step": 1e9 / self.rate,
            "flop_per_env_step": self.needed,
            "executed_flop_per_env_step": self.executed,
            "gflops": self.rate * self.needed * 1e-9,
            "executed_gflops": self.executed.map(|e| self.rate * e * 1e-9),
            "peak_gflops": self.peak * 1e-9,
            "share_of_peak": self.rate * self.needed / self.peak,
            "executed_share_of_peak": self.executed.map(|e| self.rate * e / self.peak),
            "stage_shares": stages,
        })
        .to_string()
    }

    /// The report as `human`.
    pub fn human(&self) -> String {
        let Self {
            rate, needed, peak, ..
        } = self;
        let gflops = |flops: f64| {
            format!(
                "{:.1} GFLOP/s, {:.0} % of the peak",
                rate * flops * 1e-9,
                100.0 * rate * flops / peak
            )
        };
        let mut text = format!(
            "{}, {} environments, {} threads, {} lanes a register{}\n\
             \x20 env steps/s      {rate:>12.0}   ({:.0} ns each: physics, observation, reward, autoreset)\n\
             \x20 physics steps/s  {:>12.0}   ({} an env step)\n\
             \x20 measured peak    {:>12.1}   GFLOP/s, fused multiply-adds alone\n\
             \x20 needed by an env step alone: {needed:.0} operations: {}\n",
            self.task.name,
            self.num_envs,
            self.threads,
            self.lanes,
            match (self.drawn.rows, self.drawn.domain.redraws()) {
                (1, _) => String::new(),
                (rows, redrawn) => format!(
                    "\n\x20 gap {}: {rows} parameter rows, drawn and compiled in {:.0} ms{}",
                    self.drawn.domain,
                    1e3 * self.drawn.seconds,
                    if redrawn { ", redrawn at resets" } else { "" }
                ),
            },
            1e9 / rate,
            self.physics_rate(),
            self.task.frame_skip,
            peak * 1e-9,
            gflops(*needed),
        );
        if let Some(executed) = self.executed {
            text += &format!(
                "  executed for it in its register: {executed:.0} operations: {}\n\
                 \x20   (lanes wait for the slowest in the solver's passes, and for every contact in the register)\n",
                gflops(executed)
            );
        }
        text += "  the rest of the peak: operations without a partner to fuse, loads and stores, divisions, branches\n\
                 \x20 share of a thread's time:\n";
        for (name, share) in &self.stages {
            text += &format!("    {name:<16}{:>5.1} %\n", 100.0 * share);
        }
        text
    }
}

/// `num_envs` environments that compute `with`.
fn make(
    task: &Task,
    dynamics: &Dynamics,
    num_envs: usize,
    with: Arithmetic,
) -> Result<PlanarVecEnv> {
    let keys = EnvKey::population(&[0], num_envs);
    PlanarVecEnv::new(EnvSpec::new(task, dynamics.clone(), keys), with)
}

/// Floating-point operations of an env step, counted on one thread.
fn flops_per_step(task: &Task, dynamics: &Dynamics, width: Width) -> Result<f64> {
    let pool = one_thread()?;
    let (envs, steps) = COUNTED;
    pool.install(|| {
        let with = Arithmetic {
            counted: true,
            ..width.into()
        };
        let mut env = make(task, dynamics, envs, with)?;
        roll(&mut env, WARM_UP)?;
        take_flops();
        let actions = action_batches(&env);
        for i in 0..steps {
            env.step(&actions[i % actions.len()])?;
        }
        Ok(take_flops() as f64 / (envs * steps) as f64)
    })
}

fn one_thread() -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|e| Error::input("bench sim", e, "free some memory or threads"))
}

/// Peak of all threads together, FLOP/s.
fn peak_flops(task: &Task, threads: usize) -> Result<f64> {
    let envs: Vec<_> = (0..threads)
        .map(|_| PlanarVecEnv::new(EnvSpec::of_gaps(task, &[], 1, 0)?, Precision::F32))
        .collect::<Result<_>>()?;
    Ok(envs
        .into_par_iter()
        .with_max_len(1)
        .map(|mut env| env.engine_mut().visit(PeakFlops))
        .sum())
}

/// Share of a thread's time in each stage of the kernel, and in all else: actions, observation,
/// reward, autoreset.
fn stage_shares(task: &Task, dynamics: &Dynamics) -> Result<Vec<(&'static str, f64)>> {
    one_thread()?.install(|| {
        let mut env = make(task, dynamics, 256, Arithmetic::default())?;
        roll(&mut env, WARM_UP)?;
        let actions = action_batches(&env);
        env.engine_mut().start_stage_times();
        let start = ticks();
        for i in 0..300 {
            env.step(&actions[i % actions.len()])?;
        }
        let whole = (ticks() - start) as f64;
        let times = env
            .engine_mut()
            .take_stage_times()
            .map(|t| t as f64 / whole);
        let mut shares: Vec<_> = Stage::ALL.iter().map(|l| l.label()).zip(times).collect();
        shares.push(("environment", 1.0 - times.iter().sum::<f64>()));
        Ok(shares)
    })
}
