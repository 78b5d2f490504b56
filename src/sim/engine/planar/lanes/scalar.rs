//! One environment: float64 is the oracle, float32 the portable path.

use crate::engine::planar::real::{self, LaneKernel, Mask, Quadrant, Real};

impl Mask for bool {
    #[inline(always)]
    fn none() -> Self {
        false
    }
    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> bool) -> Self {
        f(0)
    }
    #[inline(always)]
    fn any(self) -> bool {
        self
    }
    #[inline(always)]
    fn test(self, _: usize) -> bool {
        self
    }
}

macro_rules! scalar {
    ($type:ident, $tolerance:expr, $sin_cos:expr) => {
        impl Real for $type {
            type Scalar = $type;
            type Mask = bool;
            const LANES: usize = 1;
            const STEP_TOLERANCE: f64 = $tolerance;
            #[inline(always)]
            fn splat(x: f64) -> Self {
                x as $type
            }
            #[inline(always)]
            fn scalar(x: f64) -> Self {
                x as $type
            }
            #[inline(always)]
            fn get(self, _: usize) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn set(&mut self, _: usize, x: f64) {
                *self = x as $type;
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                $type::mul_add(self, b, c)
            }
            #[inline(always)]
            fn mul_sub_from(self, b: Self, c: Self) -> Self {
                $type::mul_add(-self, b, c)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $type::abs(self)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                if self < other { self } else { other }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if self > other { self } else { other }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn lt(self, other: Self) -> bool {
                self < other
            }
            #[inline(always)]
            fn select(mask: bool, yes: Self, no: Self) -> Self {
                if mask { yes } else { no }
            }
            #[inline(always)]
            fn sin_cos(self) -> (Self, Self) {
                $sin_cos(self)
            }
            #[inline(always)]
            fn powf(self, p: Self) -> Self {
                $type::powf(self, p)
            }
            #[inline(always)]
            fn vectorize<K: LaneKernel>(kernel: K) {
                #[cfg(target_arch = "x86_64")]
                if std::arch::is_x86_feature_detected!("fma") {
                    // Without the instruction each fused multiply-add is a library call.
                    #[target_feature(enable = "avx2,fma")]
                    unsafe fn with_fma<K: LaneKernel>(kernel: K) {
                        kernel.run();
                    }
                    if std::arch::is_x86_feature_detected!("avx2") {
                        // SAFETY: both instruction sets are detected above.
                        return unsafe { with_fma(kernel) };
                    }
                }
                kernel.run();
            }
        }
    };
}

scalar!(f64, 0.0, f64::sin_cos);
scalar!(f32, 2e-5, real::sin_cos);

impl Quadrant for f32 {
    #[inline(always)]
    fn round(self) -> Self {
        self.round_ties_even()
    }
    #[inline(always)]
    fn rotate(self, s: Self, c: Self) -> (Self, Self) {
        let j = self as i32;
        let (sin, cos) = if j & 1 == 0 { (s, c) } else { (c, s) };
        (
            if j & 2 == 0 { sin } else { -sin },
            if (j + 1) & 2 == 0 { cos } else { -cos },
        )
    }
}
