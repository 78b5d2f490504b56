//! Contacts between limbs: along a chain (the hopper's), and across the branches of a tree.
//! Longer than 400 lines because the specification's vectors stand beside the test that reads them.

use crate::physics::{close, run};
use h2oplus::engine::PlanarVecEnv;
use h2oplus::engine::planar::probe::stages;
use h2oplus::engine::planar::{Arithmetic, PlanarBatch, Precision, RowSet, Width};
use h2oplus::env::{EnvSpec, Task, VecEnv};
use h2oplus::measure::reference::{Reference, compare};
use h2oplus::model::{Gap, Model};
use std::path::{Path, PathBuf};

/// Recorded states in many of which limbs touch.
fn touching() -> [PathBuf; 5] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    [
        "physics/hopper-v2-none@folded",
        "physics/hopper-v5-none@folded",
        "robots/monoped",
        "robots/biped",
        "robots/roller",
    ]
    .map(|name| folder.join(format!("{name}.safetensors")))
}

/// `batch` at `reference`'s states, environment `e` at state `e`.
fn placed(reference: &Reference, model: &Model, with: Arithmetic) -> PlanarBatch {
    let (nv, nu) = (model.nv(), model.nu());
    let mut batch = PlanarBatch::assigned(&[model], &vec![0; reference.len], with).unwrap();
    batch.trace_rows();
    for e in 0..reference.len {
        let row = |values: &[f64], n: usize| values[e * n..][..n].to_vec();
        batch.set_state(e, &row(&reference.qpos, nv), &row(&reference.qvel, nv));
        batch.set_ctrl(e, &row(&reference.action, nu));
    }
    batch
}

fn touches(rows: &[RowSet]) -> bool {
    rows.iter().any(|r| r.pairs != 0)
}

/// The robots of tests/reference/robots: an example's, and one whose legs touch each other. The
/// hopper's files are among those that every test of the kernel runs over.
#[test]
fn robots_of_the_users_own_move_as_in_mujoco() {
    for path in &touching()[2..] {
        let place = path.display();
        let c = run(path, Precision::F64, |_| ());
        for s in [c.qpos_step, c.qvel_step, c.qpos_env, c.qvel_env, c.reward] {
            assert!(s.max < 1e-9, "{place}: {s:?}");
        }
        assert_eq!(c.termination, 0, "{place}");
        let c = run(path, Precision::F32, |_| ());
        close(&c, path);
    }
}

/// The biped's files hold what they are for: its legs touch, and not one of them alone.
#[test]
fn branches_touch() {
    let reference = Reference::load(&touching()[3]).unwrap();
    let (model, _) = reference.task.model(&reference.gap).unwrap();
    let ancestors = |mut b: usize| {
        let mut path = vec![b];
        while let Some(p) = model.bodies[b].parent {
            b = p;
            path.push(b);
        }
        path
    };
    let across = |i: usize| {
        let [a, b] = model.pairs[i].capsules.map(|c| model.capsules[c].body);
        !ancestors(a).contains(&b) && !ancestors(b).contains(&a)
    };
    let mut batch = placed(&reference, &model, Precision::F64.into());
    batch.step(reference.task.frame_skip);
    let seen = (0..reference.len).map(|e| batch.rows(e).iter().fold(0, |all, r| all | r.pairs));
    let seen: Vec<u32> = seen.collect();
    for i in (0..model.pairs.len()).filter(|&i| across(i)) {
        assert!(
            seen.iter().any(|pairs| pairs >> i & 1 == 1),
            "pair {:?} never touches",
            model.pairs[i]
        );
    }
    let crossing =
        |pairs: &&u32| (0..model.pairs.len()).any(|i| **pairs >> i & 1 == 1 && across(i));
    let count = seen.iter().filter(crossing).count();
    assert!(count >= 20, "branches touch in {count} states alone");
}

/// Every parameter of a contact between limbs: one per cent more must show in every file.
#[test]
fn one_per_cent_off_is_seen() {
    type Edit = fn(&mut Model);
    let edits: [(&str, Edit); 7] = [
        ("row scale", |m| {
            m.pairs.iter_mut().for_each(|p| p.row_scale *= 1.01)
        }),
        ("radius", |m| {
            m.capsules.iter_mut().for_each(|c| c.radius *= 1.01)
        }),
        ("half axis", |m| {
            let halves = m.capsules.iter_mut().flat_map(|c| &mut c.half_axis);
            halves.for_each(|x| *x *= 1.01)
        }),
        ("centre", |m| {
            let centres = m.capsules.iter_mut().flat_map(|c| &mut c.centre);
            centres.for_each(|x| *x *= 1.01)
        }),
        ("spring", |m| m.pair.stiffness *= 1.01),
        ("damper", |m| m.pair.damping *= 1.01),
        ("impedance", |m| m.pair.solimp[1] *= 1.01),
    ];
    for path in touching() {
        for (name, edit) in edits {
            let place = path.display();
            let c = run(&path, Precision::F64, edit);
            assert!(c.qvel_env.max > 1e-4, "{name} passed float64 in {place}");
            let c = run(&path, Precision::F32, edit);
            assert!(
                !c.unexplained.is_empty(),
                "{name} passed float32 in {place}"
            );
        }
    }
    // The margin decides where a row appears: it shows if it is gone.
    for path in &touching()[..3] {
        let c = run(path, Precision::F64, |m| m.pair.margin = 0.0);
        assert!(c.qvel_env.max > 1e-6, "margin in {}", path.display());
    }
}

