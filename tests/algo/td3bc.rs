//! TD3's policy and TD3+BC's loss against autograd of their formulas; how the agent acts, and when it steps.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use h2oplus::kernel::launch::launch;
use h2oplus::kernel::td3bc::{PolicyActions, Td3BcGrad, Td3BcLoss};
use h2oplus::kernel::{RowLayout, Slot};
use h2oplus::method::{Agent, build};

use crate::agents::{agent, run, settings};
use crate::support::{error, f64, far, list, near, normals, poison, var, zeros};

type Compare = fn(&str, &[f64], &Tensor);
const P: usize = 2;
const N: usize = 300; // more than a tile
const A: usize = 3;
const S: usize = 4;

/// Floats a member of the activations: raw outputs, Q1, ∂/∂a.
const STRIDE: usize = 2 * N * A + N;
const RAW: usize = 0;
const Q: usize = N * A;
const D_ACTION: usize = N * A + N;

fn rows(t: &Tensor, p: usize, width: usize) -> Tensor {
    let floats = f64(&t.get(p).unwrap());
    floats.reshape(((), width)).unwrap()
}

fn piece(t: &Tensor, p: usize, at: usize, len: usize) -> Tensor {
    t.get(p).unwrap().narrow(0, at, len).unwrap()
}

fn check_actions(scale: f64, compare: Compare) {
    let row = RowLayout::new(S, A);
    let (acts, noise) = (normals(1, &[P, STRIDE]), normals(2, &[P, N * A]));
    let batch = normals(3, &[P, N * row.floats()]);
    // With noise that its clip reaches, and without any.
    for (std, clip, column) in [(0.4, 0.5, row.next_obs()), (0.0, 0.0, row.obs())] {
        let kernel = PolicyActions {
            members: P,
            rows: N,
            raw: Slot::new(RAW),
            column,
            row,
            std: (std as f32).into(),
            clip: (clip as f32).into(),
        };
        let fresh = poison(&[P, N * (S + A)]);
        launch(&kernel, [&fresh], [&acts, &noise, &batch]).unwrap();
        for p in 0..P {
            let raw = f64(&piece(&acts, p, RAW, N * A)).reshape((N, A)).unwrap();
            let noise = (rows(&noise, p, A) * std).unwrap().clamp(-clip, clip);
            let action = (raw.tanh().unwrap() * scale).unwrap() + noise.unwrap();
            let ours = rows(&fresh, p, S + A);
            compare(
                "actions",
                &list(&ours.narrow(1, S, A).unwrap()),
                &action.unwrap().clamp(-1.0, 1.0).unwrap(),
            );
            let states = rows(&batch, p, row.floats());
            near(
                "states",
                &list(&ours.narrow(1, 0, S).unwrap()),
                &states.narrow(1, column, S).unwrap(),
            );
        }
    }
}

