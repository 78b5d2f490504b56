//! `h2oplus bench sim`: full env steps (observation, reward, autoreset) with random actions.

use crate::cli::bench::engine;
use crate::cli::domain::DomainFlags;
use crate::cli::{Format, emit};
use crate::env::{self, Device, Dynamics, EnvKey, Physics, Place, PlanarVecEnv, Task, VecEnv};
use crate::error::{Error, Result};
use crate::model::Domain;
use crate::physics::planar::lanes::counted::take_flops;
use crate::physics::planar::profile::{Lap, PeakFlops, ticks};
use crate::physics::planar::{Arithmetic, Precision, Width};
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
    /// What advances the state
    #[arg(long, value_enum, default_value_t)]
    physics: Physics,
    /// Where
    #[arg(long, value_enum, default_value_t)]
    device: Device,
    #[command(flatten)]
    domain: DomainFlags,
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
    let domain = args.domain.domain(&task)?;
    let begun = Instant::now();
    let dynamics = Dynamics::draw(&task, &domain, 0, args.num_envs)?;
    let drawing = begun.elapsed().as_secs_f64();
    let (place, note) = env::choose(args.physics, args.device)?;
    if args.device == Device::Auto {
        eprintln!("{note}");
    }
    if args.physics == Physics::Rapier || matches!(place, Place::Gpu(_)) {
        let report = foreign(&args, &place, task, dynamics)?;
        emit(&report.text(args.format));
        return Ok(ExitCode::SUCCESS);
    }
    let mut env = make(&task, &dynamics, args.num_envs, Arithmetic::default())?;
    let rate = steps_per_second(&mut env, args.seconds)?;

    let threads = rayon::current_num_threads();
    let report = Report {
        num_envs: args.num_envs,
        threads,
        lanes: env.width(),
        rate,
        needed: flops_per_step(&task, &dynamics, Width::One)?,
        executed: match Width::detect() {
            Width::Sixteen => Some(flops_per_step(&task, &dynamics, Width::Sixteen)?),
            _ => None,
        },
        peak: peak_flops(&task, threads)?,
        stages: stage_shares(&task, &dynamics)?,
        domain,
        rows: dynamics.rows.len(),
        drawing,
        task,
    };
    emit(&match args.format {
        Format::Human => report.human(),
        Format::Short => report.short(),
        Format::Json => report.json(),
    });
    Ok(ExitCode::SUCCESS)
}

/// Measures another engine.
fn foreign(args: &Args, place: &Place, task: Task, dynamics: Dynamics) -> Result<engine::Report> {
    let keys = EnvKey::population(&[0], args.num_envs);
    let (before, begun) = (engine::resident(), Instant::now());
    let mut env = env::build(args.physics, place, &task, dynamics, keys)?;
    let building = begun.elapsed().as_secs_f64();
    let rate = steps_per_second(env.as_mut(), args.seconds)?;
    let after = engine::resident();
    Ok(engine::Report {
        physics: match args.physics {
            Physics::Planar => "planar",
            Physics::Rapier => "rapier",
        },
        device: match place {
            Place::Cpu => "cpu".into(),
            Place::Gpu(gpu) => gpu.label(),
        },
        num_envs: args.num_envs,
        threads: rayon::current_num_threads(),
        rate,
        building,
        bytes: after
            .zip(before)
            .map(|(a, b)| (a - b) / args.num_envs as f64),
        task,
    })
}

/// What was measured.
struct Report {
    task: Task,
    domain: Domain,
    /// Parameter rows.
    rows: usize,
    /// Time to draw and compile them, s.
    drawing: f64,
    num_envs: usize,
    threads: usize,
    lanes: usize,
    /// Env steps a second.
    rate: f64,
    /// Operations of an env step on one lane.
    needed: f64,
    /// Operations of an env step's share of its register; known for 16 lanes.
    executed: Option<f64>,
    /// Peak of all threads, FLOP/s.
    peak: f64,
    /// Share of a thread's time in each stage, and outside the kernel.
    stages: Vec<(&'static str, f64)>,
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
        let stages: serde_json::Map<_, _> = self
            .stages
            .iter()
            .map(|(name, share)| (name.to_string(), json!(share)))
            .collect();
        json!({
            "bench": "sim",
            "task": self.task.name,
            "gap": self.domain.to_string(),
            "redrawn": self.domain.redraws(),
            "parameter_rows": self.rows,
            "seconds_to_compile_rows": self.drawing,
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

    fn human(&self) -> String {
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
            match (self.rows, self.domain.redraws()) {
                (1, _) => String::new(),
                (rows, redrawn) => format!(
                    "\n\x20 gap {}: {rows} parameter rows, drawn and compiled in {:.0} ms{}",
                    self.domain,
                    1e3 * self.drawing,
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

/// Random actions in [−1, 1], one batch after the other.
fn action_batches(env: &dyn VecEnv) -> Vec<Vec<f32>> {
    let batch = |i| {
        let mut actions = vec![0.0; env.num_envs() * env.act_dim()];
        fill_unit(&mut actions, 0, 0, i, Stream::Action);
        actions.iter_mut().for_each(|a| *a = 2.0 * *a - 1.0);
        actions
    };
    (0..ACTION_BATCHES).map(batch).collect()
}

/// Resets and takes `steps` steps.
fn roll(env: &mut dyn VecEnv, steps: usize) -> Result<()> {
    let actions = action_batches(env);
    env.reset()?;
    for i in 0..steps {
        env.step(&actions[i % actions.len()])?;
    }
    Ok(())
}

fn steps_per_second(env: &mut dyn VecEnv, seconds: f64) -> Result<f64> {
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

/// `num_envs` environments that compute `with`.
fn make(
    task: &Task,
    dynamics: &Dynamics,
    num_envs: usize,
    with: Arithmetic,
) -> Result<PlanarVecEnv> {
    let keys = EnvKey::population(&[0], num_envs);
    PlanarVecEnv::with_dynamics(task, dynamics.clone(), keys, with)
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
        .map(|_| PlanarVecEnv::new(task, &[], 1, 0, Precision::F32))
        .collect::<Result<_>>()?;
    Ok(envs
        .into_par_iter()
        .with_max_len(1)
        .map(|mut env| env.visit(PeakFlops))
        .sum())
}

/// Share of a thread's time in each stage of the kernel, and in all else: actions, observation,
/// reward, autoreset.
fn stage_shares(task: &Task, dynamics: &Dynamics) -> Result<Vec<(&'static str, f64)>> {
    one_thread()?.install(|| {
        let mut env = make(task, dynamics, 256, Arithmetic::default())?;
        roll(&mut env, WARM_UP)?;
        let actions = action_batches(&env);
        env.start_laps();
        let start = ticks();
        for i in 0..300 {
            env.step(&actions[i % actions.len()])?;
        }
        let whole = (ticks() - start) as f64;
        let laps = env.take_laps().map(|t| t as f64 / whole);
        let mut shares: Vec<_> = Lap::ALL.iter().map(|l| l.label()).zip(laps).collect();
        shares.push(("environment", 1.0 - laps.iter().sum::<f64>()));
        Ok(shares)
    })
}
