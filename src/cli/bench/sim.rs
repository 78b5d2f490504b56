//! `h2oplus bench sim`: full env steps (observation, reward, autoreset) with random actions.

use crate::cli::{Format, emit};
use crate::env::{PlanarVecEnv, Task, VecEnv};
use crate::error::{Error, Result};
use crate::model::Gap;
use crate::physics::planar::lanes::counted::take_flops;
use crate::physics::planar::profile::{Name, PeakFlops, StageTime};
use crate::physics::planar::{Precision, Width};
use crate::rng::{Stream, fill_unit};
use rayon::prelude::*;
use serde_json::json;
use std::process::ExitCode;
use std::time::Instant;

/// Flags of `bench sim`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task
    #[arg(long, default_value = "halfcheetah-v2")]
    task: String,
    /// A gap; repeated, the environments share them out
    #[arg(long)]
    gap: Vec<String>,
    /// Environments stepped together
    #[arg(long, default_value_t = 1024, value_name = "N")]
    num_envs: usize,
    /// How long to measure
    #[arg(long, default_value_t = 3.0, value_name = "S")]
    seconds: f64,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Env steps before the clock starts, so that robots lie, stand and run as they will.
const WARM_UP: usize = 60;
/// Different action batches, used in turn.
const ACTION_BATCHES: u32 = 16;
/// Environments and steps over which operations are counted.
const COUNTED: (usize, usize) = (64, 40);

/// Measures and prints.
///
/// # Errors
/// Where the task or a gap does not exist, or a number is out of range.
pub fn run(args: Args) -> Result<ExitCode> {
    if args.num_envs == 0 || args.seconds.is_nan() || args.seconds <= 0.0 {
        return Err(Error::input(
            "bench sim",
            format!("--num-envs {} --seconds {}", args.num_envs, args.seconds),
            "give positive numbers",
        ));
    }
    let task = Task::load(&args.task)?;
    let gaps: Vec<Gap> = args
        .gap
        .iter()
        .map(|g| task.gap(g))
        .collect::<Result<_>>()?;
    let mut env = PlanarVecEnv::new(&task, &gaps, args.num_envs, 0, Precision::F32)?;
    let rate = steps_per_second(&mut env, args.seconds)?;

    let threads = rayon::current_num_threads();
    let report = Report {
        num_envs: args.num_envs,
        threads,
        lanes: env.width(),
        rate,
        needed: flops_per_step(&task, &gaps, Width::One)?,
        executed: flops_per_step(&task, &gaps, Width::detect())?,
        peak: peak_flops(&task, threads)?,
        stages: stage_times(&task, &gaps)?,
        task,
        gaps,
    };
    emit(&match args.format {
        Format::Human => report.human(),
        Format::Short => report.short(),
        Format::Json => report.json(),
    });
    Ok(ExitCode::SUCCESS)
}

/// What was measured.
struct Report {
    task: Task,
    gaps: Vec<Gap>,
    num_envs: usize,
    threads: usize,
    lanes: usize,
    /// Env steps a second.
    rate: f64,
    /// Operations of an env step on one lane.
    needed: f64,
    /// Operations of an env step's share of its register.
    executed: f64,
    /// Peak of all threads, FLOP/s.
    peak: f64,
    /// ns per environment and call.
    stages: Vec<(Name, f64)>,
}

impl Report {
    fn physics_rate(&self) -> f64 {
        self.rate * self.task.frame_skip as f64
    }

