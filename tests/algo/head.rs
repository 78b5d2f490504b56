//! The tanh-Gaussian head, forward and backward.

use candle_core::{Tensor, Var};
use h2oplus::kernel::LogStd;
use h2oplus::kernel::awr::AwrLoss;
use h2oplus::kernel::head::{Sample, SampleGrad};
use h2oplus::kernel::launch::launch;
use h2oplus::kernel::{RowLayout, Slot};

use crate::support::{f64, far, list, near, normals, poison, var, zeros};

const P: usize = 2;
const N: usize = 140;
const A: usize = 3;
const S: usize = 4;

/// Floats a member of the activations; the raw outputs begin them.
const STRIDE: usize = 4 * N * A + 3 * N;

/// log σ, clipped; far enough from the clips for most rows, beyond them for some.
pub fn log_std(rho: &Tensor, m: &Var, o: &Var) -> Tensor {
    let free = rho
        .broadcast_mul(m.as_tensor())
        .unwrap()
        .broadcast_add(o.as_tensor())
        .unwrap();
    free.clamp(-20.0, 2.0).unwrap()
}

/// log π of tanh(u) for u = mean + σ·ε, with `eps` as a function of the variables or a constant.
pub fn log_pi(u: &Tensor, eps: &Tensor, log_std: &Tensor) -> Tensor {
    // log(1 − tanh²u) = 2(log 2 − |u| − log(1 + e^(−2|u|))): even in u, unlike the kernel's form.
    let far = u.abs().unwrap();
    let tail = ((&far * -2.0).unwrap().exp().unwrap() + 1.0)
        .unwrap()
        .log()
        .unwrap();
    let slope = (((far + tail).unwrap() - std::f64::consts::LN_2).unwrap() * -2.0).unwrap();
    let density = (eps.sqr().unwrap() * -0.5).unwrap() - log_std;
    let density = (density.unwrap() - 0.5 * (2.0 * std::f64::consts::PI).ln()).unwrap();
    (density - slope).unwrap().sum(1).unwrap()
}

fn check(scale: f64, compare: fn(&str, &[f64], &Tensor)) {
    let stride = STRIDE;
    let acts = (normals(1, &[P, stride]) * 0.8).unwrap();
    let theta = Tensor::new(
        &[[0f32, 1.1, -0.9, -0.3], [0.0, 2.0, -0.5, 0.2]],
        crate::support::device(),
    )
    .unwrap();
    let noise = normals(2, &[P, N * A]);
    let batch = normals(3, &[P, N * S]);
    let (fresh, log_pis) = (poison(&[P, N * (S + A)]), poison(&[P, N]));
    let sample = Sample {
        members: P,
        rows: N,
        batch: N,
        raw: [Slot::new(0); 2],
        affine: Slot::new(1),
        row: RowLayout::state(S, A),
    };
    launch(&sample, [&fresh, &log_pis], [&acts, &theta, &noise, &batch]).unwrap();

    // The critics' part of the loss is linear in the action here, with these slopes in two halves.
    let slopes = normals(4, &[P, 2, N * A]);
    let mut act_grads = vec![f32::NAN; P * stride];
    for (m, s) in slopes
        .flatten(1, 2)
        .unwrap()
        .to_vec2::<f32>()
        .unwrap()
        .iter()
        .enumerate()
    {
        act_grads[m * stride + 2 * N * A..][..2 * N * A].copy_from_slice(s);
    }
    let act_grads = Tensor::from_vec(act_grads, (P, stride), crate::support::device()).unwrap();
    let grad = poison(&[P, 4]);
    let back = SampleGrad {
        members: P,
        rows: N,
        act_dim: A,
        raw: Slot::new(0),
        d_action: [2 * N * A, 3 * N * A].map(Slot::new),
        affine: Slot::new(1),
        log_alpha: Slot::new(3),
    };
    launch(&back, [&act_grads, &grad], [&acts, &theta, &noise]).unwrap();

    for p in 0..P {
        let raw = var(&acts
            .get(p)
            .unwrap()
            .narrow(0, 0, 2 * N * A)
            .unwrap()
            .reshape((N, 2 * A))
            .unwrap());
        let at = |n: usize| var(&theta.get(p).unwrap().narrow(0, n, 1).unwrap());
        let (m, o, log_alpha) = (at(1), at(2), list(&theta.get(p).unwrap())[3]);
        let o = Var::from_tensor(&(o.as_tensor() * scale).unwrap()).unwrap();
        let eps = f64(&noise.get(p).unwrap().reshape((N, A)).unwrap());
        let mean = raw.as_tensor().narrow(1, 0, A).unwrap();
        let ls = log_std(&raw.as_tensor().narrow(1, A, A).unwrap(), &m, &o);
        let u = (mean + (ls.exp().unwrap() * &eps).unwrap()).unwrap();
        let pi = log_pi(&u, &eps, &ls);
        let a = u.tanh().unwrap();
        compare("log pi", &list(&log_pis.get(p).unwrap()), &pi);
        let rows = fresh.get(p).unwrap().reshape((N, S + A)).unwrap();
        compare("action", &list(&rows.narrow(1, S, A).unwrap()), &a);
        near(
            "state",
            &list(&rows.narrow(1, 0, S).unwrap()),
            &batch.get(p).unwrap(),
        );
        let slope = f64(&slopes
            .get(p)
            .unwrap()
            .sum(0)
            .unwrap()
            .reshape((N, A))
            .unwrap());
        let loss = ((pi.mean_all().unwrap() * log_alpha.exp()).unwrap()
            + (slope * a).unwrap().sum_all().unwrap())
        .unwrap();
        let grads = loss.backward().unwrap();
        compare(
            "d raw",
            &list(&act_grads.get(p).unwrap())[..2 * N * A],
            grads.get(&raw).unwrap(),
        );
        compare(
            "d m",
            &list(&grad.get(p).unwrap())[1..2],
            grads.get(&m).unwrap(),
        );
        compare(
            "d o",
            &list(&grad.get(p).unwrap())[2..3],
            grads.get(&o).unwrap(),
        );
    }
}

