//! What ODRL's methods add: cloning, PAR's encoder, corrected rewards; against autograd of their formulas.

use candle_core::Tensor;
use h2oplus::kernel::cloning::CloneGrad;
use h2oplus::kernel::elu::{Elu, EluGrad};
use h2oplus::kernel::encoder::{Embed, EmbedGrad, EncoderLoss, EncoderReward};
use h2oplus::kernel::launch::launch;
use h2oplus::kernel::ratio::RatioReward;
use h2oplus::kernel::{RowLayout, Slot};

use crate::head::log_std;
use crate::support::{f64, far, list, near, normals, poison, var, zeros};

type Compare = fn(&str, &[f64], &Tensor);
const P: usize = 2;
const N: usize = 150; // more than a tile
const REAL: usize = 60;
const A: usize = 3;
const S: usize = 4;
/// Length of a representation: no whole warps.
const Z: usize = 37;

fn piece(t: &Tensor, p: usize, at: usize, shape: &[usize]) -> Tensor {
    let len = shape.iter().product();
    let part = t.get(p).unwrap().narrow(0, at, len).unwrap();
    f64(&part.reshape(shape).unwrap())
}

fn column(t: &Tensor, at: usize, width: usize) -> Tensor {
    t.narrow(1, at, width).unwrap()
}

/// SAC's gradients times λ, and the cloning's own.
fn check_cloning(weight: f64, compare: Compare) {
    let (raw, q, stride, row) = (
        5,
        [2 * N * A + 5, 2 * N * A + N + 5],
        2 * N * A + 2 * N + 5,
        RowLayout::new(S, A),
    );
    let acts = (normals(1, &[P, stride]) * 0.8).unwrap();
    let (of_sac, of_affine) = (normals(2, &[P, stride]), normals(3, &[P, 4]));
    let theta = Tensor::new(
        &[[0f32, 1.1, -0.9, 0.0], [0.0, 2.0, -0.5, 0.0]],
        crate::support::device(),
    );
    let theta = theta.unwrap();
    let noise = normals(4, &[P, REAL * A]);
    let batch = normals(5, &[P, N * row.floats()]).tanh().unwrap();
    let clone = CloneGrad {
        members: P,
        rows: N,
        real: REAL,
        q: q.map(Slot::new),
        raw: Slot::new(raw),
        affine: Slot::new(1),
        row,
        stats_at: Slot::new(1),
        weight: 5.0.into(),
    };
    let (deltas, grad, stats) = (
        of_sac.copy().unwrap(),
        of_affine.copy().unwrap(),
        zeros(&[P, 4]),
    );
    launch(
        &clone,
        [&deltas, &grad, &stats],
        [&acts, &theta, &noise, &batch],
    )
    .unwrap();
    for p in 0..P {
        let least = piece(&acts, p, q[0], &[N])
            .minimum(&piece(&acts, p, q[1], &[N]))
            .unwrap();
        let size = list(&least.abs().unwrap().mean_all().unwrap())[0];
        let lambda = weight / size;
        let of_net = var(&piece(&acts, p, raw, &[N, 2 * A]));
        let at = |n: usize| var(&piece(&theta, p, n, &[1]));
        let (m, o) = (at(1), at(2));
        let real = of_net.as_tensor().narrow(0, 0, REAL).unwrap();
        let spread = log_std(&column(&real, A, A), &m, &o).exp().unwrap();
        let eps = piece(&noise, p, 0, &[REAL, A]);
        let sampled = (column(&real, 0, A) + (spread * eps).unwrap())
            .unwrap()
            .tanh()
            .unwrap();
        let data = piece(&batch, p, 0, &[N, row.floats()])
            .narrow(0, 0, REAL)
            .unwrap();
        let off = (sampled - column(&data, S, A)).unwrap().sqr().unwrap();
        let loss = off.mean_all().unwrap();
        let ours = list(&stats.get(p).unwrap());
        near("cloning", &ours[1..2], &loss);
        compare(
            "λ",
            &ours[2..3],
            &Tensor::new(&[lambda], loss.device()).unwrap(),
        );
        let grads = loss.backward().unwrap();
        let sum = |sac: Tensor, own: &Tensor| ((sac * lambda).unwrap() + own).unwrap();
        compare(
            "d raw",
            &list(&piece(&deltas, p, raw, &[N, 2 * A])),
            &sum(
                piece(&of_sac, p, raw, &[N, 2 * A]),
                grads.get(&of_net).unwrap(),
            ),
        );
        for (n, of) in [(1, &m), (2, &o)] {
            let due = sum(piece(&of_affine, p, n, &[1]), grads.get(of).unwrap());
            compare("d affine", &list(&piece(&grad, p, n, &[1])), &due);
        }
        let (ours, before) = (
            list(&grad.get(p).unwrap()),
            list(&of_affine.get(p).unwrap()),
        );
        let around = [0, 3].map(|n| ours[n] == before[n]);
        assert_eq!(around, [true; 2], "nothing else is touched");
    }
}

