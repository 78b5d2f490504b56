//! The device: which adapter, with which limits, and what has gone wrong on it.

use crate::error::{Error, Result};
use crate::gpu::compose::Shader;
use crate::gpu::constants::Constants;
use crate::gpu::pipeline::{Cache, Pipeline};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use wgpu::{AdapterInfo, Backends, DeviceType};

/// Part of an adapter's name, to choose it among several; wgpu's own variable.
pub const ADAPTER_VARIABLE: &str = "WGPU_ADAPTER_NAME";

/// Bounds of the adapter that decide how many environments go into one buffer and one dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of one storage binding.
    pub binding: u64,
    /// Bytes of one buffer.
    pub buffer: u64,
    /// Workgroups of one dispatch.
    pub workgroups: u32,
    /// Bytes that a workgroup shares.
    pub shared: u32,
}

/// A device with its queue.
pub struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pipelines: Cache,
    info: AdapterInfo,
    caps: Caps,
    /// The first thing that went wrong; nothing works after it.
    failure: Arc<Mutex<Option<String>>>,
}

/// Adapters that can compute, the fastest kind first.
pub fn adapters() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
    let mut found = pollster::block_on(instance.enumerate_adapters(backends));
    found.sort_by_key(|adapter| match adapter.get_info().device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    });
    found
}

impl Gpu {
    /// What errors call the wish for a GPU; whoever knows the flag that asked for one names that.
    pub const PLACE: &str = "device gpu";

    /// The process's device: the best adapter, or the one that [`ADAPTER_VARIABLE`] names. All
    /// simulators of a process share it.
    ///
    /// # Errors
    /// Where there is no adapter, none of that name, or it gives no device.
    pub fn shared() -> Result<Arc<Self>> {
        static SHARED: OnceLock<Mutex<Option<Arc<Gpu>>>> = OnceLock::new();
        let shared = SHARED.get_or_init(Mutex::default);
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gpu) = &*shared
            && gpu.check().is_ok()
        {
            return Ok(gpu.clone());
        }
        let wanted = std::env::var(ADAPTER_VARIABLE).ok();
        let gpu = Arc::new(Self::open(wanted.as_deref())?);
        *shared = Some(gpu.clone());
        Ok(gpu)
    }

    /// A device of its own on the first adapter whose name contains `wanted`.
    ///
    /// # Errors
    /// As [`shared`](Self::shared).
    pub fn open(wanted: Option<&str>) -> Result<Self> {
        let found = adapters();
        let names: Vec<String> = found.iter().map(|a| a.get_info().name).collect();
        let fits = |adapter: &wgpu::Adapter| {
            wanted.is_none_or(|part| {
                let name = adapter.get_info().name.to_lowercase();
                name.contains(&part.to_lowercase())
            })
        };
        let Some(adapter) = found.into_iter().find(fits) else {
            return Err(match wanted {
                Some(part) if !names.is_empty() => Error::input(
                    ADAPTER_VARIABLE,
                    format!("no adapter's name contains `{part}`"),
                    format!("adapters: {}", names.join("; ")),
                ),
                _ => Error::input(
                    Self::PLACE,
                    "no adapter for Vulkan, Metal or DirectX 12 was found",
                    "install the GPU's driver with its Vulkan part (or Mesa's software driver: \
                     mesa-vulkan-drivers libvulkan1), or simulate on the CPU",
                ),
            });
        };
        Self::on(&adapter)
    }

    fn on(adapter: &wgpu::Adapter) -> Result<Self> {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let caps = Caps {
            binding: limits.max_storage_buffer_binding_size,
            buffer: limits.max_buffer_size,
            workgroups: limits.max_compute_workgroups_per_dimension,
            shared: limits.max_compute_workgroup_storage_size,
        };
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("h2oplus"),
            required_limits: limits,
            ..Default::default()
        });
        let (device, queue) = pollster::block_on(request).map_err(|e| {
            Error::input(
                format!("adapter {}", info.name),
                format!("gives no device: {e}"),
                "update its driver, free its memory, or simulate on the CPU",
            )
        })?;
        let failure = Arc::new(Mutex::new(None));
        let note = |failure: &Arc<Mutex<Option<String>>>| {
            let failure = failure.clone();
            move |problem: String| {
                let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(problem);
            }
        };
        let (lost, error) = (note(&failure), note(&failure));
        device.set_device_lost_callback(move |reason, message| {
            lost(format!("the device was lost ({reason:?}): {message}"));
        });
        device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| error(e.to_string())));
        Ok(Self {
            device,
            queue,
            pipelines: Cache::default(),
            info,
            caps,
            failure,
        })
    }

    /// `kernel` for a model, compiled the first time it is asked for: seconds, where later vectors of the same shape and
    /// rules take none.
    ///
    /// # Errors
    /// Where the shader or the driver fails.
    pub(crate) fn pipeline(
        &self,
        kernel: Shader,
        constants: &[&Constants],
        defs: &[&str],
    ) -> Result<Arc<Pipeline>> {
        let key = Pipeline::key(kernel, constants, defs);
        let mut known = self
            .pipelines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = known.get(&key) {
            return Ok(pipeline.clone());
        }
        let pipeline = Arc::new(Pipeline::compile(&self.device, kernel, constants, defs)?);
        self.check()?;
        known.insert(key, pipeline.clone());
        Ok(pipeline)
    }

    /// The same with lower bounds, so that tests meet them.
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// The bounds.
    pub fn caps(&self) -> Caps {
        self.caps
    }

    /// The adapter.
    pub fn info(&self) -> &AdapterInfo {
        &self.info
    }

    /// Does the processor pose as a GPU?
    pub fn is_software(&self) -> bool {
        self.info.device_type == DeviceType::Cpu
    }

    /// `NVIDIA H100 (Vulkan, driver …)`.
    pub fn label(&self) -> String {
        let i = &self.info;
        format!("{} ({}, {} {})", i.name, i.backend, i.driver, i.driver_info)
    }

    /// Refuses to go on after a failure.
    ///
    /// # Errors
    /// The first one.
    pub fn check(&self) -> Result<()> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        match &*failure {
            None => Ok(()),
            Some(problem) => Err(self.broken(problem)),
        }
    }

    /// Waits until `submission` is done.
    ///
    /// # Errors
    /// Where the device fails instead.
    pub(crate) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        let done = self.device.poll(wgpu::PollType::Wait {
            submission_index: Some(submission),
            timeout: None,
        });
        self.check()?;
        done.map(drop).map_err(|e| self.broken(e))
    }

    /// An error of this device.
    pub(crate) fn broken(&self, problem: impl ToString) -> Error {
        Error::input(
            format!("adapter {}", self.info.name),
            problem,
            "resume from the last checkpoint; with fewer environments if memory ran out, or on the CPU",
        )
    }
}