#[test]
fn parity_with_autograd() {
    check(1.0, near);
}

#[test]
fn an_offset_off_by_one_percent_is_seen() {
    check(1.01, far);
}

fn check_awr(scale: f64, compare: fn(&str, &[f64], &Tensor)) {
    let stride = STRIDE;
    let acts = (normals(5, &[P, stride]) * 0.8).unwrap();
    let theta = Tensor::new(
        &[[0f32, 1.1, -0.9, -0.3], [0.0, 0.7, -0.5, 0.2]],
        crate::support::device(),
    )
    .unwrap();
    let row = RowLayout::new(S, A).floats();
    let batch = normals(6, &[P, N * row]).tanh().unwrap();
    let base = 4 * N * A;
    let awr = AwrLoss {
        members: P,
        rows: N,
        spread: LogStd::PerState(Slot::new(1)),
        raw: Slot::new(0),
        q: [base, base + N].map(Slot::new),
        v: Slot::new(base + 2 * N),
        row: RowLayout::new(S, A),
        beta: 3.0.into(),
        clip: 20.0.into(),
        stats_at: Slot::new(0),
    };
    let (act_grads, grad, stats) = (poison(&[P, stride]), poison(&[P, 4]), zeros(&[P, 4]));
    launch(&awr, [&act_grads, &grad, &stats], [&acts, &theta, &batch]).unwrap();
    for p in 0..P {
        let act = f64(&acts.get(p).unwrap());
        let piece = |at: usize| act.narrow(0, at, N).unwrap();
        let advantage =
            (piece(base).minimum(&piece(base + N)).unwrap() - piece(base + 2 * N)).unwrap();
        let weight = (advantage * (3.0 * scale))
            .unwrap()
            .exp()
            .unwrap()
            .minimum(20.0)
            .unwrap();
        let raw = var(&acts
            .get(p)
            .unwrap()
            .narrow(0, 0, 2 * N * A)
            .unwrap()
            .reshape((N, 2 * A))
            .unwrap());
        let at = |n: usize| var(&theta.get(p).unwrap().narrow(0, n, 1).unwrap());
        let (m, o) = (at(1), at(2));
        let ls = log_std(&raw.as_tensor().narrow(1, A, A).unwrap(), &m, &o);
        let a = f64(&batch
            .get(p)
            .unwrap()
            .reshape((N, row))
            .unwrap()
            .narrow(1, S, A)
            .unwrap());
        let u = (((1.0 + &a).unwrap() / (1.0 - &a).unwrap())
            .unwrap()
            .log()
            .unwrap()
            * 0.5)
            .unwrap();
        let eps =
            ((&u - raw.as_tensor().narrow(1, 0, A).unwrap()).unwrap() / ls.exp().unwrap()).unwrap();
        let loss = (weight * log_pi(&u, &eps, &ls))
            .unwrap()
            .mean_all()
            .unwrap()
            .neg()
            .unwrap();
        let grads = loss.backward().unwrap();
        compare("awr loss", &list(&stats.get(p).unwrap())[..1], &loss);
        compare(
            "awr d raw",
            &list(&act_grads.get(p).unwrap())[..2 * N * A],
            grads.get(&raw).unwrap(),
        );
        compare(
            "awr d m",
            &list(&grad.get(p).unwrap())[1..2],
            grads.get(&m).unwrap(),
        );
        compare(
            "awr d o",
            &list(&grad.get(p).unwrap())[2..3],
            grads.get(&o).unwrap(),
        );
    }
}

#[test]
fn weighted_regression_parity() {
    check_awr(1.0, near);
}

#[test]
fn weighted_regression_with_beta_off_by_one_percent_is_seen() {
    check_awr(1.01, far);
}
