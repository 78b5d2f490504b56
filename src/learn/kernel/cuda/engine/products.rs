//! Matrix products by cuBLAS.

use std::sync::Arc;

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::cublas::{CudaBlas, sys as cublas};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DevicePtr};

use super::Result;
use super::queue::Batch;
use crate::kernel::MatmulPrecision;

/// Scratch of cuBLAS: what it is advised to have on this generation. Fixed, so that graphs hold no allocations.
const WORKSPACE: usize = 32 << 20;

/// A handle of our own: the device's is candle's, which may be in another thread's hands.
pub(super) struct Products {
    blas: CudaBlas,
    /// One for all: what is issued and what is captured runs on one stream in the end.
    workspace: CudaSlice<u8>,
    pub precision: MatmulPrecision,
}

impl Products {
    /// Products on `stream`.
    pub fn new(stream: &Arc<CudaStream>) -> Result<Self> {
        let mut products = Self {
            blas: CudaBlas::new(stream.clone()).w()?,
            // SAFETY: scratch, never read before it is written.
            workspace: unsafe { stream.alloc::<u8>(WORKSPACE) }.w()?,
            precision: MatmulPrecision::F32,
        };
        products.aim(stream)?;
        Ok(products)
    }

    /// What is issued from now on goes to `stream`.
    pub fn aim(&mut self, stream: &Arc<CudaStream>) -> Result<()> {
        let at = self.workspace.device_ptr(stream).0;
        // SAFETY: another stream takes over only while it captures, and runs nothing; the memory lives beside the
        // handle. A handle forgets its workspace with its stream.
        unsafe {
            self.blas.set_stream(stream.clone()).w()?;
            cublas::cublasSetWorkspace_v2(*self.blas.handle(), at as *mut _, WORKSPACE)
        }
        .result()
        .w()
    }

    /// Issues `batch`, whose pointers lie from the address `arguments` on. cuBLAS counts columns first: it is asked
    /// for Cᵀ = Bᵀ·Aᵀ.
    pub fn issue(&self, batch: &Batch, arguments: u64) -> Result<()> {
        let shape = &batch.shape;
        let [m, n, k] = shape.size.map(|x| x as i32);
        let [a_ld, b_ld, c_ld] = shape.ld.map(|x| x as i32);
        let operation = |transposed: bool| match transposed {
            false => cublas::cublasOperation_t::CUBLAS_OP_N,
            true => cublas::cublasOperation_t::CUBLAS_OP_T,
        };
        let list = |operand: usize| {
            arguments + (batch.pointers + size_of::<u64>() * operand * batch.count) as u64
        };
        let compute = match self.precision {
            // cuBLAS does not see where the matrices of a batch begin, and its fast kernels want 16 bytes: a first
            // layer's input, which is part of a row of the batch, may begin anywhere.
            MatmulPrecision::Tf32 if batch.aligned => {
                cublas::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32
            }
            _ => cublas::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        };
        let float = cublas::cudaDataType::CUDA_R_32F;
        let (one, zero) = (1f32, 0f32);
        // SAFETY: `count` matrices of these shapes at the listed addresses, resolved from whole tensors.
        unsafe {
            cublas::cublasGemmBatchedEx(
                *self.blas.handle(),
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
                batch.count as i32,
                compute,
                cublas::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        }
        .result()
        .w()
    }
}
