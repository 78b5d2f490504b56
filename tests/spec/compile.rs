//! Compiled tables against MuJoCo's, recorded in tests/reference/physics and in the tables below.
//! Longer than 400 lines because the tables of two robots stand beside the test that reads them.

use h2oplus::env::Task;
use h2oplus::model::{Channel, Gap, Model, Spec};
use safetensors::SafeTensors;
use std::f64::consts::FRAC_PI_4;

/// Largest relative error.
const TOLERANCE: f64 = 1e-12;

fn f64s(file: &SafeTensors, name: &str) -> Vec<f64> {
    let bytes = file.tensor(name).unwrap().data().to_vec();
    bytes
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

/// Worst relative error of masses and inverse weights against a recorded file.
fn worst(model: &Model, file: &SafeTensors) -> f64 {
    let invweight: Vec<f64> = f64s(file, "body_invweight0")
        .chunks(2)
        .map(|w| w[0])
        .collect();
    let pairs: [(Vec<f64>, Vec<f64>); 3] = [
        (
            model.bodies.iter().map(|b| b.mass).collect(),
            f64s(file, "body_mass"),
        ),
        (
            model.bodies.iter().map(|b| b.invweight).collect(),
            invweight,
        ),
        (
            model.dofs.iter().map(|d| d.invweight).collect(),
            f64s(file, "dof_invweight0"),
        ),
    ];
    let mut worst = 0.0_f64;
    for (ours, theirs) in pairs {
        assert_eq!(ours.len(), theirs.len());
        for (a, b) in ours.iter().zip(&theirs) {
            assert!(a.is_finite() && b.is_finite());
            worst = worst.max(((a - b) / b).abs());
        }
    }
    worst
}

/// `walker2d-v2-big-thigh.safetensors` → task and gap.
fn task_and_gap(stem: &str) -> (Task, Gap) {
    let (robot, rest) = stem.split_once('-').unwrap();
    let (version, gap) = rest.split_once('-').unwrap();
    let task = Task::load(&format!("{robot}-{version}")).unwrap();
    // What follows an @ says which states were recorded.
    let gap = task.gap(gap.split('@').next().unwrap()).unwrap();
    (task, gap)
}

#[test]
fn every_recorded_file() {
    let mut count = 0;
    for entry in std::fs::read_dir("tests/reference/physics").unwrap() {
        let path = entry.unwrap().path();
        // The recording script lies beside them.
        if path.extension().is_none_or(|e| e != "safetensors") {
            continue;
        }
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (task, gap) = task_and_gap(stem);
        let (model, channel) = task.model(&gap).unwrap();
        assert_eq!(channel, Channel::default());
        let error = worst(&model, &file);
        assert!(error < TOLERANCE, "{stem}: {error:e}");

        // Negative control: one radius off by 1 % must be seen.
        let mut spec = gap.apply(&task.spec).unwrap().0;
        let last = spec.geoms.len() - 1;
        spec.geoms[last].size[0] *= 1.01;
        assert!(
            worst(&spec.compile().unwrap(), &file) > 1e-4,
            "{stem}: 1 % went unseen"
        );
        count += 1;
    }
    assert_eq!(count, 42);
}

fn exact(name: &str) -> Model {
    Task::load(name).unwrap().model(&Gap::none()).unwrap().0
}

/// To the digits that the tables print.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 5e-10 * b.abs().max(0.1)
}

/// parent (-1: none), sign, offset, com, mass, inertia, invweight
type BodyRow = (i64, f64, [f64; 2], [f64; 2], [f64; 3]);
/// armature, damping, stiffness, range, invweight
type DofRow = (f64, f64, f64, Option<[f64; 2]>, f64);
/// body, offset, radius, friction, row scale
type PointRow = (usize, [f64; 2], f64, f64, f64);

