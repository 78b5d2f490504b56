//! The sound files that are mutated: a folder for each format, with a folder for each variant in it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use h2oplus::cli::train;
use h2oplus::data::{Dataset, d4rl, minari, tensors};
use h2oplus::run::data::behaviour::{Behaviour, Snapshot};
use h2oplus::run::record::run_folder::RunFolder;
use h2oplus::run::train::trainer::load_agent;

/// Steps of an episode of the robot that runs and policies are made for.
const EPISODE: &str = "max_episode_steps = 6";

/// A run as short as can be; what it says of its members is all there is.
pub const RUN: &str = "--gap gravity=0.5..2.0 --gap-rows 2 --gap-redraw --data random --rows 24 --hidden 4 \
    --real-batch 4 --sim-batch 4 --ratio-batch 4 --envs 2 --seeds 0,3 --cycle-steps 4 --cycle-updates 2 --updates 2 \
    --eval-every 2 --eval-episodes 1 --checkpoint-every 2 --log-every 1 --replay-cap 16";

/// The flags of a subcommand, from their text.
///
/// # Panics
/// If they are wrong.
pub fn flags<T: Args>(words: &[&str]) -> T {
    let command = T::augment_args(Command::new("fuzz").no_binary_name(true));
    let matches = command
        .try_get_matches_from(words)
        .expect("flags of the program");
    T::from_arg_matches(&matches).expect("values of its flags")
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Copies files of the project into `folder`, under the names behind `as`.
fn copy(folder: &Path, files: &[(&str, &str)]) {
    fs::create_dir_all(folder).expect("a folder");
    for (from, to) in files {
        let (from, to) = (project(from), folder.join(to));
        fs::create_dir_all(to.parent().expect("in a folder")).expect("a folder");
        fs::copy(&from, &to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    }
}

/// The monoped with short episodes.
fn robot(folder: &Path) -> PathBuf {
    let file = |name| (format!("envs/monoped/{name}"), name);
    for (from, to) in ["task.toml", "robot.xml", "gaps.toml"].map(file) {
        copy(folder, &[(&from, to)]);
    }
    let task = folder.join("task.toml");
    let text = fs::read_to_string(&task).expect("text");
    fs::write(&task, text.replace("max_episode_steps = 500", EPISODE)).expect("written");
    task
}

/// Makes them all in `root`.
///
/// # Panics
/// If something that is sound is refused: then there is nothing to mutate.
pub fn make(root: &Path) {
    data(root);
    robots(root);
    runs(root);
    copy(
        &root.join("physics/named"),
        &[(
            "tests/reference/physics/hopper-v2-gravity.safetensors",
            "hopper-v2-gravity.safetensors",
        )],
    );
    copy(
        &root.join("physics/own"),
        &[
            (
                "tests/reference/robots/biped.safetensors",
                "biped.safetensors",
            ),
            ("tests/reference/robots/biped.toml", "biped.toml"),
            ("tests/reference/robots/biped.xml", "biped.xml"),
        ],
    );
    for case in [
        "sac",
        "iql",
        "cql",
        "td3bc",
        "darc",
        "h2o",
        "h2oplus-paper",
        "sac-bc",
        "par-bc",
        "sac-cql",
        "dara",
    ] {
        let (from, to) = (
            format!("tests/reference/algorithms/{case}.safetensors"),
            format!("{case}.safetensors"),
        );
        copy(&root.join("learning").join(case), &[(&from, &to)]);
    }
}

fn data(root: &Path) {
    for name in ["d4rl", "d4rl_no_next", "d4rl_old"] {
        let from = format!("tests/reference/formats/{name}.hdf5");
        copy(&root.join("d4rl").join(name), &[(&from, "data.hdf5")]);
    }
    let mut data = Dataset::read(project("tests/reference/formats/d4rl.hdf5")).expect("sound");
    data.gap.insert("gravity".into(), vec![1.5; data.len()]);
    let ours = root.join("d4rl/ours");
    fs::create_dir_all(&ours).expect("a folder");
    d4rl::write(ours.join("data.hdf5"), &data).expect("written");
    let theirs = root.join("minari/theirs");
    let file = |name| {
        (
            format!("tests/reference/formats/minari/{name}"),
            format!("data/{name}"),
        )
    };
    for (from, to) in ["main_data.hdf5", "metadata.json"].map(file) {
        copy(&theirs, &[(&from, &to)]);
    }
    minari::write(root.join("minari/ours"), &data).expect("written");
    data.environment = Some("Hopper-v5".into());
    let ours = root.join("tensors/ours/data.safetensors");
    tensors::write(ours, &data).expect("written");
    let bare = Dataset {
        qpos: None,
        qvel: None,
        policy: None,
        ..data
    };
    let bare_file = root.join("tensors/bare/data.safetensors");
    tensors::write(bare_file, &bare).expect("written");
}

fn robots(root: &Path) {
    robot(&root.join("robot/own"));
    copy(
        &root.join("robot/own"),
        &[("envs/randomised.toml", "domain.toml")],
    );
    for (task, model) in [
        ("halfcheetah-v2", "half_cheetah"),
        ("hopper-v5", "hopper"),
        ("walker2d-v4", "walker2d"),
    ] {
        let (toml, xml) = (format!("envs/{task}.toml"), format!("assets/{model}.xml"));
        let folder = root.join("robot").join(task);
        copy(
            &folder,
            &[
                (&toml, "task.toml"),
                (&xml, &format!("{model}.xml")),
                ("envs/gaps.toml", "gaps.toml"),
                ("envs/randomised.toml", "domain.toml"),
            ],
        );
    }
}

fn runs(root: &Path) {
    let (run, robot) = (root.join("run/one"), robot(&root.join("behaviour/one")));
    let out = root.join("made");
    let flags_of_run: Vec<&str> = RUN.split_whitespace().collect();
    let place = ["--task", text(&robot), "--out", text(&out)];
    train::run(flags(&[&place[..], &flags_of_run].concat())).expect("trained");
    let made = fs::read_dir(&out)
        .expect("runs")
        .next()
        .expect("one")
        .expect("readable")
        .path();
    fs::create_dir_all(run.parent().expect("in a folder")).expect("a folder");
    fs::rename(made, &run).expect("moved");
    let (_, agent) = load_agent(&RunFolder::open(&run).expect("a run"), None).expect("an agent");
    let snapshot = |updates| Snapshot {
        algorithm: "SAC".into(),
        updates,
        eval_return: 1.5,
        policy: agent.policy(0).expect("a policy"),
    };
    let behaviour = Behaviour {
        snapshots: vec![snapshot(1), snapshot(2)],
    };
    behaviour
        .save(&root.join("behaviour/one/snapshots.safetensors"))
        .expect("written");
}

/// A path of ours as text.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("our folders have plain names")
}
