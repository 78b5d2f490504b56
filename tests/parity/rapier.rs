//! Rapier worlds against MuJoCo's recorded transitions where nothing touches, and against themselves.

use h2oplus::env::distance::{Acting, Distance, distance};
use h2oplus::env::reference::{Reference, distances};
use h2oplus::env::{Dynamics, EnvKey, RapierVecEnv, StepBatch, Task, VecEnv};
use h2oplus::model::{Gap, Model};
use h2oplus::physics::planar::{Batch, Precision};
use h2oplus::physics::rapier::{Engine, Robot, World};
use h2oplus::physics::status;
use h2oplus::rng::{Stream, fill_unit};
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/physics");
    folder.join(name).with_extension("safetensors")
}

/// The distance of the file `name` where neither floor nor limits act, with an edited robot.
fn free(name: &str, edit: impl Fn(&mut Model)) -> Distance {
    let reference = Reference::load(&file(name)).unwrap();
    let (mut model, _) = reference.task.model(&reference.gap).unwrap();
    edit(&mut model);
    let kinds = distance(&reference, &model).unwrap();
    let free = kinds.into_iter().find(|k| k.acting == Acting::Free);
    free.expect("some transitions are free")
}

/// Largest errors of qpos and of scaled qvel after a free env step: rounding for Euler, second order
/// in the half step for Runge–Kutta.
const BOUNDS: [(&str, f64, f64); 4] = [
    ("halfcheetah-v2-none", 1e-6, 2e-6),
    ("halfcheetah-v2-big-thigh", 1e-6, 2e-6),
    ("walker2d-v2-none", 5e-4, 5e-3),
    ("walker2d-v5-none", 5e-4, 5e-3),
];

#[test]
fn free_motion_is_mujocos() {
    for (name, qpos, qvel) in BOUNDS {
        let free = free(name, |_| ());
        assert!(free.transitions >= 5, "{name}: {free:?}");
        assert!(
            free.qpos.max < qpos && free.scaled_qvel.max < qvel,
            "{name}: {free:?}"
        );
    }
}

#[test]
fn one_per_cent_off_is_seen_in_free_motion() {
    type Edit = fn(&mut Model);
    let edits: [(&str, Edit); 7] = [
        ("gravity", |m| m.gravity *= 1.01),
        ("mass", |m| m.bodies[3].mass *= 1.01),
        ("inertia", |m| m.bodies[2].inertia *= 1.01),
        ("damping", |m| m.dofs[4].damping *= 1.01),
        ("armature", |m| m.dofs[4].armature *= 1.01),
        ("gear", |m| m.actuators[1].gear *= 1.01),
        ("stiffness", |m| m.dofs[5].stiffness *= 1.01),
    ];
    let (name, qpos, qvel) = BOUNDS[0];
    for (what, edit) in edits {
        let free = free(name, edit);
        assert!(
            free.qpos.max > qpos && free.scaled_qvel.max > qvel,
            "{what} passed: {free:?}"
        );
    }
}

/// Random actions beyond the motors' range too, keyed by environment.
fn actions(envs: &[usize], act_dim: usize, step: usize) -> Vec<f32> {
    let one = |&env: &usize| {
        let mut a = vec![0.0; act_dim];
        fill_unit(&mut a, 9, env as u32, step as u32, Stream::Action);
        a.into_iter().map(|a| 2.4 * a - 1.2)
    };
    envs.iter().flat_map(one).collect()
}

fn roll(env: &mut RapierVecEnv, envs: &[usize], steps: std::ops::Range<usize>) -> Vec<StepBatch> {
    let ad = env.act_dim();
    let step = |t| env.step(&actions(envs, ad, t)).unwrap().clone();
    steps.map(step).collect()
}

fn make(task: &str, gaps: &[&str], n: usize) -> RapierVecEnv {
    let task = Task::load(task).unwrap();
    let gaps: Vec<Gap> = gaps.iter().map(|g| task.gap(g).unwrap()).collect();
    RapierVecEnv::new(&task, &gaps, n, 3).unwrap()
}

fn bits(batches: &[StepBatch], env: usize) -> Vec<u32> {
    let of = |b: &StepBatch| {
        let od = b.obs.len() / b.reward.len();
        let mut row: Vec<u32> = vec![b.reward[env].to_bits()];
        row.extend([u32::from(b.terminated[env]), u32::from(b.truncated[env])]);
        for part in [&b.obs, &b.next_obs] {
            row.extend(part[env * od..][..od].iter().map(|x| x.to_bits()));
        }
        row
    };
    batches.iter().flat_map(of).collect()
}

