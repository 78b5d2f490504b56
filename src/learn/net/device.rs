//! Which device learns.

use candle_core::Device;

use h2oplus_base::choices;

use crate::error::{Error, Result};
use crate::kernel::MatmulPrecision;
use crate::kernel::cpu::bf16;
use crate::kernel::cpu::peak::Peaks;

choices! {
    /// Where the learner runs.
    pub enum DeviceKind {
        /// A GPU where one can be used, else the CPU.
        Auto = "auto",
        /// The CPU.
        Cpu = "cpu",
        /// An NVIDIA GPU.
        Cuda = "cuda",
    }
}

/// A device, what it is, and what the user should know of the choice.
#[derive(Clone, Debug)]
pub struct OpenDevice {
    /// The device.
    pub device: Device,
    /// What `kind` came to: never `Auto`.
    pub kind: DeviceKind,
    /// Why it is not the GPU, where one was hoped for; why it is not as fast as it might be.
    pub notes: Vec<String>,
}

/// Opens the device that `kind` names.
pub fn open(kind: DeviceKind, precision: MatmulPrecision) -> Result<OpenDevice> {
    let cpu = |notes| OpenDevice {
        device: Device::Cpu,
        kind: DeviceKind::Cpu,
        notes,
    };
    let mut opened = match kind {
        DeviceKind::Cpu => cpu(Vec::new()),
        DeviceKind::Cuda | DeviceKind::Auto => match cuda(precision) {
            Ok(device) => OpenDevice {
                device,
                kind: DeviceKind::Cuda,
                notes: Vec::new(),
            },
            Err((problem, _)) if kind == DeviceKind::Auto => {
                cpu(vec![format!("device: cpu ({problem})")])
            }
            Err((problem, help)) => return Err(Error::input("device cuda", problem, help)),
        },
    };
    match (opened.kind, precision) {
        (DeviceKind::Cpu, MatmulPrecision::Tf32) => {
            let help = "use `precision f32`, or `device cuda` where there is an NVIDIA GPU";
            return Err(Error::input("precision tf32", "the CPU has none", help));
        }
        (DeviceKind::Cpu, MatmulPrecision::Bf16) if bf16::units().is_empty() => {
            let problem = "this CPU has neither AMX nor AVX512-BF16";
            let help = "use `precision f32`, which every CPU has";
            return Err(Error::input("precision bf16", problem, help));
        }
        (DeviceKind::Cpu, MatmulPrecision::Bf16) => {
            opened.notes.extend(Peaks::measured().against_bf16());
        }
        (DeviceKind::Cuda, MatmulPrecision::Bf16) => {
            let help = "use `precision tf32` on a GPU, or `device cpu`";
            let problem = "the GPU's products have none";
            return Err(Error::input("precision bf16", problem, help));
        }
        _ => {}
    }
    Ok(opened)
}

#[cfg(feature = "cuda")]
fn cuda(precision: MatmulPrecision) -> std::result::Result<Device, (String, &'static str)> {
    use crate::kernel::cuda::engine;
    let fail = |problem: String| {
        let line = problem.lines().next().unwrap_or_default();
        let problem = format!("no NVIDIA GPU can be used: {line}");
        (
            problem,
            "see that `nvidia-smi` finds a GPU, or use `device cpu`",
        )
    };
    let device = engine::open().map_err(fail)?;
    engine::set_precision(precision).map_err(|e| fail(e.to_string()))?;
    Ok(device)
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: MatmulPrecision) -> std::result::Result<Device, (String, &'static str)> {
    let problem = "this program was built without CUDA".to_owned();
    let help = "build it with `cargo build --release --features cuda`, or use `device cpu`";
    Err((problem, help))
}

/// Measured ceilings of a GPU: GFLOP/s of products, GB/s of copies; none for the CPU.
pub fn ceilings(device: &Device) -> Result<Option<[f64; 2]>> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        return Ok(Some(crate::kernel::cuda::engine::ceilings()?));
    }
    let _ = device;
    Ok(None)
}

/// Whether launches on `device` are waited for, so that the tally has their times. On the CPU they always are.
pub fn set_timed(device: &Device, timed: bool) -> Result<()> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        crate::kernel::cuda::engine::set_timed(timed)?;
    }
    let _ = (device, timed);
    Ok(())
}

/// What a device has to say since it was last asked, a line each.
pub fn take_notes() -> Vec<String> {
    #[cfg(feature = "cuda")]
    return crate::kernel::cuda::engine::take_notes();
    #[cfg(not(feature = "cuda"))]
    Vec::new()
}
