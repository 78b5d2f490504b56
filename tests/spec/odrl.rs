//! The robots of ODRL and OTDF against what MuJoCo makes of the published files (tests/reference/odrl).

use std::path::Path;

use h2oplus::env::Task;
use h2oplus::model::{CapsuleMass, Gap, Model, Spec};
use safetensors::SafeTensors;

/// Largest error, relative to numbers above 0.1.
const TOLERANCE: f64 = 1e-6;
const ROBOTS: [&str; 3] = ["halfcheetah", "walker2d", "hopper"];

/// What is recorded of one robot: quantity by quantity, its numbers in all shifts.
struct Recorded {
    robot: &'static str,
    /// Shifts in the order of the rows.
    shifts: Vec<String>,
    bytes: Vec<u8>,
}

impl Recorded {
    fn read(robot: &'static str) -> Self {
        let bytes = std::fs::read("tests/reference/odrl/models.safetensors").unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let names = header.metadata().as_ref().unwrap()[robot].clone();
        let shifts = names.split(' ').map(str::to_owned).collect();
        Self {
            robot,
            shifts,
            bytes,
        }
    }

    /// The robot that is `robot`, or that its own file shifts.
    fn task(&self) -> Task {
        Task::load(self.robot).unwrap()
    }

    /// The numbers called `quantity` of shift number `row`.
    fn row(&self, quantity: &str, row: usize) -> Vec<f64> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = file.tensor(&format!("{}.{quantity}", self.robot)).unwrap();
        let size = tensor.data().len() / self.shifts.len();
        let own = &tensor.data()[row * size..][..size];
        let numbers = own
            .chunks_exact(8)
            .map(|b| f64::from_le_bytes(b.try_into().unwrap()));
        numbers.collect()
    }

    /// Worst error of `ours` against shift number `row`.
    fn worst(&self, ours: &Model, row: usize) -> f64 {
        let mut worst = 0.0_f64;
        for (quantity, ours) in quantities(ours) {
            let theirs = self.row(quantity, row);
            assert_eq!(ours.len(), theirs.len(), "{quantity}");
            for (a, b) in ours.iter().zip(&theirs) {
                worst = worst.max((a - b).abs() / b.abs().max(0.1));
            }
        }
        // Which of a capsule's ends comes first is MuJoCo's own affair.
        let (first, second) = (self.row("end_1", row), self.row("end_2", row));
        let apart =
            |ours: [f64; 2], theirs: &[f64]| (ours[0] - theirs[0]).hypot(ours[1] - theirs[1]);
        for (n, ends) in ours.points.chunks(2).enumerate() {
            let (a, b) = (ends[0].offset, ends[1].offset);
            let (one, two) = (&first[2 * n..][..2], &second[2 * n..][..2]);
            let straight = apart(a, one).max(apart(b, two));
            worst = worst.max(straight.min(apart(a, two).max(apart(b, one))));
        }
        worst
    }
}

/// A model's numbers as `record.py` calls them.
fn quantities(m: &Model) -> Vec<(&'static str, Vec<f64>)> {
    let body = |f: fn(&h2oplus::model::Body) -> f64| m.bodies.iter().map(f).collect::<Vec<_>>();
    let dof = |f: fn(&h2oplus::model::Dof) -> f64| m.dofs.iter().map(f).collect::<Vec<_>>();
    let ends = |f: fn(&h2oplus::model::ContactPoint) -> f64| {
        m.points.iter().step_by(2).map(f).collect::<Vec<_>>()
    };
    let rk4 = m.integrator == h2oplus::model::Integrator::Rk4;
    vec![
        ("mass", body(|b| b.mass)),
        ("inertia", body(|b| b.inertia)),
        ("com", m.bodies.iter().flat_map(|b| b.com).collect()),
        ("offset", m.bodies.iter().flat_map(|b| b.offset).collect()),
        ("body_invweight", body(|b| b.invweight)),
        ("dof_invweight", dof(|d| d.invweight)),
        (
            "range",
            m.dofs
                .iter()
                .flat_map(|d| d.range.unwrap_or_default())
                .collect(),
        ),
        ("armature", dof(|d| d.armature)),
        ("damping", dof(|d| d.damping)),
        ("stiffness", dof(|d| d.stiffness)),
        ("gear", m.actuators.iter().map(|a| a.gear).collect()),
        ("friction", ends(|p| p.friction)),
        ("radius", ends(|p| p.radius)),
        (
            "option",
            vec![m.z0, -m.gravity, m.timestep, f64::from(u8::from(rk4))],
        ),
    ]
}

/// As the recording MuJoCo weighs it, not as the task does.
fn weighed(mut spec: Spec) -> Model {
    spec.compiler.capsule_mass = CapsuleMass::Exact;
    spec.compile().unwrap()
}

