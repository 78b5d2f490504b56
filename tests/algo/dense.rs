//! Networks forward and backward.

use std::collections::HashMap;

use candle_core::{D, Tensor, Var};
use h2oplus::nn::ops::dense::View;
use h2oplus::nn::params::Params;
use h2oplus::nn::spec::{LastLayer, Mlp, Spec};
use h2oplus::nn::workspace::{Backprop, Bank, Plan};

use crate::support::{far, list, near, normals, poison, var};

pub const MEMBERS: usize = 2;
const ROWS: usize = 150; // more than a tile, and no multiple of it
const COLUMNS: usize = 11; // of an input row, of which a network reads fewer

pub fn params(sizes: &[usize]) -> (Params, Mlp) {
    let mut spec = Spec::default();
    spec.mlp("before", &[3, 5, 1], LastLayer::Small);
    let mlp = spec.mlp("net", sizes, LastLayer::Linear);
    let params = Params::new(spec, &[(&mlp, "target")], &[7, 8], crate::support::device()).unwrap();
    (params, mlp)
}

/// Weights `[in, out]` and biases of member `m`, in f64.
pub fn variables(params: &Params, m: usize, sizes: &[usize]) -> Vec<(Var, Var)> {
    let named: HashMap<_, _> = params.named(m).unwrap().into_iter().collect();
    let layer = |(l, io): (usize, &[usize])| {
        let get = |part: &str, shape: &[usize]| {
            Tensor::from_slice(
                &named[&format!("net.{l}.{part}")],
                shape,
                &candle_core::Device::Cpu,
            )
            .unwrap()
        };
        let weight = get("weight", &[io[1], io[0]]).t().unwrap();
        (var(&weight), var(&get("bias", &[io[1]])))
    };
    sizes.windows(2).enumerate().map(layer).collect()
}

pub fn composed(layers: &[(Var, Var)], x: &Tensor) -> Tensor {
    let mut h = x.clone();
    for (l, (w, b)) in layers.iter().enumerate() {
        h = h
            .matmul(w.as_tensor())
            .unwrap()
            .broadcast_add(b.as_tensor())
            .unwrap();
        if l + 1 < layers.len() {
            h = h.relu().unwrap();
        }
    }
    h
}

/// Forward and backward of a network on part of a wider input; `spoil` is added to one weight of the reference.
fn check(sizes: &[usize], spoil: f64) {
    let (mut params, mlp) = params(sizes);
    let outputs = *sizes.last().unwrap();
    let x = normals(1, &[MEMBERS, ROWS, COLUMNS]);
    let view = View {
        buffer: 0,
        offset: 1,
        ld: COLUMNS,
        stride: ROWS * COLUMNS,
    };
    let mut plan = Plan::new(MEMBERS, [params.len(), params.target_len()]);
    let mut train = plan.pass(&mlp, Bank::Trained, view, ROWS);
    train.save_for_backward();
    let mut through = plan.pass(&mlp, Bank::Trained, view, ROWS);
    through.save_for_backward();
    let infer = plan.pass(&mlp, Bank::Trained, view, ROWS);
    let target = plan.pass(&params.target_of(&mlp), Bank::Target, view, ROWS);
    let (first, columns) = (2, sizes[0] - 2);
    let input_grad = plan.input_grad(&through, columns);
    let mut ws = plan.alloc(crate::support::device()).unwrap();
    ws.acts = poison(&[MEMBERS, plan.room()]).into();
    params.grad = poison(&[MEMBERS, params.len()]).into();
    let x_flat = x.reshape((MEMBERS, ROWS * COLUMNS)).unwrap();
    ws.forward(
        &plan.forward(&[&train, &through, &infer, &target]),
        &params,
        std::slice::from_ref(&x_flat),
    )
    .unwrap();

    // Losses write the last deltas; here they are given.
    let dy = normals(2, &[MEMBERS, ROWS, outputs]);
    let mut act_grads = vec![f32::NAN; MEMBERS * plan.room()];
    for (m, dy) in dy
        .flatten(1, D::Minus1)
        .unwrap()
        .to_vec2::<f32>()
        .unwrap()
        .iter()
        .enumerate()
    {
        for pass in [&train, &through] {
            act_grads[m * plan.room() + pass.out().offset()..][..dy.len()].copy_from_slice(dy);
        }
    }
    ws.act_grads = Tensor::from_vec(act_grads, (MEMBERS, plan.room()), crate::support::device())
        .unwrap()
        .into();
    let backs = [
        Backprop {
            pass: &train,
            weights: true,
            input: None,
        },
        Backprop {
            pass: &through,
            weights: false,
            input: Some((first, columns, input_grad)),
        },
    ];
    ws.backward(&plan.backward(&backs), &params, &[x_flat])
        .unwrap();

    for m in 0..MEMBERS {
        let mut layers = variables(&params, m, sizes);
        if spoil != 0.0 {
            let last = layers.len() - 1;
            let scaled = (layers[last].0.as_tensor() * (1.0 + spoil)).unwrap();
            layers[last].0 = Var::from_tensor(&scaled).unwrap();
        }
        let input = var(&x.get(m).unwrap().narrow(1, 1, sizes[0]).unwrap());
        let y = composed(&layers, input.as_tensor());
        let loss = (&y * crate::support::f64(&dy.get(m).unwrap()))
            .unwrap()
            .sum_all()
            .unwrap();
        let grads = loss.backward().unwrap();
        let acts = list(&ws.acts.get(m).unwrap());
        let compare = if spoil == 0.0 { near } else { far };
        for (what, pass) in [("train", &train), ("infer", &infer), ("target", &target)] {
            compare(what, &acts[pass.out().offset()..][..ROWS * outputs], &y);
        }
        let (grad, act_grads) = (
            list(&params.grad.get(m).unwrap()),
            list(&ws.act_grads.get(m).unwrap()),
        );
        let dx = grads
            .get(&input)
            .unwrap()
            .narrow(1, first, columns)
            .unwrap();
        compare(
            "dx",
            &act_grads[input_grad.offset()..][..ROWS * columns],
            &dx,
        );
        for (l, (layer, (w, b))) in mlp.layers.iter().zip(&layers).enumerate() {
            if spoil != 0.0 && l + 1 == layers.len() {
                continue; // dW of the last layer does not depend on its W
            }
            compare(
                "dW",
                &grad[layer.weight..][..layer.inputs * layer.outputs],
                grads.get(w).unwrap(),
            );
            compare(
                "db",
                &grad[layer.bias..][..layer.outputs],
                grads.get(b).unwrap(),
            );
        }
    }
}

#[test]
fn parity_with_autograd() {
    for sizes in [
        &[7, 33, 19, 1][..],
        &[7, 64, 130, 2],
        &[10, 40, 12],
        &[5, 16, 16, 16, 12],
    ] {
        check(sizes, 0.0);
    }
}

#[test]
fn a_weight_off_by_one_percent_is_seen() {
    check(&[7, 33, 19, 1], 0.01);
    check(&[7, 33, 19, 12], 0.01);
}
