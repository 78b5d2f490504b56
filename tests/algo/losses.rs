//! Losses against autograd of their formulas.

use candle_core::{Tensor, Var};
use h2oplus::kernel::actor::ActorLoss;
use h2oplus::kernel::launch::launch;
use h2oplus::kernel::ratio::{RatioHeads, RatioLoss, RatioWeight};
use h2oplus::kernel::target::{Exploration, Target};
use h2oplus::kernel::td::TdLoss;
use h2oplus::kernel::value::{Value, ValueLoss, ValueRule};
use h2oplus::kernel::{RowLayout, Slot};

use crate::support::{f64, far, list, near, normals, poison, var, zeros};

type Compare = fn(&str, &[f64], &Tensor);
const P: usize = 2;
const N: usize = 10; // real rows
const M: usize = 14; // simulated rows
const ROWS: usize = N + M;

fn piece(t: &Tensor, at: usize, len: usize) -> Tensor {
    t.narrow(0, at, len).unwrap()
}

fn check_td(scale: f64, compare: Compare) {
    let acts = normals(1, &[P, 3 * ROWS]);
    let (y, w) = (
        normals(2, &[P, ROWS]),
        normals(3, &[P, ROWS]).sqr().unwrap(),
    );
    let td = TdLoss {
        members: P,
        halves: [N, M],
        q: [0, 2 * ROWS].map(Slot::new),
        steps: [1; 2],
        stats_at: Slot::new(1),
    };
    let (act_grads, stats) = (poison(&[P, 3 * ROWS]), zeros(&[P, 8]));
    launch(&td, [&act_grads, &stats], [&acts, &y, &w]).unwrap();
    for p in 0..P {
        let (y, w) = (
            f64(&y.get(p).unwrap()),
            (f64(&w.get(p).unwrap()) * scale).unwrap(),
        );
        for (i, at) in td.q.map(Slot::offset).into_iter().enumerate() {
            let q = var(&piece(&acts.get(p).unwrap(), at, ROWS));
            let square = ((q.as_tensor() - &y).unwrap().sqr().unwrap() * &w).unwrap();
            let loss = (piece(&square, 0, N).mean_all().unwrap()
                + piece(&square, N, M).mean_all().unwrap())
            .unwrap();
            compare("td", &list(&stats.get(p).unwrap())[1 + i..2 + i], &loss);
            let grads = loss.backward().unwrap();
            compare(
                "dQ",
                &list(&piece(&act_grads.get(p).unwrap(), at, ROWS)),
                grads.get(&q).unwrap(),
            );
        }
    }
}

/// L(e) of `rule` by its formula, with α (or τ) times `scale`.
fn value_formula(rule: ValueRule, e: &Tensor, scale: f64) -> Tensor {
    match rule {
        ValueRule::Expectile(tau) => {
            // |τ − 1(e < 0)|·e² = τ·relu(e)² + (1 − τ)·relu(−e)²
            let tau = f64::from(tau) * scale;
            let up = (e.relu().unwrap().sqr().unwrap() * tau).unwrap();
            let down = (e.neg().unwrap().relu().unwrap().sqr().unwrap() * (1.0 - tau)).unwrap();
            (up + down).unwrap()
        }
        ValueRule::Sparse(alpha) => {
            let alpha = f64::from(alpha) * scale;
            let term = ((e / (2.0 * alpha)).unwrap() + 1.0)
                .unwrap()
                .relu()
                .unwrap();
            (term.sqr().unwrap() - (e / alpha).unwrap()).unwrap()
        }
        ValueRule::Exponential { alpha, clip } => {
            let (alpha, clip) = (f64::from(alpha) * scale, f64::from(clip));
            let z = (e / alpha).unwrap();
            // exp up to the clip, its tangent there from then on.
            let beyond = (&z - clip).unwrap().relu().unwrap();
            let top = (&z - &beyond).unwrap();
            let largest = list(&top).into_iter().fold(0.0, f64::max);
            let raised = (top - largest).unwrap().exp().unwrap();
            let tangent = (beyond * (clip - largest).exp()).unwrap();
            let rest = ((z + 1.0).unwrap() * (-largest).exp()).unwrap();
            ((raised + tangent).unwrap() - rest).unwrap()
        }
    }
}

