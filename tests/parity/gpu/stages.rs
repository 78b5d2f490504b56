//! Every stage against its CPU twin.

use super::gpu;
use h2oplus::engine::planar::probe::stages;
use h2oplus::engine::wgsl::GpuBatch;
use h2oplus::measure::reference::Reference;
use h2oplus::model::Model;
use std::path::Path;

/// States of each robot that are compared.
const STATES: usize = 200;

fn reference(task: &str) -> Reference {
    let folder = match task {
        "roller" => "robots",
        _ => "physics",
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference")
        .join(folder);
    Reference::load(&folder.join(format!("{task}.safetensors"))).unwrap()
}

/// Name of each stage with the scaled errors of all states, sorted.
fn errors(
    reference: &Reference,
    edit: impl Fn(&mut Model),
) -> Option<Vec<(&'static str, Vec<f64>)>> {
    let gpu = gpu()?;
    let (model, _) = reference.task.model(&reference.gap).unwrap();
    let (nv, nu, n) = (model.nv(), model.nu(), STATES.min(reference.len));
    let mut edited = model.clone();
    edit(&mut edited);
    let mut batch = GpuBatch::new(&gpu, &[edited], n).unwrap();
    let start = |e: usize| {
        (
            &reference.qpos[e * nv..][..nv],
            &reference.qvel[e * nv..][..nv],
            &reference.action[e * nu..][..nu],
        )
    };
    for e in 0..n {
        let (qpos, qvel, action) = start(e);
        batch.set_state(e, qpos, qvel);
        batch.set_ctrl(e, action);
    }
    let theirs = batch.stages().unwrap();
    let mut errors: Vec<_> = theirs.iter().map(|(name, _)| (*name, Vec::new())).collect();
    for e in 0..n {
        let (qpos, qvel, action) = start(e);
        for (s, (name, want)) in stages(&model, qpos, qvel, action)
            .unwrap()
            .iter()
            .enumerate()
        {
            assert_eq!(*name, theirs[s].0);
            let is = &theirs[s].1[e * want.len()..][..want.len()];
            let scale = want.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            let error = is.iter().zip(want).fold(0.0, |m: f64, (is, want)| {
                let d = (f64::from(*is) - want).abs() / scale;
                if d.is_nan() { f64::INFINITY } else { m.max(d) }
            });
            errors[s].1.push(error);
        }
    }
    errors
        .iter_mut()
        .for_each(|(_, e)| e.sort_by(f64::total_cmp));
    Some(errors)
}

#[test]
fn every_stage_is_its_cpu_twin() {
    for task in [
        "halfcheetah-v2-none",
        "walker2d-v2-none",
        "hopper-v2-none@folded",
        "roller",
    ] {
        let Some(errors) = errors(&reference(task), |_| ()) else {
            return;
        };
        for (stage, e) in errors {
            assert!(passes(stage, &e), "{task} {stage}: {}", told(&e));
        }
    }
}

/// Are the sorted errors of a stage those of rounding? Weights of rows, and what follows from them,
/// rest on how deep a row is, a small difference of large numbers; and a sphere at exactly the
/// touching distance may touch here and not there.
fn passes(stage: &str, e: &[f64]) -> bool {
    let usual = if stage.starts_with("contact") {
        3e-5
    } else {
        3e-6
    };
    e[e.len() / 2] < usual && e[e.len() * 98 / 100] < 1e-3
}

fn told(e: &[f64]) -> String {
    let [median, most] = [e[e.len() / 2], e[e.len() * 98 / 100]];
    format!("median {median:e}, 98 % {most:e}")
}

/// One per cent more of a parameter must show in the stage that it is for.
#[test]
fn one_per_cent_off_shows_in_its_stage() {
    type Edit = fn(&mut Model);
    let edits: [(&str, &str, Edit); 18] = [
        ("qfrc_actuator", "gear", |m| m.actuators[1].gear *= 1.01),
        ("rx", "offset", |m| {
            m.bodies[3].offset.iter_mut().for_each(|x| *x *= 1.01)
        }),
        ("height", "z0", |m| m.z0 += 0.01),
        ("hz", "centre of mass", |m| {
            m.bodies[2].com.iter_mut().for_each(|x| *x *= 1.01)
        }),
        ("qfrc_smooth", "gravity", |m| m.gravity *= 1.01),
        ("qfrc_smooth", "damping", |m| {
            m.dofs.iter_mut().for_each(|d| d.damping *= 1.01)
        }),
        ("contact_efc_D", "row scale", |m| {
            m.points.iter_mut().for_each(|p| p.row_scale *= 1.01)
        }),
        ("contact_efc_aref_n", "contact damper", |m| {
            m.contact.damping *= 1.01
        }),
        ("limit_efc_aref", "limit spring", |m| {
            m.limit.stiffness *= 1.01
        }),
        ("pair_efc_D", "pair's row scale", |m| {
            m.pairs.iter_mut().for_each(|p| p.row_scale *= 1.01)
        }),
        ("roll_efc_aref", "contact damper", |m| {
            m.contact.damping *= 1.01
        }),
        ("qM", "rolling friction", |m| {
            m.points.iter_mut().for_each(|p| p.rolling *= 1.05)
        }),
        ("pair_efc_aref", "pair's spring", |m| {
            m.pair.stiffness *= 1.01
        }),
        ("pair_efc_J", "hinge", |m| {
            m.bodies
                .iter_mut()
                .for_each(|b| b.offset.iter_mut().for_each(|x| *x *= 1.01))
        }),
        ("grad", "friction", |m| {
            m.points.iter_mut().for_each(|p| p.friction *= 1.01)
        }),
        ("qM", "mass", |m| {
            m.bodies.iter_mut().for_each(|b| b.mass *= 1.01)
        }),
        ("qLD", "inertia", |m| {
            m.bodies.iter_mut().for_each(|b| b.inertia *= 1.01)
        }),
        ("Mgrad", "armature", |m| {
            m.dofs.iter_mut().for_each(|d| d.armature *= 1.01)
        }),
    ];
    let (runner, hopper, roller) = (
        reference("halfcheetah-v2-none"),
        reference("hopper-v2-none@folded"),
        reference("roller"),
    );
    for (stage, what, edit) in edits {
        let reference = if stage.starts_with("pair") {
            &hopper
        } else if stage.starts_with("roll") || what.starts_with("rolling") {
            &roller
        } else {
            &runner
        };
        let Some(errors) = errors(reference, edit) else {
            return;
        };
        let (_, e) = errors.iter().find(|(name, _)| *name == stage).unwrap();
        assert!(!passes(stage, e), "{what} passed {stage}: {}", told(e));
    }
}
