//! Runs programs on an NVIDIA GPU: one device, one stream.
//!
//! Kernels are compiled by NVRTC when the device is opened: a user needs no CUDA compiler, and the code fits the GPU
//! that is there. Launches of an update go out together ([`together`]): their arguments in one pinned copy, then, once
//! the same launches come again, one CUDA graph. What changes from update to update (counters, step sizes, the length
//! of the replay) is in the arguments, so the graph stays.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::cublas::sys as cublas;
use candle_core::cuda_backend::cudarc::driver::sys::{
    CUgraphInstantiate_flags, CUstreamCaptureMode,
};
use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaFunction, CudaGraph, CudaSlice, CudaStream, DevicePtr, LaunchConfig,
    PinnedHostSlice, PushKernelArg, result,
};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::{CudaDevice, DType, Device, Storage, Tensor};

use super::{Block, Product, Program, Shape, Step, entries, source};
use crate::nn::device::Precision;

type Result<T> = candle_core::Result<T>;

/// Scratch of cuBLAS: what it is advised to have on this generation. Fixed, so that graphs hold no allocations.
const WORKSPACE: usize = 32 << 20;
/// Updates whose arguments may be under way to the device.
const IN_FLIGHT: usize = 4;
/// Graphs kept: an agent's update before and after its warm start, for two agents.
const GRAPHS: usize = 4;
/// Arguments begin at multiples of this many bytes.
const ALIGN: usize = 16;

static ENGINE: OnceLock<std::result::Result<(Device, Mutex<Engine>), String>> = OnceLock::new();

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
        _ => candle_core::bail!("a tensor is on a CUDA device that nn::device has not opened"),
    }
}

/// How matrix products round, from now on.
pub fn set_precision(precision: Precision) -> Result<()> {
    let mut engine = engine()?;
    engine.forget_graphs()?;
    engine.precision = precision;
    Ok(())
}

/// Whether every launch is waited for from now on, so that the [tally](crate::nn::launch::tally) has its time.
pub fn set_timed(timed: bool) -> Result<()> {
    let mut engine = engine()?;
    engine.forget_graphs()?;
    engine.timed = timed;
    Ok(())
}

