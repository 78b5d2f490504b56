//! 16 float32 environments in an AVX-512 register.

use crate::physics::planar::lanes::operators;
use crate::physics::planar::real::{self, Kernel, Mask, Param, Quadrant, Real};
use std::arch::x86_64::*;

/// 16 lanes. Made only where AVX-512 F and DQ were detected (see `Width::detect`).
#[derive(Clone, Copy)]
pub struct F32x16(__m512);

/// Lanes of [`F32x16`].
#[derive(Clone, Copy)]
pub struct Mask16(__mmask16);

operators!(
    F32x16,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_div_ps
);

impl std::ops::Neg for F32x16 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: as for every operation of this type: its instructions were detected.
        Self(unsafe { _mm512_xor_ps(self.0, _mm512_set1_ps(-0.0)) })
    }
}

macro_rules! mask_operator {
    ($trait:ident, $method:ident) => {
        impl std::ops::$trait for Mask16 {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(std::ops::$trait::$method(self.0, other.0))
            }
        }
    };
}
mask_operator!(BitAnd, bitand);
mask_operator!(BitOr, bitor);
mask_operator!(BitXor, bitxor);

impl std::ops::Not for Mask16 {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl Mask for Mask16 {
    #[inline(always)]
    fn none() -> Self {
        Self(0)
    }
    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> bool) -> Self {
        Self((0..16).fold(0, |m, l| m | (u16::from(f(l)) << l)))
    }
    #[inline(always)]
    fn any(self) -> bool {
        self.0 != 0
    }
    #[inline(always)]
    fn test(self, lane: usize) -> bool {
        (self.0 >> lane) & 1 == 1
    }
}

impl Param<F32x16> for f32 {
    #[inline(always)]
    fn lanes(self) -> F32x16 {
        // SAFETY: a kernel on these lanes runs only where the instructions were detected.
        F32x16(unsafe { _mm512_set1_ps(self) })
    }
}

impl F32x16 {
    #[inline(always)]
    fn array(self) -> [f32; 16] {
        // SAFETY: both are 64 bytes of plain numbers.
        unsafe { std::mem::transmute(self.0) }
    }
    #[inline(always)]
    fn from_array(a: [f32; 16]) -> Self {
        // SAFETY: both are 64 bytes of plain numbers.
        Self(unsafe { std::mem::transmute::<[f32; 16], __m512>(a) })
    }
}

impl Real for F32x16 {
    type Scalar = f32;
    type Mask = Mask16;
    const LANES: usize = 16;
    const STEP_TOLERANCE: f64 = f32::STEP_TOLERANCE;
    #[inline(always)]
    fn splat(x: f64) -> Self {
        // SAFETY: see `F32x16`.
        Self(unsafe { _mm512_set1_ps(x as f32) })
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
        // SAFETY: the register's memory is an array of 16 numbers, aligned more strictly.
        let array = unsafe { &mut *std::ptr::from_mut(self).cast::<[f32; 16]>() };
        array[lane] = x as f32;
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: see `F32x16`.
        Self(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn mul_sub_from(self, b: Self, c: Self) -> Self {
        // SAFETY: see `F32x16`.
        Self(unsafe { _mm512_fnmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: see `F32x16`.
        Self(unsafe { _mm512_abs_ps(self.0) })
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: see `F32x16`.
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see `F32x16`.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: see `F32x16`.
        Self(unsafe { _mm512_sqrt_ps(self.0) })
    }
    #[inline(always)]
    fn lt(self, other: Self) -> Mask16 {
        // SAFETY: see `F32x16`.
        Mask16(unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) })
    }
    #[inline(always)]
    fn select(mask: Mask16, yes: Self, no: Self) -> Self {
        // SAFETY: see `F32x16`.
        Self(unsafe { _mm512_mask_blend_ps(mask.0, no.0, yes.0) })
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
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
        unsafe fn with_avx512<K: Kernel>(kernel: K) {
            kernel.run();
        }
        // SAFETY: a kernel on these lanes runs only where the instructions were detected.
        unsafe { with_avx512(kernel) }
    }
}

impl Quadrant for F32x16 {
    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: see `F32x16`.
        Self(unsafe {
            _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)
        })
    }
    #[inline(always)]
    fn rotate(self, s: Self, c: Self) -> (Self, Self) {
        // SAFETY: see `F32x16`.
        unsafe {
            let j = _mm512_cvtps_epi32(self.0);
            let odd = _mm512_test_epi32_mask(j, _mm512_set1_epi32(1));
            let two = _mm512_set1_epi32(2);
            let next = _mm512_add_epi32(j, _mm512_set1_epi32(1));
            // Bit 1 of j (sine) and of j + 1 (cosine), moved to the sign bit.
            let flip_sin = _mm512_slli_epi32::<30>(_mm512_and_si512(j, two));
            let flip_cos = _mm512_slli_epi32::<30>(_mm512_and_si512(next, two));
            let sin = _mm512_mask_blend_ps(odd, s.0, c.0);
            let cos = _mm512_mask_blend_ps(odd, c.0, s.0);
            let sin = _mm512_xor_ps(sin, _mm512_castsi512_ps(flip_sin));
            let cos = _mm512_xor_ps(cos, _mm512_castsi512_ps(flip_cos));
            (Self(sin), Self(cos))
        }
    }
}
