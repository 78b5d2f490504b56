//! Compute on a GPU through wgpu: the device, shaders put together for a model, buffers.

pub mod compose;
pub mod constants;
pub mod unroll;
