//! Networks forward and backward.

use candle_core::{Device, Tensor};
use h2oplus::kernel::MatmulPrecision;
use h2oplus::kernel::dense::View;
use h2oplus::kernel::norm::Norm;
use h2oplus::net::params::Params;
use h2oplus::net::spec::{LastLayer, ParamSpec};
use h2oplus::net::workspace::{Backprop, Bank, Plan};

use super::{Case, P, poison, random, scale};
use crate::cuda_host::Host;
use crate::support::list;

fn floats(t: &Tensor) -> Vec<f32> {
    list(t).iter().map(|x| *x as f32).collect()
}

/// Forward and backward of two networks on parts of wider inputs.
pub fn networks(host: &Host, sizes: &[usize], norm: Norm) {
    const ROWS: usize = 37;
    const COLUMNS: usize = 11;
    let mut spec = ParamSpec::default();
    let twin = spec.normed("twin", sizes, norm, LastLayer::Linear);
    let net = spec.normed("net", sizes, norm, LastLayer::Linear);
    let params = Params::new(spec, &[(&net, "target")], &[7, 8, 9], &Device::Cpu).unwrap();
    let view = |buffer: usize, offset: usize| View {
        buffer,
        offset,
        ld: COLUMNS,
        stride: ROWS * COLUMNS,
    };
    let mut plan = Plan::new(P, [params.len(), params.target_len()], MatmulPrecision::F32);
    let mut train = plan.pass(&net, Bank::Trained, view(0, 1), ROWS);
    train.save_for_backward();
    let mut other = plan.pass(&twin, Bank::Trained, view(1, 0), ROWS - 6);
    other.save_for_backward();
    let mut through = plan.pass(&net, Bank::Trained, view(1, 1), ROWS);
    through.save_for_backward();
    let infer = plan.pass(&net, Bank::Trained, view(0, 2), ROWS);
    let target = plan.pass(&params.target_of(&net), Bank::Target, view(1, 0), ROWS);
    let (first, columns) = (2, sizes[0] - 2);
    let input_grad = plan.input_grad(&through, columns);
    let dense = plan.forward(&[&train, &other, &through, &infer, &target]);
    let (theta, inputs) = (
        floats(&params.theta),
        [
            random(30, P * ROWS * COLUMNS),
            random(31, P * ROWS * COLUMNS),
        ],
    );
    let forward = Case {
        kernel: dense,
        out: [poison(P * plan.room())],
        input: [
            theta.clone(),
            floats(&params.target),
            inputs[0].clone(),
            inputs[1].clone(),
        ],
        scratch: true,
        compared: usize::MAX,
    };
    let acts = forward.on_cpu().remove(0);
    forward.check(host, |c| scale(&mut c.input[0]));
    // Losses write the last deltas; here they are given.
    let mut act_grads = poison(P * plan.room());
    let outputs = sizes[sizes.len() - 1];
    for (m, member) in act_grads.chunks_exact_mut(plan.room()).enumerate() {
        for (n, pass) in [&train, &other, &through].into_iter().enumerate() {
            let dy = random(40 + (3 * m + n) as u64, pass.rows() * outputs);
            member[pass.out().offset()..][..dy.len()].copy_from_slice(&dy);
        }
    }
    let backs = [
        Backprop::weights(&train),
        Backprop::weights(&other),
        Backprop {
            pass: &through,
            weights: false,
            input: Some((first, columns, input_grad)),
        },
    ];
    let [x, y] = inputs;
    let backward = Case {
        kernel: plan.backward(&backs),
        out: [
            act_grads,
            poison(P * params.len()),
            poison(P * params.len()),
        ],
        input: [theta, acts, x, y],
        scratch: false,
        compared: 2,
    };
    backward.check(host, |c| scale(&mut c.input[0]));
}

/// A network on groups of rows that share part of its input.
pub fn grouped(host: &Host, sizes: &[usize], norm: Norm) {
    const GROUPS: usize = 9;
    const PER: usize = 4;
    const OWN: usize = 2;
    let shared = sizes[0] - OWN;
    let mut spec = ParamSpec::default();
    let net = spec.normed("net", sizes, norm, LastLayer::Linear);
    let params = Params::new(spec, &[(&net, "target")], &[7, 8, 9], &Device::Cpu).unwrap();
    let view = |buffer: usize, rows: usize, ld: usize| View {
        buffer,
        offset: 0,
        ld,
        stride: rows * ld,
    };
    let mut plan = Plan::new(P, [params.len(), params.target_len()], MatmulPrecision::F32);
    let mut base = plan.shared(&net, view(0, GROUPS, shared), 0..shared, GROUPS);
    let own = view(1, GROUPS * PER, OWN);
    let mut pass = plan.grouped(&net, &base, own, shared..sizes[0], PER);
    base.save_for_backward();
    pass.save_for_backward();
    let (x, own_x) = (
        random(80, P * GROUPS * shared),
        random(81, P * GROUPS * PER * OWN),
    );
    let theta = floats(&params.theta);
    let forward = |acts: Vec<f32>, pass| Case {
        kernel: plan.forward(&[pass]),
        out: [acts],
        input: [
            theta.clone(),
            floats(&params.target),
            x.clone(),
            own_x.clone(),
        ],
        scratch: true,
        compared: usize::MAX,
    };
    let acts = forward(poison(P * plan.room()), &base).on_cpu().remove(0);
    let case = forward(acts, &pass);
    let acts = case.on_cpu().remove(0);
    case.check(host, |c| scale(&mut c.input[0]));
    let mut act_grads = poison(P * plan.room());
    for (m, member) in act_grads.chunks_exact_mut(plan.room()).enumerate() {
        let dy = random(82 + m as u64, pass.rows() * sizes[sizes.len() - 1]);
        member[pass.out().offset()..][..dy.len()].copy_from_slice(&dy);
    }
    let backs = [Backprop::weights(&pass), Backprop::weights(&base)];
    let case = Case {
        kernel: plan.backward(&backs),
        out: [
            act_grads,
            poison(P * params.len()),
            poison(P * params.len()),
        ],
        input: [theta.clone(), acts, x.clone(), own_x.clone()],
        scratch: false,
        compared: 2,
    };
    case.check(host, |c| scale(&mut c.input[3]));
}