    fn short(&self) -> String {
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

    fn json(&self) -> String {
        let stages: serde_json::Map<_, _> =
            self.stages.iter().map(|(n, ns)| (n.label().to_string(), json!(ns))).collect();
        json!({
            "bench": "sim",
            "task": self.task.name,
            "gaps": self.gaps.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "num_envs": self.num_envs,
            "threads": self.threads,
            "lanes": self.lanes,
            "env_steps_per_s": self.rate,
            "physics_steps_per_s": self.physics_rate(),
            "ns_per_env_step": 1e9 / self.rate,
            "flop_per_env_step": self.needed,
            "executed_flop_per_env_step": self.executed,
            "gflops": self.rate * self.needed * 1e-9,
            "executed_gflops": self.rate * self.executed * 1e-9,
            "peak_gflops": self.peak * 1e-9,
            "share_of_peak": self.rate * self.needed / self.peak,
            "executed_share_of_peak": self.rate * self.executed / self.peak,
            "stage_ns_per_env": stages,
        })
        .to_string()
    }

    fn human(&self) -> String {
        let Self { rate, needed, executed, peak, .. } = self;
        let mut text = format!(
            "{}, {} environments, {} threads, {} lanes a register\n\
             \x20 env steps/s      {rate:>12.0}   ({:.0} ns each: physics, observation, reward, autoreset)\n\
             \x20 physics steps/s  {:>12.0}   ({} an env step)\n\
             \x20 operations an env step: {needed:.0} needed by one environment alone, {executed:.0} executed for it in its register\n\
             \x20   (the difference: lanes wait for the slowest in the solver's passes, and for every contact in the register)\n\
             \x20 {:.1} GFLOP/s needed, {:.1} executed: {:.0} and {:.0} % of the measured peak of {:.0}, which is fused multiply-adds alone\n\
             \x20   (the rest: operations without a partner to fuse, loads and stores, divisions, branches, the env layer)\n\
             \x20 stages, ns per environment and call on one thread:\n",
            self.task.name,
            self.num_envs,
            self.threads,
            self.lanes,
            1e9 / rate,
            self.physics_rate(),
            self.task.frame_skip,
            rate * needed * 1e-9,
            rate * executed * 1e-9,
            100.0 * rate * needed / peak,
            100.0 * rate * executed / peak,
            peak * 1e-9,
        );
        for (name, ns) in &self.stages {
            text += &format!("    {:<26}{ns:>7.2}\n", name.label());
        }
        text
    }
}

/// Random actions in [−1, 1], one batch after the other.
fn action_batches(env: &PlanarVecEnv) -> Vec<Vec<f32>> {
    let batch = |i| {
        let mut actions = vec![0.0; env.num_envs() * env.act_dim()];
        fill_unit(&mut actions, 0, 0, i, Stream::Action);
        actions.iter_mut().for_each(|a| *a = 2.0 * *a - 1.0);
        actions
    };
    (0..ACTION_BATCHES).map(batch).collect()
}

/// Resets and takes `steps` steps.
fn roll(env: &mut PlanarVecEnv, steps: usize) -> Result<()> {
    let actions = action_batches(env);
    env.reset()?;
    for i in 0..steps {
        env.step(&actions[i % actions.len()])?;
    }
    Ok(())
}

fn steps_per_second(env: &mut PlanarVecEnv, seconds: f64) -> Result<f64> {
    roll(env, WARM_UP)?;
    let actions = action_batches(env);
    let start = Instant::now();
    let mut steps = 0;
    while start.elapsed().as_secs_f64() < seconds {
        env.step(&actions[steps % actions.len()])?;
        steps += 1;
    }
    Ok((steps * env.num_envs()) as f64 / start.elapsed().as_secs_f64())
}

/// Floating-point operations of an env step, counted on one thread.
fn flops_per_step(task: &Task, gaps: &[Gap], width: Width) -> Result<f64> {
    let pool = one_thread()?;
    let (envs, steps) = COUNTED;
    pool.install(|| {
        let mut env = PlanarVecEnv::counted(task, gaps, envs, 0, width)?;
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
        .map(|_| PlanarVecEnv::new(task, &[], 1, 0, Precision::F32))
        .collect::<Result<_>>()?;
    Ok(envs
        .into_par_iter()
        .with_max_len(1)
        .map(|mut env| env.visit(PeakFlops))
        .sum())
}

/// Time of each stage in ns per environment and call.
fn stage_times(task: &Task, gaps: &[Gap]) -> Result<Vec<(Name, f64)>> {
    let mut env = PlanarVecEnv::new(task, gaps, 256, 0, Precision::F32)?;
    roll(&mut env, WARM_UP)?;
    let mut time = |name| env.visit(StageTime { name, times: 200 });
    // The lowest of three: other processes only ever add.
    let mut best = |name| (0..3).map(|_| time(name)).fold(f64::INFINITY, f64::min);
    Ok(Name::ALL
        .into_iter()
        .map(|name| (name, best(name)))
        .collect())
}