fn check(model: &Model, bodies: &[BodyRow], dofs: &[DofRow], points: &[PointRow]) {
    assert_eq!(model.nb(), bodies.len());
    for (b, &(parent, sign, offset, com, weights)) in model.bodies.iter().zip(bodies) {
        assert_eq!(b.parent, usize::try_from(parent).ok(), "{}", b.name);
        assert_eq!(b.sign, sign, "{}", b.name);
        assert!(
            b.offset.iter().zip(offset).all(|(&a, w)| close(a, w)),
            "{} offset",
            b.name
        );
        assert!(
            b.com.iter().zip(com).all(|(&a, w)| close(a, w)),
            "{} com",
            b.name
        );
        for (a, w) in [b.mass, b.inertia, b.invweight].into_iter().zip(weights) {
            assert!((a - w).abs() <= 1e-10 * w, "{}: {a} for {w}", b.name);
        }
    }
    assert_eq!(model.nv(), dofs.len());
    for (d, &(armature, damping, stiffness, range, invweight)) in model.dofs.iter().zip(dofs) {
        assert_eq!(
            (d.armature, d.damping, d.stiffness),
            (armature, damping, stiffness),
            "{}",
            d.name
        );
        assert_eq!(d.range.is_some(), range.is_some(), "{}", d.name);
        for (a, b) in d
            .range
            .into_iter()
            .flatten()
            .zip(range.into_iter().flatten())
        {
            assert!(close(a, b), "{} range", d.name);
        }
        assert!(
            (d.invweight - invweight).abs() <= 1e-10 * invweight,
            "{}",
            d.name
        );
    }
    assert_eq!(model.points.len(), points.len());
    for (p, &(body, offset, radius, friction, row_scale)) in model.points.iter().zip(points) {
        assert_eq!(
            (p.body, p.radius, p.friction),
            (body, radius, friction),
            "{}",
            p.geom
        );
        assert!(
            p.offset.iter().zip(offset).all(|(&a, w)| close(a, w)),
            "{} offset",
            p.geom
        );
        assert!(
            (p.row_scale - row_scale).abs() <= 1e-10 * row_scale,
            "{}",
            p.geom
        );
    }
}

