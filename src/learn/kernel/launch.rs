//! One door through which every kernel runs, whatever the device.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Storage, Tensor};

use crate::error::Result;
use crate::kernel::cuda::Program;
#[cfg(feature = "cuda")]
use crate::kernel::cuda::engine;

/// What one launch does, for roofs and reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations of matrix products (2 per multiply-add); elementwise work is not counted.
    pub flops: u64,
    /// Bytes read and written once each: the least traffic the launch can cause.
    pub bytes: u64,
}

/// A kernel: writes `O` flat f32 buffers from `I` others. Buffers never alias. Shapes and offsets are
/// fields of the kernel; a buffer is always a whole contiguous tensor.
pub trait Kernel<const O: usize, const I: usize>: Sync {
    /// Name in profiles and error messages.
    const NAME: &'static str;
    /// Work of one launch.
    fn cost(&self) -> Cost;
    /// The CPU implementation.
    fn cpu(&self, out: [&mut [f32]; O], input: [&[f32]; I]);
    /// The GPU implementation, for buffers of so many `floats`, outputs first.
    fn cuda(&self, floats: &[usize]) -> Program;
}

/// What all launches of one kernel did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// [`Kernel::NAME`].
    pub name: &'static str,
    /// Launches on the device: one each on the CPU, one for each of its steps on a GPU.
    pub launches: u64,
    /// Their work.
    pub cost: Cost,
    /// Seconds in them (on a CPU; a GPU's launches return before their work is done).
    pub seconds: f64,
}

static TALLY: Mutex<Vec<Tally>> = Mutex::new(Vec::new());

/// What every kernel did since [`reset_tally`].
pub fn tally() -> Vec<Tally> {
    TALLY.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Forgets what was counted.
pub fn reset_tally() {
    TALLY.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

fn count(name: &'static str, cost: Cost, launches: usize, seconds: f64) {
    let mut all = TALLY.lock().unwrap_or_else(PoisonError::into_inner);
    let at = all.iter().position(|t| t.name == name).unwrap_or_else(|| {
        all.push(Tally {
            name,
            ..Tally::default()
        });
        all.len() - 1
    });
    all[at].launches += launches as u64;
    all[at].cost.flops += cost.flops;
    all[at].cost.bytes += cost.bytes;
    all[at].seconds += seconds;
}

/// Groups the launches made inside `work`. On the CPU they run inside the rayon pool, which saves a wake-up each. On CUDA
/// they are sent as one graph when `work` returns; until then read nothing back and free nothing.
pub fn capture<T: Send>(device: &Device, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        return engine::capture(work);
    }
    let _ = device;
    let mut done = None;
    rayon::scope(|_| done = Some(work()));
    done.expect("the scope has run")
}

/// Runs `kernel` on the device of its buffers. The tensors must be contiguous f32 and distinct.
pub fn launch<const O: usize, const I: usize, K: Kernel<O, I>>(
    kernel: &K,
    out: [&Tensor; O],
    input: [&Tensor; I],
) -> Result<()> {
    // A shared storage would be locked twice by this thread: refuse instead of hanging.
    let place = |t: &Tensor| std::ptr::from_ref::<Storage>(&t.storage_and_layout().0) as usize;
    let outs = out.map(place);
    for (n, o) in outs.iter().enumerate() {
        if outs[..n].contains(o) || input.iter().any(|i| place(i) == *o) {
            return Err(
                candle_core::Error::Msg(format!("{}: a buffer is used twice", K::NAME)).into(),
            );
        }
    }
    let begun = Instant::now();
    #[cfg(feature = "cuda")]
    if out[0].device().is_cuda() {
        let buffers: Vec<_> = out.iter().chain(&input).copied().collect();
        let floats: Vec<_> = buffers.iter().map(|b| b.elem_count()).collect();
        let program = kernel.cuda(&floats);
        let launches = engine::launch(K::NAME, &program, &buffers)?;
        count(
            K::NAME,
            kernel.cost(),
            launches,
            begun.elapsed().as_secs_f64(),
        );
        return Ok(());
    }
    let held = [const { Cell::new((std::ptr::null_mut(), 0)) }; O];
    out[0].inplace_op1(&Nested {
        kernel,
        out: &out,
        input: &input,
        held: &held,
        depth: 0,
    })?;
    count(K::NAME, kernel.cost(), 1, begun.elapsed().as_secs_f64());
    Ok(())
}

/// candle lends one mutable storage per op; nesting an op per output holds all of them at once.
struct Nested<'a, const O: usize, const I: usize, K> {
    kernel: &'a K,
    out: &'a [&'a Tensor; O],
    input: &'a [&'a Tensor; I],
    held: &'a [Cell<(*mut f32, usize)>; O],
    depth: usize,
}

impl<const O: usize, const I: usize, K: Kernel<O, I>> InplaceOp1 for Nested<'_, O, I, K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let whole = layout.is_contiguous() && layout.start_offset() == 0;
        let CpuStorage::F32(buffer) = storage else {
            candle_core::bail!("{}: output {} is not f32", K::NAME, self.depth)
        };
        if !whole || buffer.len() != layout.shape().elem_count() {
            candle_core::bail!("{}: output {} is a view", K::NAME, self.depth)
        }
        self.held[self.depth].set((buffer.as_mut_ptr(), buffer.len()));
        if let Some(next) = self.out.get(self.depth + 1) {
            return next.inplace_op1(&Nested {
                depth: self.depth + 1,
                ..*self
            });
        }
        let guards = self.input.map(Tensor::storage_and_layout);
        let mut input: [&[f32]; I] = [&[]; I];
        for (slot, (storage, layout)) in input.iter_mut().zip(&guards) {
            let (Storage::Cpu(CpuStorage::F32(buffer)), true, 0) =
                (&**storage, layout.is_contiguous(), layout.start_offset())
            else {
                candle_core::bail!("{}: an input is not a whole f32 tensor on the CPU", K::NAME)
            };
            *slot = buffer;
        }
        let out = std::array::from_fn(|n| {
            let (pointer, len) = self.held[n].get();
            // SAFETY: each pointer comes from a `&mut Vec<f32>` that an enclosing `cpu_fwd` frame holds
            // until this call returns, and `launch` has refused storages that occur twice.
            unsafe { std::slice::from_raw_parts_mut(pointer, len) }
        });
        self.kernel.cpu(out, input);
        Ok(())
    }
}