/// OTDF's gravity is ODRL's.
fn gap(task: &Task, shift: &str) -> Gap {
    task.gap(shift.trim_start_matches("otdf_")).unwrap()
}

#[test]
fn every_shift_is_the_published_file() {
    let (mut count, mut worst) = (0, 0.0_f64);
    for recorded in ROBOTS.map(Recorded::read) {
        let task = recorded.task();
        let models: Vec<Model> = (recorded.shifts.iter())
            .map(|shift| weighed(gap(&task, shift).apply(&task.spec).unwrap().0))
            .collect();
        for (row, shift) in recorded.shifts.iter().enumerate() {
            let error = recorded.worst(&models[row], row);
            assert!(error < TOLERANCE, "{} {shift}: {error:e}", recorded.robot);
            println!("{}_{shift}: {error:.1e}", recorded.robot);
            worst = worst.max(error);
            count += 1;
            // Negative control: no other shift is taken for it.
            for (other, model) in recorded.shifts.iter().zip(&models) {
                if model != &models[row] {
                    let error = recorded.worst(model, row);
                    assert!(error > 1e-3, "{} {other} for {shift}", recorded.robot);
                }
            }
        }
        // Two names for one robot: OTDF's gravity, and hopper's frictions below the floor's.
        let same =
            |a: &str, b: &str| gap_model(&recorded, &models, a) == gap_model(&recorded, &models, b);
        assert!(same("gravity_0.5", "otdf_gravity_0.5"));
        assert_eq!(
            same("friction_0.1", "friction_0.5"),
            recorded.robot == "hopper"
        );
        let mut distinct: Vec<&Model> = Vec::new();
        for model in &models {
            if !distinct.contains(&model) {
                distinct.push(model);
            }
        }
        let want = if recorded.robot == "hopper" { 21 } else { 22 };
        assert_eq!(distinct.len(), want, "{}", recorded.robot);
    }
    assert_eq!(count, 69);
    println!("worst of {count}: {worst:e}");
}

fn gap_model<'a>(recorded: &Recorded, models: &'a [Model], shift: &str) -> &'a Model {
    let row = recorded.shifts.iter().position(|s| s == shift).unwrap();
    &models[row]
}

/// With clones of both repositories: `H2OPLUS_ODRL=… H2OPLUS_OTDF=… cargo test --release --test spec -- --ignored`.
#[test]
#[ignore = "needs clones of ODRL and OTDF"]
fn published_files_are_read_as_they_are() {
    let folder = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("set {name}"));
    let odrl = format!("{}/envs/mujoco/assets", folder("H2OPLUS_ODRL"));
    let otdf = format!("{}/envs/assets", folder("H2OPLUS_OTDF"));
    let mut count = 0;
    for recorded in ROBOTS.map(Recorded::read) {
        let task = recorded.task();
        let theirs = recorded.robot.replace("walker2d", "walker");
        for (row, shift) in recorded.shifts.iter().enumerate() {
            let path = match shift.as_str() {
                // OTDF's program makes this shift, no file.
                "kinematic" => continue,
                "morph" => format!("{otdf}/{theirs}_morph.xml"),
                "otdf_gravity_0.5" => format!("{otdf}/{theirs}_gravity.xml"),
                shift => format!("{odrl}/{}_{shift}.xml", recorded.robot),
            };
            let file = task.gap(&format!("file:{path}")).unwrap();
            let spec = file.apply(&task.spec).unwrap().0;
            assert_eq!(spec.name, task.spec.name);
            let error = recorded.worst(&weighed(spec), row);
            assert!(error < TOLERANCE, "{path}: {error:e}");
            count += 1;
        }
    }
    assert!(Path::new(&odrl).is_dir());
    assert_eq!(count, 66);
}

#[test]
fn a_file_in_the_worlds_axes() {
    const FILE: &str = "tests/reference/odrl/global.xml";
    let (recorded, hopper) = (Recorded::read("global"), Task::load("hopper").unwrap());
    let gap = hopper.gap(&format!("file:{FILE}")).unwrap();
    let (spec, _) = gap.apply(&hopper.spec).unwrap();
    let error = recorded.worst(&weighed(spec.clone()), 0);
    assert!(error < TOLERANCE, "{error:e}");
    // The task says how the file's capsules weigh, and other gaps may edit it.
    assert_ne!(spec.compile().unwrap(), weighed(spec));
    let twice = hopper.gap(&format!("gravity=2,file:{FILE}")).unwrap();
    assert_eq!(hopper.model(&twice).unwrap().0.gravity, 17.0);
    // Negative controls: a capsule 1 cm further down, and the plain robot.
    let text = std::fs::read_to_string(FILE).unwrap();
    let moved = Spec::parse("moved.xml", &text.replace("0.01 0 0.83", "0.01 0 0.82")).unwrap();
    assert!(recorded.worst(&weighed(moved), 0) > 1e-3);
    assert!(recorded.worst(&weighed(hopper.spec.clone()), 0) > 1e-2);
}

