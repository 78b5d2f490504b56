//! Adam and target smoothing.

use h2oplus::nn::ops::adam::{Adam, Group};
use h2oplus::nn::ops::polyak::Polyak;

use super::{Case, P, random};
use crate::cuda_host::Host;

pub fn optimiser(host: &Host) {
    let stride = 3000;
    let group = |range, rate, step| Group { range, rate, step };
    let zeros = || vec![0.0; P * stride];
    let moment: Vec<f32> = random(24, P * stride).iter().map(|x| x * x).collect();
    let case = Case {
        kernel: Adam {
            members: P,
            stride,
            groups: vec![
                group(16..1500, 1e-2, 3),
                group(1504..1507, 2e-2, 1),
                group(1600..2999, 1e-2, 9),
            ],
        },
        // From zero, so that the step itself is compared.
        out: [zeros(), random(23, P * stride), moment],
        input: [random(25, P * stride)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.groups[2].rate *= 1.01);
    let case = Case {
        kernel: Polyak {
            members: P,
            stride,
            range: 100..2555,
            rate: 0.3,
        },
        out: [random(26, P * 2455)],
        input: [random(27, P * stride)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.rate *= 1.01);
}
