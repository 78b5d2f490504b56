//! Runs programs on an NVIDIA GPU: one device, one stream, the device's own.
//!
//! Kernels are compiled by NVRTC when the device is opened: a user needs no CUDA compiler, and the code fits the GPU
//! that is there. Launches of an update go out together ([`capture`]): their arguments in one pinned copy, then, once
//! the same launches come again, one CUDA graph. What changes from update to update (counters, step sizes, the length
//! of the replay) is in the arguments, so the graph stays.
//!
//! This file is the door. A launch becomes [commands](queue) and bytes; the bytes go to the device through [pinned
//! memory](staging); the commands are [issued](issue) one by one or as a [graph](graphs).

mod ceilings;
mod compile;
mod graphs;
mod issue;
mod products;
mod queue;
mod staging;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{CudaStream, DevicePtr};
use candle_core::{CudaDevice, DType, Device, Storage, Tensor};

use super::Program;
use crate::kernel::MatmulPrecision;
pub use ceilings::ceilings;
pub use compile::compile;
use graphs::Graphs;
use issue::Issuer;
use queue::Queue;
use staging::{Arena, Staging};

type Result<T> = candle_core::Result<T>;

static ENGINE: OnceLock<std::result::Result<(Device, Mutex<Engine>), String>> = OnceLock::new();

thread_local! {
    /// What this thread's [`capture`] has launched so far. Another thread's launches do not wait for its end.
    static GATHERED: RefCell<Option<Queue>> = const { RefCell::new(None) };
}

/// The device, opened and its kernels compiled at the first call; or why not.
pub fn open() -> std::result::Result<Device, String> {
    let opened = ENGINE.get_or_init(|| {
        let engine = Engine::new().map_err(|e| e.to_string())?;
        Ok((Device::Cuda(engine.device.clone()), Mutex::new(engine)))
    });
    opened
        .as_ref()
        .map(|(d, _)| d.clone())
        .map_err(Clone::clone)
}

fn engine() -> Result<MutexGuard<'static, Engine>> {
    match ENGINE.get() {
        Some(Ok((_, engine))) => Ok(engine.lock().unwrap_or_else(PoisonError::into_inner)),
        _ => candle_core::bail!("a tensor is on a CUDA device that net::device has not opened"),
    }
}

/// How matrix products round, from now on.
pub fn set_precision(precision: MatmulPrecision) -> Result<()> {
    let mut engine = engine()?;
    engine.forget_graphs()?;
    engine.issuer.products.precision = precision;
    Ok(())
}

/// Whether every launch is waited for from now on, so that the [tally](crate::kernel::launch::tally) has its time.
pub fn set_timed(timed: bool) -> Result<()> {
    let mut engine = engine()?;
    engine.forget_graphs()?;
    engine.timed = timed;
    Ok(())
}

/// What the user should know and has not been told.
pub fn take_notes() -> Vec<String> {
    engine()
        .map(|mut e| std::mem::take(&mut e.notes))
        .unwrap_or_default()
}

/// Runs `program` on whole f32 tensors; the number of its steps. Within [`capture`] the tensors must live until its
/// end.
pub(crate) fn launch(name: &str, program: &Program, buffers: &[&Tensor]) -> Result<usize> {
    let mut engine = engine()?;
    let pointers = buffers.iter().map(|t| engine.pointer(name, t));
    let pointers = pointers.collect::<Result<Vec<_>>>()?;
    let gathered = GATHERED.with_borrow_mut(|gathered| match gathered {
        Some(queue) if !engine.timed => {
            queue.push(program, &pointers);
            true
        }
        _ => false,
    });
    if !gathered {
        let mut queue = Queue::default();
        queue.push(program, &pointers);
        engine.send(queue)?;
    }
    if engine.timed {
        engine.stream.synchronize().w()?;
    }
    Ok(program.steps.len())
}

