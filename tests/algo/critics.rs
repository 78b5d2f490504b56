//! What CQL and H2O add to the critics' loss, against autograd of its formulas.

use candle_core::{Tensor, Var};
use h2oplus::kernel::candidates::Candidates;
use h2oplus::kernel::cql::CqlLoss;
use h2oplus::kernel::h2o::{GapWeight, H2oLoss};
use h2oplus::kernel::launch::launch;
use h2oplus::kernel::noise::{Draw, Noise, ScaleColumns};
use h2oplus::kernel::td::TdLoss;
use h2oplus::kernel::{RowLayout, Slot};
use h2oplus::rng::{Stream, fill_unit};

use crate::head::{log_pi, log_std};
use crate::support::{f64, far, list, near, normals, poison, var, zeros};

type Compare = fn(&str, &[f64], &Tensor);
const P: usize = 2;
const N: usize = 140; // states: more than a tile
const K: usize = 3;
const A: usize = 2;
const C: usize = 1 + 3 * K;

fn piece(t: &Tensor, at: usize, len: usize) -> Tensor {
    t.narrow(0, at, len).unwrap()
}

fn check_candidates(scale: f64, compare: Compare) {
    let (stride, layout) = (4 * N * A + 5, RowLayout::new(3, A));
    let row = layout.floats();
    let acts = (normals(1, &[P, stride]) * 0.8).unwrap();
    let theta = Tensor::new(
        &[[0f32, 1.1, -0.9], [0.0, 0.7, -0.5]],
        crate::support::device(),
    )
    .unwrap();
    let uniforms = normals(2, &[P, N * K * A]).tanh().unwrap();
    let noise = normals(3, &[P, 2 * N * K * A]);
    let batch = normals(4, &[P, N * row]);
    let kernel = Candidates {
        members: P,
        states: N,
        draws: K,
        raw: [2 * N * A, 0].map(Slot::new),
        affine: Slot::new(1),
        row: layout,
    };
    let (actions, density) = (poison(&[P, N * C * A]), poison(&[P, N * (C - 1)]));
    let input = [&acts, &theta, &uniforms, &noise, &batch];
    launch(&kernel, [&actions, &density], input).unwrap();
    for p in 0..P {
        let member = |t: &Tensor, shape: &[usize]| f64(&t.get(p).unwrap().reshape(shape).unwrap());
        let data = member(&batch, &[N, row]).narrow(1, 3, A).unwrap();
        let mut all = vec![data.unsqueeze(1).unwrap(), member(&uniforms, &[N, K, A])];
        let half_log = 0.5f64.ln() * A as f64;
        let mut densities =
            vec![Tensor::full(half_log, (N, K), &candle_core::Device::Cpu).unwrap()];
        for (half, at) in kernel.raw.map(Slot::offset).into_iter().enumerate() {
            let raw = piece(&acts.get(p).unwrap(), at, 2 * N * A);
            let raw = f64(&raw.reshape((N, 2 * A)).unwrap());
            let wide = |column: usize| {
                let part = raw.narrow(1, column, A).unwrap().unsqueeze(1).unwrap();
                part.broadcast_as((N, K, A))
                    .unwrap()
                    .reshape((N * K, A))
                    .unwrap()
            };
            let at = |n: usize| var(&theta.get(p).unwrap().narrow(0, n, 1).unwrap());
            let o = Var::from_tensor(&(at(2).as_tensor() * scale).unwrap()).unwrap();
            let ls = log_std(&wide(A), &at(1), &o);
            let eps = member(&noise, &[2, N * K, A]).get(half).unwrap();
            let u = (wide(0) + (ls.exp().unwrap() * &eps).unwrap()).unwrap();
            densities.push(log_pi(&u, &eps, &ls).reshape((N, K)).unwrap());
            all.push(u.tanh().unwrap().reshape((N, K, A)).unwrap());
        }
        let all = Tensor::cat(&all, 1).unwrap();
        compare("actions", &list(&actions.get(p).unwrap()), &all);
        let densities = Tensor::cat(&densities, 1).unwrap();
        compare("densities", &list(&density.get(p).unwrap()), &densities);
    }
}

/// log Σ exp over the last dimension, as the published code composes it.
fn logsumexp(t: &Tensor) -> Tensor {
    t.log_sum_exp(candle_core::D::Minus1).unwrap()
}

