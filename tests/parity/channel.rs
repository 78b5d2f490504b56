//! Gaps of the channel between policy and robot, on every engine, against what they say, written out by hand.

use crate::contract::engines;
use h2oplus::engine::PlanarVecEnv;
use h2oplus::engine::planar::Precision;
use h2oplus::env::{Dynamics, EnvKey, EnvSpec, StepBatch, Task, VecEnv};
use h2oplus::measure::replay::{DataGap, Transitions};
use h2oplus::model::GapTable;
use h2oplus::rng::{Stream, fill_normal, fill_unit};

const N: usize = 6;
const STEPS: usize = 12;
/// Env steps of an episode: some end in the middle of a test.
const LIMIT: usize = 7;

fn short(task: &str) -> Task {
    let mut task = Task::load(task).unwrap();
    task.max_episode_steps = LIMIT;
    task
}

fn spec(task: &Task, gaps: &[&str]) -> EnvSpec {
    let gaps: Vec<_> = gaps.iter().map(|g| task.gap(g).unwrap()).collect();
    EnvSpec::of_gaps(task, &gaps, N, 7).unwrap()
}

/// Multiples of 1/64, beyond the motors' range too: what the tests make of them is exact in float32.
fn actions(nu: usize, step: usize) -> Vec<f32> {
    let mut a = vec![0.0; N * nu];
    fill_unit(&mut a, 3, 0, step as u32, Stream::Action);
    a.iter()
        .map(|u| (192.0 * u - 96.0).round() / 64.0)
        .collect()
}

/// Largest |difference|, relative to rows of more than 1.
fn apart(is: &[f32], want: &[f32], width: usize) -> f32 {
    let row = |(is, want): (&[f32], &[f32])| {
        let scale = want.iter().fold(1f32, |m, x| m.max(x.abs()));
        let most = is.iter().zip(want).map(|(a, b)| (a - b).abs() / scale);
        most.fold(0f32, f32::max)
    };
    let rows = is.chunks(width).zip(want.chunks(width));
    rows.map(row).fold(0f32, f32::max)
}

/// The action that makes the control which a motor of this row gets for action `a`: held to [-1, 1], then nothing within
/// ± `zone`, then the rest.
fn through(zone: f32, a: f32) -> f32 {
    match a.clamp(-1.0, 1.0) {
        a if a > zone => a - zone,
        a if a < -zone => a + zone,
        _ => 0.0,
    }
}

/// How far a robot without a gap that gets by hand what `gaps` let through is from the robots with them: successors and
/// rewards, where the cost is that of what was asked for.
fn by_hand(
    task: &Task,
    mut late: Box<dyn VecEnv>,
    mut plain: Box<dyn VecEnv>,
    delay: usize,
    zone: f32,
) -> f32 {
    late.reset().unwrap();
    plain.reset().unwrap();
    let (nu, od) = (task.act_dim(), task.obs_dim());
    let cost = |actions: &[f32], e: usize| -> f64 {
        let each = actions[e * nu..][..nu].iter().enumerate();
        let squares = each.map(|(n, a)| task.scale.control(n, *a).powi(2));
        task.reward.control_cost * squares.sum::<f64>()
    };
    let mut worst = 0f32;
    for t in 0..STEPS {
        let asked = actions(nu, t);
        // The steps of an episode begin with the robot's first.
        let got: Vec<f32> = match t % LIMIT < delay {
            true => vec![through(zone, 0.0); N * nu],
            false => actions(nu, t - delay)
                .iter()
                .map(|a| through(zone, *a))
                .collect(),
        };
        let (is, want) = (late.step(&asked).unwrap(), plain.step(&got).unwrap());
        worst = worst.max(apart(&is.next_obs, &want.next_obs, od));
        let paid: Vec<f32> = (0..N)
            .map(|e| (f64::from(want.reward[e]) + cost(&got, e) - cost(&asked, e)) as f32)
            .collect();
        worst = worst.max(apart(&is.reward, &paid, 1));
        assert_eq!(is.truncated, want.truncated);
        let arrived = late.controls().into_iter().flatten();
        let given = plain.controls().into_iter().flatten();
        for (is, want) in arrived.zip(given) {
            worst = worst.max((is - want).abs() as f32);
        }
    }
    worst
}

#[test]
fn a_control_comes_late_through_a_dead_zone() {
    for name in [
        "halfcheetah-v2",
        "tests/reference/cases/action-bounds/task.toml",
    ] {
        let task = short(name);
        for engine in engines() {
            let worst = |delay, zone| {
                let gap = spec(&task, &["delay=2,dead-zone=0.25"]);
                let (late, plain) = (engine.build(&gap), engine.build(&spec(&task, &["none"])));
                by_hand(&task, late, plain, delay, zone)
            };
            let right = worst(2, 0.25);
            assert!(right < 1e-4, "{engine}, {name}: {right:e}");
            for (delay, zone) in [(1, 0.25), (3, 0.25), (2, 0.24), (0, 0.0)] {
                let wrong = worst(delay, zone);
                assert!(
                    wrong > 1e-3,
                    "{engine}, {name}: delay {delay}, dead zone {zone} passed: {wrong:e}"
                );
            }
        }
    }
}

