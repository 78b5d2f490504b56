//! The kernels, compiled for one architecture.

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, Ptx, compile_ptx_with_opts};

use super::Result;
use crate::kernel::cuda::source;

/// Compiles every kernel for a `compute_XX` architecture; the PTX. Needs no GPU.
pub fn compile(architecture: u32) -> std::result::Result<String, String> {
    let ptx = ptx(architecture).map_err(|e| e.to_string())?;
    Ok(ptx.to_src())
}

pub(super) fn ptx(architecture: u32) -> Result<Ptx> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::cuda::entries;

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
}
