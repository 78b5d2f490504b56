//! Parameter rows that change at resets: an environment's bits depend on its key and the rows alone.

use crate::lanes::{assert_same, roll};
use h2oplus::engine::PlanarVecEnv;
use h2oplus::engine::planar::{Arithmetic, Precision, Width};
use h2oplus::env::{Dynamics, EnvKey, EnvSpec, Task, VecEnv};
use h2oplus::model::Gap;

const GAPS: [&str; 5] = [
    "none",
    "gravity=1.3",
    "friction=0.4,joint-noise=0.3",
    "option gravity=0.7",
    "geom floor friction=2.5",
];

/// Episodes of 13 steps, so that rows change often.
fn short(name: &str) -> Task {
    let mut task = Task::load(name).unwrap();
    task.max_episode_steps = 13;
    task
}

fn redrawn(task: &Task) -> Dynamics {
    let gaps: Vec<Gap> = GAPS.iter().map(|t| task.gap(t).unwrap()).collect();
    Dynamics {
        redrawn: true,
        ..Dynamics::new(task, &gaps).unwrap()
    }
}

fn make(task: &Task, names: &[usize], with: Arithmetic) -> PlanarVecEnv {
    let key = |&env: &usize| EnvKey {
        seed: 11,
        env: env as u32,
    };
    let keys = names.iter().map(key).collect();
    PlanarVecEnv::new(EnvSpec::new(task, redrawn(task), keys), with).unwrap()
}

#[test]
fn redrawn_rows_have_the_same_bits_on_every_width() {
    for name in ["halfcheetah-v2", "walker2d-v2", "hopper-v2"] {
        let task = short(name);
        let all: Vec<usize> = (0..37).collect();
        let one = roll(&mut make(&task, &all, Width::One.into()), &all, 60);
        for width in [Width::Eight, Width::Sixteen]
            .into_iter()
            .filter(|w| w.available())
        {
            let wide = roll(&mut make(&task, &all, width.into()), &all, 60);
            (0..37).for_each(|e| assert_same(&one, e, &wide, e, name));
        }
    }
}

/// Every step of a redrawn environment is the step of an environment that has the row for good.
#[test]
fn the_row_that_is_read_back_is_the_row_that_acts() {
    let task = short("halfcheetah-v2");
    let dynamics = redrawn(&task);
    let n = 33;
    let names: Vec<usize> = (0..n).collect();
    let mut env = make(&task, &names, Precision::F64.into());
    let fixed = |row: usize| {
        let gap = &dynamics.rows[row].gap;
        PlanarVecEnv::new(
            EnvSpec::of_gaps(&task, std::slice::from_ref(gap), n, 0).unwrap(),
            Precision::F64,
        )
        .unwrap()
    };
    let mut fixed: Vec<PlanarVecEnv> = (0..GAPS.len()).map(fixed).collect();
    fixed
        .iter_mut()
        .for_each(|f| drop(f.reset().unwrap().to_vec()));
    env.reset().unwrap();
    let mut seen = vec![[false; GAPS.len()]; n];
    let (mut compared, mut told_apart) = (0, 0);
    for t in 0..150 {
        let row: Vec<usize> = env.param_row().iter().map(|&r| r as usize).collect();
        let key = |e: usize| EnvKey {
            seed: 11,
            env: e as u32,
        };
        // A vector step and the reset before the first one each count a tick.
        let begun = (t / 13) * 13 + 1;
        for e in 0..n {
            assert_eq!(
                row[e],
                dynamics.param_row(e, key(e), begun as u32),
                "step {t}"
            );
            seen[e][row[e]] = true;
        }
        // Right after a reset both have warm start 0 and the same state.
        let actions: Vec<f32> = (0..n * 6)
            .map(|i| ((i * 7 + t) % 11) as f32 / 5.0 - 1.0)
            .collect();
        let starts = t % 13 == 0;
        let (qpos, qvel) = (env.qpos().unwrap(), env.qvel().unwrap());
        let batch = env.step(&actions).unwrap().clone();
        if !starts {
            continue;
        }
        let state = |x: &[f32], e: usize| -> Vec<f64> {
            x[e * 9..][..9].iter().map(|x| f64::from(*x)).collect()
        };
        let next: Vec<Vec<f32>> = fixed
            .iter_mut()
            .map(|f| {
                (0..n).for_each(|e| f.set_state(e, &state(&qpos, e), &state(&qvel, e)));
                f.step(&actions).unwrap().next_obs.to_vec()
            })
            .collect();
        for e in (0..n).filter(|&e| dynamics.rows[row[e]].noise == 0.0) {
            // Float64 states come back rounded to float32.
            let distance = |other: usize| {
                let pair = batch.next_obs[e * 17..][..17]
                    .iter()
                    .zip(&next[other][e * 17..][..17]);
                pair.fold(0f32, |m, (a, b)| m.max((a - b).abs() / a.abs().max(1.0)))
            };
            assert!(
                distance(row[e]) < 1e-3,
                "step {t}, env {e}: {}",
                distance(row[e])
            );
            compared += 1;
            told_apart += usize::from(distance((row[e] + 1) % GAPS.len()) > 1e-3);
        }
    }
    assert!(
        compared > 200 && told_apart > compared / 2,
        "{told_apart} of {compared}"
    );
    let both = seen.iter().filter(|s| s.iter().filter(|&&x| x).count() > 1);
    assert!(both.count() == n, "every environment has had several rows");
}
