//! Networks forward and backward.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{D, Tensor, Var};
use h2oplus::kernel::MatmulPrecision;
use h2oplus::kernel::dense::View;
use h2oplus::kernel::norm::Norm;
use h2oplus::net::params::Params;
use h2oplus::net::spec::{LastLayer, Linear, Mlp, ParamSpec};
use h2oplus::net::workspace::{Backprop, Bank, Plan};

use crate::support::{far, list, near, normals, poison, var};

pub const MEMBERS: usize = 2;
const ROWS: usize = 150; // more than a tile, and no multiple of it
const COLUMNS: usize = 11; // of an input row, of which a network reads fewer

/// A network behind another; gains and biases of its norm are random.
pub fn params(sizes: &[usize], norm: Norm) -> (Params, Mlp) {
    let mut spec = ParamSpec::default();
    spec.mlp("before", &[3, 5, 1], LastLayer::Small);
    let mlp = spec.normed("net", sizes, norm, LastLayer::Linear);
    let device = crate::support::device();
    let mut params = Params::new(spec, &[(&mlp, "target")], &[7, 8], device).unwrap();
    for m in 0..MEMBERS {
        let mut named: HashMap<_, _> = params.named(m).unwrap().into_iter().collect();
        for (name, values) in &mut named {
            if let Some((_, part)) = name.split_once(".norm.") {
                let seed = 50 + m as u64 + 10 * u64::from(part == "bias");
                *values = normals(seed, &[values.len()]).to_vec1().unwrap();
            }
        }
        params.set_named(m, &named, "test").unwrap();
    }
    (params, mlp)
}

/// A layer in f64.
pub struct Reference {
    /// `[in, out]`.
    pub weight: Var,
    /// `[out]`.
    pub bias: Var,
    /// Whether its sums are normalised.
    pub norm: Norm,
    /// Gain and bias of the norm.
    pub affine: Option<[Var; 2]>,
}

/// The layers of member `m`.
pub fn variables(params: &Params, m: usize, mlp: &Mlp) -> Vec<Reference> {
    let named: HashMap<_, _> = params.named(m).unwrap().into_iter().collect();
    let layer = |(l, of): (usize, &Linear)| {
        let get = |part: &str, shape: &[usize]| {
            let values = &named[&format!("net.{l}.{part}")];
            Tensor::from_slice(values, shape, &candle_core::Device::Cpu).unwrap()
        };
        let row = |part: &str| var(&get(part, &[of.outputs]));
        let weight = get("weight", &[of.outputs, of.inputs]).t().unwrap();
        let affine = of.affine.map(|_| ["norm.weight", "norm.bias"].map(row));
        Reference {
            weight: var(&weight),
            bias: row("bias"),
            norm: of.norm,
            affine,
        }
    };
    mlp.layers.iter().enumerate().map(layer).collect()
}

pub fn composed(layers: &[Reference], x: &Tensor) -> Tensor {
    let mut h = x.clone();
    for (l, layer) in layers.iter().enumerate() {
        let (w, b) = (layer.weight.as_tensor(), layer.bias.as_tensor());
        h = h.matmul(w).unwrap().broadcast_add(b).unwrap();
        if layer.norm != Norm::None {
            h = normalised(&h).unwrap();
        }
        if let Some([gain, bias]) = &layer.affine {
            let scaled = h.broadcast_mul(gain.as_tensor()).unwrap();
            h = scaled.broadcast_add(bias.as_tensor()).unwrap();
        }
        if l + 1 < layers.len() {
            h = h.relu().unwrap();
        }
    }
    h
}

/// Rows of mean 0 and variance 1.
fn normalised(h: &Tensor) -> candle_core::Result<Tensor> {
    let h = h.broadcast_sub(&h.mean_keepdim(D::Minus1)?)?;
    let variance = h.sqr()?.mean_keepdim(D::Minus1)?;
    h.broadcast_div(&(variance + 1e-5)?.sqrt()?)
}

/// Compares the gradients of every layer's parameters; `spoiled`: the last layer's weights are not the same, on which
/// their own gradient does not depend.
pub fn compare_gradients(
    mlp: &Mlp,
    layers: &[Reference],
    grads: &GradStore,
    grad: &[f64],
    spoiled: bool,
) {
    let compare = if spoiled { far } else { near };
    let count = layers.len() - usize::from(spoiled);
    for (layer, reference) in mlp.layers.iter().zip(layers).take(count) {
        let size = layer.inputs * layer.outputs;
        let of = |var: &Var| grads.get(var).unwrap().clone();
        compare("dW", &grad[layer.weight..][..size], &of(&reference.weight));
        let row = |what, at: usize, var| compare(what, &grad[at..][..layer.outputs], &of(var));
        row("db", layer.bias, &reference.bias);
        if let (Some([gain, bias]), Some(vars)) = (layer.affine, &reference.affine) {
            row("dgain", gain, &vars[0]);
            row("dshift", bias, &vars[1]);
        }
    }
}

/// Forward and backward of a network on part of a wider input; `spoil` is added to one weight of the reference.
fn check(sizes: &[usize], norm: Norm, spoil: f64) {
    let (mut params, mlp) = params(sizes, norm);
    let outputs = *sizes.last().unwrap();
    let x = normals(1, &[MEMBERS, ROWS, COLUMNS]);
    let view = View {
        buffer: 0,
        offset: 1,
        ld: COLUMNS,
        stride: ROWS * COLUMNS,
    };
    let mut plan = Plan::new(
        MEMBERS,
        [params.len(), params.target_len()],
        MatmulPrecision::F32,
    );
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
        let mut layers = variables(&params, m, &mlp);
        if spoil != 0.0 {
            let last = layers.len() - 1;
            let scaled = (layers[last].weight.as_tensor() * (1.0 + spoil)).unwrap();
            layers[last].weight = Var::from_tensor(&scaled).unwrap();
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
        compare_gradients(&mlp, &layers, &grads, &grad, spoil != 0.0);
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
        for norm in [Norm::None, Norm::Layer, Norm::LayerAffine] {
            check(sizes, norm, 0.0);
        }
    }
}

#[test]
fn a_weight_off_by_one_percent_is_seen() {
    for norm in [Norm::None, Norm::Layer, Norm::LayerAffine] {
        check(&[7, 33, 19, 1], norm, 0.01);
        check(&[7, 33, 19, 12], norm, 0.01);
    }
}
