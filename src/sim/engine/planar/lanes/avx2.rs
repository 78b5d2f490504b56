//! 8 float32 environments in an AVX2 register.

use crate::engine::planar::lanes::register::register;
use crate::engine::planar::real::{self, LaneKernel, Mask, Param, Quadrant, Real};
use std::arch::x86_64::*;

register! {
    /// 8 lanes. Made only where AVX2 and FMA were detected (see `Width::detect`).
    F32x8: 8 lanes of __m256, with "avx2,fma";
    /// Lanes of [`F32x8`]: all bits of a lane, or none. Made only where AVX2 was detected.
    Mask8: __m256;
    of a, b, c:
    splat _mm256_set1_ps(a);
    neg _mm256_xor_ps(a, _mm256_set1_ps(-0.0));
    abs _mm256_andnot_ps(_mm256_set1_ps(-0.0), a);
    sqrt _mm256_sqrt_ps(a);
    add _mm256_add_ps(a, b);
    sub _mm256_sub_ps(a, b);
    mul _mm256_mul_ps(a, b);
    div _mm256_div_ps(a, b);
    min _mm256_min_ps(a, b);
    max _mm256_max_ps(a, b);
    mul_add _mm256_fmadd_ps(a, b, c);
    mul_sub_from _mm256_fnmadd_ps(a, b, c);
    lt _mm256_cmp_ps::<_CMP_LT_OQ>(a, b);
    select _mm256_blendv_ps(c, b, a);
    round _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
    rotate {
        let j = _mm256_cvtps_epi32(a);
        // Bit 0 of j to the sign bit, which is what blendv looks at.
        let odd = _mm256_castsi256_ps(_mm256_slli_epi32::<31>(j));
        let two = _mm256_set1_epi32(2);
        let next = _mm256_add_epi32(j, _mm256_set1_epi32(1));
        // Bit 1 of j (sine) and of j + 1 (cosine), moved to the sign bit.
        let flip_sin = _mm256_slli_epi32::<30>(_mm256_and_si256(j, two));
        let flip_cos = _mm256_slli_epi32::<30>(_mm256_and_si256(next, two));
        let sin = _mm256_blendv_ps(b, c, odd);
        let cos = _mm256_blendv_ps(c, b, odd);
        (
            _mm256_xor_ps(sin, _mm256_castsi256_ps(flip_sin)),
            _mm256_xor_ps(cos, _mm256_castsi256_ps(flip_cos)),
        )
    };
    mask {
        let lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let set = _mm256_and_si256(_mm256_set1_epi32(a as i32), lane);
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lane))
    };
    bits _mm256_movemask_ps(a) as u32;
    and _mm256_and_ps(a, b);
    or _mm256_or_ps(a, b);
    xor _mm256_xor_ps(a, b);
    not _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1)));
}
