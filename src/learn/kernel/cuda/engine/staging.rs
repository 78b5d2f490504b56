//! Bytes on their way to the device, through pinned memory and without waiting.

use std::ops::Range;
use std::sync::Arc;

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaSlice, CudaStream, DevicePtr, PinnedHostSlice, result,
};

use super::Result;

/// Bytes that there is room for at first.
const ROOM: usize = 1 << 16;
/// Updates whose arguments may be under way to the device.
const IN_FLIGHT: usize = 4;

/// Pinned memory that the device copies from.
pub(super) struct Staging {
    memory: PinnedHostSlice<u8>,
    /// The last copy from it.
    copied: CudaEvent,
}

impl Staging {
    pub fn new(stream: &CudaStream) -> Result<Self> {
        Self::with(stream, ROOM)
    }

    fn with(stream: &CudaStream, bytes: usize) -> Result<Self> {
        let context = stream.context();
        // SAFETY: it is written before it is read.
        let memory = unsafe { context.alloc_pinned::<u8>(bytes) }.w()?;
        let copied = context.new_event(None).w()?;
        Ok(Self { memory, copied })
    }

    /// Copies parts of `bytes` to addresses on the device, once no earlier copy reads the memory any more.
    ///
    /// # Safety
    /// The places are the device's, and long enough.
    pub unsafe fn copy(
        &mut self,
        stream: &CudaStream,
        bytes: &[u8],
        parts: impl IntoIterator<Item = (u64, Range<usize>)>,
    ) -> Result<()> {
        self.copied.synchronize().w()?;
        if self.memory.len() < bytes.len() {
            *self = Self::with(stream, bytes.len().next_power_of_two())?;
        }
        let room = &mut self.memory.as_mut_slice().w()?[..bytes.len()];
        room.copy_from_slice(bytes);
        for (to, part) in parts {
            // SAFETY: the caller's promise; and the memory waits for this copy before it changes or goes.
            unsafe { result::memcpy_htod_async(to, &room[part], stream.cu_stream()) }.w()?;
        }
        self.copied.record(stream).w()
    }
}

/// Arguments on the device. There is one place for them: a copy waits on the stream for the launches before it.
pub(super) struct Arena {
    memory: CudaSlice<u8>,
    staging: Vec<Staging>,
    next: usize,
}

impl Arena {
    pub fn new(stream: &Arc<CudaStream>) -> Result<Self> {
        let staging = (0..IN_FLIGHT).map(|_| Staging::new(stream));
        Ok(Self {
            // SAFETY: written before it is read.
            memory: unsafe { stream.alloc::<u8>(ROOM) }.w()?,
            staging: staging.collect::<Result<_>>()?,
            next: 0,
        })
    }

    /// Whether so many bytes leave it where it is.
    pub fn holds(&self, bytes: usize) -> bool {
        bytes <= self.memory.len()
    }

    /// Sends `bytes`; their address.
    pub fn send(&mut self, stream: &Arc<CudaStream>, bytes: &[u8]) -> Result<u64> {
        if !self.holds(bytes.len()) {
            // SAFETY: written below, before it is read.
            self.memory = unsafe { stream.alloc::<u8>(bytes.len().next_power_of_two()) }.w()?;
        }
        let to = self.memory.device_ptr(stream).0;
        self.next = (self.next + 1) % IN_FLIGHT;
        // SAFETY: the arena is long enough.
        unsafe { self.staging[self.next].copy(stream, bytes, [(to, 0..bytes.len())]) }?;
        Ok(to)
    }
}
