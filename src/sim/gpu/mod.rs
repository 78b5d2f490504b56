//! Compute on a GPU through wgpu: the device, shaders put together for a model, buffers.

pub(crate) mod buffers;
pub mod compose;
pub mod constants;
mod context;
pub mod memory;
pub(crate) mod pipeline;
pub mod unroll;

pub use context::{ADAPTER_VARIABLE, Caps, Gpu, adapters};
/// The types of the adapters that [`adapters`] lists.
pub use wgpu;
