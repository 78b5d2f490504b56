//! Commands, one by one, onto a stream.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaStream, LaunchConfig, PushKernelArg,
};

use super::Result;
use super::compile::ptx;
use super::products::Products;
use super::queue::Command;
use crate::kernel::cuda::entries;

/// What commands need: kernels, and cuBLAS.
pub(super) struct Issuer {
    functions: HashMap<&'static str, CudaFunction>,
    pub products: Products,
}

impl Issuer {
    /// Compiles and loads the kernels.
    pub fn new(stream: &Arc<CudaStream>) -> Result<Self> {
        let context = stream.context();
        let (major, minor) = context.compute_capability().w()?;
        let module = context.load_module(ptx((10 * major + minor) as u32)?).w()?;
        let mut functions = HashMap::new();
        for entry in entries() {
            functions.insert(entry.name, module.load_function(entry.name).w()?);
        }
        Ok(Self {
            functions,
            products: Products::new(stream)?,
        })
    }

    /// Issues `commands`, whose arguments begin at the address `arguments`, onto the stream that the products
    /// [aim](Products::aim) at. The context is bound to this thread.
    pub fn issue(&self, stream: &CudaStream, commands: &[Command], arguments: u64) -> Result<()> {
        for command in commands {
            match command {
                Command::Run {
                    name,
                    grid,
                    threads,
                    buffers,
                    arguments: at,
                } => {
                    let arguments = arguments + *at as u64;
                    let mut launch = stream.launch_builder(&self.functions[name]);
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
                Command::Product(batch) => self.products.issue(batch, arguments)?,
            }
        }
        Ok(())
    }
}
