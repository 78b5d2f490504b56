//! An environment's bits do not depend on the width of the registers, nor on the rows of its neighbours.

use h2oplus::engine::PlanarVecEnv;
use h2oplus::engine::planar::{Precision, Width};
use h2oplus::env::{Dynamics, EnvKey, EnvSpec, StepBatch, Task, VecEnv};
use h2oplus::model::Gap;
use h2oplus::rng::{Stream, fill_unit};

fn of_width(task: &Task, gaps: &[Gap], n: usize, seed: u64, width: Width) -> PlanarVecEnv {
    let dynamics = Dynamics::new(task, gaps).unwrap();
    let keys = EnvKey::population(&[seed], n);
    PlanarVecEnv::new(EnvSpec::new(task, dynamics, keys), width).unwrap()
}

/// What a rollout returned, step after step.
pub type Rollout = Vec<StepBatch>;

/// Random actions keyed by environment, so that environment `e` does the same in any batch.
fn actions(envs: impl Iterator<Item = usize>, act_dim: usize, step: usize) -> Vec<f32> {
    let one = |env: usize| {
        let mut a = vec![0.0; act_dim];
        fill_unit(&mut a, 9, env as u32, step as u32, Stream::Action);
        // Beyond the motors' range too.
        a.into_iter().map(|a| 3.0 * a - 1.5)
    };
    envs.flat_map(one).collect()
}

pub fn roll(env: &mut PlanarVecEnv, names: &[usize], steps: usize) -> Rollout {
    env.reset().unwrap();
    let act_dim = env.act_dim();
    (0..steps)
        .map(|t| {
            env.step(&actions(names.iter().copied(), act_dim, t))
                .unwrap()
                .clone()
        })
        .collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Environment `a` of one rollout and `b` of another, bit for bit.
pub fn assert_same(one: &Rollout, a: usize, other: &Rollout, b: usize, what: &str) {
    for (t, (x, y)) in one.iter().zip(other).enumerate() {
        let dim = x.obs.len() / x.reward.len();
        let row = |values: &[f32], e: usize| bits(&values[e * dim..][..dim]);
        assert_eq!(row(&x.obs, a), row(&y.obs, b), "{what}, env {a}, step {t}");
        assert_eq!(
            row(&x.next_obs, a),
            row(&y.next_obs, b),
            "{what}, env {a}, step {t}"
        );
        assert_eq!(
            x.reward[a].to_bits(),
            y.reward[b].to_bits(),
            "{what}, env {a}, step {t}"
        );
        assert_eq!(
            (x.terminated[a], x.truncated[a]),
            (y.terminated[b], y.truncated[b]),
            "{what}"
        );
    }
}

#[test]
fn every_width_has_the_same_bits() {
    for name in ["halfcheetah-v2", "walker2d-v2"] {
        let task = Task::load(name).unwrap();
        let names: Vec<usize> = (0..37).collect();
        let roll = |width| roll(&mut of_width(&task, &[], 37, 5, width), &names, 150);
        let one = roll(Width::One);
        assert!(one.iter().all(|b| b.obs.iter().all(|x| x.is_finite())));
        for width in [Width::Eight, Width::Sixteen]
            .into_iter()
            .filter(|w| w.available())
        {
            let wide = roll(width);
            (0..37).for_each(|e| assert_same(&one, e, &wide, e, name));
        }
    }
}

#[test]
fn a_mixed_batch_equals_separate_batches() {
    for (name, texts) in [
        (
            "halfcheetah-v2",
            [
                "none",
                "gravity=1.3",
                "friction",
                "big-thigh",
                "soft-feet,joint-noise=0.2",
            ],
        ),
        (
            "walker2d-v5",
            [
                "none",
                "gravity",
                "friction=0.5",
                "small-thigh",
                "broken-thigh",
            ],
        ),
    ] {
        let task = Task::load(name).unwrap();
        let gaps: Vec<Gap> = texts.iter().map(|t| task.gap(t).unwrap()).collect();
        let names: Vec<usize> = (0..40).collect();
        let mut env = PlanarVecEnv::new(
            EnvSpec::of_gaps(&task, &gaps, 40, 3).unwrap(),
            Precision::F32,
        )
        .unwrap();
        let mixed = roll(&mut env, &names, 80);
        for (g, gap) in gaps.iter().enumerate() {
            let own: Vec<usize> = names
                .iter()
                .copied()
                .filter(|e| e % gaps.len() == g)
                .collect();
            let keys = own
                .iter()
                .map(|&e| EnvKey {
                    seed: 3,
                    env: e as u32,
                })
                .collect();
            let gap = std::slice::from_ref(gap);
            let spec = EnvSpec::new(&task, Dynamics::new(&task, gap).unwrap(), keys);
            let mut env = PlanarVecEnv::new(spec, Precision::F32).unwrap();
            let separate = roll(&mut env, &own, 80);
            for (i, &e) in own.iter().enumerate() {
                assert_same(&mixed, e, &separate, i, &format!("{name} {gap:?}"));
            }
        }
        // The gaps do differ: environment 0 and a copy of it with a gap part ways.
        let other = PlanarVecEnv::new(
            EnvSpec::of_gaps(&task, &gaps[1..2], 1, 3).unwrap(),
            Precision::F32,
        )
        .unwrap();
        let other = roll(&mut { other }, &[0], 80);
        let differs = mixed
            .iter()
            .zip(&other)
            .any(|(a, b)| a.reward[0] != b.reward[0]);
        assert!(differs, "{name}: gap {} changes nothing", texts[1]);
    }
}
