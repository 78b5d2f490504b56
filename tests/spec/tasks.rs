//! Tasks: names, published constants, files of the user's own.

use h2oplus::env::Task;
use h2oplus::env::task::ResetNoise;
use h2oplus::model::CapsuleMass;

#[test]
fn names() {
    for (given, name) in [
        ("halfcheetah", "halfcheetah-v2"),
        ("HalfCheetah-v2", "halfcheetah-v2"),
        ("Walker2d-v5", "walker2d-v5"),
        ("walker2d-v4", "walker2d-v4"),
    ] {
        assert_eq!(Task::load(given).unwrap().name, name);
    }
    let message = Task::load("ant-v2").unwrap_err().to_string();
    assert!(
        message.contains("task `ant-v2`") && message.contains("walker2d-v5"),
        "{message}"
    );
    assert!(Task::load("halfcheetah-v3").is_err());
}

#[test]
fn published_constants() {
    for name in Task::names() {
        let task = Task::load(name).unwrap();
        assert_eq!(
            (task.obs_dim(), task.act_dim(), task.max_episode_steps),
            match name {
                "wheelleg-stand" => (4, 1, 5520),
                "wheelleg-forward" => (3, 1, 5520),
                _ if name.starts_with("hopper") => (11, 3, 1000),
                _ => (17, 6, 1000),
            },
            "{name}"
        );
        let legacy = task.spec.compiler.capsule_mass == CapsuleMass::Legacy;
        assert_eq!(legacy, name.ends_with("v2"), "{name}");
        let reward = &task.reward;
        if name.starts_with("halfcheetah") {
            assert!((task.dt() - 0.05).abs() < 1e-15 && task.frame_skip == 5);
            assert_eq!(
                (reward.forward_velocity, reward.control_cost, reward.healthy),
                (1.0, 0.1, 0.0)
            );
            assert_eq!(
                (task.reset.qpos, task.reset.qvel),
                (ResetNoise::Uniform(0.1), ResetNoise::Normal(0.1))
            );
            assert!(task.healthy.is_empty() && task.is_healthy(&[f64::NAN; 9], &[0.0; 9]));
            assert_eq!(task.observation.qvel_clip, None);
            assert!((task.normalized_score(12135.0).unwrap() - 100.0).abs() < 1e-12);
            assert!(task.normalized_score(-280.178953).unwrap().abs() < 1e-12);
        } else if name.starts_with("wheelleg") {
            assert!((184.0 * task.dt() - 1.0).abs() < 1e-15 && task.frame_skip == 3);
            assert!(!task.real.is_none() && !task.is_shifted());
            let plain = task.clone().with_real("none").unwrap();
            assert!(plain.real.is_none() && plain.is_shifted());
            assert_eq!(task.file_name("human.hdf5"), format!("{name}-human.hdf5"));
            assert!(task.is_healthy(&[0.0, 0.0, 0.69, 0.0], &[0.0; 4]));
            assert!(!task.is_healthy(&[0.0, 0.0, -0.7, 0.0], &[0.0; 4]));
        } else if name.starts_with("hopper") {
            assert!((task.dt() - 0.008).abs() < 1e-15 && task.frame_skip == 4);
            assert_eq!(reward.healthy_on_fall, !name.ends_with("v5"));
            for (z, pitch, foot, healthy) in [
                (1.25, 0.0, 0.0, true),
                (0.7, 0.0, 0.0, false),
                (9.0, 0.199, -99.9, true),
                (1.25, 0.2, 0.0, false),
                (1.25, 0.0, 100.0, false),
                (1.25, 0.0, f64::NAN, false),
            ] {
                let (qpos, qvel) = ([0.0, z, pitch], [0.0, 0.0, foot]);
                assert_eq!(task.is_healthy(&qpos, &qvel), healthy, "{z} {pitch} {foot}");
            }
            assert!((task.normalized_score(3234.3).unwrap() - 100.0).abs() < 1e-12);
            assert!(task.normalized_score(-20.272305).unwrap().abs() < 1e-12);
        } else {
            assert!((task.dt() - 0.008).abs() < 1e-15 && task.frame_skip == 4);
            assert_eq!(
                (reward.forward_velocity, reward.control_cost, reward.healthy),
                (1.0, 0.001, 1.0)
            );
            assert_eq!(reward.healthy_on_fall, !name.ends_with("v5"));
            assert_eq!(
                (task.reset.qpos, task.reset.qvel),
                (ResetNoise::Uniform(0.005), ResetNoise::Uniform(0.005))
            );
            assert_eq!(task.observation.qvel_clip, Some(10.0));
            for (z, pitch, healthy) in [
                (1.25, 0.0, true),
                (0.8, 0.0, false),
                (2.0, 0.0, false),
                (1.25, 1.0, false),
                (1.25, -0.999, true),
                (f64::NAN, 0.0, false),
            ] {
                assert_eq!(
                    task.is_healthy(&[0.0, z, pitch], &[0.0; 9]),
                    healthy,
                    "{z} {pitch}"
                );
            }
            assert!((task.normalized_score(4592.3).unwrap() - 100.0).abs() < 1e-12);
        }
    }
}