/// Bits do not depend on the registers while limbs touch in some lanes and not in others; nor do
/// they after many env steps.
#[test]
fn every_width_has_the_same_bits() {
    for path in touching() {
        let reference = Reference::load(&path).unwrap();
        let (model, _) = reference.task.model(&reference.gap).unwrap();
        let bits = |width: Width| {
            let mut batch = placed(&reference, &model, width.into());
            let mut all: Vec<u64> = Vec::new();
            let mut touching = 0;
            for _ in 0..15 {
                batch.step(reference.task.frame_skip);
                all.extend(
                    batch
                        .qpos()
                        .iter()
                        .chain(&batch.qvel())
                        .map(|x| x.to_bits()),
                );
                touching += (0..reference.len)
                    .filter(|&e| touches(&batch.rows(e)))
                    .count();
            }
            (all, touching)
        };
        let (one, count) = bits(Width::One);
        let place = path.display();
        assert!(
            (100..15 * reference.len).contains(&count),
            "{place}: limbs touch in {count} env steps"
        );
        for width in [Width::Eight, Width::Sixteen] {
            if width.available() {
                assert!(bits(width).0 == one, "{place} on {width:?}");
            }
        }
    }
}

/// A robot lying on the floor with its limbs touching: whole env steps, and the order in which
/// environments lie in the registers.
#[test]
fn neighbours_do_not_matter() {
    let mut task = Task::load("hopper-v5").unwrap();
    // It folds when it has fallen, so falling must not end the episode.
    task.healthy.clear();
    task.healthy_state = None;
    let roll = |order: &[usize]| {
        let n = order.len();
        let mut env =
            PlanarVecEnv::new(EnvSpec::of_gaps(&task, &[], n, 0).unwrap(), Precision::F32).unwrap();
        env.reset().unwrap();
        for (lane, &e) in order.iter().enumerate() {
            let bend = e as f64 / n as f64;
            let qpos = [0.0, 1.6, 0.2, -1.5 - 0.3 * bend, -2.0 - 0.4 * bend, -0.3];
            env.set_state(lane, &qpos, &[0.5, 0.3, 1.0, -3.0, -4.0, 2.0]);
        }
        let mut out = vec![Vec::new(); n];
        for _ in 0..60 {
            let batch = env.step(&[0.4, -0.8, 1.0].repeat(n)).unwrap();
            for (lane, &e) in order.iter().enumerate() {
                out[e].extend(
                    batch.next_obs[lane * 11..][..11]
                        .iter()
                        .map(|x| x.to_bits()),
                );
            }
        }
        out
    };
    let straight: Vec<usize> = (0..37).collect();
    let reversed: Vec<usize> = (0..37).rev().collect();
    assert!(roll(&straight) == roll(&reversed));
}

/// A state of the hopper with what MuJoCo makes of it.
struct Vector {
    what: &'static str,
    start: [[f64; 6]; 2],
    ctrl: [f64; 3],
    qfrc_smooth: [f64; 6],
    qacc: [f64; 6],
    /// Position and velocity after 1 and 4 physics steps.
    after: [[[f64; 6]; 2]; 2],
    /// `efc_D` and `efc_aref` of the rows of torso-leg, torso-foot and thigh-foot; 0: none.
    pairs: [[f64; 2]; 3],
}

