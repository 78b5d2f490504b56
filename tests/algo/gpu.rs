//! Whole agents on a GPU. Without one these tests are skipped, aloud.

use std::collections::HashMap;

use candle_core::Device;
use h2oplus::method::{Agent, build, methods};
use h2oplus::net::{Act, DevicePolicy};

use crate::agents::{A, S, replay_on, settings};
use crate::support::{device, error, list, normals};

fn gpu() -> Option<&'static Device> {
    device().is_cuda().then(device)
}

/// More updates than it takes for a graph to be captured and replayed, before and after a warm start.
const UPDATES: u64 = 12;

fn trained(device: &Device, method: &str, seeds: &[u64]) -> Agent {
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
        agent.update(1, &real, &sim).unwrap();
    }
    agent
}

fn distance(a: &Agent, member: usize, b: &Agent, other: usize) -> f64 {
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
            let e = distance(&ours, member, &twin, member);
            assert!(e < 2e-3, "{method}: {e:.1e}");
        }
        assert!(
            distance(&ours, 0, &twin, 1) > 1e-2,
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
            let e = distance(&all, member, &alone, 0);
            assert!(e < 1e-3, "{method}, member {member}: {e:.1e}");
        }
    }
}

/// On the CPU too, where there is no GPU: both kinds of policies.
#[test]
fn a_snapshot_acts_on_a_device_as_on_the_host() {
    const ROWS: usize = 9;
    for method in ["sac", "iql"] {
        let agent = trained(&Device::Cpu, method, &[3]);
        let mut policy = agent.policy(0).unwrap();
        let on_device = DevicePolicy::new(&policy, ROWS, device()).unwrap();
        let floats = |seed, len| {
            list(&normals(seed, &[len]))
                .iter()
                .map(|x| *x as f32)
                .collect::<Vec<_>>()
        };
        let (obs, noise) = (floats(5, ROWS * S), floats(6, ROWS * A));
        let wide = |v: Vec<f32>| v.into_iter().map(f64::from).collect::<Vec<_>>();
        for noise in [None, Some(&noise[..])] {
            let ours = wide(on_device.act(&obs, noise).unwrap());
            let e = error(&ours, &wide(policy.act(&obs, noise)));
            assert!(e < 1e-5, "{method}: {e:.1e}");
        }
        let ours = wide(on_device.act(&obs, None).unwrap());
        policy.layers[1].weight.iter_mut().for_each(|w| *w *= 1.01);
        assert!(
            error(&ours, &wide(policy.act(&obs, None))) > 1e-4,
            "{method}"
        );
    }
}
