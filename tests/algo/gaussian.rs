//! IQL's policy, and states on the data set's scale.

use candle_core::Tensor;
use h2oplus::kernel::LogStd;
use h2oplus::kernel::awr::AwrLoss;
use h2oplus::kernel::gaussian::GaussianSample;
use h2oplus::kernel::launch::launch;
use h2oplus::kernel::standardise::Standardise;
use h2oplus::kernel::{RowLayout, Slot};

use crate::support::{f64, far, list, near, normals, poison, var, zeros};

type Compare = fn(&str, &[f64], &Tensor);
const P: usize = 2;
const N: usize = 300; // more than a block
const A: usize = 3;
const S: usize = 4;

/// Floats a member of the activations.
const STRIDE: usize = N * (A + 4);

fn gaussian() -> GaussianSample {
    GaussianSample {
        members: P,
        rows: N,
        act_dim: A,
        raw: Slot::new(N),
        log_std: Slot::new(1),
    }
}

/// log σ, one of them beyond its clip.
fn theta() -> Tensor {
    let rows = [
        [0f32, 0.3, -1.2, 2.5, 0.1, 0.0],
        [0.0, -0.4, 0.2, -0.7, 0.1, 0.0],
    ];
    Tensor::new(&rows, crate::support::device()).unwrap()
}

fn check_sample(scale: f64, compare: Compare) {
    let g = gaussian();
    let (acts, noise) = (normals(1, &[P, STRIDE]), normals(2, &[P, N * A]));
    let actions = poison(&[P, N * A]);
    launch(&g, [&actions], [&acts, &theta(), &noise]).unwrap();
    for p in 0..P {
        let raw = f64(&acts.get(p).unwrap().narrow(0, N, N * A).unwrap());
        let noise = f64(&noise.get(p).unwrap()).reshape((N, A)).unwrap();
        let log_std = f64(&theta().get(p).unwrap().narrow(0, 1, A).unwrap());
        let std = (log_std.clamp(-20.0, 2.0).unwrap() * scale)
            .unwrap()
            .exp()
            .unwrap();
        let spread = noise.broadcast_mul(&std).unwrap();
        let mean = raw.tanh().unwrap().reshape((N, A)).unwrap();
        let reference = (mean + spread).unwrap().clamp(-1.0, 1.0).unwrap();
        compare(
            "actions",
            &list(&actions.get(p).unwrap()),
            &reference.flatten_all().unwrap(),
        );
    }
}

fn check_awr(beta: f64, compare: Compare) {
    let g = gaussian();
    let (q, v) = ([0, N + N * A], N + N * A + N);
    let awr = AwrLoss {
        members: P,
        rows: N,
        spread: LogStd::Free(g.log_std),
        raw: g.raw,
        q: q.map(Slot::new),
        v: Slot::new(v),
        row: RowLayout::new(S, A),
        beta: 3.0.into(),
        clip: 20.0.into(),
        stats_at: Slot::new(1),
    };
    let acts = (normals(3, &[P, STRIDE]) * 0.8).unwrap();
    let row = RowLayout::new(S, A).floats();
    let batch = normals(4, &[P, (N + 5) * row]).tanh().unwrap();
    let (act_grads, grad, stats) = (poison(&[P, STRIDE]), poison(&[P, 6]), zeros(&[P, 4]));
    launch(&awr, [&act_grads, &grad, &stats], [&acts, &theta(), &batch]).unwrap();
    for p in 0..P {
        let act = f64(&acts.get(p).unwrap());
        let piece = |at: usize| act.narrow(0, at, N).unwrap();
        let advantage = (piece(q[0]).minimum(&piece(q[1])).unwrap() - piece(v)).unwrap();
        let weight = (advantage * beta)
            .unwrap()
            .exp()
            .unwrap()
            .minimum(20.0)
            .unwrap();
        let raw = var(&acts
            .get(p)
            .unwrap()
            .narrow(0, N, N * A)
            .unwrap()
            .reshape((N, A))
            .unwrap());
        let free = var(&theta().get(p).unwrap().narrow(0, 1, A).unwrap());
        let log_std = free.as_tensor().clamp(-20.0, 2.0).unwrap();
        let rows = f64(&batch.get(p).unwrap().reshape((N + 5, row)).unwrap());
        let action = rows.narrow(0, 0, N).unwrap().narrow(1, S, A).unwrap();
        let off = (action - raw.as_tensor().tanh().unwrap()).unwrap();
        let square = off
            .broadcast_div(&log_std.exp().unwrap())
            .unwrap()
            .sqr()
            .unwrap();
        let density = (square * -0.5).unwrap().broadcast_sub(&log_std).unwrap();
        let density = (density - 0.5 * (2.0 * std::f64::consts::PI).ln()).unwrap();
        let loss = (weight * density.sum(1).unwrap())
            .unwrap()
            .mean_all()
            .unwrap()
            .neg()
            .unwrap();
        let grads = loss.backward().unwrap();
        compare("loss", &list(&stats.get(p).unwrap())[1..2], &loss);
        let d_raw = &list(&act_grads.get(p).unwrap())[N..N + N * A];
        compare("d raw", d_raw, grads.get(&raw).unwrap());
        compare(
            "d log σ",
            &list(&grad.get(p).unwrap())[1..1 + A],
            grads.get(&free).unwrap(),
        );
    }
}

fn check_standardise(scale: f64, compare: Compare) {
    let (rows, row) = (N + 7, 2 * S + A + 2);
    let batch = normals(5, &[P, rows * row]);
    let ours = batch.copy().unwrap();
    let moments = normals(6, &[P, 2 * S]);
    let standardise = Standardise {
        members: P,
        rows: 3..3 + N,
        row: RowLayout::new(S, A),
    };
    launch(&standardise, [&ours], [&moments]).unwrap();
    for p in 0..P {
        let theirs = f64(&batch.get(p).unwrap().reshape((rows, row)).unwrap());
        let moments = f64(&moments.get(p).unwrap().reshape((2, S)).unwrap());
        let (mean, inverse) = (
            moments.get(0).unwrap(),
            (moments.get(1).unwrap() * scale).unwrap(),
        );
        let part = |first: usize, len: usize, column: usize, width: usize| {
            theirs
                .narrow(0, first, len)
                .unwrap()
                .narrow(1, column, width)
                .unwrap()
        };
        let scaled = |column: usize| {
            let s = part(3, N, column, S).broadcast_sub(&mean).unwrap();
            s.broadcast_mul(&inverse).unwrap()
        };
        let middle = [
            scaled(0),
            part(3, N, S, A),
            scaled(S + A),
            part(3, N, row - 2, 2),
        ];
        let middle = Tensor::cat(&middle, 1).unwrap();
        let all = [part(0, 3, 0, row), middle, part(N + 3, 4, 0, row)];
        let reference = Tensor::cat(&all, 0).unwrap().flatten_all().unwrap();
        compare("rows", &list(&ours.get(p).unwrap()), &reference);
    }
}

#[test]
fn parity_with_autograd() {
    check_sample(1.0, near);
    check_awr(3.0, near);
    check_standardise(1.0, near);
}

#[test]
fn one_percent_is_seen() {
    check_sample(1.01, far);
    check_awr(3.03, far);
    check_standardise(1.01, far);
}
