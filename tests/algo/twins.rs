//! Every CUDA kernel against its CPU twin, without a GPU: the same launch, the same buffers, poisoned outputs.

use candle_core::Device;
use h2oplus::nn::cuda::{Program, entries};
use h2oplus::nn::launch::Kernel;
use h2oplus::nn::ops::actor::ActorLoss;
use h2oplus::nn::ops::adam::{Adam, Group};
use h2oplus::nn::ops::awr::AwrLoss;
use h2oplus::nn::ops::dense::View;
use h2oplus::nn::ops::gather::Gather;
use h2oplus::nn::ops::head::{Head, Sample, SampleGrad};
use h2oplus::nn::ops::noise::{Blur, Normals};
use h2oplus::nn::ops::polyak::Polyak;
use h2oplus::nn::ops::ratio::{RatioLoss, RatioWeight};
use h2oplus::nn::ops::target::{Exploration, Target};
use h2oplus::nn::ops::td::TdLoss;
use h2oplus::nn::ops::value::{ValueLoss, ValueRule};
use h2oplus::nn::params::{LastLayer, Params, Spec};
use h2oplus::nn::workspace::{Backprop, Plan, Use};
use h2oplus::rng::Stream;

use crate::cuda_host::{Host, Order, host};
use crate::support::{FAR, NEAR, list, normals};

const P: usize = 3;
const S: usize = 5;
const A: usize = 2;
const ROW: usize = 2 * S + A + 2;

fn random(seed: u64, len: usize) -> Vec<f32> {
    normals(seed, &[len]).to_vec1().unwrap()
}

fn poison(len: usize) -> Vec<f32> {
    vec![f32::NAN; len]
}

/// Largest difference over the magnitude there, or a twentieth of the buffer's where that is more. What the twin left
/// alone must be left alone, but for scratch.
fn difference(ours: &[f32], twin: &[f32], scratch: bool) -> f64 {
    let scale = twin.iter().filter(|x| x.is_finite());
    let scale = scale.fold(1e-30f32, |m, x| m.max(x.abs()));
    let one = |(x, r): (&f32, &f32)| match (x.is_nan(), r.is_nan()) {
        (true, true) => 0.0,
        (_, true) if scratch => 0.0,
        (true, false) | (false, true) => f64::INFINITY,
        _ => f64::from((x - r).abs()) / f64::from(r.abs() + 0.05 * scale),
    };
    ours.iter().zip(twin).map(one).fold(0.0, f64::max)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// One kernel's launch.
#[derive(Clone)]
struct Case<K, const O: usize, const I: usize> {
    kernel: K,
    out: [Vec<f32>; O],
    input: [Vec<f32>; I],
    /// Whether the GPU keeps what the CPU does not store.
    scratch: bool,
    /// Outputs that are compared: the others are the CPU's own scratch.
    compared: usize,
}

impl<K: Kernel<O, I> + Clone, const O: usize, const I: usize> Case<K, O, I> {
    fn on_cpu(&self) -> Vec<Vec<f32>> {
        let mut out = self.out.clone();
        self.kernel.cpu(
            out.each_mut().map(Vec::as_mut_slice),
            self.input.each_ref().map(Vec::as_slice),
        );
        out.to_vec()
    }

    fn on_host(&self, host: &Host, order: Order) -> Vec<Vec<f32>> {
        let program: Program = self.kernel.cuda().expect("a CUDA body");
        let mut buffers: Vec<_> = self.out.iter().chain(&self.input).cloned().collect();
        host.execute(&program, &mut buffers, order);
        for (before, after) in self.input.iter().zip(&buffers[O..]) {
            assert!(bits(before) == bits(after), "{}: an input was written", K::NAME);
        }
        buffers.truncate(O);
        buffers
    }

    /// The twins agree, in both orders of the threads to the bit; and `spoil`, by 1 % or so, is seen.
    fn check(self, host: &Host, spoil: impl FnOnce(&mut Self)) {
        let twin = self.on_cpu();
        let ours = self.on_host(host, Order::Ascending);
        let other = self.on_host(host, Order::Descending);
        let worst = |ours: &[Vec<f32>], twin: &[Vec<f32>]| {
            let all = ours.iter().zip(twin).take(self.compared);
            let all = all.map(|(x, r)| difference(x, r, self.scratch));
            all.fold(0.0, f64::max)
        };
        let same = ours.iter().zip(&other).all(|(a, b)| bits(a) == bits(b));
        assert!(same, "{}: a barrier is missing", K::NAME);
        let error = worst(&ours, &twin);
        assert!(error < NEAR, "{}: {error:.2e}", K::NAME);
        let mut spoiled = self.clone();
        spoil(&mut spoiled);
        let error = worst(&spoiled.on_host(host, Order::Ascending), &twin);
        assert!(error > FAR, "{} should differ: {error:.2e}", K::NAME);
    }
}

fn scale(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x *= 1.01);
}

