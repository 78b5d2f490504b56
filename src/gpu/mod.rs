//! Compute on a GPU through wgpu: the device, shaders put together for a model, buffers.

pub(crate) mod buffers;
pub mod memory;
pub mod compose;
pub mod constants;
mod context;
pub(crate) mod pipeline;
pub mod unroll;

pub use context::{ADAPTER_VARIABLE, Caps, Gpu, adapters};