#[test]
fn threads_and_neighbours_leave_no_trace() {
    let gaps = ["none", "gravity=2", "friction=0.3"];
    let ids: Vec<usize> = (0..9).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let mut env = make("walker2d-v2", &gaps, 9);
            env.reset().unwrap();
            roll(&mut env, &ids, 0..60)
        })
    };
    let (one, three) = (run(1), run(3));
    assert!(one.iter().any(|b| b.terminated.contains(&true)));
    for env in ids {
        assert_eq!(bits(&one, env), bits(&three, env), "environment {env}");
    }
    // Environment 7 alone, with its own gap.
    let task = Task::load("walker2d-v2").unwrap();
    let gap = task.gap(gaps[7 % 3]).unwrap();
    let key = EnvKey { seed: 3, env: 7 };
    let dynamics = Dynamics::new(&task, &[gap]).unwrap();
    let mut alone = RapierVecEnv::with_dynamics(&task, dynamics, vec![key]).unwrap();
    alone.reset().unwrap();
    assert_eq!(bits(&roll(&mut alone, &[7], 0..60), 0), bits(&one, 7));
}

#[test]
fn a_snapshot_goes_on_bit_for_bit() {
    let ids = [0, 1, 2, 3, 4];
    for task in ["walker2d-v2", "halfcheetah-v2", "hopper-v2"] {
        let gaps = ["none", "joint-noise=0.3"];
        let mut env = make(task, &gaps, 5);
        env.reset().unwrap();
        roll(&mut env, &ids, 0..37);
        let bytes = env.snapshot();
        let straight = roll(&mut env, &ids, 37..80);
        // Into a vector that has not moved, and into one whose contacts are others.
        let mut fresh = make(task, &gaps, 5);
        fresh.restore(&bytes).unwrap();
        env.restore(&bytes).unwrap();
        let (fresh, again) = (roll(&mut fresh, &ids, 37..80), roll(&mut env, &ids, 37..80));
        for e in ids {
            assert_eq!(bits(&fresh, e), bits(&straight, e), "{task} {e}");
            assert_eq!(bits(&again, e), bits(&straight, e), "{task} {e}");
        }
        assert!(env.restore(&bytes[1..]).is_err());
    }
}

#[test]
fn episodes_end_and_begin_as_in_every_engine() {
    let mut env = make("walker2d-v2", &[], 2);
    let start = env.reset().unwrap().to_vec();
    let mut qpos = [0.0, 1.25, 0.999, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let mut qvel = [0.0; 9];
    qvel[2] = 2.0;
    env.set_state(0, &qpos, &qvel);
    (qpos[2], qvel[2]) = (0.0, 1e30);
    env.set_state(1, &qpos, &qvel);
    let batch = env.step(&[0.0; 12]).unwrap().clone();
    assert!(batch.terminated[0] && batch.next_obs[1] > 1.0, "{batch:?}");
    assert!(batch.obs[1].abs() < 5.1e-3 && batch.obs[..17] != start[..17]);
    assert!(env.status()[1] & status::BROKEN != 0 && env.status()[0] == 0);
    assert!(batch.truncated[1] && batch.reward[1] == 0.0);
    let batch = env.step(&[0.1; 12]).unwrap();
    assert!(
        batch
            .obs
            .iter()
            .chain(&batch.next_obs)
            .all(|x| x.is_finite())
    );
}

#[test]
fn a_row_drawn_at_a_reset_is_the_robot_from_then_on() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let gaps = ["none", "gravity=3"].map(|g| task.gap(g).unwrap());
    let mut dynamics = Dynamics::new(&task, &gaps).unwrap();
    dynamics.redrawn = true;
    let keys = EnvKey::population(&[5], 8);
    let mut env = RapierVecEnv::with_dynamics(&task, dynamics, keys).unwrap();
    let mut seen = [false; 2];
    for _ in 0..3 {
        env.reset().unwrap();
        let rows = env.row().to_vec();
        for e in 0..8 {
            env.set_state(e, &[0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], &[0.0; 9]);
        }
        env.step(&[0.0; 48]).unwrap();
        for (e, &row) in rows.iter().enumerate() {
            let fall = -env.qvel()[e * 9 + 1] / (0.05 * 9.81);
            assert!(
                (fall - [1.0, 3.0][row as usize]).abs() < 1e-3,
                "{fall} in row {row}"
            );
            seen[row as usize] = true;
        }
    }
    assert_eq!(seen, [true; 2]);
}

