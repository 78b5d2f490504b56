//! How products round, and where.

use candle_core::Device;
use h2oplus_base::choices;

choices! {
    /// How matrix products round.
    pub enum MatmulPrecision {
        /// float32 throughout.
        F32 = "f32",
        /// Factors rounded to TF32's 11 bits on a GPU's tensor cores, sums in float32.
        Tf32 = "tf32",
        /// Factors rounded to bfloat16's 8 bits on a CPU's units for them (AMX or AVX512-BF16), sums in float32.
        Bf16 = "bf16",
    }
}

/// Where an agent learns, and how its matrix products round there. What a CPU rounds is decided agent by agent; what a GPU
/// does, when it is [opened](crate::net::device::open).
#[derive(Clone, Debug)]
pub struct Compute {
    /// Where its numbers lie.
    pub device: Device,
    /// How products of its updates round; policies act in float32.
    pub precision: MatmulPrecision,
}

impl From<&Device> for Compute {
    /// In float32.
    fn from(device: &Device) -> Self {
        Self {
            device: device.clone(),
            precision: MatmulPrecision::F32,
        }
    }
}