#[test]
fn half_cheetah_table() {
    let m = exact("halfcheetah-v5");
    assert_eq!((m.timestep, m.gravity, m.z0), (0.01, 9.81, 0.7));
    for softness in [m.contact, m.limit] {
        assert!((softness.stiffness - 3906.25).abs() < 1e-9);
        assert!((softness.damping - 125.0).abs() < 1e-12);
        assert_eq!(softness.margin, 0.0);
    }
    assert_eq!(m.contact.solimp, [0.0001, 0.8, 0.01, 0.5, 2.0]);
    assert_eq!(m.limit.solimp, [0.0001, 0.8, 0.03, 0.5, 2.0]);
    let gears: Vec<(usize, f64)> = m.actuators.iter().map(|a| (a.dof, a.gear)).collect();
    assert_eq!(
        gears,
        [
            (3, 120.0),
            (4, 90.0),
            (5, 60.0),
            (6, 120.0),
            (7, 60.0),
            (8, 30.0)
        ]
    );
    check(
        &m,
        &[
            (
                -1,
                1.0,
                [0.0, 0.0],
                [0.1523898782, 0.02539831303],
                [6.25020920502, 0.897117688112, 0.0641575194561],
            ),
            (
                0,
                1.0,
                [-0.5, 0.0],
                [0.1, -0.13],
                [1.54351464435, 0.0168443395816, 0.0969110156096],
            ),
            (
                1,
                1.0,
                [0.16, -0.25],
                [-0.14, -0.07],
                [1.58744769874, 0.0182674190795, 0.127209225347],
            ),
            (
                2,
                1.0,
                [-0.28, -0.14],
                [0.03, -0.097],
                [1.09539748954, 0.0063524232636, 0.24374928349],
            ),
            (
                0,
                1.0,
                [0.5, 0.0],
                [-0.07, -0.12],
                [1.43807531381, 0.0137396433473, 0.0814837948137],
            ),
            (
                4,
                1.0,
                [-0.14, -0.24],
                [0.065, -0.09],
                [1.20083682008, 0.00822210861925, 0.131996817901],
            ),
            (
                5,
                1.0,
                [0.13, -0.18],
                [0.045, -0.07],
                [0.884518828452, 0.00352910945607, 0.266144102923],
            ),
        ],
        &[
            (0.0, 0.0, 0.0, None, 0.106735728169),
            (0.0, 0.0, 0.0, None, 0.0845922916107),
            (0.0, 0.0, 0.0, None, 0.416347061986),
            (0.1, 6.0, 240.0, Some([-0.52, 1.05]), 2.72978864488),
            (0.1, 4.5, 180.0, Some([-0.785, 0.785]), 5.89324898416),
            (0.1, 3.0, 120.0, Some([-0.4, 0.785]), 8.89487700405),
            (0.1, 4.5, 180.0, Some([-1.0, 0.7]), 3.08139260548),
            (0.1, 3.0, 120.0, Some([-1.2, 0.87]), 6.88279596228),
            (0.1, 1.5, 60.0, Some([-0.5, 0.5]), 9.46813496277),
        ],
        &[
            (0, [0.5, 0.0], 0.046, 0.4, 0.0238152712221),
            (0, [-0.5, 0.0], 0.046, 0.4, 0.0238152712221),
            (0, [0.7146493406, 0.1967239821], 0.046, 0.4, 0.0238152712221),
            (
                0,
                [0.4853506594, 0.003276017914],
                0.046,
                0.4,
                0.0238152712221,
            ),
            (
                1,
                [0.1887193942, -0.2446903182],
                0.046,
                0.4,
                0.0359733689943,
            ),
            (
                1,
                [0.01128060581, -0.01530968177],
                0.046,
                0.4,
                0.0359733689943,
            ),
            (
                2,
                [-0.2744608612, -0.1364851623],
                0.046,
                0.4,
                0.0472200644486,
            ),
            (
                2,
                [-0.005539138827, -0.00351483765],
                0.046,
                0.4,
                0.0472200644486,
            ),
            (
                3,
                [0.004927244951, -0.006405535742],
                0.046,
                0.4,
                0.0904797340316,
            ),
            (
                3,
                [0.05507275505, -0.1875944643],
                0.046,
                0.4,
                0.0904797340316,
            ),
            (
                4,
                [-0.003914941667, -0.004580049103],
                0.046,
                0.4,
                0.0302467846348,
            ),
            (
                4,
                [-0.1360850583, -0.2354199509],
                0.046,
                0.4,
                0.0302467846348,
            ),
            (
                5,
                [0.00514789782, -0.00251442482],
                0.046,
                0.4,
                0.0489972188048,
            ),
            (
                5,
                [0.1248521022, -0.1774855752],
                0.046,
                0.4,
                0.0489972188048,
            ),
            (
                6,
                [0.005475026862, -0.01222650696],
                0.046,
                0.4,
                0.0987926910052,
            ),
            (
                6,
                [0.08452497314, -0.127773493],
                0.046,
                0.4,
                0.0987926910052,
            ),
        ],
    );
}