#[test]
fn every_gap_of_every_task_steps() {
    for name in Task::names() {
        let task = Task::load(name).unwrap();
        let gaps = task.gaps.names_for(&task.spec.name);
        let mut env = make(name, &gaps, gaps.len());
        let ids: Vec<usize> = (0..gaps.len()).collect();
        env.reset().unwrap();
        for batch in roll(&mut env, &ids, 0..25) {
            assert!(batch.next_obs.iter().all(|x| x.is_finite()), "{name}");
        }
        assert!(env.status().iter().all(|s| *s == 0), "{name}");
    }
}

/// In the air no force but gravity acts from outside: the centre of mass falls as a stone does,
/// whatever the motors do. On the floor the robot comes to rest.
#[test]
fn momentum_and_rest() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let (mut model, _) = task.model(&Gap::none()).unwrap();
    model.dofs.iter_mut().for_each(|d| d.range = None);
    let robot = Robot::new(&model).unwrap();
    let (mut world, mut engine) = (World::of(&robot), Engine::new());
    let ctrl = [0.3, -0.2, 0.4, 0.1, -0.5, 0.2];
    world.set_state(
        &robot,
        &[0.0, 20.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        &[0.0; 9],
    );
    world.step(&mut engine, &robot, &ctrl, 50);
    let (mut qpos, mut qvel) = (vec![0.0; 9], vec![0.0; 9]);
    world.state(&robot, &mut qpos, &mut qvel);
    let momentum = momentum(&model, &qpos, &qvel);
    let fall = -9.81 * 0.5 * model.bodies.iter().map(|b| b.mass).sum::<f64>();
    assert!(momentum[0].abs() < 1e-2, "{momentum:?}");
    assert!(
        (momentum[1] / fall - 1.0).abs() < 1e-3,
        "{momentum:?} {fall}"
    );

    world.set_state(&robot, &[0.0; 9], &[0.0; 9]);
    world.step(&mut engine, &robot, &[0.0; 6], 500);
    world.state(&robot, &mut qpos, &mut qvel);
    assert!(world.touches() && qpos[1] > -0.4, "{qpos:?}");
    assert!(qvel.iter().all(|v| v.abs() < 0.05), "{qvel:?}");
}

/// Linear momentum (x, z), kg m/s.
fn momentum(model: &Model, qpos: &[f64], qvel: &[f64]) -> [f64; 2] {
    let turn = |angle: f64, [x, z]: [f64; 2]| {
        let (s, c) = angle.sin_cos();
        [c * x + s * z, c * z - s * x]
    };
    let mut sum = [0.0; 2];
    let mut links: Vec<(f64, f64, [f64; 2])> = Vec::new();
    for body in &model.bodies {
        let (angle, speed, anchor) = match body.parent {
            None => (0.0, 0.0, [qvel[0], qvel[1]]),
            Some(p) => {
                let (angle, speed, v) = links[p];
                let r = turn(angle, body.offset);
                (angle, speed, [v[0] + speed * r[1], v[1] - speed * r[0]])
            }
        };
        let angle = angle + body.sign * qpos[body.dof];
        let speed = speed + body.sign * qvel[body.dof];
        let r = turn(angle, body.com);
        sum[0] += body.mass * (anchor[0] + speed * r[1]);
        sum[1] += body.mass * (anchor[1] - speed * r[0]);
        links.push((angle, speed, anchor));
    }
    sum
}

/// The planar kernel's Euler step and Rapier's are the same step, over a second of flight too.
#[test]
fn a_second_of_flight_is_the_planar_kernels() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let (mut model, _) = task.model(&Gap::none()).unwrap();
    model.dofs.iter_mut().for_each(|d| d.range = None);
    let flight = |model: &Model| {
        let robot = Robot::new(model).unwrap();
        let (mut world, mut engine) = (World::of(&robot), Engine::new());
        let start = [0.0, 30.0, 0.3, 0.1, -0.2, 0.3, -0.1, 0.2, 0.1];
        let speed = [1.0, 2.0, 3.0, -2.0, 4.0, -1.0, 2.0, -4.0, 3.0];
        world.set_state(&robot, &start, &speed);
        world.step(&mut engine, &robot, &[0.2; 6], 100);
        let mut batch = Batch::new(std::slice::from_ref(model), 1, Precision::F64).unwrap();
        batch.set_state(0, &start, &speed);
        batch.set_ctrl(0, &[0.2; 6]);
        batch.step(100);
        let (mut qpos, mut qvel) = (vec![0.0; 9], vec![0.0; 9]);
        world.state(&robot, &mut qpos, &mut qvel);
        distances(&qpos, &batch.qpos(), 9)[0].max(distances(&qvel, &batch.qvel(), 9)[0])
    };
    let error = flight(&model);
    assert!(error < 1e-3, "{error}");
}