/// Runs `work`; what it launches goes out at its end.
pub(crate) fn capture<T, E: From<candle_core::Error>>(
    work: impl FnOnce() -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    if GATHERED.with_borrow(Option::is_some) {
        return work(); // the outer one sends
    }
    GATHERED.set(Some(Queue::default()));
    let done = work();
    let queue = GATHERED.take().unwrap_or_default();
    if done.is_ok() {
        engine()?.send_together(queue)?;
    }
    done
}

/// Copies parts of `source` to places in `to` (first float there, range of the source), through pinned memory and
/// without waiting, after what was launched before.
pub(crate) fn upload(to: &Tensor, source: &[f32], parts: &[(usize, Range<usize>)]) -> Result<()> {
    let mut engine = engine()?;
    if let Some(queue) = GATHERED.with_borrow_mut(|g| g.as_mut().map(std::mem::take)) {
        engine.send(queue)?;
    }
    let base = engine.pointer("upload", to)?;
    let Engine {
        stream, transfers, ..
    } = &mut *engine;
    let parts = parts.iter().map(|(to, part)| {
        let bytes = 4 * part.start..4 * part.end;
        (base + 4 * *to as u64, bytes)
    });
    // SAFETY: the caller's places lie within its tensor.
    unsafe { transfers.copy(stream, bytemuck::cast_slice(source), parts) }
}

struct Engine {
    device: CudaDevice,
    stream: Arc<CudaStream>,
    issuer: Issuer,
    arena: Arena,
    transfers: Staging,
    graphs: Graphs,
    timed: bool,
    notes: Vec<String>,
}

impl Engine {
    fn new() -> Result<Self> {
        let device = CudaDevice::new_with_stream(0)?;
        // SAFETY: everything runs on this one stream; no tensor exists yet.
        unsafe { device.disable_event_tracking() };
        let stream = device.cuda_stream();
        Ok(Self {
            issuer: Issuer::new(&stream)?,
            arena: Arena::new(&stream)?,
            transfers: Staging::new(&stream)?,
            graphs: Graphs::new(&stream)?,
            timed: false,
            notes: Vec::new(),
            stream,
            device,
        })
    }

    /// Address of a whole f32 tensor on this device.
    fn pointer(&self, name: &str, tensor: &Tensor) -> Result<u64> {
        let (storage, layout) = tensor.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else {
            candle_core::bail!("{name}: a buffer is not on the CUDA device")
        };
        let whole = layout.is_contiguous() && layout.start_offset() == 0;
        if !whole || tensor.dtype() != DType::F32 {
            candle_core::bail!("{name}: a buffer is a view, or not f32")
        }
        Ok(storage.as_cuda_slice::<f32>()?.device_ptr(&self.stream).0)
    }

    /// Sends the arguments of `queue`, then its launches one by one.
    fn send(&mut self, queue: Queue) -> Result<()> {
        if queue.commands.is_empty() {
            return Ok(());
        }
        let arguments = self.send_arguments(&queue.arena)?;
        self.issuer.issue(&self.stream, &queue.commands, arguments)
    }

    /// The same, as a graph if these very launches went out so before.
    fn send_together(&mut self, queue: Queue) -> Result<()> {
        let Queue { commands, arena } = queue;
        if commands.is_empty() {
            return Ok(());
        }
        let arguments = self.send_arguments(&arena)?;
        let (issuer, stream) = (&mut self.issuer, &self.stream);
        let note = self.graphs.run(stream, issuer, commands, arguments)?;
        self.notes.extend(note);
        Ok(())
    }

    /// Where the arguments are on the device.
    fn send_arguments(&mut self, bytes: &[u8]) -> Result<u64> {
        self.stream.context().bind_to_thread().w()?;
        if !self.arena.holds(bytes.len()) {
            self.forget_graphs()?; // they read the old place
        }
        self.arena.send(&self.stream, bytes)
    }

    fn forget_graphs(&mut self) -> Result<()> {
        self.stream.synchronize().w()?;
        self.graphs.clear();
        Ok(())
    }
}
