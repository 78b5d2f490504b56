//! What the device can do at most, as measured.

use std::time::Instant;

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::result;
use candle_core::{DType, Device, Tensor};

use super::queue::Queue;
use super::{Engine, Result, engine};
use crate::kernel::cuda::{Operand, Product, ProductShape, Program, Step};

/// Ceilings of this device: GFLOP/s of 256×256×256 products, many at once and at the precision set, and GB/s of a copy
/// (read and written).
pub fn ceilings() -> Result<[f64; 2]> {
    const N: usize = 256;
    const MATRICES: usize = 512;
    const REPEATS: u32 = 20;
    let mut engine = engine()?;
    let device = Device::Cuda(engine.device.clone());
    let buffers = [(); 3].map(|()| Tensor::ones((MATRICES, N * N), DType::F32, &device));
    let [a, b, c] = buffers;
    let (a, b, c) = (a?, b?, c?);
    let block = |buffer| Operand {
        buffer,
        offset: 0,
        stride: N * N,
    };
    let product = Product {
        members: MATRICES,
        shape: ProductShape {
            size: [N; 3],
            transposed: [false; 2],
            ld: [N; 3],
        },
        blocks: vec![[0, 1, 2].map(block)],
    };
    let program = Program {
        steps: vec![Step::Product(product)],
    };
    let pointers = [&a, &b, &c].map(|t| engine.pointer("ceilings", t));
    let pointers = pointers.into_iter().collect::<Result<Vec<_>>>()?;
    let seconds = |engine: &mut Engine, work: &dyn Fn(&mut Engine) -> Result<()>| {
        work(engine)?;
        engine.stream.synchronize().w()?;
        let begun = Instant::now();
        for _ in 0..REPEATS {
            work(engine)?;
        }
        engine.stream.synchronize().w()?;
        Ok::<_, candle_core::Error>(begun.elapsed().as_secs_f64() / f64::from(REPEATS))
    };
    let products = seconds(&mut engine, &|engine| {
        let mut queue = Queue::default();
        queue.push(&program, &pointers);
        engine.send(queue)
    })?;
    let bytes = 4 * MATRICES * N * N;
    let copy = seconds(&mut engine, &|engine| {
        // SAFETY: both buffers are that long.
        unsafe {
            result::memcpy_dtod_async(pointers[2], pointers[0], bytes, engine.stream.cu_stream())
        }
        .w()
    })?;
    let flops = 2.0 * (MATRICES * N * N * N) as f64;
    Ok([1e-9 * flops / products, 2e-9 * bytes as f64 / copy])
}
