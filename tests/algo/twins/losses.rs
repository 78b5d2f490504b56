//! Losses, targets and weights.

use h2oplus::kernel::actor::ActorLoss;
use h2oplus::kernel::cql::CqlLoss;
use h2oplus::kernel::h2o::{GapWeight, H2oLoss};
use h2oplus::kernel::ratio::{RatioHeads, RatioLoss, RatioReward, RatioWeight};
use h2oplus::kernel::target::{Exploration, Target};
use h2oplus::kernel::td::TdLoss;
use h2oplus::kernel::value::{ValueLoss, ValueRule};
use h2oplus::kernel::{RowLayout, Slot};

use super::{A, Case, P, ROW, S, poison, random, scale};
use crate::cuda_host::Host;

/// More rows than threads.
const ROWS: usize = 300;
const STRIDE: usize = 1000;

pub fn td(host: &Host) {
    let rows = ROWS;
    let case = Case {
        kernel: TdLoss {
            members: P,
            halves: [120, 180],
            q: [10, 700].map(Slot::new),
            steps: [3, 1],
            stats_at: Slot::new(1),
        },
        out: [poison(P * 1400), poison(P * 8)],
        input: [1, 2, 3].map(|seed| random(seed, P * if seed == 1 { 1400 } else { rows + 1 })),
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[2]));
}

pub fn value(host: &Host) {
    let (rows, stride) = (ROWS, STRIDE);
    let exponential = |alpha| ValueRule::Exponential { alpha, clip: 2.0 };
    for (rule, spoiled) in [
        (ValueRule::Expectile(0.7), ValueRule::Expectile(0.707)),
        (ValueRule::Sparse(0.5), ValueRule::Sparse(0.505)),
        (exponential(0.5), exponential(0.505)),
    ] {
        let case = Case {
            kernel: ValueLoss {
                members: P,
                rows,
                v: Slot::new(10),
                q: [320, 650].map(Slot::new),
                rule: rule.into(),
                stats_at: Slot::new(0),
            },
            out: [poison(P * stride), poison(P * 2)],
            input: [random(4, P * stride)],
            scratch: false,
            compared: usize::MAX,
        };
        case.check(host, |c| c.kernel.rule = spoiled.into());
    }
}

pub fn target(host: &Host) {
    let (rows, stride) = (ROWS, STRIDE);
    for (exploration, v) in [
        (Exploration::Entropy, Some(Slot::new(650))),
        (Exploration::None, None),
        (Exploration::Optimism, None),
    ] {
        let case = Case {
            kernel: Target {
                members: P,
                rows,
                q: [10, 320].map(Slot::new),
                v,
                lambda: vec![0.3, 0.1, 0.9].into(),
                log_pi_at: Slot::new(rows),
                exploration,
                optimism: vec![1.5, 0.5, 1.0].into(),
                log_alpha: Slot::new(3),
                discount: vec![0.97, 0.9, 0.8].into(),
                reward_scale: 1.5.into(),
                row: RowLayout::new(S, A),
            },
            out: [poison(P * (rows + 2))],
            input: [
                random(5, P * stride),
                random(6, P * 2 * rows),
                random(7, P * 16),
                random(8, P * (rows + 2) * ROW),
            ],
            scratch: false,
            compared: usize::MAX,
        };
        case.check(host, |c| {
            c.kernel.discount = c.kernel.discount.map(|x| 1.01 * x)
        });
    }
}

pub fn actor(host: &Host) {
    let (rows, stride) = (ROWS, STRIDE);
    let case = Case {
        kernel: ActorLoss {
            members: P,
            rows,
            q: [10, 320].map(Slot::new),
            log_alpha: Slot::new(3),
            target_entropy: vec![-3.0, -2.0, -1.0].into(),
            stats_at: Slot::new(2),
        },
        out: [poison(P * stride), poison(P * 16), poison(P * 8)],
        input: [
            random(9, P * stride),
            random(10, P * 2 * rows),
            random(11, P * 16),
        ],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| {
        c.kernel.target_entropy = c.kernel.target_entropy.map(|x| 1.01 * x)
    });
}

