//! Random inputs, poisoned outputs, and comparisons.

use std::sync::OnceLock;

use candle_core::{DType, Device, Tensor, Var};
use h2oplus::kernel::MatmulPrecision;
use h2oplus::net::device::{DeviceKind, open};
use h2oplus::rng::{Stream, fill_normal};

/// Within f32 rounding of an f64 reference.
pub const NEAR: f64 = 2e-5;
/// What a number off by 1 % must exceed.
pub const FAR: f64 = 1e-4;

/// Where kernels are tested: on a GPU if one can be used, which is said aloud if not.
pub fn device() -> &'static Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let opened = open(DeviceKind::Auto, MatmulPrecision::F32).unwrap();
        for note in opened.notes {
            h2oplus::log!("SKIPPED on a GPU: {note}");
        }
        opened.device
    })
}

/// Standard normals `shape`, f32.
pub fn normals(seed: u64, shape: &[usize]) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    fill_normal(&mut values, seed, 0, 0, Stream::Data);
    Tensor::from_vec(values, shape, device()).unwrap()
}

/// A buffer in which an unwritten number shows.
pub fn poison(shape: &[usize]) -> Tensor {
    Tensor::full(f32::NAN, shape, device()).unwrap()
}

/// A buffer of zeros.
pub fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, device()).unwrap()
}

/// The same numbers in f64, as a variable.
pub fn var(t: &Tensor) -> Var {
    Var::from_tensor(&f64(t)).unwrap()
}

/// The same numbers in f64, on the CPU: references are composed there.
pub fn f64(t: &Tensor) -> Tensor {
    let t = t.to_device(&Device::Cpu).unwrap();
    t.to_dtype(DType::F64).unwrap().contiguous().unwrap()
}

/// Numbers of a tensor.
pub fn list(t: &Tensor) -> Vec<f64> {
    f64(t).flatten_all().unwrap().to_vec1().unwrap()
}

/// Largest difference over the largest magnitude of the reference; infinite where ours is not a number.
pub fn error(ours: &[f64], reference: &[f64]) -> f64 {
    assert_eq!(ours.len(), reference.len());
    let scale = reference.iter().fold(1e-30, |m: f64, r| m.max(r.abs()));
    let worst = |m: f64, (x, r): (&f64, &f64)| {
        if x.is_nan() {
            f64::INFINITY
        } else {
            m.max((x - r).abs())
        }
    };
    ours.iter().zip(reference).fold(0.0, worst) / scale
}

/// Asserts that `ours` is the reference up to rounding.
pub fn near(what: &str, ours: &[f64], reference: &Tensor) {
    let e = error(ours, &list(reference));
    assert!(e < NEAR, "{what}: {e:.2e}");
}

/// Negative control: asserts that the comparison sees the difference.
pub fn far(what: &str, ours: &[f64], reference: &Tensor) {
    let e = error(ours, &list(reference));
    assert!(e > FAR, "{what} should differ: {e:.2e}");
}
