//! Draws, and what is done to a batch.

use h2oplus::kernel::RowLayout;
use h2oplus::kernel::gather::{Gather, Span};
use h2oplus::kernel::noise::{Blur, Draw, Noise, ScaleColumns};
use h2oplus::kernel::standardise::Standardise;
use h2oplus::rng::Stream;

use super::{A, Case, P, ROW, S, poison, random, scale};
use crate::cuda_host::Host;

const SEEDS: [u64; P] = [1, 2, 0x1234_5678_9abc];

fn check_noise(host: &Host, draw: Draw, spoil: fn(&mut Noise)) {
    let case = Case {
        kernel: Noise {
            members: P,
            draw,
            update: 78,
            stream: Stream::Update,
            len: 1030,
            seed: SEEDS.to_vec().into(),
        },
        out: [poison(P * 1030)],
        input: [],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| spoil(&mut c.kernel));
}

pub fn gather(host: &Host) {
    let span = |start, len| Span { start, len };
    for spans in [
        span(5, 50).into(),
        vec![span(0, 50), span(50, 31), span(81, 60)].into(),
    ] {
        let case = Case {
            kernel: Gather {
                members: P,
                lane: 1,
                update: 77,
                stream: Stream::SampleSim,
                row: ROW,
                first: 3,
                rows: 37,
                width: ROW - 3,
                seed: SEEDS.to_vec().into(),
                span: spans,
            },
            out: [poison(P * 41 * (ROW - 3))],
            input: [random(20, 150 * ROW)],
            scratch: false,
            compared: usize::MAX,
        };
        let fewer = |s: Span| span(s.start, s.len - 1);
        case.check(host, |c| c.kernel.span = c.kernel.span.map(fewer));
    }
}

pub fn noise(host: &Host) {
    check_noise(host, Draw::Uniform, |kernel| kernel.update += 1);
    check_noise(host, Draw::Normal, |kernel| {
        kernel.seed = kernel.seed.map(|seed| seed ^ (1 << 40));
    });
}

pub fn blur(host: &Host) {
    let case = Case {
        kernel: Blur {
            members: P,
            len: 300,
            std: vec![0.3, 0.1, 0.5].into(),
        },
        out: [random(21, P * 300)],
        input: [random(22, P * 310)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.std = c.kernel.std.map(|x| 1.01 * x));
}

pub fn scale_columns(host: &Host) {
    let case = Case {
        kernel: ScaleColumns {
            members: P,
            len: 60 * S,
            columns: S,
        },
        out: [random(70, P * 60 * S)],
        input: [random(71, P * S)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[0]));
}

pub fn standardise(host: &Host) {
    let case = Case {
        kernel: Standardise {
            members: P,
            rows: 3..33,
            row: RowLayout::new(S, A),
        },
        out: [random(72, P * 37 * ROW)],
        input: [random(73, P * 2 * S)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[0]));
}