fn check_cql(importance: bool, scale: f64, compare: Compare) {
    let stride = 2 * N * C + 3;
    let acts = normals(5, &[P, stride]);
    let density = normals(6, &[P, N * (C - 1)]);
    let (y, w) = (normals(7, &[P, N]), normals(8, &[P, N]).sqr().unwrap());
    let q = [N * C + 3, 0];
    let (act_grads, stats) = (poison(&[P, stride]), poison(&[P, 8]));
    let td = TdLoss {
        members: P,
        halves: [N, 0],
        q: q.map(Slot::new),
        steps: [C; 2],
        stats_at: Slot::new(0),
    };
    let cql = CqlLoss {
        members: P,
        states: N,
        actions: C,
        q: q.map(Slot::new),
        weight: 0.7.into(),
        temperature: 1.5.into(),
        importance,
        stats_at: Slot::new(5),
    };
    launch(&td, [&act_grads, &stats], [&acts, &y, &w]).unwrap();
    launch(&cql, [&act_grads, &stats], [&acts, &density]).unwrap();
    for p in 0..P {
        let (y, w) = (f64(&y.get(p).unwrap()), f64(&w.get(p).unwrap()));
        let density = f64(&density.get(p).unwrap().reshape((N, C - 1)).unwrap());
        let stats = list(&stats.get(p).unwrap());
        for (i, at) in q.into_iter().enumerate() {
            let part = piece(&acts.get(p).unwrap(), at, N * C);
            let q = var(&part.reshape((N, C)).unwrap());
            let data = q.as_tensor().narrow(1, 0, 1).unwrap().squeeze(1).unwrap();
            let square = ((&data - &y).unwrap().sqr().unwrap() * &w).unwrap();
            let td = square.mean_all().unwrap();
            let candidates = match importance {
                true => (q.as_tensor().narrow(1, 1, C - 1).unwrap() - &density).unwrap(),
                false => q.as_tensor().clone(),
            };
            let worst = (logsumexp(&(candidates / 1.5).unwrap()) * 1.5).unwrap();
            let gap = ((worst - &data).unwrap().mean_all().unwrap() * (0.7 * scale)).unwrap();
            near("td", &stats[i..=i], &td);
            near("mean Q", &stats[2 + i..3 + i], &data.mean_all().unwrap());
            compare("cql", &stats[5 + i..6 + i], &gap);
            let grads = (td + gap).unwrap().backward().unwrap();
            let ours = list(&piece(&act_grads.get(p).unwrap(), at, N * C));
            compare("dQ", &ours, grads.get(&q).unwrap());
        }
    }
}

const REAL: usize = 11;
const SIM: usize = 14;

fn check_gap_weight(scale: f64, compare: Compare) {
    let stride = 2 * SIM * K + 3;
    let acts = normals(9, &[P, stride]);
    let kernel = GapWeight {
        members: P,
        sim: SIM,
        samples: K,
        raw: Slot::new(3),
        clip: [0.05, 1.0].into(),
        stats_at: Slot::new(1),
    };
    let (omega, stats) = (poison(&[P, SIM]), poison(&[P, 2]));
    launch(&kernel, [&omega, &stats], [&acts]).unwrap();
    for p in 0..P {
        let raw = f64(&piece(&acts.get(p).unwrap(), 3, 2 * SIM * K));
        let z = (raw.reshape((SIM, K, 2)).unwrap().tanh().unwrap() * 2.0).unwrap();
        // log p_sim/p_real through the softmax, as the published code has it.
        let log_p = candle_nn::ops::log_softmax(&z, 2).unwrap();
        let of = |class: usize| log_p.narrow(2, class, 1).unwrap().squeeze(2).unwrap();
        let mean = (of(1) - of(0)).unwrap().mean(1).unwrap();
        let u = (mean * scale).unwrap().clamp(0.05, 1.0).unwrap();
        compare(
            "mean u",
            &list(&stats.get(p).unwrap())[1..],
            &u.mean_all().unwrap(),
        );
        let total = u.sum_all().unwrap();
        let log_omega = u.broadcast_div(&total).unwrap().log().unwrap();
        compare("log ω", &list(&omega.get(p).unwrap()), &log_omega);
    }
}

/// The published lower clip, 1e-45, is the least number above 0: its share of the sum would be no number at all.
#[test]
fn no_gap_anywhere_gives_even_weights_and_one_row_takes_all() {
    let mut raw = vec![[3f32, -3.0]; 2 * SIM];
    raw[SIM] = [-3.0, 3.0];
    let acts = Tensor::from_slice(raw.as_flattened(), (2, 2 * SIM), crate::support::device());
    let kernel = GapWeight {
        members: 2,
        sim: SIM,
        samples: 1,
        raw: Slot::new(0),
        clip: [1e-45, 10.0].into(),
        stats_at: Slot::new(0),
    };
    let omega = poison(&[2, SIM]);
    launch(&kernel, [&omega, &zeros(&[2, 1])], [&acts.unwrap()]).unwrap();
    let omega = omega.to_vec2::<f32>().unwrap();
    let even = -(SIM as f32).ln();
    assert!(
        omega[0].iter().all(|w| (w - even).abs() < 0.1),
        "{:?}",
        omega[0]
    );
    assert!(omega[1][0].abs() < 1e-6 && omega[1][1..].iter().all(|w| *w < -100.0));
}