fn check_elu(scale: f64, compare: Compare) {
    let (x, d_y, len) = (3, N * Z + 3, N * Z);
    let acts = normals(6, &[P, 2 * len + 3]);
    let given = normals(7, &[P, 2 * len + 3]);
    let (y, deltas) = (poison(&[P, len]), given.copy().unwrap());
    let forward = Elu {
        members: P,
        len,
        x: Slot::new(x),
    };
    launch(&forward, [&y], [&acts]).unwrap();
    let back = EluGrad {
        members: P,
        len,
        x: Slot::new(x),
        d_y: Slot::new(d_y),
    };
    launch(&back, [&deltas], [&acts]).unwrap();
    for p in 0..P {
        let of = var(&piece(&acts, p, x, &[len]));
        let below = of.as_tensor().minimum(0.0).unwrap().exp().unwrap();
        let elu = ((of.as_tensor().relu().unwrap() + below).unwrap() - 1.0).unwrap();
        let elu = (elu * scale).unwrap();
        compare("elu", &list(&y.get(p).unwrap()), &elu);
        let loss = (elu * piece(&given, p, d_y, &[len]))
            .unwrap()
            .sum_all()
            .unwrap();
        let grads = loss.backward().unwrap();
        compare(
            "d elu",
            &list(&piece(&deltas, p, x, &[len])),
            grads.get(&of).unwrap(),
        );
    }
}

/// z over its mean magnitude.
fn unit(z: &Tensor) -> Tensor {
    let size = z.abs().unwrap().mean_keepdim(1).unwrap();
    z.broadcast_div(&size).unwrap()
}

fn check_encoder(scale: f64, compare: Compare) {
    let (g, z, d, len, row) = (3, N * Z + 3, 2 * N * Z + 3, N * Z, RowLayout::new(S, A));
    let acts = normals(8, &[P, 3 * len + 3]);
    let given = normals(9, &[P, 3 * len + 3]);
    let ld = row.dynamics();
    let batch = normals(10, &[P, (N + 2) * ld]);
    let embed = Embed {
        members: P,
        rows: N,
        width: Z,
        z: Slot::new(z),
        actions: [2, ld],
        row,
    };
    let (embedded, deltas, stats) = (
        poison(&[P, N * (Z + A)]),
        given.copy().unwrap(),
        zeros(&[P, 2]),
    );
    launch(&embed, [&embedded], [&acts, &batch]).unwrap();
    let back = EmbedGrad {
        members: P,
        rows: N,
        width: Z,
        z: Slot::new(z),
        d_unit: Slot::new(d),
    };
    launch(&back, [&deltas], [&acts]).unwrap();
    let loss = EncoderLoss {
        members: P,
        rows: N,
        width: Z,
        g: Slot::new(g),
        next: Slot::new(z),
        stats_at: Slot::new(1),
    };
    launch(&loss, [&deltas, &stats], [&acts]).unwrap();
    for p in 0..P {
        let of = var(&piece(&acts, p, z, &[N, Z]));
        let e = (unit(of.as_tensor()) * scale).unwrap();
        let ours = piece(&embedded, p, 0, &[N, Z + A]);
        compare("f", &list(&column(&ours, 0, Z)), &e);
        let rows = piece(&batch, p, 0, &[N + 2, ld]).narrow(0, 2, N).unwrap();
        near("actions", &list(&column(&ours, Z, A)), &column(&rows, S, A));
        let through = (&e * piece(&given, p, d, &[N, Z]))
            .unwrap()
            .sum_all()
            .unwrap();
        let grads = through.backward().unwrap();
        compare(
            "d z",
            &list(&piece(&deltas, p, z, &[N, Z])),
            grads.get(&of).unwrap(),
        );
        let said = var(&piece(&acts, p, g, &[N, Z]));
        let far = (said.as_tensor() - e.detach())
            .unwrap()
            .sqr()
            .unwrap()
            .mean_all()
            .unwrap();
        compare("encoder", &list(&stats.get(p).unwrap())[1..], &far);
        let grads = far.backward().unwrap();
        compare(
            "d g",
            &list(&piece(&deltas, p, g, &[N, Z])),
            grads.get(&said).unwrap(),
        );
    }
}

