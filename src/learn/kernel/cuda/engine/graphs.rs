//! Launches that come again and again become CUDA graphs.
//!
//! They are captured on a stream of their own, on which nothing ever runs: what other threads do meanwhile on the
//! device's stream (tensors made, dropped, read back) is neither captured nor refused.

use std::sync::Arc;

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::sys::{
    CUgraphInstantiate_flags, CUstreamCaptureMode,
};
use candle_core::cuda_backend::cudarc::driver::{CudaGraph, CudaStream, result};

use super::Result;
use super::issue::Issuer;
use super::queue::Command;

/// Graphs kept: an agent's update before and after its warm start, for two agents.
const KEPT: usize = 4;

/// A graph; the engine's lock keeps it to one thread at a time.
struct Replayable(CudaGraph);

// SAFETY: graphs may be used from any thread, but not from two at once.
unsafe impl Send for Replayable {}

impl Replayable {
    fn launch(&self, stream: &CudaStream) -> Result<()> {
        // SAFETY: both live, in the context that is bound to this thread.
        unsafe { result::graph::launch(self.0.cu_graph_exec(), stream.cu_stream()) }.w()
    }
}

pub(super) struct Graphs {
    recorder: Arc<CudaStream>,
    /// What went out last: cuBLAS and the driver have loaded all that it needs, which they may not while capturing.
    last: Vec<Command>,
    kept: Vec<(Vec<Command>, Replayable)>,
    /// Whether the driver captures.
    works: bool,
}

impl Graphs {
    pub fn new(stream: &CudaStream) -> Result<Self> {
        Ok(Self {
            recorder: stream.context().new_stream().w()?,
            last: Vec::new(),
            kept: Vec::new(),
            works: true,
        })
    }

    /// Forgets all. Nothing may be running.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.last.clear();
    }

    /// Runs `commands`, whose arguments are on the device: by their graph, if they came before, twice in a row. What
    /// the user should know, if there is anything.
    pub fn run(
        &mut self,
        stream: &Arc<CudaStream>,
        issuer: &mut Issuer,
        commands: Vec<Command>,
        arguments: u64,
    ) -> Result<Option<String>> {
        if let Some((_, graph)) = self.kept.iter().find(|(known, _)| *known == commands) {
            graph.launch(stream)?;
            return Ok(None);
        }
        let mut note = None;
        if self.works && commands == self.last {
            match self.capture(stream, issuer, &commands, arguments) {
                Ok(graph) => {
                    graph.launch(stream)?;
                    if self.kept.len() == KEPT {
                        stream.synchronize().w()?;
                        self.kept.remove(0);
                    }
                    self.kept.push((commands, graph));
                    return Ok(None);
                }
                Err(error) => {
                    self.works = false;
                    note = Some(format!(
                        "no CUDA graph of the update ({error}): its kernels are launched one by one"
                    ));
                }
            }
        }
        issuer.issue(stream, &commands, arguments)?;
        self.last = commands;
        Ok(note)
    }

    fn capture(
        &self,
        stream: &Arc<CudaStream>,
        issuer: &mut Issuer,
        commands: &[Command],
        arguments: u64,
    ) -> Result<Replayable> {
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        issuer.products.aim(&self.recorder)?;
        let graph = self.recorder.begin_capture(mode).w().and_then(|()| {
            let issued = issuer.issue(&self.recorder, commands, arguments);
            // Ends the capture even where a launch failed.
            let graph = self.recorder.end_capture(CUgraphInstantiate_flags(0)).w();
            issued.and(graph)
        });
        issuer.products.aim(stream)?;
        match graph? {
            Some(graph) => Ok(Replayable(graph)),
            None => candle_core::bail!("the driver gave no graph"),
        }
    }
}