/// The loss, and its gradient through a critic that is linear in the action: Q1 = c + a·slope.
fn check_loss(alpha: f64, compare: Compare) {
    let row = RowLayout::new(S, A);
    let batch = normals(4, &[P, N * row.floats()]).tanh().unwrap();
    let (raw, slope, c) = (
        normals(5, &[P, N * A]),
        normals(6, &[P, N * A]),
        normals(7, &[P, N]),
    );
    let q = |p: usize, pi: &Tensor| {
        let along = (pi * rows(&slope, p, A)).unwrap().sum(1).unwrap();
        (along + f64(&c.get(p).unwrap())).unwrap()
    };
    let values = (0..P).map(|p| {
        let pi = rows(&raw, p, A).tanh().unwrap();
        q(p, &pi).to_dtype(candle_core::DType::F32).unwrap()
    });
    let values = Tensor::stack(&values.collect::<Vec<_>>(), 0).unwrap();
    let values = values.to_device(crate::support::device()).unwrap();
    let acts = Tensor::cat(&[&raw, &values, &slope], 1).unwrap();
    let loss = Td3BcLoss {
        members: P,
        rows: N,
        q: Slot::new(Q),
        raw: Slot::new(RAW),
        row,
        stats_at: Slot::new(1),
        bc_alpha: 2.5.into(),
    };
    let (act_grads, stats) = (poison(&[P, STRIDE]), zeros(&[P, 4]));
    launch(&loss, [&act_grads, &stats], [&acts, &batch]).unwrap();
    // What the critic's way back would leave at the actions: dQ1 · slope.
    let d_q = act_grads.narrow(1, Q, N).unwrap().unsqueeze(2).unwrap();
    let d_action = slope.reshape((P, N, A)).unwrap().broadcast_mul(&d_q);
    let d_action = d_action.unwrap().reshape((P, N * A)).unwrap();
    act_grads.slice_set(&d_action, 1, D_ACTION).unwrap();
    let back = Td3BcGrad {
        members: P,
        rows: N,
        raw: Slot::new(RAW),
        d_action: Slot::new(D_ACTION),
        row,
    };
    launch(&back, [&act_grads], [&acts, &batch]).unwrap();
    for p in 0..P {
        let raw = var(&raw.get(p).unwrap().reshape((N, A)).unwrap());
        let pi = raw.as_tensor().tanh().unwrap();
        let value = q(p, &pi);
        let lambda = alpha / list(&value.abs().unwrap().mean_all().unwrap())[0];
        let action = rows(&batch, p, row.floats()).narrow(1, S, A).unwrap();
        let off = (pi - action).unwrap().sqr().unwrap().mean_all().unwrap();
        let loss = (&off - (value.mean_all().unwrap() * lambda).unwrap()).unwrap();
        let ours = list(&stats.get(p).unwrap());
        compare("loss", &ours[1..2], &loss);
        near("cloning", &ours[2..3], &off);
        let grads = loss.backward().unwrap();
        let d_raw = list(&piece(&act_grads, p, RAW, N * A));
        compare("d raw", &d_raw, grads.get(&raw).unwrap());
    }
}

#[test]
fn parity_with_autograd() {
    check_actions(1.0, near);
    check_loss(2.5, near);
}

#[test]
fn one_percent_is_seen() {
    check_actions(1.01, far);
    check_loss(2.525, far);
}

/// Without noise the policy's own action; with it TD3's exploration, clip(π(s) + 0.1·ε, ±1).
#[test]
fn acting_explores_as_td3_does() {
    let agent = agent("td3bc", 0, &[3, 4]);
    let obs = normals(8, &[2, 50, crate::agents::S]);
    let noise = (normals(9, &[2, 50, crate::agents::A]) * 4.0).unwrap();
    let still = f64(&agent.act(&obs, None).unwrap());
    let moved = list(&agent.act(&obs, Some(&noise)).unwrap());
    let free = (still + (f64(&noise) * 0.1).unwrap()).unwrap();
    near("explored", &moved, &free.clamp(-1.0, 1.0).unwrap());
    assert!(error(&moved, &list(&free)) > 1e-3, "the clip is reached");
}

/// The policy steps, and the targets follow, in the last of every `policy_delay` updates; the critics step in all.
#[test]
fn the_policy_and_the_targets_wait() {
    let mut settings = settings("td3bc", 0);
    settings.insert("policy_delay".into(), 3.into());
    let dims = [crate::agents::S, crate::agents::A];
    let mut agent = build("td3bc", &settings, dims[0], dims[1], &[3], &Device::Cpu).unwrap();
    let all =
        |agent: &Agent| -> HashMap<_, _> { agent.parameters(0).unwrap().into_iter().collect() };
    for update in 0..7 {
        let before = all(&agent);
        run(&mut agent, 1);
        for (name, values) in all(&agent) {
            let moves = name.starts_with("qf") || update % 3 == 2;
            assert_eq!(values != before[&name], moves, "{name} in update {update}");
        }
    }
}