fn check_value(rule: ValueRule, scale: f64, spread: f64, compare: Compare) {
    let acts = (normals(4, &[P, 3 * N]) * spread).unwrap();
    let value = ValueLoss {
        members: P,
        rows: N,
        v: Slot::new(N),
        q: [0, 2 * N].map(Slot::new),
        rule: rule.into(),
        stats_at: Slot::new(0),
    };
    let (act_grads, stats) = (poison(&[P, 3 * N]), zeros(&[P, 2]));
    launch(&value, [&act_grads, &stats], [&acts]).unwrap();
    for p in 0..P {
        let act = acts.get(p).unwrap();
        let v = var(&piece(&act, N, N));
        let q = f64(&piece(&act, 0, N).minimum(&piece(&act, 2 * N, N)).unwrap());
        let e = (q - v.as_tensor()).unwrap();
        let loss = value_formula(rule, &e, scale).mean_all().unwrap();
        compare("V loss", &list(&stats.get(p).unwrap())[..1], &loss);
        let grads = loss.backward().unwrap();
        compare(
            "dV",
            &list(&piece(&act_grads.get(p).unwrap(), N, N)),
            grads.get(&v).unwrap(),
        );
    }
}

/// Errors a thousand times α: nothing overflows, and V moves towards Q̂ from wherever it stands.
#[test]
fn the_exponential_loss_is_safe() {
    let rule = ValueRule::Exponential {
        alpha: 1.0,
        clip: 7.0,
    };
    for (error, rises) in [(1e4, true), (8.0, true), (-1e4, false), (-1.0, false)] {
        let shift = rule.shift([error].into_iter());
        let (loss, slope) = rule.loss(error, shift);
        assert!(
            loss.is_finite() && slope.is_finite(),
            "{error}: {loss} {slope}"
        );
        assert_eq!(slope > 0.0, rises, "{error}: {slope}");
    }
    let (loss, slope) = rule.loss(0.0, rule.shift([0.0].into_iter()));
    assert_eq!((loss, slope), (0.0, 0.0));
    for (tau, alpha) in [(0.0, 1.0), (1.0, 1.0), (f64::NAN, 1.0)] {
        assert!(ValueRule::new(Value::Expectile, tau, alpha, 7.0).is_err());
    }
    for (alpha, clip) in [(0.0, 7.0), (-1.0, 7.0), (f64::INFINITY, 7.0), (1.0, 0.0)] {
        assert!(ValueRule::new(Value::Exponential, 0.5, alpha, clip).is_err());
    }
}

