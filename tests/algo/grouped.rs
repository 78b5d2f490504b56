//! Networks on groups of rows that share part of their input.

use candle_core::{D, Tensor, Var};
use h2oplus::kernel::MatmulPrecision;
use h2oplus::kernel::dense::View;
use h2oplus::kernel::norm::Norm;
use h2oplus::net::workspace::{Backprop, Plan};

use crate::dense::{MEMBERS, compare_gradients, composed, params, variables};
use crate::support::{far, list, near, normals, poison, var};

const GROUPS: usize = 50;
const PER: usize = 7; // tiles of 18 groups, and a rest
const ROWS: usize = GROUPS * PER;
const SHARED: usize = 5;
const OWN: usize = 2;

fn view(buffer: usize, rows: usize, ld: usize) -> View {
    View {
        buffer,
        offset: 0,
        ld,
        stride: rows * ld,
    }
}

/// `[members, rows, columns]` as one row a member.
fn flat(t: &Tensor) -> Tensor {
    t.flatten(1, D::Minus1).unwrap()
}

/// Each group's row for each of its rows, f64.
fn spread(t: &Tensor) -> Tensor {
    let (groups, width) = t.dims2().unwrap();
    let wide = t
        .unsqueeze(1)
        .unwrap()
        .broadcast_as((groups, PER, width))
        .unwrap();
    crate::support::f64(&wide.reshape((ROWS, width)).unwrap())
}

/// Forward and backward where shared and own columns lie side by side; `spoil` is added to one weight of the reference.
fn check(sizes: &[usize], norm: Norm, spoil: f64) {
    let (mut params, mlp) = params(sizes, norm);
    let (shared, own) = (
        normals(1, &[MEMBERS, GROUPS, SHARED]),
        normals(2, &[MEMBERS, ROWS, OWN]),
    );
    let mut plan = Plan::new(
        MEMBERS,
        [params.len(), params.target_len()],
        MatmulPrecision::F32,
    );
    let mut base = plan.shared(&mlp, view(0, GROUPS, SHARED), 0..SHARED, GROUPS);
    let all = SHARED..SHARED + OWN;
    let mut pass = plan.grouped(&mlp, &base, view(1, ROWS, OWN), all, PER);
    base.save_for_backward();
    pass.save_for_backward();
    let mut ws = plan.alloc(crate::support::device()).unwrap();
    ws.acts = poison(&[MEMBERS, plan.room()]).into();
    params.grad = poison(&[MEMBERS, params.len()]).into();
    let (x, own_x) = (flat(&shared), flat(&own));
    let input = [x, own_x];
    ws.forward(&plan.forward(&[&base]), &params, &input)
        .unwrap();
    ws.forward(&plan.forward(&[&pass]), &params, &input)
        .unwrap();

    let dy = normals(3, &[MEMBERS, ROWS]);
    let mut act_grads = vec![f32::NAN; MEMBERS * plan.room()];
    for (m, dy) in dy.to_vec2::<f32>().unwrap().iter().enumerate() {
        act_grads[m * plan.room() + pass.out().offset()..][..ROWS].copy_from_slice(dy);
    }
    ws.act_grads = Tensor::from_vec(act_grads, (MEMBERS, plan.room()), crate::support::device())
        .unwrap()
        .into();
    let back = [&pass, &base].map(|pass| Backprop {
        pass,
        weights: true,
        input: None,
    });
    ws.backward(&plan.backward(&back), &params, &input).unwrap();

    let compare = if spoil == 0.0 { near } else { far };
    for m in 0..MEMBERS {
        let mut layers = variables(&params, m, &mlp);
        let last = layers.len() - 1;
        let scaled = (layers[last].weight.as_tensor() * (1.0 + spoil)).unwrap();
        layers[last].weight = Var::from_tensor(&scaled).unwrap();
        let input = Tensor::cat(
            &[
                spread(&shared.get(m).unwrap()),
                crate::support::f64(&own.get(m).unwrap()),
            ],
            1,
        );
        let y = composed(&layers, &input.unwrap());
        let slopes = crate::support::f64(&dy.get(m).unwrap());
        let loss = (y.flatten_all().unwrap() * slopes)
            .unwrap()
            .sum_all()
            .unwrap();
        let grads = loss.backward().unwrap();
        compare(
            "y",
            &list(&ws.acts.get(m).unwrap())[pass.out().offset()..][..ROWS],
            &y,
        );
        let grad = list(&params.grad.get(m).unwrap());
        compare_gradients(&mlp, &layers, &grads, &grad, spoil != 0.0);
    }
}

/// The rows add to columns that the shared part reads as well.
fn check_offsets(scale: f64, compare: fn(&str, &[f64], &Tensor)) {
    let sizes = [SHARED, 33, 20, 2];
    let (params, mlp) = params(&sizes, Norm::None);
    let (shared, own) = (
        normals(4, &[MEMBERS, GROUPS, SHARED]),
        normals(5, &[MEMBERS, ROWS, OWN]),
    );
    let mut plan = Plan::new(
        MEMBERS,
        [params.len(), params.target_len()],
        MatmulPrecision::F32,
    );
    let input = view(0, GROUPS, SHARED);
    let base = plan.shared(&mlp, input, 0..SHARED, GROUPS);
    let columns = SHARED - OWN..SHARED;
    let pass = plan.grouped(&mlp, &base, view(1, ROWS, OWN), columns, PER);
    let mut ws = plan.alloc(crate::support::device()).unwrap();
    ws.acts = poison(&[MEMBERS, plan.room()]).into();
    let (x, own_x) = (flat(&shared), flat(&own));
    let input = [x, own_x];
    ws.forward(&plan.forward(&[&base]), &params, &input)
        .unwrap();
    ws.forward(&plan.forward(&[&pass]), &params, &input)
        .unwrap();
    for m in 0..MEMBERS {
        let layers = variables(&params, m, &mlp);
        let added = (crate::support::f64(&own.get(m).unwrap()) * scale).unwrap();
        let input = var(&spread(&shared.get(m).unwrap()));
        let zeros = input
            .as_tensor()
            .narrow(1, 0, SHARED - OWN)
            .unwrap()
            .zeros_like();
        let moved = Tensor::cat(&[zeros.unwrap(), added], 1).unwrap();
        let y = composed(&layers, &(input.as_tensor() + moved).unwrap());
        let ours = list(&ws.acts.get(m).unwrap());
        compare("y", &ours[pass.out().offset()..][..2 * ROWS], &y);
    }
}

#[test]
fn parity_with_autograd() {
    for norm in [Norm::None, Norm::Layer, Norm::LayerAffine] {
        check(&[SHARED + OWN, 33, 19, 1], norm, 0.0);
        check(&[SHARED + OWN, 130, 1], norm, 0.0);
    }
    check(&[SHARED + OWN, 1], Norm::None, 0.0);
    check_offsets(1.0, near);
}

#[test]
fn one_percent_is_seen() {
    check(&[SHARED + OWN, 33, 19, 1], Norm::None, 0.01);
    check(&[SHARED + OWN, 33, 19, 1], Norm::LayerAffine, 0.01);
    check_offsets(1.01, far);
}
