//! Whole env steps of the planar kernel, on one thread; `h2oplus bench sim` prints the stages.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use h2oplus::env::{PlanarVecEnv, Task, VecEnv};
use h2oplus::physics::planar::Precision;
use h2oplus::rng::{Stream, fill_unit};
use std::hint::black_box;

const ENVS: usize = 256;

/// Environments that have moved for a while, and random actions for them.
fn rolled(task: &str) -> (PlanarVecEnv, Vec<f32>) {
    let task = Task::load(task).expect("an embedded task");
    let mut env = PlanarVecEnv::new(&task, &[], ENVS, 0, Precision::F32).expect("no gap");
    let mut actions = vec![0.0; ENVS * env.act_dim()];
    env.reset().expect("resets");
    for step in 0..60 {
        fill_unit(&mut actions, 0, 0, step, Stream::Action);
        actions.iter_mut().for_each(|a| *a = 2.0 * *a - 1.0);
        env.step(&actions).expect("finite actions");
    }
    (env, actions)
}

fn env_step(c: &mut Criterion) {
    let mut group = c.benchmark_group("env step");
    group.throughput(Throughput::Elements(ENVS as u64));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    for task in ["halfcheetah-v2", "walker2d-v2"] {
        let (mut env, actions) = rolled(task);
        let mut step = || drop(black_box(env.step(&actions)));
        group.bench_function(task, |b| b.iter(|| pool.install(&mut step)));
    }
    group.finish();
}

criterion_group!(benches, env_step);
criterion_main!(benches);
