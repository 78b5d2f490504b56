//! Buffers, and the way back from them.

use crate::error::Result;
use crate::gpu::context::Gpu;
use std::sync::mpsc;
use wgpu::{BufferUsages, MapMode};

impl Gpu {
    /// A zeroed storage buffer of `bytes` that may be copied from and to.
    pub(crate) fn storage(&self, label: &str, bytes: u64) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.max(4),
            usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// A uniform buffer of `bytes`.
    pub(crate) fn uniform(&self, label: &str, bytes: u64) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// The first `bytes` of `buffer`, at once.
    ///
    /// # Errors
    /// Where the device fails.
    pub(crate) fn read<T: bytemuck::Pod>(
        &self,
        buffer: &wgpu::Buffer,
        len: usize,
    ) -> Result<Vec<T>> {
        let bytes = (len * size_of::<T>()) as u64;
        let staging = Staging::new(self, bytes);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        staging.copy(&mut encoder, buffer, bytes);
        let flight = staging.send(self, encoder);
        let mut out = vec![T::zeroed(); len];
        staging.receive(self, flight, |bytes| {
            bytemuck::cast_slice_mut::<T, u8>(&mut out).copy_from_slice(bytes);
        })?;
        Ok(out)
    }
}

/// A buffer of the host's that a device buffer is copied to.
pub(crate) struct Staging {
    buffer: wgpu::Buffer,
}

/// A copy on its way.
pub(crate) struct Flight {
    submission: wgpu::SubmissionIndex,
    mapped: mpsc::Receiver<std::result::Result<(), wgpu::BufferAsyncError>>,
}

impl Staging {
    /// Room for `bytes`.
    pub(crate) fn new(gpu: &Gpu, bytes: u64) -> Self {
        Self {
            buffer: gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size: bytes.max(4),
                usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
        }
    }

    /// Records the copy.
    pub(crate) fn copy(&self, encoder: &mut wgpu::CommandEncoder, from: &wgpu::Buffer, bytes: u64) {
        encoder.copy_buffer_to_buffer(from, 0, &self.buffer, 0, bytes);
    }

    /// Submits what was recorded, and asks for the bytes.
    pub(crate) fn send(&self, gpu: &Gpu, encoder: wgpu::CommandEncoder) -> Flight {
        self.ask(gpu.queue.submit([encoder.finish()]))
    }

    /// Asks for the bytes of a copy in `submission`.
    pub(crate) fn ask(&self, submission: wgpu::SubmissionIndex) -> Flight {
        let (tell, mapped) = mpsc::channel();
        self.buffer.map_async(MapMode::Read, .., move |result| {
            // A receiver that is gone has met an error before.
            let _gone = tell.send(result);
        });
        Flight { submission, mapped }
    }

    /// Waits for the bytes and shows them to `take`.
    ///
    /// # Errors
    /// Where the device fails.
    pub(crate) fn receive(
        &self,
        gpu: &Gpu,
        flight: Flight,
        take: impl FnOnce(&[u8]),
    ) -> Result<()> {
        gpu.wait(flight.submission)?;
        let mapped = flight
            .mapped
            .recv()
            .map_err(|_| gpu.broken("a copy was dropped"))?;
        mapped.map_err(|e| gpu.broken(e))?;
        let view = self
            .buffer
            .get_mapped_range(..)
            .map_err(|e| gpu.broken(e))?;
        take(&view);
        drop(view);
        self.buffer.unmap();
        Ok(())
    }
}
