//! Shaders against their CPU twins and MuJoCo's recorded transitions. Without an adapter these tests
//! say so and pass; with `H2OPLUS_REQUIRE_GPU=1` they fail.

mod envs;
mod physics;
mod rollouts;
mod stages;

use h2oplus::gpu::Gpu;
use std::sync::Arc;

/// The device, where there is one.
pub fn gpu() -> Option<Arc<Gpu>> {
    match Gpu::shared() {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            let required = std::env::var("H2OPLUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "a GPU is required: {error}");
            h2oplus::log!("SKIPPED, no adapter: {error}");
            None
        }
    }
}
