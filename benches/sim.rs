//! Whole env steps of the planar kernel and its stages, on one thread.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use h2oplus::engine::PlanarVecEnv;
use h2oplus::engine::planar::Precision;
use h2oplus::engine::planar::profile::{Stage, ticks};
use h2oplus::env::{EnvSpec, Task, VecEnv};
use h2oplus::rng::{Stream, fill_unit};
use rayon::ThreadPool;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ENVS: usize = 256;

/// Environments that have moved for a while, and random actions for them.
fn rolled(task: &str) -> (PlanarVecEnv, Vec<f32>) {
    let task = Task::load(task).expect("an embedded task");
    let mut env = PlanarVecEnv::new(
        EnvSpec::of_gaps(&task, &[], ENVS, 0).expect("no gap"),
        Precision::F32,
    )
    .expect("no gap");
    let mut actions = vec![0.0; ENVS * env.act_dim()];
    env.reset().expect("resets");
    for step in 0..60 {
        fill_unit(&mut actions, 0, 0, step, Stream::Action);
        actions.iter_mut().for_each(|a| *a = 2.0 * *a - 1.0);
        env.step(&actions).expect("finite actions");
    }
    (env, actions)
}

fn alone() -> ThreadPool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    pool.build().expect("a thread")
}

/// `hopper-v2` has contacts between limbs.
const TASKS: [&str; 3] = ["halfcheetah-v2", "walker2d-v2", "hopper-v2"];

fn env_step(c: &mut Criterion) {
    let mut group = c.benchmark_group("env step");
    group.throughput(Throughput::Elements(ENVS as u64));
    let pool = alone();
    for task in TASKS {
        let (mut env, actions) = rolled(task);
        let mut step = || drop(black_box(env.step(&actions)));
        group.bench_function(task, |b| b.iter(|| pool.install(&mut step)));
    }
    group.finish();
}

/// What each stage takes of an env step: all its calls in all physics steps and solver passes, as the
/// kernel's own clock tells. Alone a stage would find other data in the caches.
fn stages(c: &mut Criterion) {
    let pool = alone();
    for task in TASKS {
        let (mut env, actions) = rolled(task);
        let mut group = c.benchmark_group(format!("stages of {task}"));
        group.throughput(Throughput::Elements(ENVS as u64));
        for stage in Stage::ALL {
            let mut spent_in = |steps: u64| {
                env.engine_mut().start_stage_times();
                let (start, begun) = (Instant::now(), ticks());
                for _ in 0..steps {
                    black_box(env.step(&actions).is_ok());
                }
                let tick = start.elapsed().as_secs_f64() / (ticks() - begun) as f64;
                let spent = env.engine_mut().take_stage_times()[stage as usize] as f64 * tick;
                // A stage that is never reached still takes some time, for the statistics' sake.
                Duration::from_secs_f64(spent).max(Duration::from_nanos(1))
            };
            group.bench_function(stage.label(), |b| {
                b.iter_custom(|steps| pool.install(|| spent_in(steps)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, env_step, stages);
criterion_main!(benches);
