//! What an action becomes on every engine: the motors' range, and noise that is clipped to it before
//! the task pays.

use crate::contract;
use h2oplus::env::{EnvSpec, Task, VecEnv};

/// `n` environments of `task`, in turn with each of `gaps`, on every engine that is here.
fn engines(task: &Task, gaps: &[&str], n: usize) -> Vec<(String, Box<dyn VecEnv>)> {
    let gaps: Vec<_> = gaps.iter().map(|g| task.gap(g).unwrap()).collect();
    let spec = EnvSpec::of_gaps(task, &gaps, n, 7).unwrap();
    let all = contract::engines().into_iter();
    all.map(|engine| (engine.to_string(), engine.build(&spec)))
        .collect()
}

/// What each environment's first step costs under the action `a` of every motor: the way along x is
/// known, and a half-cheetah is paid for nothing else.
fn costs(env: &mut dyn VecEnv, a: f32) -> Vec<f64> {
    env.reset().unwrap();
    let (n, nu, dt) = (env.num_envs(), env.act_dim(), env.task().dt());
    let before = env.qpos().unwrap();
    let reward = env.step(&vec![a; n * nu]).unwrap().reward.clone();
    let after = env.qpos().unwrap();
    let nv = after.len() / n;
    let x = |q: &[f32], e: usize| f64::from(q[e * nv]);
    let one = |e: usize| (x(&after, e) - x(&before, e)) / dt - f64::from(reward[e]);
    (0..n).map(one).collect()
}

#[test]
fn noise_is_clipped_before_it_costs() {
    let task = Task::load("halfcheetah-v2").unwrap();
    const N: usize = 4000;
    for (name, mut env) in engines(&task, &["joint-noise=1", "none"], N) {
        // E[clip(a + N(0, 1))²] · 0.1 · 6; without a clip it would be 0.60 and 1.20.
        for (a, want) in [(0.0, 0.310), (1.0, 0.408), (-1.0, 0.408)] {
            let each = costs(env.as_mut(), a);
            let noisy = each.iter().step_by(2);
            let mean = noisy.clone().sum::<f64>() / (N / 2) as f64;
            assert!((mean - want).abs() < 0.01, "{name}: {mean} at {a}");
            assert!(noisy.into_iter().all(|c| *c < 0.6 + 1e-3), "{name}: {a}");
        }
        // Rows without noise, in the same vector, cost what was asked for.
        let each = costs(env.as_mut(), 2.0);
        let calm = each.iter().skip(1).step_by(2);
        assert!(calm.into_iter().all(|c| (c - 2.4).abs() < 1e-3), "{name}");
    }
}

#[test]
fn the_whole_range_of_every_motor_is_reached() {
    let folder = "tests/reference/cases/action-bounds";
    let wide = Task::load(&format!("{folder}/task.toml")).unwrap();
    // Three times the gear over a third of the range is the same robot, at another cost.
    let copy = tempfile::tempdir().unwrap();
    let robot = std::fs::read_to_string(format!("{folder}/robot.xml")).unwrap();
    let robot = robot.replace(r#"ctrlrange="-3 3""#, r#"ctrlrange="-1 1""#);
    let robot = robot.replace(r#"gear="60""#, r#"gear="180""#);
    let robot = robot.replace(r#"gear="50""#, r#"gear="150""#);
    std::fs::write(copy.path().join("robot.xml"), robot).unwrap();
    let path = copy.path().join("task.toml");
    std::fs::copy(format!("{folder}/task.toml"), &path).unwrap();
    let unit = Task::load(path.to_str().unwrap()).unwrap();
    assert!(!wide.scale.is_unit() && unit.scale.is_unit());
    for a in [0.25, 1.0] {
        let both = engines(&wide, &[], 5)
            .into_iter()
            .zip(engines(&unit, &[], 5));
        for ((name, mut wide), (_, mut unit)) in both {
            let (paid, known) = (costs(wide.as_mut(), a), costs(unit.as_mut(), a));
            let square = f64::from(a * a);
            for (is, want) in paid.iter().zip(&known) {
                assert!((is - 1.8 * square).abs() < 1e-3, "{name}: {is} at {a}");
                assert!((want - 0.2 * square).abs() < 1e-3, "{name}: {want}");
            }
            for (x, y) in wide.qpos().unwrap().iter().zip(unit.qpos().unwrap()) {
                assert!((x - y).abs() < 1e-4, "{name}: {x} {y} at {a}");
            }
        }
    }
}