fn check_ratio(heads: RatioHeads, normalise: bool, scale: f64, compare: Compare) {
    let stride = 8 * N;
    let acts = normals(5, &[P, stride]);
    let loss = RatioLoss {
        members: P,
        half: N,
        raw: [0, 4 * N].map(Slot::new),
        heads,
        stats_at: Slot::new(0),
    };
    let (act_grads, stats) = (poison(&[P, stride]), zeros(&[P, 2]));
    launch(&loss, [&act_grads, &stats], [&acts]).unwrap();
    let weight = RatioWeight {
        members: P,
        real: M,
        sim: 2 * N,
        raw: Some(Slot::new(4 * N)),
        normalise,
        clip: [0.3, 1.0].into(),
        stats_at: Slot::new(0),
    };
    let w = poison(&[P, M + 2 * N]);
    launch(&weight, [&w, &zeros(&[P, 2])], [&acts]).unwrap();
    for p in 0..P {
        let act = acts.get(p).unwrap();
        let [sa, sas] =
            [0, 4 * N].map(|at| var(&piece(&act, at, 4 * N).reshape((2 * N, 2)).unwrap()));
        let bounded = |raw: &Var| (raw.as_tensor().tanh().unwrap() * (2.0 * scale)).unwrap();
        let z_sa = match heads {
            RatioHeads::Published => bounded(&sa),
            RatioHeads::FreeSa => (sa.as_tensor() * scale).unwrap(),
        };
        let both = (bounded(&sas) + &z_sa).unwrap();
        let entropy = |logits: &Tensor| -> Tensor {
            let log_p = candle_nn::ops::log_softmax(logits, 1).unwrap();
            let of = |class: usize| {
                log_p
                    .narrow(1, class, 1)
                    .unwrap()
                    .narrow(0, class * N, N)
                    .unwrap()
                    .mean_all()
                    .unwrap()
            };
            (of(0) + of(1)).unwrap().neg().unwrap()
        };
        let (first, second) = (entropy(&z_sa), entropy(&both));
        let ours = list(&stats.get(p).unwrap());
        compare("sa loss", &ours[..1], &first);
        compare("sas loss", &ours[1..2], &second);
        let grads = (first + second).unwrap().backward().unwrap();
        for (raw, at) in [(&sa, 0), (&sas, 4 * N)] {
            compare(
                "d raw",
                &list(&piece(&act_grads.get(p).unwrap(), at, 4 * N)),
                grads.get(raw).unwrap(),
            );
        }
        // p_real/p_sim (s'|s,a) through both softmaxes, as the published code has it.
        let (pa, pas) = (
            candle_nn::ops::softmax(&z_sa, 1).unwrap(),
            candle_nn::ops::softmax(&both, 1).unwrap(),
        );
        let column = |t: &Tensor, c: usize| t.narrow(1, c, 1).unwrap();
        let ratio = ((column(&pas, 0) * column(&pa, 1)).unwrap()
            / (column(&pas, 1) * column(&pa, 0)).unwrap())
        .unwrap();
        let mut ratio = ratio.clamp(0.3, 1.0).unwrap().flatten_all().unwrap();
        if normalise {
            ratio = ratio.broadcast_div(&ratio.mean_all().unwrap()).unwrap();
        }
        let w = list(&w.get(p).unwrap());
        assert!(w[..M].iter().all(|w| *w == 1.0));
        compare("weight", &w[M..], &ratio);
    }
}

fn check_target(lambda: f64, exploration: Exploration, compare: Compare) {
    let (stride, layout) = (3 * ROWS, RowLayout::new(1, 1));
    let row = layout.floats();
    let (acts, log_pi, theta) = (
        normals(6, &[P, stride]),
        normals(7, &[P, 2 * ROWS]),
        normals(8, &[P, 3]),
    );
    let batch = normals(9, &[P, ROWS * row])
        .relu()
        .unwrap()
        .minimum(1f32)
        .unwrap();
    let target = Target {
        members: P,
        rows: ROWS,
        q: [0, ROWS].map(Slot::new),
        v: Some(Slot::new(2 * ROWS)),
        lambda: 0.3.into(),
        log_pi_at: Slot::new(ROWS),
        exploration,
        optimism: 1.5.into(),
        log_alpha: Slot::new(1),
        discount: 0.9.into(),
        reward_scale: 2.0.into(),
        row: layout,
    };
    let y = poison(&[P, ROWS]);
    launch(&target, [&y], [&acts, &log_pi, &theta, &batch]).unwrap();
    for p in 0..P {
        let act = f64(&acts.get(p).unwrap());
        let alpha = list(&theta.get(p).unwrap())[1].exp();
        let rows = f64(&batch.get(p).unwrap().reshape((ROWS, row)).unwrap());
        let column = |c: usize| rows.narrow(1, c, 1).unwrap().flatten_all().unwrap();
        let q = piece(&act, 0, ROWS)
            .minimum(&piece(&act, ROWS, ROWS))
            .unwrap();
        let bonus = match exploration {
            Exploration::Entropy => {
                (f64(&piece(&log_pi.get(p).unwrap(), ROWS, ROWS)) * -alpha).unwrap()
            }
            Exploration::None => q.zeros_like().unwrap(),
            Exploration::Optimism => {
                let both = piece(&act, 0, ROWS) - piece(&act, ROWS, ROWS);
                (both.unwrap().abs().unwrap() * 0.75).unwrap()
            }
        };
        let mixed = ((piece(&act, 2 * ROWS, ROWS) * lambda).unwrap()
            + ((q + bonus).unwrap() * (1.0 - lambda)).unwrap())
        .unwrap();
        let live = (1.0 - column(row - 1)).unwrap();
        let reward = column(row - 2);
        let reference =
            ((reward * 2.0).unwrap() + ((live * mixed).unwrap() * 0.9).unwrap()).unwrap();
        compare("y", &list(&y.get(p).unwrap()), &reference);
    }
}

