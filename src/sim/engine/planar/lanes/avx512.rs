//! 16 float32 environments in an AVX-512 register.

use crate::engine::planar::lanes::register::register;
use crate::engine::planar::real::{self, LaneKernel, Mask, Param, Quadrant, Real};
use std::arch::x86_64::*;

register! {
    /// 16 lanes. Made only where AVX-512 F and DQ were detected (see `Width::detect`).
    F32x16: 16 lanes of __m512, with "avx512f,avx512dq,avx512vl,avx2,fma";
    /// Lanes of [`F32x16`], a bit each.
    Mask16: __mmask16;
    of a, b, c:
    splat _mm512_set1_ps(a);
    neg _mm512_xor_ps(a, _mm512_set1_ps(-0.0));
    abs _mm512_abs_ps(a);
    sqrt _mm512_sqrt_ps(a);
    add _mm512_add_ps(a, b);
    sub _mm512_sub_ps(a, b);
    mul _mm512_mul_ps(a, b);
    div _mm512_div_ps(a, b);
    min _mm512_min_ps(a, b);
    max _mm512_max_ps(a, b);
    mul_add _mm512_fmadd_ps(a, b, c);
    mul_sub_from _mm512_fnmadd_ps(a, b, c);
    lt _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b);
    select _mm512_mask_blend_ps(a, c, b);
    round _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
    rotate {
        let j = _mm512_cvtps_epi32(a);
        let odd = _mm512_test_epi32_mask(j, _mm512_set1_epi32(1));
        let two = _mm512_set1_epi32(2);
        let next = _mm512_add_epi32(j, _mm512_set1_epi32(1));
        // Bit 1 of j (sine) and of j + 1 (cosine), moved to the sign bit.
        let flip_sin = _mm512_slli_epi32::<30>(_mm512_and_si512(j, two));
        let flip_cos = _mm512_slli_epi32::<30>(_mm512_and_si512(next, two));
        let sin = _mm512_mask_blend_ps(odd, b, c);
        let cos = _mm512_mask_blend_ps(odd, c, b);
        (
            _mm512_xor_ps(sin, _mm512_castsi512_ps(flip_sin)),
            _mm512_xor_ps(cos, _mm512_castsi512_ps(flip_cos)),
        )
    };
    mask _cvtu32_mask16(a);
    bits _cvtmask16_u32(a);
    and _kand_mask16(a, b);
    or _kor_mask16(a, b);
    xor _kxor_mask16(a, b);
    not _knot_mask16(a);
}
