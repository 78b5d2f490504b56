//! Contacts as drawings show them: they carry the robot.

use h2oplus::engine::PlanarVecEnv;
use h2oplus::engine::planar::touch::TouchProbe;
use h2oplus::engine::planar::{PlanarBatch, Precision};
use h2oplus::env::{EnvSpec, Task, VecEnv};

/// Sum of the forces on `task`'s robot with `gap`, N, after it has come to rest, and its weight.
fn at_rest(task: &str, gap: &str) -> ([f64; 2], f64) {
    let task = Task::load(task).unwrap();
    let (model, _) = task.model(&task.gap(gap).unwrap()).unwrap();
    let mut batch = PlanarBatch::new(std::slice::from_ref(&model), 1, Precision::F64).unwrap();
    batch.set_ctrl(0, &vec![0.0; model.nu()]);
    batch.step(3000);
    let (qpos, qvel) = (batch.qpos(), batch.qvel());
    let mut probe = TouchProbe::new(&model).unwrap();
    let touches = probe.touches(&qpos, &qvel, &vec![0.0; model.nu()]);
    let on_floor = touches.iter().filter(|touch| touch.other.is_none());
    let sum = on_floor.fold([0.0; 2], |sum, t| [0, 1].map(|k| sum[k] + t.force[k]));
    for touch in &touches {
        assert!(touch.point[1].abs() < 0.2, "{touch:?} is at the floor");
    }
    let mass: f64 = model.bodies.iter().map(|body| body.mass).sum();
    (sum, mass * model.gravity)
}

#[test]
fn the_floor_carries_a_robot_at_rest() {
    for (gap, factor) in [("none", 1.0), ("gravity=2", 2.0)] {
        let ([along, up], weight) = at_rest("halfcheetah-v2", gap);
        assert!((up / weight - 1.0).abs() < 1e-2, "{gap}: {up} of {weight}");
        assert!(along.abs() < 1e-2 * weight, "{gap}: {along}");
        assert!(
            (weight / (14.0 * 9.81 * factor) - 1.0).abs() < 1e-6,
            "{weight}"
        );
    }
}

#[test]
fn nothing_touches_a_robot_in_the_air() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let (model, _) = task.model(&task.gap("none").unwrap()).unwrap();
    let mut probe = TouchProbe::new(&model).unwrap();
    let mut qpos = vec![0.0; model.nv()];
    let (qvel, ctrl) = (vec![0.0; model.nv()], vec![0.0; model.nu()]);
    qpos[1] = 1.0;
    assert!(probe.touches(&qpos, &qvel, &ctrl).is_empty());
    qpos[1] = -0.3;
    assert!(!probe.touches(&qpos, &qvel, &ctrl).is_empty());
}

/// The lowest point of the limbs as drawn, and that of the end spheres that the dynamics have, are the same.
#[test]
fn limbs_are_drawn_where_contacts_are() {
    for name in ["halfcheetah-v2", "walker2d-v2", "hopper-v2"] {
        let task = Task::load(name).unwrap();
        let (model, _) = task.model(&task.gap("none").unwrap()).unwrap();
        let limbs = task.spec.limbs().unwrap();
        let mut env =
            PlanarVecEnv::new(EnvSpec::of_gaps(&task, &[], 1, 5).unwrap(), Precision::F64).unwrap();
        env.reset().unwrap();
        for _ in 0..20 {
            env.step(&vec![0.4; task.act_dim()]).unwrap();
        }
        let qpos: Vec<f64> = env.qpos().unwrap().iter().map(|x| f64::from(*x)).collect();
        let poses = model.poses(&qpos);
        for limb in &limbs {
            for end in [-1.0, 1.0] {
                let drawn = [0, 1].map(|k| limb.centre[k] + end * limb.half_axis[k]);
                let drawn = poses[limb.body].place(drawn);
                let near = model
                    .points
                    .iter()
                    .filter(|p| p.geom == limb.geom)
                    .any(|p| {
                        let place = poses[p.body].place(p.offset);
                        (place[0] - drawn[0]).hypot(place[1] - drawn[1]) < 1e-12
                            && p.radius == limb.radius
                    });
                assert!(near, "{name}: an end of {} at {drawn:?}", limb.geom);
            }
        }
    }
}
