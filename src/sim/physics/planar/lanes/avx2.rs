//! 8 float32 environments in an AVX2 register.

use crate::physics::planar::lanes::operators;
use crate::physics::planar::real::{self, Kernel, Mask, Param, Quadrant, Real};
use std::arch::x86_64::*;

/// 8 lanes. Made only where AVX2 and FMA were detected (see `Width::detect`).
#[derive(Clone, Copy)]
pub struct F32x8(__m256);

/// Lanes of [`F32x8`]: all bits of a lane, or none. Made only where AVX2 was detected.
#[derive(Clone, Copy)]
pub struct Mask8(__m256);

operators!(
    F32x8,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_div_ps
);

impl std::ops::Neg for F32x8 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: as for every operation of this type: its instructions were detected.
        Self(unsafe { _mm256_xor_ps(self.0, _mm256_set1_ps(-0.0)) })
    }
}

macro_rules! mask_operator {
    ($trait:ident, $method:ident, $intrinsic:ident) => {
        impl std::ops::$trait for Mask8 {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: see `Mask8`.
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}
mask_operator!(BitAnd, bitand, _mm256_and_ps);
mask_operator!(BitOr, bitor, _mm256_or_ps);
mask_operator!(BitXor, bitxor, _mm256_xor_ps);

impl std::ops::Not for Mask8 {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        // SAFETY: see `Mask8`.
        Self(unsafe { _mm256_xor_ps(self.0, _mm256_castsi256_ps(_mm256_set1_epi32(-1))) })
    }
}

impl Mask for Mask8 {
    #[inline(always)]
    fn none() -> Self {
        // SAFETY: see `Mask8`.
        Self(unsafe { _mm256_setzero_ps() })
    }
    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> bool) -> Self {
        let bits: [u32; 8] = std::array::from_fn(|l| if f(l) { u32::MAX } else { 0 });
        // SAFETY: both are 32 bytes of plain numbers.
        Self(unsafe { std::mem::transmute::<[u32; 8], __m256>(bits) })
    }
    #[inline(always)]
    fn any(self) -> bool {
        // SAFETY: see `Mask8`.
        unsafe { _mm256_movemask_ps(self.0) != 0 }
    }
    #[inline(always)]
    fn test(self, lane: usize) -> bool {
        // SAFETY: see `Mask8`.
        unsafe { (_mm256_movemask_ps(self.0) >> lane) & 1 == 1 }
    }
}

impl Param<F32x8> for f32 {
    #[inline(always)]
    fn lanes(self) -> F32x8 {
        // SAFETY: a kernel on these lanes runs only where the instructions were detected.
        F32x8(unsafe { _mm256_set1_ps(self) })
    }
}

impl F32x8 {
    #[inline(always)]
    fn array(self) -> [f32; 8] {
        // SAFETY: both are 32 bytes of plain numbers.
        unsafe { std::mem::transmute(self.0) }
    }
    #[inline(always)]
    fn from_array(a: [f32; 8]) -> Self {
        // SAFETY: both are 32 bytes of plain numbers.
        Self(unsafe { std::mem::transmute::<[f32; 8], __m256>(a) })
    }
}

impl Real for F32x8 {
    type Scalar = f32;
    type Mask = Mask8;
    const LANES: usize = 8;
    const STEP_TOLERANCE: f64 = f32::STEP_TOLERANCE;
    #[inline(always)]
    fn splat(x: f64) -> Self {
        // SAFETY: see `F32x8`.
        Self(unsafe { _mm256_set1_ps(x as f32) })
    }
    #[inline(always)]
    fn scalar(x: f64) -> f32 {
        x as f32
    }
    #[inline(always)]
    fn get(self, lane: usize) -> f64 {
        f64::from(self.array()[lane])
    }
    #[inline(always)]
    fn set(&mut self, lane: usize, x: f64) {
        // SAFETY: the register's memory is an array of 8 numbers, aligned more strictly.
        let array = unsafe { &mut *std::ptr::from_mut(self).cast::<[f32; 8]>() };
        array[lane] = x as f32;
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: see `F32x8`.
        Self(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn mul_sub_from(self, b: Self, c: Self) -> Self {
        // SAFETY: see `F32x8`.
        Self(unsafe { _mm256_fnmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: see `F32x8`.
        Self(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: see `F32x8`.
        Self(unsafe { _mm256_min_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see `F32x8`.
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: see `F32x8`.
        Self(unsafe { _mm256_sqrt_ps(self.0) })
    }
    #[inline(always)]
    fn lt(self, other: Self) -> Mask8 {
        // SAFETY: see `F32x8`.
        Mask8(unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0) })
    }
    #[inline(always)]
    fn select(mask: Mask8, yes: Self, no: Self) -> Self {
        // SAFETY: see `F32x8`.
        Self(unsafe { _mm256_blendv_ps(no.0, yes.0, mask.0) })
    }
    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        real::sin_cos(self)
    }
    #[inline(always)]
    fn powf(self, p: Self) -> Self {
        let (a, p) = (self.array(), p.array());
        Self::from_array(std::array::from_fn(|l| a[l].powf(p[l])))
    }
    #[inline(always)]
    fn vectorize<K: Kernel>(kernel: K) {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn with_avx2<K: Kernel>(kernel: K) {
            kernel.run();
        }
        // SAFETY: a kernel on these lanes runs only where the instructions were detected.
        unsafe { with_avx2(kernel) }
    }
}

impl Quadrant for F32x8 {
    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: see `F32x8`.
        Self(unsafe {
            _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)
        })
    }
    #[inline(always)]
    fn rotate(self, s: Self, c: Self) -> (Self, Self) {
        // SAFETY: see `F32x8`.
        unsafe {
            let j = _mm256_cvtps_epi32(self.0);
            // Bit 0 of j to the sign bit, which is what blendv looks at.
            let odd = _mm256_castsi256_ps(_mm256_slli_epi32::<31>(j));
            let two = _mm256_set1_epi32(2);
            let next = _mm256_add_epi32(j, _mm256_set1_epi32(1));
            // Bit 1 of j (sine) and of j + 1 (cosine), moved to the sign bit.
            let flip_sin = _mm256_slli_epi32::<30>(_mm256_and_si256(j, two));
            let flip_cos = _mm256_slli_epi32::<30>(_mm256_and_si256(next, two));
            let sin = _mm256_blendv_ps(s.0, c.0, odd);
            let cos = _mm256_blendv_ps(c.0, s.0, odd);
            let sin = _mm256_xor_ps(sin, _mm256_castsi256_ps(flip_sin));
            let cos = _mm256_xor_ps(cos, _mm256_castsi256_ps(flip_cos));
            (Self(sin), Self(cos))
        }
    }
}
