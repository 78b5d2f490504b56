//! Whole env steps against MuJoCo's recorded transitions.

use super::gpu;
use crate::physics::{close, files, robots};
use h2oplus::gpu::Gpu;
use h2oplus::measure::reference::{Comparison, Reference, compare_gpu};
use h2oplus::model::Model;
use std::path::Path;
use std::sync::Arc;

fn run(path: &Path, gpu: &Arc<Gpu>, edit: impl Fn(&mut Model)) -> Comparison {
    let reference = Reference::load(path).unwrap();
    let (mut model, _) = reference.task.model(&reference.gap).unwrap();
    edit(&mut model);
    compare_gpu(&reference, &model, gpu).unwrap()
}

#[test]
fn shaders_are_close_to_mujoco() {
    let Some(gpu) = gpu() else { return };
    for path in files().into_iter().chain(robots()) {
        let c = run(&path, &gpu, |_| ());
        close(&c, &path);
    }
}

#[test]
fn one_per_cent_off_is_seen() {
    type Edit = fn(&mut Model);
    let edits: [(&str, Edit); 6] = [
        ("gravity", |m| m.gravity *= 1.01),
        ("mass", |m| m.bodies[3].mass *= 1.01),
        ("inertia", |m| m.bodies[2].inertia *= 1.01),
        ("gear", |m| m.actuators[1].gear *= 1.01),
        ("friction", |m| {
            m.points.iter_mut().for_each(|p| p.friction *= 1.01)
        }),
        ("row scale", |m| {
            m.points.iter_mut().for_each(|p| p.row_scale *= 1.01)
        }),
    ];
    let Some(gpu) = gpu() else { return };
    let plain = |p: &&std::path::PathBuf| p.to_string_lossy().ends_with("-v2-none.safetensors");
    for path in files().iter().filter(plain) {
        for (name, edit) in edits {
            let c = run(path, &gpu, edit);
            assert!(
                !c.unexplained.is_empty(),
                "{name} passed in {}",
                path.display()
            );
        }
    }
}