/// Ceilings of this device as measured: GFLOP/s of 256×256×256 products, many at once and at the precision set, and
/// GB/s of a copy (read and written).
pub fn ceilings() -> Result<[f64; 2]> {
    const N: usize = 256;
    const MATRICES: usize = 512;
    const REPEATS: u32 = 20;
    let mut engine = engine()?;
    let device = Device::Cuda(engine.device.clone());
    let buffers = [(); 3].map(|()| Tensor::ones((MATRICES, N * N), DType::F32, &device));
    let [a, b, c] = buffers;
    let (a, b, c) = (a?, b?, c?);
    let block = |buffer| Block {
        buffer,
        offset: 0,
        stride: N * N,
    };
    let product = Product {
        members: MATRICES,
        shape: Shape {
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
        engine.queue.push(&program, &pointers);
        engine.flush(false)
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

/// What the user should know and has not been told.
pub fn take_notes() -> Vec<String> {
    engine()
        .map(|mut e| std::mem::take(&mut e.notes))
        .unwrap_or_default()
}

/// Runs `program` on whole f32 tensors; the number of its steps.
pub(crate) fn launch(name: &str, program: &Program, buffers: &[&Tensor]) -> Result<usize> {
    let mut engine = engine()?;
    let pointers = buffers.iter().map(|t| engine.pointer(name, t));
    let pointers = pointers.collect::<Result<Vec<_>>>()?;
    engine.queue.push(program, &pointers);
    if engine.timed {
        engine.flush(false)?;
        engine.stream.synchronize().w()?;
    } else if engine.depth == 0 {
        engine.flush(false)?;
    }
    Ok(program.steps.len())
}

/// Runs `work`; what it launches goes out at its end.
pub(crate) fn together<T, E: From<candle_core::Error>>(
    work: impl FnOnce() -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    engine()?.depth += 1;
    let done = work();
    let mut engine = engine()?;
    engine.depth -= 1;
    if done.is_err() {
        engine.queue = Queue::default();
    } else if engine.depth == 0 {
        engine.flush(true)?;
    }
    done
}

/// Copies parts of `source` to places in `to` (first float there, range of the source), through pinned memory and
/// without waiting.
pub(crate) fn upload(to: &Tensor, source: &[f32], parts: &[(usize, Range<usize>)]) -> Result<()> {
    let mut engine = engine()?;
    let base = engine.pointer("upload", to)?;
    engine.upload(base, source, parts)
}

/// Compiles every kernel for a `compute_XX` architecture; the PTX. Needs no GPU.
pub fn compile(architecture: u32) -> std::result::Result<String, String> {
    let ptx = ptx(architecture).map_err(|e| e.to_string())?;
    Ok(ptx.to_src())
}

fn ptx(architecture: u32) -> Result<candle_core::cuda_backend::cudarc::nvrtc::Ptx> {
    let options = CompileOptions {
        options: vec![
            format!("--gpu-architecture=compute_{architecture}"),
            "--std=c++17".to_owned(),
        ],
        name: Some("h2oplus.cu".to_owned()),
        ..CompileOptions::default()
    };
    compile_ptx_with_opts(source(), options).w()
}

/// A launch with its places resolved; equal lists of them can share a graph.
#[derive(Clone, Debug, PartialEq)]
enum Command {
    Run {
        name: &'static str,
        grid: [u32; 3],
        threads: u32,
        buffers: Vec<u64>,
        /// Byte in the arena.
        arguments: usize,
    },
    Product {
        shape: Shape,
        count: usize,
        /// Byte in the arena: pointers to every A, then every B, then every C.
        pointers: usize,
    },
}

#[derive(Default)]
struct Queue {
    commands: Vec<Command>,
    arena: Vec<u8>,
}

impl Queue {
    fn push(&mut self, program: &Program, buffers: &[u64]) {
        for step in &program.steps {
            let command = match step {
                Step::Run(run) => Command::Run {
                    name: run.entry.name,
                    grid: run.grid,
                    threads: run.threads,
                    buffers: match &run.buffers {
                        Some(which) => which.iter().map(|b| buffers[*b]).collect(),
                        None => buffers.to_vec(),
                    },
                    arguments: self.place(&run.arguments),
                },
                Step::Product(product) => Command::Product {
                    shape: product.shape,
                    count: product.members * product.blocks.len(),
                    pointers: self.place(bytemuck::cast_slice(&addresses(product, buffers))),
                },
            };
            self.commands.push(command);
        }
    }

    fn place(&mut self, bytes: &[u8]) -> usize {
        let at = self.arena.len();
        self.arena.extend_from_slice(bytes);
        self.arena
            .resize(self.arena.len().next_multiple_of(ALIGN), 0);
        at
    }
}

/// Addresses of every A, then every B, then every C.
fn addresses(product: &Product, buffers: &[u64]) -> Vec<u64> {
    let mut all = Vec::with_capacity(3 * product.members * product.blocks.len());
    for operand in 0..3 {
        for blocks in &product.blocks {
            let block = blocks[operand];
            all.extend((0..product.members).map(|member| {
                buffers[block.buffer] + 4 * (block.offset + member * block.stride) as u64
            }));
        }
    }
    all
}

/// Pinned memory that the device copies from.
struct Staging {
    memory: PinnedHostSlice<u8>,
    /// The last copy from it.
    copied: CudaEvent,
}

impl Staging {
    fn new(stream: &CudaStream, bytes: usize) -> Result<Self> {
        let context = stream.context();
        // SAFETY: it is written before it is read.
        let memory = unsafe { context.alloc_pinned::<u8>(bytes.max(1)) }.w()?;
        let copied = context.new_event(None).w()?;
        Ok(Self { memory, copied })
    }

    /// Room for `bytes`, once no copy reads it any more.
    fn room(&mut self, stream: &CudaStream, bytes: usize) -> Result<&mut [u8]> {
        self.copied.synchronize().w()?;
        if self.memory.len() < bytes {
            *self = Self::new(stream, bytes.next_power_of_two())?;
        }
        Ok(&mut self.memory.as_mut_slice().w()?[..bytes])
    }
}

/// A graph; the engine's lock keeps it to one thread at a time.
struct Replayable(CudaGraph);

// SAFETY: graphs may be used from any thread, but not from two at once.
unsafe impl Send for Replayable {}

struct Engine {
    device: CudaDevice,
    stream: Arc<CudaStream>,
    functions: HashMap<&'static str, CudaFunction>,
    precision: Precision,
    /// Arguments on the device.
    arena: CudaSlice<u8>,
    staging: Vec<Staging>,
    next_staging: usize,
    transfers: Staging,
    /// Of nested [`together`]s.
    depth: usize,
    queue: Queue,
    /// What went out together last.
    last: Vec<Command>,
    graphs: Vec<(Vec<Command>, Replayable)>,
    /// Whether updates become graphs.
    capture: bool,
    timed: bool,
    notes: Vec<String>,
    /// cuBLAS's scratch lives as long as its handle.
    _workspace: CudaSlice<u8>,
}

impl Engine {
    fn new() -> Result<Self> {
        let device = CudaDevice::new_with_stream(0)?;
        // SAFETY: everything runs on this one stream; no tensor exists yet.
        unsafe { device.disable_event_tracking() };
        let stream = device.cuda_stream();
        let (major, minor) = stream.context().compute_capability().w()?;
        let module = stream
            .context()
            .load_module(ptx((10 * major + minor) as u32)?)
            .w()?;
        let mut functions = HashMap::new();
        for entry in entries() {
            functions.insert(entry.name, module.load_function(entry.name).w()?);
        }
        // SAFETY: scratch, never read before it is written.
        let workspace = unsafe { stream.alloc::<u8>(WORKSPACE) }.w()?;
        let handle = *device.cublas_handle().handle();
        let at = workspace.device_ptr(&stream).0;
        // SAFETY: the handle is the device's own; the memory is kept beside it.
        unsafe { cublas::cublasSetWorkspace_v2(handle, at as *mut _, WORKSPACE) }
            .result()
            .w()?;
        let staging = (0..IN_FLIGHT).map(|_| Staging::new(&stream, 1 << 16));
        Ok(Self {
            // SAFETY: written before it is read.
            arena: unsafe { stream.alloc::<u8>(1 << 16) }.w()?,
            staging: staging.collect::<Result<_>>()?,
            next_staging: 0,
            transfers: Staging::new(&stream, 1 << 16)?,
            functions,
            precision: Precision::F32,
            depth: 0,
            queue: Queue::default(),
            last: Vec::new(),
            graphs: Vec::new(),
            capture: true,
            timed: false,
            notes: Vec::new(),
            _workspace: workspace,
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

    /// Sends the queue: arguments, then the launches, as a graph if these very launches went out `together` before.
    fn flush(&mut self, together: bool) -> Result<()> {
        let Queue { commands, arena } = std::mem::take(&mut self.queue);
        if commands.is_empty() {
            return Ok(());
        }
        self.stream.context().bind_to_thread().w()?;
        self.send_arguments(&arena)?;
        if !together {
            return self.issue(&commands);
        }
        if let Some((_, graph)) = self.graphs.iter().find(|(known, _)| *known == commands) {
            return graph.0.launch().w();
        }
        if self.capture && commands == self.last {
            match self.capture(&commands) {
                Ok(graph) => {
                    graph.0.launch().w()?;
                    if self.graphs.len() == GRAPHS {
                        self.stream.synchronize().w()?;
                        self.graphs.remove(0);
                    }
                    self.graphs.push((commands, graph));
                    return Ok(());
                }
                Err(error) => {
                    self.capture = false;
                    let note = format!(
                        "no CUDA graph of the update ({error}): its kernels are launched one by one"
                    );
                    self.notes.push(note);
                }
            }
        }
        self.issue(&commands)?;
        self.last = commands;
        Ok(())
    }

    fn forget_graphs(&mut self) -> Result<()> {
        self.stream.synchronize().w()?;
        self.graphs.clear();
        self.last.clear();
        Ok(())
    }

    fn send_arguments(&mut self, bytes: &[u8]) -> Result<()> {
        if self.arena.len() < bytes.len() {
            // Graphs hold the old place.
            self.forget_graphs()?;
            // SAFETY: written below, before it is read.
            self.arena = unsafe { self.stream.alloc::<u8>(bytes.len().next_power_of_two()) }.w()?;
        }
        let to = self.arena.device_ptr(&self.stream).0;
        self.next_staging = (self.next_staging + 1) % IN_FLIGHT;
        let staging = &mut self.staging[self.next_staging];
        let room = staging.room(&self.stream, bytes.len())?;
        room.copy_from_slice(bytes);
        // SAFETY: the arena is long enough, and the staging waits for this copy before it changes.
        unsafe { result::memcpy_htod_async(to, room, self.stream.cu_stream()) }.w()?;
        staging.copied.record(&self.stream).w()
    }

    fn upload(&mut self, base: u64, source: &[f32], parts: &[(usize, Range<usize>)]) -> Result<()> {
        self.stream.context().bind_to_thread().w()?;
        let room = self.transfers.room(&self.stream, 4 * source.len())?;
        room.copy_from_slice(bytemuck::cast_slice(source));
        for (to, part) in parts {
            let (to, part) = (base + 4 * *to as u64, 4 * part.start..4 * part.end);
            // SAFETY: the caller's places lie within its tensor.
            unsafe { result::memcpy_htod_async(to, &room[part], self.stream.cu_stream()) }.w()?;
        }
        self.transfers.copied.record(&self.stream).w()
    }

    fn capture(&self, commands: &[Command]) -> Result<Replayable> {
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        self.stream.begin_capture(mode).w()?;
        let issued = self.issue(commands);
        // Ends the capture even where a launch failed.
        let graph = self.stream.end_capture(CUgraphInstantiate_flags(0)).w();
        issued?;
        match graph? {
            Some(graph) => Ok(Replayable(graph)),
            None => candle_core::bail!("the driver gave no graph"),
        }
    }

    fn issue(&self, commands: &[Command]) -> Result<()> {
        let arena = self.arena.device_ptr(&self.stream).0;
        for command in commands {
            match command {
                Command::Run {
                    name,
                    grid,
                    threads,
                    buffers,
                    arguments,
                } => {
                    let arguments = arena + *arguments as u64;
                    let mut launch = self.stream.launch_builder(&self.functions[name]);
                    for buffer in buffers {
                        launch.arg(buffer);
                    }
                    launch.arg(&arguments);
                    let shape = LaunchConfig {
                        grid_dim: (grid[0], grid[1], grid[2]),
                        block_dim: (*threads, 1, 1),
                        shared_mem_bytes: 0,
                    };
                    // SAFETY: the buffers and arguments are those of the kernel's convention.
                    unsafe { launch.launch(shape) }.w()?;
                }
                Command::Product {
                    shape,
                    count,
                    pointers,
                } => self.product(shape, *count, arena + *pointers as u64)?,
            }
        }
        Ok(())
    }

    /// cuBLAS counts columns first: it is asked for Cᵀ = Bᵀ·Aᵀ.
    fn product(&self, shape: &Shape, count: usize, pointers: u64) -> Result<()> {
        let [m, n, k] = shape.size.map(|x| x as i32);
        let [a_ld, b_ld, c_ld] = shape.ld.map(|x| x as i32);
        let operation = |transposed: bool| match transposed {
            false => cublas::cublasOperation_t::CUBLAS_OP_N,
            true => cublas::cublasOperation_t::CUBLAS_OP_T,
        };
        let list = |operand: usize| pointers + (8 * operand * count) as u64;
        let compute = match self.precision {
            Precision::F32 => cublas::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            Precision::Tf32 => cublas::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
        };
        let float = cublas::cudaDataType::CUDA_R_32F;
        let (one, zero) = (1f32, 0f32);
        // SAFETY: `count` matrices of these shapes at the listed addresses, resolved from whole tensors.
        unsafe {
            cublas::cublasGemmBatchedEx(
                *self.device.cublas_handle().handle(),
                operation(shape.transposed[1]),
                operation(shape.transposed[0]),
                n,
                m,
                k,
                (&raw const one).cast(),
                list(1) as *const _,
                float,
                b_ld,
                list(0) as *const _,
                float,
                a_ld,
                (&raw const zero).cast(),
                list(2) as *const _,
                float,
                c_ld,
                count as i32,
                compute,
                cublas::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        }
        .result()
        .w()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NVRTC needs no GPU: the oldest architecture that the toolkit knows, and the H100's.
    #[test]
    fn every_kernel_compiles() {
        for architecture in [75, 90] {
            let ptx = compile(architecture).unwrap();
            for entry in entries() {
                let name = format!(".entry {}(", entry.name);
                assert!(ptx.contains(&name), "{} for {architecture}", entry.name);
            }
        }
    }

    #[test]
    fn equal_launches_make_equal_commands_whatever_their_arguments() {
        let gather = |update| crate::nn::ops::noise::Noise {
            draw: crate::nn::ops::noise::Draw::Normal,
            seeds: vec![1, 2],
            update,
            stream: crate::rng::Stream::Update,
            len: 100,
        };
        let queue = |update, pointer| {
            use crate::nn::launch::Kernel;
            let mut queue = Queue::default();
            queue.push(&gather(update).cuda(), &[pointer]);
            queue
        };
        let (one, two) = (queue(1, 64), queue(2, 64));
        assert_eq!(one.commands, two.commands);
        assert_ne!(one.arena, two.arena);
        assert_ne!(one.commands, queue(1, 128).commands);
    }
}