#[test]
fn walker2d_table() {
    let m = exact("walker2d-v4");
    assert_eq!((m.timestep, m.gravity, m.z0), (0.002, 9.81, 0.0));
    assert_eq!(m.dofs[1].qpos0, 1.25);
    for softness in [m.contact, m.limit] {
        assert!((softness.stiffness - 2770.0831024930746).abs() < 1e-9);
        assert!((softness.damping - 105.26315789473684).abs() < 1e-12);
        assert_eq!(softness.solimp, [0.9, 0.95, 0.001, 0.5, 2.0]);
    }
    let leg = |root: i64| {
        [
            (
                0,
                -1.0,
                [0.0, -0.2],
                [0.0, -0.225],
                [4.05789051089, 0.0932987568269, 0.0605163787521],
            ),
            (
                root + 1,
                -1.0,
                [0.0, -0.45],
                [0.0, -0.25],
                [2.78135669598, 0.0723025401732, 0.062997194887],
            ),
            (
                root + 2,
                -1.0,
                [0.0, -0.5],
                [0.1, 0.0],
                [3.16672539482, 0.0239977466348, 0.134745765025],
            ),
        ]
    };
    let mut bodies: Vec<BodyRow> = vec![(
        -1,
        1.0,
        [0.0; 2],
        [0.0; 2],
        [3.66519142919, 0.0692459380729, 0.0853164980232],
    )];
    bodies.extend(leg(0));
    bodies.extend(leg(3));
    let thigh = Some([-2.617993878, 0.0]);
    let foot = Some([-FRAC_PI_4, FRAC_PI_4]);
    let mut dofs: Vec<DofRow> = vec![
        (0.0, 0.0, 0.0, None, 0.207430310344),
        (0.0, 0.0, 0.0, None, 0.0485191837261),
        (0.0, 0.0, 0.0, None, 6.02491210538),
    ];
    for _ in 0..2 {
        dofs.push((0.01, 0.1, 0.0, thigh, 12.1061528435));
        dofs.push((0.01, 0.1, 0.0, thigh, 9.59529493718));
        dofs.push((0.01, 0.1, 0.0, foot, 18.2114221236));
    }
    let mut points: Vec<PointRow> = vec![
        (0, [0.0, 0.2], 0.05, 0.9, 0.250165035504),
        (0, [0.0, -0.2], 0.05, 0.9, 0.250165035504),
    ];
    for (b, grip, foot) in [(1, 0.9, 0.395101532208), (4, 1.9, 4.48490499226)] {
        points.push((b, [0.0, 0.0], 0.05, 0.9, 0.177446125777));
        points.push((b, [0.0, -0.45], 0.05, 0.9, 0.177446125777));
        points.push((b + 1, [0.0, 0.0], 0.04, 0.9, 0.184720374848));
        points.push((b + 1, [0.0, -0.5], 0.04, 0.9, 0.184720374848));
        points.push((b + 2, [0.0, 0.0], 0.06, grip, foot));
        points.push((b + 2, [0.2, 0.0], 0.06, grip, foot));
    }
    check(&m, &bodies, &dofs, &points);
    let right = |m: &Model| m.points[6].friction;
    assert_eq!((right(&m), right(&exact("walker2d-v5"))), (0.9, 1.9));
}

/// One robot written in two ways: bodies turned, rotations by quaternion and Euler angle, defaults nested.
#[test]
fn frames_do_not_matter() {
    let file = |body: &str| {
        format!(
            r#"<mujoco model="two"><compiler angle="radian"/>
            <default><geom type="capsule" conaffinity="0"/><joint axis="0 1 0"/></default>
            <worldbody><geom type="plane" size="1 1 1" conaffinity="1"/><body name="torso" pos="0 0 1">
            <joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/><joint pos="0 0 0.1"/>
            <geom size="0.05 0.2"/>{body}</body></worldbody>
            <actuator><motor joint="hip" ctrlrange="-1 1"/></actuator></mujoco>"#
        )
    };
    let straight = file(
        r#"<body name="leg" pos="0.1 0 -0.2"><joint name="hip" pos="0.3 0 -0.1"/><geom size="0.04 0.3" pos="0.2 0 -0.3" axisangle="0 1 0 0.4"/></body>"#,
    );
    let a = 0.7_f64;
    let (s, c) = a.sin_cos();
    // The same leg in a frame turned by a: its vectors are turned back.
    let back = |x: f64, z: f64| format!("{} 0 {}", c * x - s * z, s * x + c * z);
    let (q, p) = ((0.5 * a).cos(), (0.5 * a).sin());
    let turned = file(&format!(
        r#"<body name="leg" pos="0.1 0 -0.2" quat="{q} 0 {p} 0"><joint name="hip" pos="{}"/><geom size="0.04 0.3" pos="{}" euler="0 {} 0"/></body>"#,
        back(0.3, -0.1),
        back(0.2, -0.3),
        0.4 - a
    ));
    let model = |text: &str| Spec::parse("two.xml", text).unwrap().compile().unwrap();
    let (m, n) = (model(&straight), model(&turned));
    for ((field, a), (_, b)) in m.fields().iter().zip(n.fields()) {
        for (x, y) in a.iter().zip(b) {
            assert!((x - y).abs() < 1e-14, "{field}: {x} and {y}");
        }
    }
    assert_ne!(
        m.fields(),
        model(&straight.replace("0.4\"", "0.41\"")).fields()
    );
    assert!((m.z0 - 1.1).abs() < 1e-15);
}