fn check_h2o(scale: f64, compare: Compare) {
    let rows = REAL + SIM;
    let stride = 2 * rows + 3;
    let acts = normals(10, &[P, stride]);
    let omega = (normals(11, &[P, SIM]) - 2.0).unwrap();
    let (y, w) = (
        normals(12, &[P, rows]),
        normals(13, &[P, rows]).sqr().unwrap(),
    );
    let q = [rows + 3, 0];
    let (act_grads, stats) = (poison(&[P, stride]), poison(&[P, 8]));
    let td = TdLoss {
        members: P,
        halves: [REAL, SIM],
        q: q.map(Slot::new),
        steps: [1; 2],
        stats_at: Slot::new(0),
    };
    let h2o = H2oLoss {
        members: P,
        real: REAL,
        sim: SIM,
        q: q.map(Slot::new),
        weight: 0.6.into(),
        temperature: 1.5.into(),
        stats_at: Slot::new(5),
    };
    launch(&td, [&act_grads, &stats], [&acts, &y, &w]).unwrap();
    launch(&h2o, [&act_grads, &stats], [&acts, &omega]).unwrap();
    for p in 0..P {
        let (y, w) = (f64(&y.get(p).unwrap()), f64(&w.get(p).unwrap()));
        let omega = f64(&omega.get(p).unwrap());
        for (i, at) in q.into_iter().enumerate() {
            let q = var(&piece(&acts.get(p).unwrap(), at, rows));
            let square = ((q.as_tensor() - &y).unwrap().sqr().unwrap() * &w).unwrap();
            let mean = |t: &Tensor, at, len| piece(t, at, len).mean_all().unwrap();
            let td = (mean(&square, 0, REAL) + mean(&square, REAL, SIM)).unwrap();
            let held = ((piece(q.as_tensor(), REAL, SIM) + &omega).unwrap() / 1.5).unwrap();
            let gap = ((logsumexp(&held) * 1.5).unwrap() - mean(q.as_tensor(), 0, REAL)).unwrap();
            let gap = (gap * (0.6 * scale)).unwrap();
            let ours = list(&stats.get(p).unwrap());
            compare("gap", &ours[5 + i..6 + i], &gap);
            let grads = (td + gap).unwrap().backward().unwrap();
            let ours = list(&piece(&act_grads.get(p).unwrap(), at, rows));
            compare("dQ", &ours, grads.get(&q).unwrap());
        }
    }
}

#[test]
fn parity_with_autograd() {
    check_candidates(1.0, near);
    check_cql(true, 1.0, near);
    check_cql(false, 1.0, near);
    check_gap_weight(1.0, near);
    check_h2o(1.0, near);
}

#[test]
fn one_percent_is_seen() {
    check_candidates(1.01, far);
    check_cql(true, 1.01, far);
    check_cql(false, 1.01, far);
    check_gap_weight(1.01, far);
    check_h2o(1.01, far);
}

#[test]
fn uniforms_follow_their_counter_and_columns_scale() {
    let uniforms = Noise {
        members: 2,
        draw: Draw::Uniform,
        update: 12,
        stream: Stream::Candidates,
        len: 1001,
        seed: vec![3, 4].into(),
    };
    let x = poison(&[2, 1001]);
    launch(&uniforms, [&x], []).unwrap();
    for (member, seed) in [3, 4].into_iter().enumerate() {
        let mut expected = vec![0.0; 1001];
        fill_unit(&mut expected, seed, 1, 12, Stream::Candidates);
        let ours = x.get(member).unwrap().to_vec1::<f32>().unwrap();
        assert!(ours.iter().zip(&expected).all(|(x, u)| *x == 2.0 * u - 1.0));
        assert!(ours.iter().any(|x| *x < -0.9) && ours.iter().any(|x| *x > 0.9));
    }
    let (x, std) = (normals(1, &[2, 5 * 3]), normals(2, &[2, 3]));
    let expected = f64(&x.reshape((2, 5, 3)).unwrap())
        .broadcast_mul(&f64(&std.reshape((2, 1, 3)).unwrap()))
        .unwrap();
    let before = list(&x);
    let scale = ScaleColumns {
        members: 2,
        len: 5 * 3,
        columns: 3,
    };
    launch(&scale, [&x], [&std]).unwrap();
    near("scaled", &list(&x), &expected);
    far("unscaled", &before, &expected);
}