#[test]
fn own_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hop.toml");
    let base = include_str!("../../envs/walker2d-v4.toml");
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Task::load(path.to_str().unwrap())
    };
    let task = load(&base.replace("frame_skip = 4", "frame_skip = 8")).unwrap();
    assert_eq!((task.name.as_str(), task.frame_skip), ("hop", 8));

    // A robot beside the file comes before the embedded one of the same name.
    let robot = include_str!("../../assets/walker2d.xml")
        .replace("timestep=\"0.002\"", "timestep=\"0.001\"");
    std::fs::write(folder.path().join("walker2d.xml"), robot).unwrap();
    let task = load(base).unwrap();
    assert!((task.dt() - 0.004).abs() < 1e-15);
    assert!(task.spec.source.ends_with("walker2d.xml") && !task.spec.source.starts_with("assets"));

    // A gap table of its own.
    let gaps = "[slow]\ndoc = \"timestep x k\"\ndefault = 0.5\nedits = [{ element = \"option\", attribute = \"timestep\" }]\n";
    std::fs::write(folder.path().join("own.toml"), gaps).unwrap();
    let task = load(&format!("gaps = \"own.toml\"\n{base}")).unwrap();
    assert_eq!(
        task.model(&task.gap("slow").unwrap()).unwrap().0.timestep,
        0.0005
    );
    assert!(task.gap("gravity").is_err());

    for (from, to, problem) in [
        (
            "frame_skip = 4",
            "frame_skip = 4\nframe_skop = 5",
            "hop.toml:6: unknown field `frame_skop`",
        ),
        (
            "frame_skip = 4",
            "frame_skip = 0",
            "hop.toml: frame_skip: is 0",
        ),
        ("frame_skip = 4", "frame_skip = -1", "invalid value"),
        ("frame_skip = 4", "", "missing field `frame_skip`"),
        (
            "qpos_from = 1",
            "qpos_from = 10",
            "observation.qpos_from: is 10, but the robot has 9",
        ),
        (
            "qpos_from = 1",
            "qpos_from = 1\npick = [\"qpos.1\"]",
            "observation: says either both of qpos_from and pick, or neither",
        ),
        ("qpos_from = 1", "", "or neither"),
        (
            "qpos_from = 1",
            "pick = [\"qpos.1\", \"qvel.9\"]",
            "observation.pick: is [Qpos(1), Qvel(9)]",
        ),
        (
            "qpos_from = 1",
            "pick = [\"qacc.1\"]",
            "`qacc.1` is no entry of the state",
        ),
        (
            "healthy = 1.0",
            "healthy = 1.0\nquadratic = [{ entry = \"qpos.9\", weight = 1.0 }]",
            "reward.quadratic: Qpos(9) at 0 times 1",
        ),
        (
            "frame_skip = 4",
            "frame_skip = 4\nreal = \"gravty\"",
            "hop.toml: real: ",
        ),
        (
            "qvel_clip = 10.0",
            "qvel_clip = nan",
            "observation.qvel_clip",
        ),
        (
            "[0.8, 2.0]",
            "[2.0, 0.8]",
            "healthy: qpos = 1, range = [2, 0.8]",
        ),
        ("[0.8, 2.0]", "[0.8]", "hop.toml:24"),
        (
            "qpos = { uniform = 0.005 }",
            "qpos = { uniform = -1.0 }",
            "reset.qpos: is -1",
        ),
        (
            "qpos = { uniform = 0.005 }",
            "qpos = { gauss = 1.0 }",
            "unknown variant `gauss`",
        ),
        (
            "expert = 4592.3",
            "expert = 1.0",
            "random is not below expert",
        ),
        (
            "capsule_mass = \"exact\"",
            "capsule_mass = \"old\"",
            "unknown variant `old`",
        ),
        (
            "asset = \"walker2d.xml\"",
            "asset = \"spot.xml\"",
            "asset `spot.xml` is not there",
        ),
    ] {
        assert!(base.contains(from), "{from}");
        let message = load(&base.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(message.contains(problem), "{to}: {message}");
        assert!(message.contains("help:"), "{message}");
    }
    assert!(
        Task::load("no/such.toml")
            .unwrap_err()
            .to_string()
            .contains("no/such.toml")
    );
}