/// A representation of zeros is divided by no zero, and what reads it has a gradient of numbers.
#[test]
fn an_empty_representation_is_safe() {
    let acts = zeros(&[1, Z]);
    let embed = Embed {
        members: 1,
        rows: 1,
        width: Z,
        z: Slot::new(0),
        actions: [0, 2 * S + A],
        row: RowLayout::new(S, A),
    };
    let embedded = poison(&[1, Z + A]);
    launch(&embed, [&embedded], [&acts, &zeros(&[1, 2 * S + A])]).unwrap();
    assert_eq!(list(&embedded), vec![0.0; Z + A]);
    let deltas = normals(11, &[1, 2 * Z]);
    let back = EmbedGrad {
        members: 1,
        rows: 1,
        width: Z,
        z: Slot::new(0),
        d_unit: Slot::new(Z),
    };
    launch(&back, [&deltas], [&zeros(&[1, 2 * Z])]).unwrap();
    assert!(list(&deltas).iter().all(|d| d.is_finite()));
}

/// Rewards of the simulated rows alone change, by what the classifiers and the encoder say.
fn check_rewards(scale: f64, compare: Compare) {
    let (row, sim) = (RowLayout::new(S, A), N - REAL);
    let before = normals(12, &[P, N * row.floats()]);
    let acts = normals(13, &[P, 2 * sim * Z + 3]);
    let ratio = RatioReward {
        members: P,
        rows: REAL..N,
        raw: Slot::new(3),
        row,
        stats_at: Slot::new(1),
        eta: 0.3.into(),
        clip: 1.5.into(),
    };
    let encoder = EncoderReward {
        members: P,
        rows: REAL..N,
        width: Z,
        g: Slot::new(3),
        next: Slot::new(sim * Z + 3),
        row,
        stats_at: Slot::new(1),
        beta: 0.3.into(),
    };
    let [of_ratio, of_encoder] = [0, 1].map(|_| before.copy().unwrap());
    let [ratio_stats, encoder_stats] = [0, 1].map(|_| zeros(&[P, 2]));
    launch(&ratio, [&of_ratio, &ratio_stats], [&acts]).unwrap();
    launch(&encoder, [&of_encoder, &encoder_stats], [&acts]).unwrap();
    for p in 0..P {
        let logits = (piece(&acts, p, 3, &[sim, 2]).tanh().unwrap() * 2.0).unwrap();
        let log_ratio = (column(&logits, 0, 1) - column(&logits, 1, 1)).unwrap();
        let by_ratio = (log_ratio.clamp(-1.5, 1.5).unwrap() * (0.3 * scale)).unwrap();
        let next = unit(&piece(&acts, p, sim * Z + 3, &[sim, Z]));
        let off = (piece(&acts, p, 3, &[sim, Z]) - next)
            .unwrap()
            .sqr()
            .unwrap();
        let by_encoder = (off.mean_keepdim(1).unwrap() * (-0.3 * scale)).unwrap();
        for (name, after, stats, due) in [
            ("ratio", &of_ratio, &ratio_stats, by_ratio),
            ("encoder", &of_encoder, &encoder_stats, by_encoder),
        ] {
            let changed = (f64(after) - f64(&before)).unwrap();
            let changed = changed.get(p).unwrap().reshape((N, row.floats())).unwrap();
            let rewards = column(&changed, row.reward(), 1);
            compare(name, &list(&rewards.narrow(0, REAL, sim).unwrap()), &due);
            compare(
                name,
                &list(&stats.get(p).unwrap())[1..],
                &due.mean_all().unwrap(),
            );
            let total = |t: &Tensor| list(&t.abs().unwrap().sum_all().unwrap())[0];
            let elsewhere = total(&changed) - total(&rewards.narrow(0, REAL, sim).unwrap());
            assert_eq!(elsewhere, 0.0, "{name}: other numbers stay");
        }
    }
}

#[test]
fn parity_with_autograd() {
    check_cloning(5.0, near);
    check_elu(1.0, near);
    check_encoder(1.0, near);
    check_rewards(1.0, near);
}

#[test]
fn one_percent_is_seen() {
    check_cloning(5.05, far);
    check_elu(1.01, far);
    check_encoder(1.01, far);
    check_rewards(1.01, far);
}
