//! The planar kernel against MuJoCo's recorded transitions.

use h2oplus::env::reference::{Comparison, Reference, compare};
use h2oplus::physics::planar::Precision;
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/physics");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 18);
    files
}

fn run(path: &Path, precision: Precision) -> Comparison {
    let reference = Reference::load(path).unwrap();
    let (model, _) = reference.task.model(&reference.gap).unwrap();
    compare(&reference, &model, precision).unwrap()
}

#[test]
fn float64_is_within_1e_9_of_mujoco() {
    for path in files() {
        let c = run(&path, Precision::F64);
        println!(
            "{} {:?} {:?} {:?} {:?} {:?}",
            path.display(),
            c.qpos_step,
            c.qvel_step,
            c.qpos_env,
            c.qvel_env,
            c.reward
        );
        for s in [c.qpos_step, c.qvel_step, c.qpos_env, c.qvel_env, c.reward] {
            assert!(s.max < 1e-9, "{}: {s:?}", path.display());
        }
        assert_eq!(c.termination, 0);
    }
}

#[test]
fn float32_lanes_are_close_to_mujoco() {
    for path in files() {
        let c = run(&path, Precision::F32);
        println!(
            "{} {:?} {:?} {:?}",
            path.display(),
            c.scaled_qvel_env,
            c.explained,
            c.unexplained
        );
        assert!(
            c.scaled_qvel_env.median < 1e-5 && c.scaled_qvel_env.max < 1e-2,
            "{}",
            path.display()
        );
        assert!(
            c.unexplained.is_empty(),
            "{}: {:?}",
            path.display(),
            c.unexplained
        );
    }
}