fn check_actor(scale: f64, compare: Compare) {
    let stride = 2 * N;
    let (acts, log_pi, theta) = (
        normals(10, &[P, stride]),
        normals(11, &[P, 2 * N]),
        normals(12, &[P, 2]),
    );
    let actor = ActorLoss {
        members: P,
        rows: N,
        q: [N, 0].map(Slot::new),
        log_alpha: Slot::new(1),
        target_entropy: (-3.0).into(),
        stats_at: Slot::new(0),
    };
    let (act_grads, grad, stats) = (poison(&[P, stride]), poison(&[P, 2]), zeros(&[P, 4]));
    launch(
        &actor,
        [&act_grads, &grad, &stats],
        [&acts, &log_pi, &theta],
    )
    .unwrap();
    for p in 0..P {
        let q = var(&acts.get(p).unwrap());
        let log_alpha = var(&theta.get(p).unwrap().narrow(0, 1, 1).unwrap());
        let pi = f64(&piece(&log_pi.get(p).unwrap(), 0, N));
        let worse = piece(q.as_tensor(), 0, N)
            .minimum(&piece(q.as_tensor(), N, N))
            .unwrap();
        let alpha = list(log_alpha.as_tensor())[0].exp() * scale;
        let loss = ((&pi * alpha).unwrap() - worse)
            .unwrap()
            .mean_all()
            .unwrap();
        compare("actor", &list(&stats.get(p).unwrap())[..1], &loss);
        near(
            "dQ",
            &list(&act_grads.get(p).unwrap()),
            loss.backward().unwrap().get(&q).unwrap(),
        );
        let gap = (pi - 3.0 * scale).unwrap().mean_all().unwrap();
        let loss = (log_alpha.as_tensor() * list(&gap)[0])
            .unwrap()
            .neg()
            .unwrap();
        let grads = loss.sum_all().unwrap().backward().unwrap();
        compare(
            "d log alpha",
            &list(&grad.get(p).unwrap())[1..],
            grads.get(&log_alpha).unwrap(),
        );
    }
}

/// Rules, and the spread of the values that they meet: the last goes beyond the clip.
const RULES: [(ValueRule, f64); 4] = [
    (ValueRule::Expectile(0.7), 1.0),
    (ValueRule::Sparse(0.6), 1.0),
    (
        ValueRule::Exponential {
            alpha: 1.5,
            clip: 7.0,
        },
        1.0,
    ),
    (
        ValueRule::Exponential {
            alpha: 0.5,
            clip: 2.0,
        },
        3.0,
    ),
];

#[test]
fn parity_with_autograd() {
    check_td(1.0, near);
    for (rule, spread) in RULES {
        check_value(rule, 1.0, spread, near);
    }
    for heads in [RatioHeads::Published, RatioHeads::FreeSa] {
        check_ratio(heads, false, 1.0, near);
    }
    check_ratio(RatioHeads::Published, true, 1.0, near);
    check_target(0.3, Exploration::Entropy, near);
    check_target(0.3, Exploration::None, near);
    check_target(0.3, Exploration::Optimism, near);
    check_actor(1.0, near);
}

#[test]
fn one_percent_is_seen() {
    check_td(1.01, far);
    for (rule, spread) in RULES {
        check_value(rule, 1.01, spread, far);
    }
    for heads in [RatioHeads::Published, RatioHeads::FreeSa] {
        check_ratio(heads, false, 1.01, far);
    }
    check_ratio(RatioHeads::Published, true, 1.01, far);
    check_target(0.303, Exploration::Entropy, far);
    check_target(0.303, Exploration::Optimism, far);
    check_actor(1.01, far);
}
