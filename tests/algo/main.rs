//! The learner against recorded updates of the published code, its kernels against candle's composed operations
//! and autograd in f64, and whole agents against themselves.

#![expect(clippy::unwrap_used, reason = "a failed test may panic anywhere")]

mod agents;
mod bf16;
mod critics;
mod cuda_host;
mod dense;
mod draws;
mod gaussian;
mod gpu;
mod grouped;
mod head;
mod losses;
mod odrl;
mod optimiser;
mod population;
mod published;
mod settings;
mod support;
mod td3bc;
mod twins;