#[test]
fn files_of_other_robots_are_refused_by_line() {
    let hopper = Task::load("hopper").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string("tests/reference/odrl/global.xml").unwrap();
    let line = |part: &str| text.lines().position(|l| l.contains(part)).unwrap() + 1;
    let motors = "<motor joint=\"thigh_joint\"/>\n    <motor joint=\"leg_joint\"/>";
    let swapped = "<motor joint=\"leg_joint\"/>\n    <motor joint=\"thigh_joint\"/>";
    for (from, to, line, problem) in [
        ("leg_joint", "knee", 0, "its joints are"),
        (
            motors,
            swapped,
            line(motors.lines().next().unwrap()),
            "its motors' joints are",
        ),
        (
            "global",
            "polar",
            line("coordinate"),
            "coordinate=\"polar\"",
        ),
        ("-30 45", "-30 x", line("foot_joint\" pos"), "`x` in range"),
        ("</mujoco>", "", 0, "not well-formed XML"),
    ] {
        let path = folder.path().join("robot.xml");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let gap = hopper.gap(&format!("file:{}", path.display()));
        let error = gap
            .and_then(|gap| hopper.model(&gap))
            .unwrap_err()
            .to_string();
        assert!(error.contains(problem), "{error}");
        let place = format!(
            "robot.xml:{}",
            if line > 0 {
                line.to_string()
            } else {
                String::new()
            }
        );
        assert!(error.contains(&place), "{place}: {error}");
    }
    let error = hopper.gap("file:nowhere.xml").unwrap_err().to_string();
    assert!(error.contains("nowhere.xml"), "{error}");
}

#[test]
fn full_names_are_of_their_robot_alone() {
    let walker = Task::load("walker2d").unwrap();
    let full = walker.gap("walker2d_morph_torso_easy").unwrap();
    assert_eq!(full.to_string(), "morph_torso_easy");
    let short = walker.gap("morph_torso_easy").unwrap();
    assert_eq!(walker.model(&full).unwrap(), walker.model(&short).unwrap());
    // Gravity is an edit for every robot; said of another one, it is none for this.
    for name in ["hopper_gravity_0.5", "hopper_morph_foot_easy"] {
        let error = walker
            .gap(name)
            .and_then(|gap| walker.model(&gap))
            .unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("has no edit for the robot `walker2d`"),
            "{error}"
        );
        assert!(error.contains("it is defined for: hopper"), "{error}");
    }
    for (name, problem) in [
        ("ant_gravity_0.5", "Ant is not planar"),
        ("morph_torso_easy=2", "`morph_torso_easy` has no strength"),
        ("morph_torso", "there is no gap `morph_torso`"),
        ("morph_torso_odd", "there is no gap `morph_torso_odd`"),
        ("morph_foot_easy", "has no edit for the robot `walker2d`"),
    ] {
        let error = walker
            .gap(name)
            .and_then(|gap| walker.model(&gap))
            .unwrap_err();
        assert!(error.to_string().contains(problem), "{name}: {error}");
    }
}

#[test]
fn a_benchmarks_task_is_a_task_and_a_gap() {
    for (name, part) in [
        (
            "walker2d_gravity_0.5",
            "it is the task walker2d with the gap `gravity_0.5`",
        ),
        ("ant_gravity_0.5", "Ant is not planar"),
        ("walker3d", "tasks: halfcheetah-v2"),
    ] {
        let error = Task::load(name).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn the_real_robot_has_its_own_scale() {
    let task = |gap: &str| Task::load("walker2d").unwrap().with_real(gap).unwrap();
    let score = |gap: &str, episode| task(gap).normalized_score(episode);
    assert_eq!(score("gravity_0.1", 2074.904), Some(100.0));
    assert_eq!(score("kinematic", 10.079455055289959), Some(0.0));
    assert_eq!(score("none", 4592.3), Some(100.0));
    assert_eq!(score("gravity=0.1", 1.0), None);
    assert_eq!(score("gravity_0.1,friction_0.5", 1.0), None);
    assert_eq!(task("gravity_0.1").file_stem(), "walker2d_gravity_0.1");
    let v5 = Task::load("walker2d-v5")
        .unwrap()
        .with_real("gravity_0.1")
        .unwrap();
    assert_eq!(v5.file_stem(), "walker2d-v5_gravity_0.1");
}

#[test]
fn odrl_is_all_of_a_robots_shifts() {
    for robot in ROBOTS {
        let task = Task::load(robot).unwrap();
        let all = task.domain("odrl").unwrap().split();
        // Twenty of ODRL, and OTDF's two that are not among them.
        assert_eq!(all.len(), 22, "{robot}");
        for domain in all {
            domain.check(&task.spec).unwrap();
        }
    }
}