#[test]
fn every_kernel_is_its_twin() {
    let Some(host) = host() else { return };
    losses(host);
    ratio(host);
    head(host);
    draws(host);
    optimiser(host);
    // Wide and narrow last layers, one layer and many, shapes that fill no tile.
    for sizes in [
        &[7, 33, 19, 1][..],
        &[7, 40, 12],
        &[9, 34, 21],
        &[6, 3],
        &[8, 20, 2],
    ] {
        networks(host, sizes);
    }
    let all: Vec<_> = entries().iter().map(|e| e.name).collect();
    let missing: Vec<_> = all.iter().filter(|n| !host.ran().contains(*n)).collect();
    assert!(missing.is_empty(), "never run: {missing:?}");
}

fn losses(host: &Host) {
    let (rows, stride) = (300, 1000); // more rows than threads
    let case = Case {
        kernel: TdLoss {
            members: P,
            halves: vec![120, 180],
            q: [10, 400],
            stride,
            row_stride: rows + 1,
            stats: [1, 8],
        },
        out: [poison(P * stride), poison(P * 8)],
        input: [1, 2, 3].map(|seed| random(seed, P * if seed == 1 { stride } else { rows + 1 })),
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[2]));
    let case = Case {
        kernel: ValueLoss {
            members: P,
            rows,
            v: 10,
            q: [320, 650],
            stride,
            rule: ValueRule::Expectile(0.7),
            stats: [0, 2],
        },
        out: [poison(P * stride), poison(P * 2)],
        input: [random(4, P * stride)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.rule = ValueRule::Expectile(0.707));
    for (exploration, value) in [
        (Exploration::Entropy, Some((650, 0.3))),
        (Exploration::None, None),
    ] {
        let case = Case {
            kernel: Target {
                members: P,
                rows,
                row_stride: rows + 2,
                q: [10, 320],
                value,
                stride,
                log_pi: [rows, 2 * rows],
                exploration,
                log_alpha: 3,
                param_stride: 16,
                discount: 0.97,
                reward_scale: 1.5,
                row: ROW,
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
        case.check(host, |c| c.kernel.discount *= 1.01);
    }
    let case = Case {
        kernel: ActorLoss {
            members: P,
            rows,
            q: [10, 320],
            stride,
            log_pi_stride: 2 * rows,
            log_alpha: 3,
            param_stride: 16,
            target_entropy: -3.0,
            stats: [2, 8],
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
    case.check(host, |c| c.kernel.target_entropy *= 1.01);
}

fn ratio(host: &Host) {
    let (half, stride) = (140, 1200);
    let case = Case {
        kernel: RatioLoss {
            members: P,
            half,
            raw: [8, 600],
            stride,
            stats: [1, 4],
        },
        out: [poison(P * stride), poison(P * 4)],
        input: [random(12, P * stride)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[0]));
    for raw in [Some(8), None] {
        let case = Case {
            kernel: RatioWeight {
                members: P,
                real: 130,
                sim: 150,
                raw,
                stride,
                clip: [0.3, 1.0],
                stats: [1, 4],
            },
            out: [poison(P * 280), poison(P * 4)],
            input: [random(13, P * stride)],
            scratch: false,
            compared: usize::MAX,
        };
        case.check(host, |c| match raw {
            Some(_) => c.kernel.clip[0] *= 1.01,
            None => c.kernel.raw = Some(8),
        });
    }
}

fn head(host: &Host) {
    let (rows, stride, params) = (70, 1000, 16);
    let head = Head {
        members: P,
        rows: 2 * rows,
        act_dim: A,
        raw: 8,
        raw_stride: stride,
        noise: 4,
        noise_stride: 2 * rows * A + 4,
        affine: 2,
        param_stride: params,
    };
    let noise = random(14, P * (2 * rows * A + 4));
    let (raw, theta) = (random(15, P * stride), random(16, P * params));
    let case = Case {
        kernel: Sample {
            head,
            obs_dim: S,
            row: ROW,
            batch: rows,
            columns: [0, S + A],
            next_raw: 500,
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
    let head = Head { rows, ..head };
    let mut deltas = random(18, P * stride);
    for member in deltas.chunks_exact_mut(stride) {
        member[8..8 + 2 * rows * A].fill(f32::NAN);
    }
    let case = Case {
        kernel: SampleGrad {
            head,
            d_action: [400, 700],
            log_alpha: 5,
        },
        out: [deltas, poison(P * params)],
        input: [raw.clone(), theta.clone(), noise],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| scale(&mut c.input[1]));
    let mut batch = random(19, P * rows * ROW);
    batch.iter_mut().for_each(|x| *x = x.tanh());
    batch[S] = 1.0; // at the edge, where the inverse tanh is held
    let case = Case {
        kernel: AwrLoss {
            head,
            q: [400, 500],
            v: 600,
            batch: rows,
            row: [ROW, S],
            beta: 2.0,
            clip: 5.0,
            stats: [1, 4],
        },
        out: [poison(P * stride), poison(P * params), poison(P * 4)],
        input: [raw, theta, batch],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.beta *= 1.01);
}

fn draws(host: &Host) {
    let seeds = vec![1, 2, 0x1234_5678_9abc];
    for groups in [1, P] {
        let case = Case {
            kernel: Gather {
                seeds: seeds.clone(),
                lane: 1,
                update: 77,
                stream: Stream::SampleSim,
                groups,
                capacity: 60,
                len: 50,
                row: ROW,
                first: 3,
                rows: 37,
                batch_rows: 41,
                width: ROW - 3,
            },
            out: [poison(P * 41 * (ROW - 3))],
            input: [random(20, groups * 60 * ROW)],
            scratch: false,
            compared: usize::MAX,
        };
        case.check(host, |c| c.kernel.len -= 1);
    }
    let case = Case {
        kernel: Normals {
            seeds,
            update: 78,
            stream: Stream::Update,
            len: 1030,
        },
        out: [poison(P * 1030)],
        input: [],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.seeds[1] ^= 1 << 40);
    let case = Case {
        kernel: Blur {
            members: P,
            len: 300,
            std: 0.3,
            noise: [5, 310],
        },
        out: [random(21, P * 300)],
        input: [random(22, P * 310)],
        scratch: false,
        compared: usize::MAX,
    };
    case.check(host, |c| c.kernel.std *= 1.01);
}

fn optimiser(host: &Host) {
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

/// Forward and backward of two networks on parts of wider inputs.
fn networks(host: &Host, sizes: &[usize]) {
    const ROWS: usize = 37;
    const COLUMNS: usize = 11;
    let mut spec = Spec::default();
    let twin = spec.mlp("twin", sizes, LastLayer::Linear);
    let net = spec.mlp("net", sizes, LastLayer::Linear);
    let params = Params::new(spec, &[(&net, "target")], &[7, 8, 9], &Device::Cpu).unwrap();
    let view = |buffer: usize, offset: usize| View {
        buffer,
        offset,
        ld: COLUMNS,
        stride: ROWS * COLUMNS,
    };
    let mut plan = Plan::new(P, [params.len(), params.target_len()]);
    let train = plan.pass(&net, Use::Train, view(0, 1), ROWS);
    let other = plan.pass(&twin, Use::Train, view(1, 0), ROWS - 6);
    let through = plan.pass(&net, Use::Train, view(1, 1), ROWS);
    let infer = plan.pass(&net, Use::Infer, view(0, 2), ROWS);
    let target = plan.pass(&params.target_of(&net), Use::Target, view(1, 0), ROWS);
    let (first, columns) = (2, sizes[0] - 2);
    let input_grad = plan.input_grad(&through, columns);
    let dense = plan.forward(&[&train, &other, &through, &infer, &target]);
    let floats = |t: &candle_core::Tensor| list(t).iter().map(|x| *x as f32).collect::<Vec<_>>();
    let (theta, inputs) = (
        floats(&params.theta),
        [
            random(30, P * ROWS * COLUMNS),
            random(31, P * ROWS * COLUMNS),
        ],
    );
    let forward = Case {
        kernel: dense,
        out: [poison(P * plan.len())],
        input: [
            theta.clone(),
            floats(&params.target),
            inputs[0].clone(),
            inputs[1].clone(),
        ],
        scratch: true,
        compared: usize::MAX,
    };
    let acts = forward.on_cpu().remove(0);
    forward.check(host, |c| scale(&mut c.input[0]));
    // Losses write the last deltas; here they are given.
    let mut deltas = poison(P * plan.len());
    let outputs = sizes[sizes.len() - 1];
    for (m, member) in deltas.chunks_exact_mut(plan.len()).enumerate() {
        for (n, pass) in [&train, &other, &through].into_iter().enumerate() {
            let dy = random(40 + (3 * m + n) as u64, pass.rows() * outputs);
            member[pass.out()..][..dy.len()].copy_from_slice(&dy);
        }
    }
    let backs = [
        Backprop::weights(&train),
        Backprop::weights(&other),
        Backprop {
            pass: &through,
            weights: false,
            input: Some((first, columns, input_grad)),
        },
    ];
    let [x, y] = inputs;
    let backward = Case {
        kernel: plan.backward(&backs),
        out: [deltas, poison(P * params.len()), poison(P * params.len())],
        input: [theta, acts, x, y],
        scratch: false,
        compared: 2,
    };
    backward.check(host, |c| scale(&mut c.input[0]));
}
