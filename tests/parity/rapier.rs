//! Rapier worlds against MuJoCo's recorded transitions where nothing touches, and against mechanics.

use h2oplus::engine::planar::{PlanarBatch, Precision};
use h2oplus::engine::rapier::{Robot, Scratch, World};
use h2oplus::env::Task;
use h2oplus::measure::distance::{ActiveConstraint, Distance, distance};
use h2oplus::measure::reference::Reference;
use h2oplus::measure::statistics::distances;
use h2oplus::model::{Gap, Model};
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
    let free = kinds
        .into_iter()
        .find(|k| k.acting == ActiveConstraint::Free);
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

/// In the air no force but gravity acts from outside: the centre of mass falls as a stone does,
/// whatever the motors do. On the floor the robot comes to rest.
#[test]
fn momentum_and_rest() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let (mut model, _) = task.model(&Gap::none()).unwrap();
    model.dofs.iter_mut().for_each(|d| d.range = None);
    let robot = Robot::new(&model).unwrap();
    let (mut world, mut engine) = (World::of(&robot), Scratch::new());
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
        let (mut world, mut engine) = (World::of(&robot), Scratch::new());
        let start = [0.0, 30.0, 0.3, 0.1, -0.2, 0.3, -0.1, 0.2, 0.1];
        let speed = [1.0, 2.0, 3.0, -2.0, 4.0, -1.0, 2.0, -4.0, 3.0];
        world.set_state(&robot, &start, &speed);
        world.step(&mut engine, &robot, &[0.2; 6], 100);
        let mut batch = PlanarBatch::new(std::slice::from_ref(model), 1, Precision::F64).unwrap();
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
