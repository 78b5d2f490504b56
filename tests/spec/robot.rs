//! The worked example of a robot of the user's own, and what may be written in its stead.

use h2oplus::env::Task;
use h2oplus::model::{Gap, Model, Spec};

const EXAMPLE: &str = "envs/monoped/task.toml";
const ROBOT: &str = include_str!("../../envs/monoped/robot.xml");
const SHIN: &str = r#"<geom name="shin" size="0.035 0.17" pos="0 0 -0.2"/>"#;

/// The example's robot where `from` reads `to`.
fn written(from: &str, to: &str) -> Result<Model, String> {
    assert!(ROBOT.contains(from), "{from}");
    let spec = Spec::parse("robot.xml", &ROBOT.replace(from, to));
    spec.and_then(|s| s.compile()).map_err(|e| e.to_string())
}

/// Names of the pairs of limbs that may touch.
fn pairs(model: &Model) -> Vec<[&str; 2]> {
    let name = |c: usize| model.capsules[c].geom.as_str();
    let pairs = model.pairs.iter();
    pairs.map(|p| p.capsules.map(name)).collect()
}

#[test]
fn the_example_is_a_task() {
    let task = Task::load(EXAMPLE).unwrap();
    assert_eq!(
        (task.obs_dim(), task.act_dim(), task.frame_skip),
        (11, 3, 5)
    );
    assert!((task.dt() - 0.02).abs() < 1e-15);
    let (model, _) = task.model(&Gap::none()).unwrap();
    assert_eq!((model.nb(), model.nv(), model.points.len()), (4, 6, 8));
    // Neighbours in the tree do not touch.
    let touching = [["torso", "shin"], ["thigh", "tail"], ["shin", "tail"]];
    assert_eq!(pairs(&model), touching);
    let knee = model.dofs[4].range.unwrap();
    assert!(knee[0] == 0.0 && (knee[1] - 140f64.to_radians()).abs() < 1e-15);
    assert_eq!(model.dofs[1].qpos0, 0.85);
    // A density given for a class; a capsule is a cylinder and a ball.
    let (r, length) = (0.03f64, 0.35);
    let volume = std::f64::consts::PI * r * r * (length + 4.0 / 3.0 * r);
    assert!((model.bodies[3].mass - 400.0 * volume).abs() < 1e-12);
    assert_eq!(model.actuators[2].gear, 20.0);

    // Each gap of its own table, and none of the shipped one, changes what it says.
    let plain = |text: &str| task.model(&task.gap(text).unwrap()).unwrap().0;
    assert!((plain("heavy-tail").bodies[3].mass / model.bodies[3].mass - 3.0).abs() < 1e-12);
    assert!((plain("weak-knee=0.25").actuators[1].gear - 15.0).abs() < 1e-12);
    assert!((plain("gravity").gravity - 1.5 * 9.81).abs() < 1e-12);
    assert!((plain("friction").points[5].friction - 0.36).abs() < 1e-12);
    let message = task.gap("big-thigh").unwrap_err().to_string();
    assert!(message.contains("weak-knee"), "{message}");
}

/// Ways to write one robot.
#[test]
fn other_words_for_the_same_robot() {
    let model = written("<light", "<light").unwrap();
    let hip = format!("{:.17} {:.17}", -70f64.to_radians(), 70f64.to_radians());
    for (from, to) in [
        // The shin by its ends.
        (
            SHIN,
            r#"<geom name="shin" fromto="0 0 -0.03 0 0 -0.37" size="0.035"/>"#,
        ),
        // Turned half around by a quaternion.
        (
            SHIN,
            r#"<geom name="shin" size="0.035 0.17" pos="0 0 -0.2" quat="0 0 1 0"/>"#,
        ),
        (r#"euler="0 35 0""#, r#"axisangle="0 1 0 35""#),
        // A hinge about -y, and its range.
        (
            r#"name="hip" range="-70 70""#,
            r#"name="hip" axis="0 -1 0" range="-70 70""#,
        ),
        (
            r#"autolimits="true""#,
            r#"autolimits="true" inertiafromgeom="true""#,
        ),
    ] {
        let other = written(from, to).unwrap();
        for (a, b) in model.bodies.iter().zip(&other.bodies) {
            let same = |x: f64, y: f64| (x - y).abs() < 1e-12;
            assert!(same(a.mass, b.mass) && same(a.inertia, b.inertia), "{to}");
            assert!((0..2).all(|k| same(a.com[k], b.com[k])), "{to}");
            assert!((a.invweight / b.invweight - 1.0).abs() < 1e-12, "{to}");
        }
        assert_eq!(pairs(&model), pairs(&other), "{to}");
    }
    let radian = ROBOT
        .replace("angle=\"degree\"", "angle=\"radian\"")
        .replace("-70 70", &hip)
        .replace("0 35 0", &format!("0 {:.17} 0", 35f64.to_radians()));
    let other = Spec::parse("robot.xml", &radian)
        .unwrap()
        .compile()
        .unwrap();
    let range = |m: &Model| m.dofs[3].range.unwrap();
    assert!((0..2).all(|k| (range(&model)[k] - range(&other)[k]).abs() < 1e-15));
    assert!((model.bodies[3].com[0] - other.bodies[3].com[0]).abs() < 1e-15);
    // Negative control: another number is another robot.
    let longer = written(SHIN, &SHIN.replace("0.17", "0.1717")).unwrap();
    assert!((longer.bodies[2].mass / model.bodies[2].mass - 1.0).abs() > 1e-3);
}

#[test]
fn limbs_that_may_not_touch() {
    let exclude = |inside: &str| {
        let section = format!("<contact>\n{inside}\n</contact>\n<actuator>");
        written("<actuator>", &section)
    };
    let model = exclude(r#"<exclude name="x" body1="tail" body2="shin"/>"#).unwrap();
    assert_eq!(pairs(&model), [["torso", "shin"], ["thigh", "tail"]]);
    let line = ROBOT
        .lines()
        .position(|l| l.contains("<actuator>"))
        .unwrap()
        + 2;
    for (inside, problem) in [
        (
            r#"<exclude body1="tail" body2="knee"/>"#,
            "body2=\"knee\" of <exclude> is no body",
        ),
        (r#"<exclude body1="tail"/>"#, "body2"),
        (
            r#"<exclude body1="tail" bodyB="shin"/>"#,
            "attribute `bodyB` of <exclude>",
        ),
        (
            r#"<pair geom1="tail" geom2="shin"/>"#,
            "element <pair> in <contact>",
        ),
    ] {
        let message = exclude(inside).unwrap_err();
        assert!(
            message.starts_with(&format!("robot.xml:{line}: ")),
            "{message}"
        );
        assert!(
            message.contains(problem) && message.contains("help:"),
            "{message}"
        );
    }
    // Limbs with friction are refused, and the message names this way out.
    let message = written(SHIN, &SHIN.replace("/>", " condim=\"3\"/>")).unwrap_err();
    assert!(
        message.contains("has condim 3") && message.contains("<exclude"),
        "{message}"
    );
}
