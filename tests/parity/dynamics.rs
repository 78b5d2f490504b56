//! Parameter rows that change at resets: an environment's bits depend on its key and the rows alone.

use crate::lanes::{assert_same, roll};
use h2oplus::env::{Backend, Dynamics, EnvKey, Physics, PlanarVecEnv, Task, VecEnv, build};
use h2oplus::model::Gap;
use h2oplus::physics::planar::{Arithmetic, Precision, Width};

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
    PlanarVecEnv::with_dynamics(task, redrawn(task), keys, with).unwrap()
}

#[test]
fn redrawn_rows_have_the_same_bits_on_every_width_and_lane() {
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
        // Alone, and among others in another order.
        let with = Arithmetic::default();
        for alone in [0, 21, 36] {
            let own = roll(&mut make(&task, &[alone], with), &[alone], 60);
            assert_same(&one, alone, &own, 0, "alone");
        }
        let mut turned = all.clone();
        turned.reverse();
        let back = roll(&mut make(&task, &turned, with), &turned, 60);
        (0..37).for_each(|e| assert_same(&one, e, &back, 36 - e, "reversed"));
        // On one thread.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let single = pool.install(|| roll(&mut make(&task, &all, with), &all, 60));
        (0..37).for_each(|e| assert_same(&one, e, &single, e, "one thread"));
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
        PlanarVecEnv::new(&task, std::slice::from_ref(gap), n, 0, Precision::F64).unwrap()
    };
    let mut fixed: Vec<PlanarVecEnv> = (0..GAPS.len()).map(fixed).collect();
    fixed
        .iter_mut()
        .for_each(|f| drop(f.reset().unwrap().to_vec()));
    env.reset().unwrap();
    let mut seen = vec![[false; GAPS.len()]; n];
    let (mut compared, mut told_apart) = (0, 0);
    for t in 0..150 {
        let row: Vec<usize> = env.row().iter().map(|&r| r as usize).collect();
        let key = |e: usize| EnvKey {
            seed: 11,
            env: e as u32,
        };
        // A vector step and the reset before the first one each count a tick.
        let begun = (t / 13) * 13 + 1;
        for e in 0..n {
            assert_eq!(row[e], dynamics.row(e, key(e), begun as u32), "step {t}");
            seen[e][row[e]] = true;
        }
        // Right after a reset both have warm start 0 and the same state.
        let actions: Vec<f32> = (0..n * 6)
            .map(|i| ((i * 7 + t) % 11) as f32 / 5.0 - 1.0)
            .collect();
        let starts = t % 13 == 0;
        let (qpos, qvel) = (env.qpos(), env.qvel());
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
                f.step(&actions).unwrap().next_obs.clone()
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

#[test]
fn a_snapshot_keeps_the_rows() {
    let task = short("walker2d-v2");
    let names: Vec<usize> = (0..21).collect();
    let with = Arithmetic::default();
    let mut env = make(&task, &names, with);
    roll(&mut env, &names, 20);
    let (bytes, rows) = (env.snapshot(), env.row().to_vec());
    let go_on = |env: &mut PlanarVecEnv| -> Vec<Vec<f32>> {
        let step = |t: usize| {
            let actions = vec![(t as f32).sin(); 21 * 6];
            env.step(&actions).unwrap().next_obs.clone()
        };
        (0..40).map(step).collect()
    };
    let straight = go_on(&mut env);
    let mut other = make(&task, &names, with);
    other.restore(&bytes).unwrap();
    assert_eq!(other.row(), rows);
    assert_eq!(go_on(&mut other), straight);
    // Negative control: one row changed in the bytes changes the future; a row out of range is refused.
    let at = 4 + 4 * 21;
    for (row, sound) in [((rows[0] + 1) % 5, true), (5, false)] {
        let mut changed = bytes.clone();
        changed[at..at + 4].copy_from_slice(&row.to_le_bytes());
        let mut other = make(&task, &names, with);
        assert_eq!(other.restore(&changed).is_ok(), sound);
        if sound {
            assert_ne!(go_on(&mut other), straight);
        }
    }
}

/// Every engine draws the same rows at the same resets, and keeps them in a snapshot.
#[test]
fn engines_draw_the_same_rows() {
    let task = short("halfcheetah-v2");
    let n = 9;
    let keys = EnvKey::population(&[3, 8, 5], 3);
    let domain = task.domain("gravity=0.8..1.2").unwrap();
    let domain = domain.with(Some(7), true).unwrap();
    let dynamics = Dynamics::population(&task, &domain, &[3, 8, 5], 3).unwrap();
    let make = |physics, place: &Backend| {
        build(physics, place, &task, dynamics.clone(), keys.clone()).unwrap()
    };
    let mut kinds = vec![
        (Physics::Planar, Backend::Cpu),
        (Physics::Rapier, Backend::Cpu),
    ];
    kinds.extend(crate::gpu::gpu().map(|gpu| (Physics::Planar, Backend::Gpu(gpu))));
    let mut engines: Vec<_> = kinds.iter().map(|(p, place)| make(*p, place)).collect();
    for env in &mut engines {
        env.reset().unwrap();
    }
    let mut seen = vec![std::collections::BTreeSet::new(); n];
    for t in 0..40 {
        let expected: Vec<u32> = (0..n)
            .map(|e| dynamics.row(e, keys[e], t / 13 * 13 + 1) as u32)
            .collect();
        for env in &mut engines {
            assert_eq!(env.row(), expected, "step {t}");
            env.step(&vec![0.1; n * 6]).unwrap();
        }
        for (row, seen) in expected.iter().zip(&mut seen) {
            seen.insert(*row);
        }
    }
    assert!(seen.iter().any(|rows| rows.len() > 2));
    // Each member draws of its own rows.
    assert!(
        seen.iter()
            .enumerate()
            .all(|(e, rows)| { rows.iter().all(|row| *row as usize / 7 == e / 3) })
    );
    for ((physics, place), env) in kinds.iter().zip(engines) {
        let mut other = make(*physics, place);
        other.restore(&env.snapshot()).unwrap();
        assert_eq!(other.row(), env.row());
    }
}
