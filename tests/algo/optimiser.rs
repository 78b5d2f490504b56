//! Adam and target smoothing.

use candle_core::Tensor;
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use h2oplus::kernel::adam::{Adam, ParamGroup};
use h2oplus::kernel::guard::{BROKEN, FROZEN, Guard, HEALTH};
use h2oplus::kernel::launch::launch;
use h2oplus::kernel::polyak::Polyak;

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
        let group = |range| ParamGroup {
            range,
            rate: 1e-3.into(),
            step,
        };
        let ours = Adam {
            members: P,
            groups: vec![group(0..123), group(123..LEN)],
        };
        let health = zeros(&[P, HEALTH]);
        launch(&ours, [&theta, &m, &v, &health], [&grad]).unwrap();
        assert_eq!(list(&health), [0.0; P * HEALTH]);
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
        ParamGroup {
            range: 0..16,
            rate: 1e-3.into(),
            step: 1,
        },
        ParamGroup {
            range: 32..48,
            rate: 2e-3.into(),
            step: 1,
        },
    ];
    launch(
        &Adam { members: 1, groups },
        [&theta, &m, &v, &zeros(&[1, HEALTH])],
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
                range: 5..LEN - 2,
                rate: 0.3.into(),
            },
            [&ours],
            [&theta, &zeros(&[P, HEALTH])],
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
        range: 0..16,
        rate: 0.1.into(),
    };
    assert!(
        launch(&polyak, [&t], [&t, &zeros(&[1, HEALTH])])
            .unwrap_err()
            .to_string()
            .contains("used twice")
    );
}

/// A member with one gradient that is not finite keeps finite parameters and is frozen; its neighbours do not notice.
#[test]
fn a_member_that_breaks_is_frozen_alone() {
    let (members, len) = (3, 40_000);
    let grad = normals(1, &[members, len]);
    let mut broken = grad.to_vec2::<f32>().unwrap();
    broken[1][33_333] = f32::NAN;
    let broken = Tensor::new(broken, crate::support::device()).unwrap();
    let step = |grad: &Tensor, state: &[Tensor; 4], rate: f64| {
        let adam = Adam {
            members,
            groups: vec![ParamGroup {
                range: 0..len,
                rate: vec![1e-3, 1e-3, rate].into(),
                step: 1,
            }],
        };
        launch(&adam, state.each_ref(), [grad]).unwrap();
    };
    let fresh = || [len, len, len, HEALTH].map(|floats| zeros(&[members, floats]));
    let (sound, hurt) = (fresh(), fresh());
    step(&grad, &sound, 1e-3);
    step(&broken, &hurt, 1e-3);
    let of = |state: &[Tensor; 4], member: usize| list(&state[0].get(member).unwrap());
    assert_eq!(of(&hurt, 0), of(&sound, 0));
    assert_eq!(of(&hurt, 2), of(&sound, 2));
    assert!(of(&hurt, 1).iter().all(|x| x.is_finite()));
    assert_eq!(of(&hurt, 1)[33_333], 0.0, "left as it was");
    // So does a step that is too large to be a number.
    let far = fresh();
    step(&grad, &far, 1e300);
    assert!(of(&far, 2).iter().all(|x| x.is_finite()));
    assert_eq!(list(&far[3]), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);

    // The guard sees the mark, and losses that are not finite; what is frozen keeps its update and stands still.
    let health = &hurt[3];
    assert_eq!(list(health)[HEALTH + BROKEN], 1.0);
    let stats = |nan: bool| {
        let stat = if nan { f32::NAN } else { 1.0 };
        Tensor::new(
            &[[1f32, 2.0], [1.0, 2.0], [1.0, stat]],
            crate::support::device(),
        )
        .unwrap()
    };
    for (update, nan) in [(7, false), (8, true), (9, true)] {
        let guard = Guard {
            members,
            len: 2,
            update: update as f32,
        };
        launch(&guard, [health], [&stats(nan)]).unwrap();
    }
    let frozen: Vec<_> = (0..members)
        .map(|m| list(health)[m * HEALTH + FROZEN])
        .collect();
    assert_eq!(frozen, [0.0, 7.0, 8.0]);
    let before = of(&hurt, 1);
    step(&grad, &hurt, 1e-3);
    assert_eq!(of(&hurt, 1), before);
    assert_ne!(of(&hurt, 0), of(&sound, 0), "the others go on");
    let target = poison(&[members, len]);
    let polyak = Polyak {
        members,
        range: 0..len,
        rate: 1.0.into(),
    };
    let begun = target.zeros_like().unwrap();
    launch(&polyak, [&begun], [&hurt[0], health]).unwrap();
    assert!(list(&begun.get(1).unwrap()).iter().all(|x| *x == 0.0));
    assert_eq!(list(&begun.get(0).unwrap()), of(&hurt, 0));
}