const VECTORS: [Vector; 4] = [
    Vector {
        what: "airborne",
        start: [
            [0.3, 1.7, 0.1, -0.4, -0.6, 0.3],
            [1.0, 0.5, -1.0, 2.0, -3.0, 4.0],
        ],
        ctrl: [0.5, -1.5, 0.2],
        qfrc_smooth: [
            -16.0523048097132,
            -197.568323526036,
            -60.6318376652456,
            158.599388183008,
            -160.562728997113,
            32.2488503799971,
        ],
        qacc: [
            -14.3177860149997,
            -13.6063144345743,
            14.5573988703396,
            107.157190059668,
            -168.174133641486,
            36.5271499795644,
        ],
        after: [
            [
                [
                    0.301971249004494,
                    1.7009725254061,
                    0.0980292113598909,
                    -0.39578576488345,
                    -0.606335979133637,
                    0.308072933080207,
                ],
                [
                    0.971189978226939,
                    0.472391647499233,
                    -0.970738546622213,
                    2.21419621413836,
                    -3.33579202102526,
                    4.0728716049514,
                ],
            ],
            [
                [
                    0.307533953256685,
                    1.70354677124483,
                    0.0924726994575231,
                    -0.38057577064534,
                    -0.629356959808069,
                    0.333160780713544,
                ],
                [
                    0.882424737683211,
                    0.384288797212783,
                    -0.880856228329661,
                    2.85550099408946,
                    -4.33599683423055,
                    4.28912965574483,
                ],
            ],
        ],
        pairs: [[0.0; 2]; 3],
    },
    Vector {
        what: "foot pressed",
        start: [
            [1.0, 1.2, 0.02, 0.01, 0.01, -0.03],
            [0.6, -1.1, 0.4, 1.0, 2.0, -1.5],
        ],
        ctrl: [-0.6, 0.9, 0.2],
        qfrc_smooth: [
            0.39369962391904,
            -179.90319379288,
            3.03079996196031,
            -124.685276417498,
            173.579088041766,
            36.8777249550515,
        ],
        qacc: [
            4.49019949208818,
            78.7965360860652,
            -31.9994358079676,
            -131.081385344314,
            -219.390907743169,
            108.425573810685,
        ],
        after: [
            [
                [
                    1.00120645829197,
                    1.19795293221922,
                    0.0207354355462687,
                    0.0117516342782678,
                    0.0135834693379352,
                    -0.0327818187736162,
                ],
                [
                    0.605150459937019,
                    -0.949353944166475,
                    0.333451468139069,
                    0.756227180911163,
                    1.59425259543821,
                    -1.2812107379327,
                ],
            ],
            [
                [
                    1.00479172625631,
                    1.19343942859631,
                    0.0218655956923104,
                    0.0142344174365624,
                    0.0202690651199718,
                    -0.0384861602022176,
                ],
                [
                    0.582509946350164,
                    -0.572828257362741,
                    0.0168199450968723,
                    0.0791032597674859,
                    0.707384081108899,
                    -0.623742031440009,
                ],
            ],
        ],
        pairs: [[0.0; 2]; 3],
    },
    Vector {
        what: "folded: torso-foot capsule contact",
        start: [
            [0.0, 1.6, 0.2, -1.6, -2.2, -0.3],
            [0.5, 0.3, 1.0, -3.0, -4.0, 2.0],
        ],
        ctrl: [0.4, -0.8, 1.0],
        qfrc_smooth: [
            85.9419748880381,
            10.6552942564417,
            30.1399334552245,
            37.8663232704216,
            -163.015495714747,
            190.828639105175,
        ],
        qacc: [
            147.604320260436,
            -97.6358862942898,
            882.878546050383,
            709.147985806641,
            316.83407062289,
            -105.483093070381,
        ],
        after: [
            [
                [
                    0.00128024803785891,
                    1.60041530246788,
                    0.203684845553566,
                    -1.6046411317441,
                    -2.20740816548911,
                    -0.296185720384345,
                ],
                [
                    0.773021705648371,
                    0.12032303349252,
                    2.64567971824494,
                    -1.66992217076698,
                    -3.42829223846029,
                    1.82657546334054,
                ],
            ],
            [
                [
                    0.00786182401099655,
                    1.59985745610141,
                    0.231566154289186,
                    -1.6047578276306,
                    -2.2242460252262,
                    -0.285889047415592,
                ],
                [
                    1.37254949902997,
                    -0.276629587445728,
                    6.38215212409605,
                    1.43416042270918,
                    -2.31555842123656,
                    1.69279683627523,
                ],
            ],
        ],
        pairs: [[0.0; 2], [26.3461035852163, 418.390581676939], [0.0; 2]],
    },
    Vector {
        what: "folded further: torso-leg contact, torso and foot centre lines cross",
        start: [
            [0.0, 1.6, 0.2, -1.75, -2.3, -0.2],
            [0.5, 0.3, 1.0, -3.0, -4.0, 2.0],
        ],
        ctrl: [0.4, -0.8, 1.0],
        qfrc_smooth: [
            120.628430702294,
            -22.8451842332238,
            24.7545853509611,
            35.1215606366499,
            -169.803280574566,
            190.067009350327,
        ],
        qacc: [
            137.506300803052,
            -91.2540592015132,
            925.140095712826,
            735.780086932817,
            253.453781353815,
            157.99740921124,
        ],
        after: [
            [
                [
                    0.00125990037419997,
                    1.60042938790693,
                    0.203751464113043,
                    -1.75460188128262,
                    -2.3075342673629,
                    -0.195681566199935,
                ],
                [
                    0.752613767612903,
                    0.1350277767426,
                    2.70373954743418,
                    -1.63735466087058,
                    -3.55405226785859,
                    2.31959885093842,
                ],
            ],
            [
                [
                    0.00753676727041898,
                    1.60013097868646,
                    0.231931819860212,
                    -1.7546742254902,
                    -2.32622276552875,
                    -0.178808286185265,
                ],
                [
                    1.29233084340441,
                    -0.201697246578468,
                    6.37489437677695,
                    1.37855690598509,
                    -2.80180755347395,
                    3.31185265581503,
                ],
            ],
        ],
        pairs: [[29.7359046441776, 434.983033870246], [0.0; 2], [0.0; 2]],
    },
];

