//! `h2oplus bench sim`: full env steps (observation, reward, autoreset) with random actions.

use crate::cli::Format;
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
    let needed = flops_per_step(&task, &gaps, Width::One)?;
    let executed = flops_per_step(&task, &gaps, Width::detect())?;
    let peak = peak_flops(&task, threads)?;
    let stages = stage_times(&task, &gaps)?;
    let (gflops, done, peak) = (rate * needed * 1e-9, rate * executed * 1e-9, peak * 1e-9);
    let physics = rate * task.frame_skip as f64;
    let nanoseconds = 1e9 / rate;
    match args.format {
        Format::Short => println!(
            "{} {} envs {threads} threads {} lanes: {rate:.0} env steps/s, {physics:.0} physics steps/s",
            task.name,
            args.num_envs,
            env.width()
        ),
        Format::Json => println!(
            "{}",
            json!({
                "bench": "sim",
                "task": task.name,
                "gaps": gaps.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "num_envs": args.num_envs,
                "threads": threads,
                "lanes": env.width(),
                "env_steps_per_s": rate,
                "physics_steps_per_s": physics,
                "ns_per_env_step": nanoseconds,
                "flop_per_env_step": needed,
                "executed_flop_per_env_step": executed,
                "gflops": gflops,
                "executed_gflops": done,
                "peak_gflops": peak,
                "share_of_peak": gflops / peak,
                "executed_share_of_peak": done / peak,
                "stage_ns_per_env": stages
                    .iter()
                    .map(|(n, ns)| (n.label().to_string(), json!(ns)))
                    .collect::<serde_json::Map<_, _>>(),
            })
        ),
        Format::Human => {
            println!(
                "{}, {} environments, {threads} threads, {} lanes a register",
                task.name,
                args.num_envs,
                env.width()
            );
            println!(
                "  env steps/s      {rate:>12.0}   ({nanoseconds:.0} ns each: physics, observation, reward, autoreset)"
            );
            println!(
                "  physics steps/s  {physics:>12.0}   ({} an env step)",
                task.frame_skip
            );
            println!(
                "  operations an env step: {needed:.0} needed by one environment alone, {executed:.0} executed in its lane"
            );
            println!(
                "    (the difference: lanes wait for the register's slowest in the solver's passes and for any contact in it)"
            );
            println!(
                "  {gflops:.1} GFLOP/s needed, {done:.1} executed = {:.0} % of the measured peak of {peak:.0}",
                100.0 * done / peak
            );
            println!(
                "    (the rest: additions and multiplications that are no fused pair, loads and stores, divisions, branches, the env layer)"
            );
            println!("  stages, ns per environment and call on one thread:");
            for (name, ns) in stages {
                println!("    {:<26}{ns:>7.2}", name.label());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
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
