//! The policies' heads, and what is learned through them.

use h2oplus::kernel::LogStd;
use h2oplus::kernel::awr::AwrLoss;
use h2oplus::kernel::candidates::{Beside, Candidates};
use h2oplus::kernel::cloning::CloneGrad;
use h2oplus::kernel::gaussian::GaussianSample;
use h2oplus::kernel::head::{Sample, SampleGrad};
use h2oplus::kernel::td3bc::{PolicyActions, Td3BcGrad, Td3BcLoss};
use h2oplus::kernel::{RowLayout, Slot};

use super::{A, Case, P, ROW, S, poison, random, scale};
use crate::cuda_host::Host;

pub fn head(host: &Host) {
    let (rows, stride, params) = (70, 1000, 16);
    let noise = random(14, P * 2 * rows * A);
    let (raw, theta) = (random(15, P * stride), random(16, P * params));
    let case = Case {
        kernel: Sample {
            members: P,
            rows: 2 * rows,
            batch: rows,
            raw: [8, 500].map(Slot::new),
            affine: Slot::new(2),
            row: RowLayout::new(S, A),
        },
        out: [poison(P * 2 * rows * (S + A)), poison(P * 2 * rows)],
        input: [
            raw.clone(),
            theta.clone(),
            noise.clone(),
            random(17, P * rows * ROW),
        ],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[2]));
    let mut act_grads = random(18, P * stride);
    for member in act_grads.chunks_exact_mut(stride) {
        member[8..8 + 2 * rows * A].fill(f32::NAN);
    }
    let case = Case {
        kernel: SampleGrad {
            members: P,
            rows,
            act_dim: A,
            raw: Slot::new(8),
            d_action: [400, 700].map(Slot::new),
            affine: Slot::new(2),
            log_alpha: Slot::new(5),
        },
        out: [act_grads, poison(P * params)],
        input: [raw.clone(), theta.clone(), noise],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[1]));
    let mut batch = random(19, P * rows * ROW);
    batch.iter_mut().for_each(|x| *x = x.tanh());
    batch[S] = 1.0; // at the edge, where the inverse tanh is held
    let places = ([8, 400, 500, 600], [rows, stride, params]);
    awr(
        host,
        LogStd::PerState(Slot::new(2)),
        places,
        [raw, theta, batch],
    );
}

pub fn cloning(host: &Host) {
    let (rows, real, stride, params) = (170, 90, 1200, 16);
    let case = Case {
        kernel: CloneGrad {
            members: P,
            rows,
            real,
            q: [700, 900].map(Slot::new),
            raw: Slot::new(8),
            affine: Slot::new(2),
            row: RowLayout::new(S, A),
            stats_at: Slot::new(1),
            weight: vec![5.0, 2.0, 0.5].into(),
        },
        out: [
            random(73, P * stride),
            random(74, P * params),
            poison(P * 4),
        ],
        input: [
            random(75, P * stride),
            random(76, P * params),
            random(77, P * real * A),
            random(78, P * rows * ROW),
        ],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| {
        c.kernel.weight = c.kernel.weight.map(|x| 1.01 * x)
    });
}

pub fn candidates(host: &Host) {
    let (states, each, stride, params) = (11, 5, 200, 16);
    let case = Case {
        kernel: Candidates {
            members: P,
            states,
            draws: each,
            raw: [8, 100].map(Slot::new),
            affine: Slot::new(2),
            row: RowLayout::new(S, A),
        },
        out: [
            poison(P * states * (1 + 3 * each) * A),
            poison(P * states * 3 * each),
        ],
        input: [
            random(60, P * stride),
            random(61, P * params),
            random(62, P * states * each * A),
            random(63, P * 2 * states * each * A),
            random(64, P * states * ROW),
        ],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[3]));
    let (states, per, others) = (11, 6, 17);
    let case = Case {
        kernel: Beside {
            members: P,
            states,
            per,
            others,
            row: RowLayout::new(S, A),
        },
        out: [poison(P * (states * per + others) * (S + A))],
        input: [
            random(85, P * states * per * A),
            random(86, P * (states + others) * ROW),
        ],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[0]));
}

pub fn gaussian(host: &Host) {
    let (rows, stride, params) = (290, 1600, 16);
    let policy = GaussianSample {
        members: P,
        rows,
        act_dim: A,
        raw: Slot::new(8),
        log_std: Slot::new(3),
    };
    let (raw, mut theta) = (random(65, P * stride), random(66, P * params));
    theta[params + 3] = 2.5; // outside the bounds
    let case = Case {
        kernel: policy.clone(),
        out: [poison(P * rows * A)],
        input: [raw.clone(), theta.clone(), random(67, P * rows * A)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[2]));
    let places = ([8, 600, 900, 1200], [rows, stride, params]);
    let input = [raw, theta, random(68, P * rows * ROW)];
    awr(host, LogStd::Free(policy.log_std), places, input);
}

pub fn deterministic(host: &Host) {
    let (rows, stride, row) = (290, 1600, RowLayout::new(S, A));
    let (acts, batch) = (random(69, P * stride), random(70, P * rows * ROW));
    let case = Case {
        kernel: PolicyActions {
            members: P,
            rows,
            raw: Slot::new(8),
            column: row.next_obs(),
            row,
            std: vec![0.2, 0.4, 0.3].into(),
            clip: vec![0.3, 0.5, 0.2].into(),
        },
        out: [poison(P * rows * (S + A))],
        input: [acts.clone(), random(71, P * rows * A), batch.clone()],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.clip = c.kernel.clip.map(|x| 1.01 * x));
    let case = Case {
        kernel: Td3BcLoss {
            members: P,
            rows,
            q: Slot::new(600),
            raw: Slot::new(8),
            row,
            stats_at: Slot::new(1),
            bc_alpha: vec![2.5, 1.0, 4.0].into(),
        },
        out: [poison(P * stride), poison(P * 4)],
        input: [acts.clone(), batch.clone()],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| {
        c.kernel.bc_alpha = c.kernel.bc_alpha.map(|x| 1.01 * x)
    });
    let mut deltas = random(72, P * stride);
    for member in deltas.chunks_exact_mut(stride) {
        member[8..8 + rows * A].fill(f32::NAN);
    }
    let case = Case {
        kernel: Td3BcGrad {
            members: P,
            rows,
            raw: Slot::new(8),
            d_action: Slot::new(900),
            row,
        },
        out: [deltas],
        input: [acts, batch],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[0]));
}

/// `places`: of the raw outputs, Q1, Q2 and V; rows, and floats a member of the activations and of the parameters.
fn awr(
    host: &Host,
    spread: LogStd,
    ([raw, q1, q2, v], [rows, stride, param_stride]): ([usize; 4], [usize; 3]),
    input: [Vec<f32>; 3],
) {
    let case = Case {
        kernel: AwrLoss {
            members: P,
            rows,
            spread,
            raw: Slot::new(raw),
            q: [q1, q2].map(Slot::new),
            v: Slot::new(v),
            row: RowLayout::new(S, A),
            beta: vec![2.0, 1.0, 3.0].into(),
            clip: vec![5.0, 1.5, 100.0].into(),
            stats_at: Slot::new(1),
        },
        out: [poison(P * stride), poison(P * param_stride), poison(P * 4)],
        input,
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.beta = c.kernel.beta.map(|x| 1.01 * x));
}