/// What sensors add at `tick`, `[N, od]`: a bias and normals, those of a `first` observation from a block of their own.
fn errors(tick: u32, od: usize, first: bool) -> Vec<f32> {
    let own = od.next_multiple_of(4);
    let row = |e: u32| {
        let mut draws = vec![0f32; 2 * own];
        fill_normal(&mut draws, 7, e, tick, Stream::SensorNoise);
        let from = if first { own } else { 0 };
        draws[from..from + od]
            .iter()
            .map(|x| 0.25 + 0.5 * x)
            .collect::<Vec<_>>()
    };
    (0..N as u32).flat_map(row).collect()
}

#[test]
fn sensors_err_and_nothing_else_does() {
    for name in ["halfcheetah-v2", "hopper-v2"] {
        let task = short(name);
        let (nu, od) = (task.act_dim(), task.obs_dim());
        for engine in engines() {
            // As many rows as the other vector: a shader of one row computes in another order.
            let mut plain = engine.build(&spec(&task, &["none", "none"]));
            // Every other robot has true sensors.
            let mut mixed =
                engine.build(&spec(&task, &["sensor-noise=0.5,sensor-bias=0.25", "none"]));
            let compare = |is: &[f32], truth: &[f32], tick: u32, first: bool| {
                let off = errors(tick, od, first);
                let want = |at: usize| {
                    truth[at]
                        + if (at / od).is_multiple_of(2) {
                            off[at]
                        } else {
                            0.0
                        }
                };
                let want: Vec<f32> = (0..N * od).map(want).collect();
                apart(is, &want, od)
            };
            let (is, truth) = (mixed.reset().unwrap(), plain.reset().unwrap());
            let right = compare(is, truth, 1, true);
            assert!(right < 1e-5, "{engine}: {right:e}");
            assert!(compare(is, truth, 1, false) > 0.01, "{engine}");
            let mut ends = 0;
            for t in 0..STEPS {
                let (a, tick) = (actions(nu, t), t as u32 + 2);
                let (is, truth) = (mixed.step(&a).unwrap(), plain.step(&a).unwrap());
                let right = compare(&is.next_obs, &truth.next_obs, tick, false);
                assert!(right < 1e-4, "{engine}, {name}, step {t}: {right:e}");
                assert!(
                    compare(&is.next_obs, &truth.next_obs, tick - 1, false) > 0.01,
                    "{engine}"
                );
                assert!(
                    apart(&is.reward, &truth.reward, 1) < 1e-4,
                    "{engine}, {name}"
                );
                assert_eq!(
                    (&is.terminated, &is.truncated),
                    (&truth.terminated, &truth.truncated)
                );
                for e in 0..N {
                    let row = |of: &StepBatch, first: bool| {
                        let from = if first { &of.obs } else { &of.next_obs };
                        from[e * od..][..od].to_vec()
                    };
                    if !is.terminated[e] && !is.truncated[e] {
                        assert_eq!(row(is, true), row(is, false), "{engine}: one draw a step");
                        continue;
                    }
                    ends += 1;
                    let off = &errors(tick, od, true)[e * od..][..od];
                    let off = |i: usize| if e % 2 == 0 { off[i] } else { 0.0 };
                    for (i, (is, truth)) in row(is, true).iter().zip(row(truth, true)).enumerate() {
                        assert!(
                            (is - truth - off(i)).abs() < 1e-5,
                            "{engine}: first observation"
                        );
                    }
                }
            }
            assert!(ends >= N, "{engine}: {ends}");
            let states = [mixed.qpos().unwrap(), plain.qpos().unwrap()];
            assert!(
                apart(&states[0], &states[1], 1) < 1e-4,
                "{engine}: the robots are the same"
            );
        }
    }
}

/// A table's list of numbers, one for each component.
#[test]
fn one_sensor_drifts_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let table = |value: &str| {
        let edit = format!(
            "{{ element = \"observation\", attribute = \"bias\", op = \"add\", value = [{value}] }}"
        );
        std::fs::write(&path, format!("[drift]\ndoc = \"\"\nedits = [{edit}]\n")).unwrap();
        GapTable::load(&path).unwrap()
    };
    let mut task = short("hopper-v2");
    task.gaps = table("0, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, -1");
    for engine in engines() {
        let own = engine
            .build(&spec(&task, &["drift"]))
            .reset()
            .unwrap()
            .to_vec();
        let plain = engine
            .build(&spec(&task, &["none"]))
            .reset()
            .unwrap()
            .to_vec();
        for (at, (own, plain)) in own.iter().zip(plain).enumerate() {
            let want = match at % 11 {
                2 => 0.5,
                10 => -1.0,
                _ => 0.0,
            };
            assert!(
                (own - plain - want).abs() < 1e-6,
                "{engine}, component {}",
                at % 11
            );
        }
    }
    task.gaps = table("1, 2");
    let error = task
        .model(&task.gap("drift").unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has 2 numbers, an observation 11"),
        "{error}"
    );
}

