//! The lane types: one environment, 8 in an AVX2 register, 16 in an AVX-512 register.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod counted;
mod scalar;

#[cfg(target_arch = "x86_64")]
pub use avx2::F32x8;
#[cfg(target_arch = "x86_64")]
pub use avx512::F32x16;

/// Implements the four operators of a lane type by functions on its register.
#[cfg(target_arch = "x86_64")]
macro_rules! operators {
    ($type:ident, $add:ident, $sub:ident, $mul:ident, $div:ident) => {
        $crate::physics::planar::lanes::operators!(@ $type, Add, add, $add);
        $crate::physics::planar::lanes::operators!(@ $type, Sub, sub, $sub);
        $crate::physics::planar::lanes::operators!(@ $type, Mul, mul, $mul);
        $crate::physics::planar::lanes::operators!(@ $type, Div, div, $div);
    };
    (@ $type:ident, $trait:ident, $method:ident, $intrinsic:ident) => {
        impl std::ops::$trait for $type {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: a value of this type exists only where its instructions were detected.
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
use operators;