/// Largest difference over max(1, largest magnitude).
fn error(is: &[f64], want: &[f64]) -> f64 {
    assert_eq!(is.len(), want.len());
    let scale = want.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    let worst = is.iter().zip(want).fold(0.0, |m: f64, (a, b)| {
        let d = (a - b).abs();
        if d.is_nan() { f64::INFINITY } else { m.max(d) }
    });
    worst / scale
}

impl Vector {
    /// Largest scaled error of forces, rows, accelerations and states of `model`.
    fn error(&self, model: &Model) -> f64 {
        let [qpos, qvel] = &self.start;
        let stages = stages(model, qpos, qvel, &self.ctrl).unwrap();
        let stage = |name: &str| -> &[f64] {
            let found = stages.iter().find(|(stage, _)| *stage == name);
            &found.expect("a stage of this name").1
        };
        // The kernel's hinges turn about +y, the file's, but for the root's, about -y.
        let turned = |values: &[f64]| -> Vec<f64> {
            let sign = |i: usize| if i > 2 { -1.0 } else { 1.0 };
            (0..6).map(|i| sign(i) * values[i]).collect()
        };
        let column = |k: usize| self.pairs.map(|row| row[k]);
        let mut errors = vec![
            error(&turned(stage("qfrc_smooth")), &self.qfrc_smooth),
            error(&turned(stage("qacc")), &self.qacc),
            error(stage("pair_efc_D"), &column(0)),
            error(stage("pair_efc_aref"), &column(1)),
        ];
        for (frames, [qpos, qvel]) in [1, 4].into_iter().zip(&self.after) {
            let mut batch =
                PlanarBatch::new(std::slice::from_ref(model), 1, Precision::F64).unwrap();
            batch.set_state(0, &self.start[0], &self.start[1]);
            batch.set_ctrl(0, &self.ctrl);
            batch.step(frames);
            errors.extend([error(&batch.qpos(), qpos), error(&batch.qvel(), qvel)]);
        }
        errors.into_iter().fold(0.0, f64::max)
    }
}

#[test]
fn the_specifications_vectors() {
    let task = Task::load("hopper-v5").unwrap();
    let (model, _) = task.model(&Gap::none()).unwrap();
    let mut off = model.clone();
    off.pairs.iter_mut().for_each(|p| p.row_scale *= 1.01);
    for vector in VECTORS {
        // Printed with 15 digits.
        let error = vector.error(&model);
        assert!(error < 1e-12, "{}: {error:e}", vector.what);
        let touches = vector.pairs.iter().any(|row| row[0] > 0.0);
        let seen = vector.error(&off) > 1e-5;
        assert_eq!(seen, touches, "{}: 1 % of the row scale", vector.what);
    }
}

/// An exclusion takes a pair away, and nothing else.
#[test]
fn excluded_limbs_do_not_touch() {
    let reference = Reference::load(&touching()[3]).unwrap();
    let mut spec = reference.task.spec.clone();
    let with = spec.compile().unwrap();
    let excluded = spec.excludes.clone();
    assert_eq!(excluded.len(), 1);
    spec.excludes.clear();
    let without = spec.compile().unwrap();
    assert_eq!(without.pairs.len(), with.pairs.len() + 1);
    assert_eq!(
        (&without.bodies, &without.points),
        (&with.bodies, &with.points)
    );
    // The robot that was recorded is the one with it.
    let c = compare(&reference, &without, Precision::F64).unwrap();
    assert!(c.qvel_env.max > 1e-3, "{:?}", c.qvel_env);
    // In either order of the two bodies.
    spec.excludes = excluded.iter().map(|&[a, b]| [b, a]).collect();
    assert_eq!(spec.compile().unwrap(), with);
}
