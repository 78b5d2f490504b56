//! Adam and target smoothing.

use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use h2oplus::nn::launch::launch;
use h2oplus::nn::ops::adam::{Adam, Group};
use h2oplus::nn::ops::polyak::Polyak;

use crate::support::{f64, far, list, near, normals, poison, var, zeros};

const P: usize = 2;
const LEN: usize = 20_000; // more than a block

/// Movement of the parameters over four steps against candle-nn's AdamW without decay.
fn check(rate: f64, compare: fn(&str, &[f64], &candle_core::Tensor)) {
    let first = zeros(&[P, LEN]);
    let (theta, m, v) = (zeros(&[P, LEN]), zeros(&[P, LEN]), zeros(&[P, LEN]));
    let reference = var(&first);
    let settings = ParamsAdamW {
        lr: rate,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 0.0,
    };
    let mut adam = AdamW::new(vec![reference.clone()], settings).unwrap();
    for step in 1..=4 {
        let grad = normals(step, &[P, LEN]);
        // Two groups with the same rate: the split must not show.
        let group = |range| Group {
            range,
            rate: 1e-3,
            step,
        };
        let ours = Adam {
            members: P,
            stride: LEN,
            groups: vec![group(0..123), group(123..LEN)],
        };
        launch(&ours, [&theta, &m, &v], [&grad]).unwrap();
        let loss = (reference.as_tensor() * f64(&grad))
            .unwrap()
            .sum_all()
            .unwrap();
        adam.step(&loss.backward().unwrap()).unwrap();
    }
    compare("adam", &list(&theta), reference.as_tensor());
}

#[test]
fn adam_parity() {
    check(1e-3, near);
    check(1.01e-3, far);
}

#[test]
fn groups_keep_their_own_rates_and_leave_others_alone() {
    let (theta, m, v) = (zeros(&[1, 48]), zeros(&[1, 48]), zeros(&[1, 48]));
    let groups = vec![
        Group {
            range: 0..16,
            rate: 1e-3,
            step: 1,
        },
        Group {
            range: 32..48,
            rate: 2e-3,
            step: 1,
        },
    ];
    launch(
        &Adam {
            members: 1,
            stride: 48,
            groups,
        },
        [&theta, &m, &v],
        [&normals(1, &[1, 48])],
    )
    .unwrap();
    let moved = list(&theta);
    assert!(moved[..16].iter().all(|x| (x.abs() - 1e-3).abs() < 1e-6));
    assert!(moved[16..32].iter().all(|x| *x == 0.0));
    assert!(moved[32..].iter().all(|x| (x.abs() - 2e-3).abs() < 1e-6));
}

#[test]
fn polyak_parity() {
    for (rate, compare) in [
        (0.3, near as fn(&str, &[f64], &candle_core::Tensor)),
        (0.303, far),
    ] {
        let (theta, target) = (normals(1, &[P, LEN]), normals(2, &[P, LEN - 7]));
        let ours = target.copy().unwrap();
        launch(
            &Polyak {
                members: P,
                stride: LEN,
                range: 5..LEN - 2,
                rate: 0.3,
            },
            [&ours],
            [&theta],
        )
        .unwrap();
        let part = f64(&theta.narrow(1, 5, LEN - 7).unwrap());
        let reference = ((f64(&target) * (1.0 - rate)).unwrap() + (part * rate).unwrap()).unwrap();
        compare("polyak", &list(&ours), &reference);
    }
}

#[test]
fn a_buffer_used_twice_is_refused() {
    let t = poison(&[1, 16]);
    let polyak = Polyak {
        members: 1,
        stride: 16,
        range: 0..16,
        rate: 0.1,
    };
    assert!(
        launch(&polyak, [&t], [&t])
            .unwrap_err()
            .to_string()
            .contains("used twice")
    );
}