/// A robot with everything that the loader reads, against MuJoCo's numbers for the same file.
#[test]
fn random_robot() {
    let spec = Spec::load("tests/reference/models/random.xml").unwrap();
    let text = std::fs::read_to_string("tests/reference/models/random.json").unwrap();
    let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
    let error = random_robot_error(&spec.compile().unwrap(), &theirs);
    assert!(error < TOLERANCE, "{error:e}");

    // Negative controls: 1 % of any one of these is seen.
    let edits: [fn(&mut Spec); 8] = [
        |s| s.geoms[1].size[0] *= 1.01,
        |s| s.geoms[0].friction[0] *= 1.01,
        |s| s.geoms.iter_mut().for_each(|g| g.solref[1] *= 1.01),
        |s| s.geoms.iter_mut().for_each(|g| g.solimp[1] *= 1.01),
        |s| s.joints.last_mut().unwrap().armature *= 1.01,
        |s| s.bodies[1].angle += 0.01,
        |s| s.joints[3].springref *= 1.01,
        |s| s.motors[0].gear *= 1.01,
    ];
    for (i, edit) in edits.iter().enumerate() {
        let mut off = spec.clone();
        edit(&mut off);
        let error = random_robot_error(&off.compile().unwrap(), &theirs);
        assert!(error > 1e-6, "control {i} went unseen: {error:e}");
    }
}

fn random_robot_error(m: &Model, theirs: &serde_json::Value) -> f64 {
    let list = |v: &serde_json::Value| -> Vec<f64> {
        v.as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap())
            .collect()
    };
    let error = std::cell::Cell::new(0.0_f64);
    let meet = |ours: Vec<f64>, want: Vec<f64>| {
        assert_eq!(ours.len(), want.len());
        for (a, b) in ours.iter().zip(&want) {
            error.set(error.get().max((a - b).abs() / b.abs().max(1e-2)));
        }
    };
    let bodies = |f: fn(&h2oplus::model::Body) -> f64| m.bodies.iter().map(f).collect::<Vec<f64>>();
    let dofs = |f: fn(&h2oplus::model::Dof) -> f64| m.dofs.iter().map(f).collect::<Vec<f64>>();
    meet(bodies(|b| b.mass), list(&theirs["body_mass"]));
    meet(bodies(|b| b.invweight), list(&theirs["body_invweight0"]));
    meet(dofs(|d| d.invweight), list(&theirs["dof_invweight0"]));
    meet(dofs(|d| d.qpos0), list(&theirs["qpos0"]));
    meet(dofs(|d| d.springref), list(&theirs["qpos_spring"]));
    for (d, range) in m.dofs.iter().zip(theirs["jnt_range"].as_array().unwrap()) {
        meet(d.range.unwrap_or([0.0; 2]).to_vec(), list(range));
    }
    meet(
        m.actuators.iter().map(|a| a.gear).collect(),
        list(&theirs["gear"]),
    );

    // Heights of the anchors with the hinges at 0, the robot 5 m below its reference.
    let mut z: Vec<f64> = Vec::new();
    for b in &m.bodies {
        z.push(
            b.parent
                .map_or(m.z0 + m.dofs[1].qpos0 - 5.0, |p| z[p] + b.offset[1]),
        );
    }
    meet(z.clone(), list(&theirs["anchor_z"]));

    // MuJoCo lists the two ends of a `fromto` capsule the other way round: compare them by distance.
    let contacts: Vec<Vec<f64>> = theirs["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(list)
        .collect();
    let distance = |p: &h2oplus::model::ContactPoint| z[p.body] + p.offset[1] - p.radius;
    let mut ours: Vec<_> = m.points.iter().collect();
    assert_eq!(ours.len(), contacts.len());
    for (pair, want) in ours.chunks_mut(2).zip(contacts.chunks(2)) {
        if (distance(pair[0]) < distance(pair[1])) != (want[0][0] < want[1][0]) {
            pair.swap(0, 1);
        }
        for (p, want) in pair.iter().zip(want) {
            // All lie deeper than the width: the impedance is dmax.
            let d = m.contact.solimp[1];
            meet(
                vec![
                    distance(p),
                    p.friction,
                    d / ((1.0 - d) * p.row_scale),
                    m.contact.stiffness,
                    m.contact.damping,
                    d,
                ],
                want.clone(),
            );
        }
    }
    error.get()
}
