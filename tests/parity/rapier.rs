use h2oplus::env::reference::{Reference, Spread, distances};
use h2oplus::physics::planar::{Batch, Precision};
use h2oplus::physics::rapier::{Engine, Robot, World};
use std::path::Path;

#[test]
fn explore() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/physics");
    for name in ["halfcheetah-v2-none", "halfcheetah-v2-big-thigh", "walker2d-v2-none", "walker2d-v5-none"] {
        let r = Reference::load(&folder.join(format!("{name}.safetensors"))).unwrap();
        let (model, _) = r.task.model(&r.gap).unwrap();
        let (nv, nu) = (model.nv(), model.nu());
        let robot = Robot::new(&model);
        let mut engine = Engine::new();
        for frames in [1, r.task.frame_skip] {
            let mut batch = Batch::new(std::slice::from_ref(&model), r.len, Precision::F64).unwrap();
            batch.trace_rows();
            for e in 0..r.len {
                batch.set_state(e, &r.qpos[e * nv..][..nv], &r.qvel[e * nv..][..nv]);
                batch.set_ctrl(e, &r.action[e * nu..][..nu]);
            }
            batch.step(frames);
            let (mut q, mut v) = (vec![0.0; r.len * nv], vec![0.0; r.len * nv]);
            for e in 0..r.len {
                let mut w = World::new(&robot);
                w.set_state(&r.qpos[e * nv..][..nv], &r.qvel[e * nv..][..nv]);
                w.step(&mut engine, &robot, &r.action[e * nu..][..nu], frames);
                w.qpos(&robot, &mut q[e * nv..][..nv]);
                w.qvel(&mut v[e * nv..][..nv]);
            }
            let (eq, ev) = (distances(&q, &batch.qpos(), nv), distances(&v, &batch.qvel(), nv));
            for class in 0..3 {
                let pick = |e: &usize| {
                    let rows = format!("{:?}", batch.rows(*e));
                    let _ = &rows;
                    let sets = batch.rows(*e);
                    let c = sets.iter().any(|s| s.contacts != 0);
                    let l = sets.iter().any(|s| s.limits != 0);
                    class == if c { 2 } else if l { 1 } else { 0 }
                };
                let ids: Vec<usize> = (0..r.len).filter(pick).collect();
                if ids.is_empty() { continue; }
                let sq = Spread::of(&ids.iter().map(|e| eq[*e]).collect::<Vec<_>>());
                let sv = Spread::of(&ids.iter().map(|e| ev[*e]).collect::<Vec<_>>());
                println!("{name} frames {frames} class {class}: n {} qpos {:.1e}/{:.1e}/{:.1e} qvel {:.1e}/{:.1e}/{:.1e}", ids.len(), sq.median, sq.p99, sq.max, sv.median, sv.p99, sv.max);
            }
        }
    }
}
