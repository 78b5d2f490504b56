//! The lane types: one environment, 8 in an AVX2 register, 16 in an AVX-512 register.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod counted;
#[cfg(target_arch = "x86_64")]
mod register;
mod scalar;

#[cfg(target_arch = "x86_64")]
pub use avx2::F32x8;
#[cfg(target_arch = "x86_64")]
pub use avx512::F32x16;
