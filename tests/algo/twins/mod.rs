//! Every CUDA kernel against its CPU twin, without a GPU: the same launch, the same buffers, poisoned outputs.

use h2oplus::kernel::cuda::entries;
use h2oplus::kernel::launch::Kernel;
use h2oplus::kernel::norm::Norm;

use crate::cuda_host::{Host, Order, host};
use crate::support::{FAR, NEAR, normals};

mod draws;
mod encoder;
mod losses;
mod networks;
mod optimiser;
mod policies;

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
        let mut buffers: Vec<_> = self.out.iter().chain(&self.input).cloned().collect();
        let floats: Vec<_> = buffers.iter().map(Vec::len).collect();
        let program = self.kernel.cuda(&floats);
        host.execute(&program, &mut buffers, order);
        for (before, after) in self.input.iter().zip(&buffers[O..]) {
            assert!(
                bits(before) == bits(after),
                "{}: an input was written",
                K::NAME
            );
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

const NORMS: [Norm; 3] = [Norm::None, Norm::Layer, Norm::LayerAffine];

/// Wide and narrow last layers, one layer and many, shapes that fill no tile.
fn networks(host: &Host) {
    for sizes in [
        &[7, 33, 19, 1][..],
        &[7, 40, 12],
        &[9, 34, 21],
        &[6, 3],
        &[8, 20, 2],
    ] {
        for norm in NORMS {
            networks::networks(host, sizes, norm);
        }
    }
    for sizes in [&[7, 33, 19, 1][..], &[7, 40, 2], &[6, 21]] {
        for norm in NORMS {
            networks::grouped(host, sizes, norm);
        }
    }
}

/// A test for each kernel, or for those that are checked together.
macro_rules! twins {
    ($($test:ident of [$($kernel:literal),+]: $check:path;)+) => {
        $(
            #[test]
            fn $test() {
                let Some(host) = host() else { return };
                $check(host);
                for kernel in [$($kernel),+] {
                    assert!(host.ran().contains(kernel), "{kernel} has not run");
                }
            }
        )+

        #[test]
        fn every_kernel_has_a_test() {
            let tested = [$($($kernel),+),+];
            let all: Vec<_> = entries().iter().map(|e| e.name).collect();
            let missing: Vec<_> = all.iter().filter(|name| !tested.contains(*name)).collect();
            assert!(missing.is_empty(), "no twin is tested: {missing:?}");
        }
    };
}

twins! {
    td_loss of ["td_loss"]: losses::td;
    value_loss of ["value_loss"]: losses::value;
    target of ["target"]: losses::target;
    actor_loss of ["actor_loss"]: losses::actor;
    ratio_loss of ["ratio_loss"]: losses::ratio_loss;
    ratio_weight of ["ratio_weight"]: losses::ratio_weight;
    ratio_reward of ["ratio_reward"]: losses::ratio_reward;
    cql_loss of ["cql_loss"]: losses::cql;
    gap_weight of ["gap_weight"]: losses::gap_weight;
    h2o_loss of ["h2o_loss"]: losses::h2o;
    tanh_gaussian of ["sample", "sample_grad", "awr_loss"]: policies::head;
    clipped_gaussian of ["gaussian_sample", "awr_loss"]: policies::gaussian;
    deterministic of ["policy_actions", "td3bc_loss", "td3bc_grad"]: policies::deterministic;
    cloning of ["clone_grad"]: policies::cloning;
    candidates of ["candidates", "beside"]: policies::candidates;
    encoder of ["elu", "elu_grad", "embed", "embed_grad", "encoder_loss", "encoder_reward"]: encoder::encoder;
    gather of ["gather"]: draws::gather;
    noise of ["noise"]: draws::noise;
    scale_columns of ["scale_columns"]: draws::scale_columns;
    blur of ["blur"]: draws::blur;
    standardise of ["standardise"]: draws::standardise;
    adam of ["adam"]: optimiser::adam;
    polyak of ["polyak"]: optimiser::polyak;
    guard of ["guard"]: optimiser::guard;
    dense of [
        "dense_bias",
        "dense_narrow",
        "dense_grad_narrow",
        "dense_grad_mask",
        "dense_grad_group",
        "dense_norm",
        "dense_grad_norm",
        "dense_grad_affine"
    ]: networks;
}
