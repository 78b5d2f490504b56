//! Adam, target smoothing, and the guard that freezes who diverges.

use h2oplus::kernel::adam::{Adam, ParamGroup};
use h2oplus::kernel::guard::{BROKEN, FROZEN, Guard, HEALTH};
use h2oplus::kernel::polyak::Polyak;

use super::{Case, P, random};
use crate::cuda_host::Host;

/// Three members, of which the second is frozen.
fn health() -> Vec<f32> {
    let mut health = vec![0.0; P * HEALTH];
    health[HEALTH + FROZEN] = 7.0;
    health
}

const STRIDE: usize = 3000;

pub fn adam(host: &Host) {
    let stride = STRIDE;
    let group = |range, rate: [f64; P], step| ParamGroup {
        range,
        rate: rate.to_vec().into(),
        step,
    };
    let moment: Vec<f32> = random(24, P * stride).iter().map(|x| x * x).collect();
    let mut grad = random(25, P * stride);
    grad[2 * stride + 20] = f32::NAN; // the third member breaks
    let mut first = vec![0.0; P * stride]; // from zero, so that the step itself is compared
    first[2 * stride + 21] = f32::INFINITY;
    let case = Case {
        kernel: Adam {
            members: P,
            groups: vec![
                group(16..1500, [1e-2, 2e-2, 3e-2], 3),
                group(1504..1507, [2e-2; P], 1),
                group(1600..2999, [1e-2; P], 9),
            ],
        },
        out: [first, random(23, P * stride), moment, health()],
        input: [grad],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.groups[2].rate = (1.01 * 1e-2).into());
}

pub fn polyak(host: &Host) {
    let stride = STRIDE;
    let case = Case {
        kernel: Polyak {
            members: P,
            range: 100..2555,
            rate: vec![0.3, 0.1, 0.5].into(),
        },
        out: [random(26, P * 2455)],
        input: [random(27, P * stride), health()],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.rate = c.kernel.rate.map(|x| 1.01 * x));
}

pub fn guard(host: &Host) {
    // Broken by a parameter; frozen long since; broken by a loss.
    let mut before = health();
    before[BROKEN] = 1.0;
    let mut stats = random(28, P * 32);
    stats[32..64].fill(f32::NAN);
    stats[2 * 32 + 31] = f32::INFINITY;
    let case = Case {
        kernel: Guard {
            members: P,
            len: 32,
            update: 1000.0,
        },
        out: [before],
        input: [stats],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.update = 1010.0);
}