#[test]
fn a_restored_vector_shows_what_it_showed() {
    let task = short("walker2d-v2");
    let gaps = ["delay=3,sensor-noise=0.1", "none", "sensor-bias=1"];
    for engine in engines() {
        let mut env = engine.control(&spec(&task, &gaps));
        env.reset().unwrap();
        for t in 0..5 {
            env.step(&actions(6, t)).unwrap();
        }
        let (kept, shown) = (env.snapshot().unwrap(), env.batch().obs.clone());
        env.step(&actions(6, 5)).unwrap();
        assert_ne!(env.batch().obs, shown, "{engine}");
        let mut fresh = engine.control(&spec(&task, &gaps));
        for other in [&mut env, &mut fresh] {
            other.restore(&kept).unwrap();
            assert_eq!(other.batch().obs, shown, "{engine}");
        }
        // Put at a state, a robot has no control under way: it moves as one that was never late.
        let (qpos, qvel) = ([0.0, 1.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0; 9]);
        (0..2).for_each(|e| env.set_state(e, &qpos, &qvel));
        let mut a = actions(6, 9);
        a[6..12].fill(0.0);
        env.step(&a).unwrap();
        let after = env.qpos().unwrap();
        assert!(apart(&after[..9], &after[9..18], 9) < 1e-6, "{engine}");
    }
}

#[test]
fn a_member_has_its_own_channel_alone() {
    let task = short("halfcheetah-v2");
    let domain = task
        .domain("delay=0..3,dead-zone=0..0.3,sensor-noise=0..0.2")
        .unwrap();
    let domain = domain.with(Some(64), true).unwrap();
    let seeds = [4, 9];
    let run = |engine: &crate::contract::Here, seeds: &[u64]| {
        let dynamics = Dynamics::population(&task, &domain, seeds, 3).unwrap();
        let delays: Vec<usize> = dynamics.rows.iter().map(|row| row.channel.delay).collect();
        assert!((0..=3).all(|k| delays.contains(&k)), "{delays:?}");
        let spec = EnvSpec::new(&task, dynamics, EnvKey::population(seeds, 3));
        let mut env = engine.build(&spec);
        let mut seen = vec![env.reset().unwrap().to_vec()];
        for t in 0..3 * LIMIT {
            let own = &actions(6, t)[..18];
            seen.push(env.step(&own.repeat(seeds.len())).unwrap().obs.to_vec());
        }
        seen
    };
    for engine in engines() {
        let whole = run(&engine, &seeds);
        for (m, seed) in seeds.iter().enumerate() {
            let alone = run(&engine, &[*seed]);
            for (both, own) in whole.iter().zip(&alone) {
                assert_eq!(
                    both[m * own.len()..][..own.len()],
                    own[..],
                    "{engine}, seed {seed}"
                );
            }
        }
    }
}

/// Replayed under the gap that they were recorded under, transitions are themselves; under another they are not.
#[test]
fn a_replay_knows_the_channel() {
    let task = short("halfcheetah-v2");
    let mut env =
        PlanarVecEnv::new(spec(&task, &["delay=2,dead-zone=0.2"]), Precision::F64).unwrap();
    env.reset().unwrap();
    // Of each environment: positions, velocities, actions, rewards.
    let mut rows: Vec<[Vec<f32>; 4]> = vec![Default::default(); N];
    let mut ends = vec![Vec::new(); N];
    for t in 0..3 * LIMIT {
        let (qpos, qvel, a) = (env.qpos().unwrap(), env.qvel().unwrap(), actions(6, t));
        let batch = env.step(&a).unwrap();
        for (e, row) in rows.iter_mut().enumerate() {
            row[0].extend(&qpos[e * 9..][..9]);
            row[1].extend(&qvel[e * 9..][..9]);
            row[2].extend(&a[e * 6..][..6]);
            row[3].push(batch.reward[e]);
            ends[e].push(batch.truncated[e]);
        }
    }
    let [qpos, qvel, actions, rewards] = [0, 1, 2, 3].map(|part| {
        rows.iter()
            .flat_map(|row| row[part].clone())
            .collect::<Vec<_>>()
    });
    let ends = ends.concat();
    let missed = |gap: &str| {
        let data = Transitions {
            qpos: &qpos,
            qvel: &qvel,
            actions: &actions,
            rewards: &rewards,
            ends: ends.clone(),
        };
        let gap = task.gap(gap).unwrap();
        let found = DataGap::measure(&task, &gap, &data, usize::MAX, Precision::F64).unwrap();
        (found.scaled_qvel.median, found.reward.median)
    };
    let (qvel, reward) = missed("delay=2,dead-zone=0.2");
    assert!(qvel < 1e-5 && reward < 1e-5, "{qvel:e}, {reward:e}");
    for wrong in [
        "none",
        "delay=1,dead-zone=0.2",
        "delay=3,dead-zone=0.2",
        "delay=2",
        "delay=2,dead-zone=0.21",
    ] {
        let (qvel, _) = missed(wrong);
        assert!(qvel > 1e-4, "{wrong} passed: {qvel:e}");
    }
}
