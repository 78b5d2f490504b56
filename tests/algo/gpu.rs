//! Whole agents on a GPU. Without one these tests are skipped, aloud.

use std::collections::HashMap;

use candle_core::Device;
use h2oplus::algo::{Agent, build, methods};

use crate::agents::{A, S, replay_on, settings};
use crate::support::{device, error};

fn gpu() -> Option<&'static Device> {
    device().is_cuda().then(device)
}

/// More updates than it takes for a graph to be captured and replayed, before and after a warm start.
const UPDATES: u64 = 12;

fn trained(device: &Device, method: &str, seeds: &[u64]) -> Box<dyn Agent> {
    let mut agent = build(method, &settings(method, 5), S, A, seeds, device).unwrap();
    let (real, mut sim) = (
        replay_on(device, 1, 1, 400),
        replay_on(device, 2, seeds.len(), 400),
    );
    for k in 0..UPDATES {
        if k == 8 {
            // Over the end of the rings.
            let more = replay_on(&Device::Cpu, 3, 1, 150).rows.to_vec2::<f32>();
            let rows = more.unwrap()[..150].concat();
            sim.push(&rows.repeat(seeds.len())).unwrap();
        }
        agent.update(&real, &sim).unwrap();
    }
    agent
}

fn distance(a: &dyn Agent, member: usize, b: &dyn Agent, other: usize) -> f64 {
    let b: HashMap<_, _> = b.parameters(other).unwrap().into_iter().collect();
    let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let each = a.parameters(member).unwrap();
    let each = each.iter().map(|(n, v)| error(&wide(v), &wide(&b[n])));
    each.fold(0.0, f64::max)
}

#[test]
fn a_gpu_learns_as_the_cpu() {
    let Some(gpu) = gpu() else { return };
    for method in methods() {
        let (ours, twin) = (
            trained(gpu, method, &[3, 4]),
            trained(&Device::Cpu, method, &[3, 4]),
        );
        for member in 0..2 {
            let e = distance(ours.as_ref(), member, twin.as_ref(), member);
            assert!(e < 2e-3, "{method}: {e:.1e}");
        }
        assert!(
            distance(ours.as_ref(), 0, twin.as_ref(), 1) > 1e-2,
            "{method}: seeds must differ"
        );
    }
}

#[test]
fn a_member_on_a_gpu_learns_as_it_would_alone() {
    let Some(gpu) = gpu() else { return };
    for method in methods() {
        let all = trained(gpu, method, &[3, 4, 5]);
        for (member, seed) in [3, 4, 5].into_iter().enumerate() {
            let alone = trained(gpu, method, &[seed]);
            let e = distance(all.as_ref(), member, alone.as_ref(), 0);
            assert!(e < 1e-3, "{method}, member {member}: {e:.1e}");
        }
    }
}
