// Philox4x32-10, the counter-based generator (Salmon et al., SC 2011), bit for bit as `rng.rs`.
#define_import_path shared::philox
#import shared::math::{ln, sin_cos}

// High word of a 32 x 32 bit product.
fn high(a: u32, b: u32) -> u32 {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & 0xffffu;
    let bh = b >> 16u;
    let low = al * bl;
    let mid = ah * bl + (low >> 16u);
    let cross = al * bh + (mid & 0xffffu);
    return ah * bh + (mid >> 16u) + (cross >> 16u);
}

// Four words for key `seed` and counter `(env, step, stream, block)`.
fn philox(seed: vec2<u32>, counter: vec4<u32>) -> vec4<u32> {
    var k = seed;
    var c = counter;
    for (var i = 0u; i < 10u; i++) {
        c = vec4(
            high(c.z, 0xCD9E8D57u) ^ c.y ^ k.x,
            c.z * 0xCD9E8D57u,
            high(c.x, 0xD2511F53u) ^ c.w ^ k.y,
            c.x * 0xD2511F53u,
        );
        k += vec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// Uniforms on [0, 1) with 24 bits.
fn units(words: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(words >> vec4(8u)) * (1.0 / 16777216.0);
}

// Standard normals, pair by pair (Box-Muller).
fn normals(words: vec4<u32>) -> vec4<f32> {
    let u = units(words);
    // 1 - u lies in (0, 1], so the logarithm is finite.
    let first = sqrt(-2.0 * ln(1.0 - u.x));
    let second = sqrt(-2.0 * ln(1.0 - u.z));
    let a = sin_cos(6.2831853 * u.y);
    let b = sin_cos(6.2831853 * u.w);
    return vec4(first * a.y, first * a.x, second * b.y, second * b.x);
}