pub fn ratio_loss(host: &Host) {
    let (half, stride) = (140, 1200);
    for heads in [RatioHeads::Published, RatioHeads::FreeSa] {
        let case = Case {
            kernel: RatioLoss {
                members: P,
                half,
                raw: [8, 600].map(Slot::new),
                heads,
                stats_at: Slot::new(1),
            },
            out: [poison(P * stride), poison(P * 4)],
            input: [random(12, P * stride)],
            scratch: false,
            compared: usize::MAX,
        };
        case.check(host, |c| scale(&mut c.input[0]));
    }
}

pub fn ratio_weight(host: &Host) {
    let stride = 1200;
    let there = Some(Slot::new(8));
    for (raw, normalise) in [(there, false), (there, true), (None, false)] {
        let case = Case {
            kernel: RatioWeight {
                members: P,
                real: 130,
                sim: 150,
                raw,
                normalise,
                clip: vec![[0.3, 1.0], [0.2, 0.9], [0.4, 1.5]].into(),
                stats_at: Slot::new(1),
            },
            out: [poison(P * 280), poison(P * 4)],
            input: [random(13, P * stride)],
            scratch: false,
            compared: usize::MAX,
        };
        case.check(host, |c| match raw {
            Some(_) => c.kernel.clip = c.kernel.clip.map(|[low, high]| [1.01 * low, high]),
            None => c.kernel.raw = Some(Slot::new(8)),
        });
    }
}

pub fn ratio_reward(host: &Host) {
    let (rows, stride) = (ROWS, STRIDE);
    let case = Case {
        kernel: RatioReward {
            members: P,
            rows: 7..rows,
            raw: Slot::new(8),
            row: RowLayout::new(S, A),
            stats_at: Slot::new(1),
            eta: vec![0.1, 1.0, 0.5].into(),
            clip: vec![10.0, f32::INFINITY, 0.7].into(),
        },
        out: [random(57, P * rows * ROW), poison(P * 4)],
        input: [random(58, P * stride)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.eta = c.kernel.eta.map(|x| 1.01 * x));
}

pub fn cql(host: &Host) {
    let (states, actions, stride) = (70, 13, 2000);
    for importance in [true, false] {
        let mut act_grads = random(50, P * stride);
        act_grads[7] = 0.0;
        let case = Case {
            kernel: CqlLoss {
                members: P,
                states,
                actions,
                q: [1000, 3].map(Slot::new),
                weight: vec![0.7, 0.5, 2.0].into(),
                temperature: vec![1.5, 1.0, 0.5].into(),
                importance,
                stats_at: Slot::new(1),
            },
            out: [act_grads, poison(P * 4)],
            input: [
                random(51, P * stride),
                random(52, P * states * (actions - 1)),
            ],
            scratch: false,
            compared: usize::MAX,
        };
        case.check(host, |c| {
            c.kernel.temperature = c.kernel.temperature.map(|x| 1.01 * x)
        });
    }
}

pub fn gap_weight(host: &Host) {
    let (sim, stride) = (40, 2000);
    let case = Case {
        kernel: GapWeight {
            members: P,
            sim,
            samples: 10,
            raw: Slot::new(9),
            clip: vec![[0.05, 0.6], [0.1, 0.5], [0.2, 0.4]].into(),
            stats_at: Slot::new(1),
        },
        out: [poison(P * sim), poison(P * 4)],
        input: [random(53, P * stride)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| {
        c.kernel.clip = c.kernel.clip.map(|[low, high]| [low, 1.01 * high])
    });
}

pub fn h2o(host: &Host) {
    let (real, sim) = (30, 40);
    let case = Case {
        kernel: H2oLoss {
            members: P,
            real,
            sim,
            q: [100, 3].map(Slot::new),
            weight: vec![0.7, 0.5, 2.0].into(),
            temperature: vec![1.5, 1.0, 0.5].into(),
            stats_at: Slot::new(1),
        },
        out: [random(54, P * 200), poison(P * 4)],
        input: [random(55, P * 200), random(56, P * sim)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| {
        c.kernel.temperature = c.kernel.temperature.map(|x| 1.01 * x)
    });
}
