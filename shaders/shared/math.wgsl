// Elementary functions to float32 accuracy: the built-in ones may be off by 2^-11 (sin, cos) and
// differ from driver to driver.
#define_import_path shared::math

// (sin, cos), rad: absolute error below 9e-8 for |x| <= 200 (DYNAMICS.md 9.4).
fn sin_cos(x: f32) -> vec2<f32> {
    let j = round(x * 0.63661977);
    // Cody-Waite: pi/2 in three parts, subtracted in this order.
    var r = fma(-j, 1.5703125, x);
    r = fma(-j, 4.837512969970703e-4, r);
    r = fma(-j, 7.549789954891882e-8, r);
    let z = r * r;
    var s = fma(z, -1.9515295891e-4, 8.3321608736e-3);
    s = fma(z, s, -1.6666654611e-1);
    s = fma(r * z, s, r);
    var c = fma(z, 2.443315711809948e-5, -1.388731625493765e-3);
    c = fma(z, c, 4.166664568298827e-2);
    c = fma(z * z, c, fma(-0.5, z, 1.0));
    let quarter = u32(i32(j)) & 3u;
    let sine = select(s, c, (quarter & 1u) != 0u);
    let cosine = select(c, s, (quarter & 1u) != 0u);
    return vec2(
        select(sine, -sine, quarter >= 2u),
        select(cosine, -cosine, quarter == 1u || quarter == 2u),
    );
}

// Natural logarithm of a normal positive number (Cephes logf).
fn ln(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    // x = m 2^e with m in [1/sqrt 2, sqrt 2).
    let shifted = bits - 0x3f3504f3u;
    let e = f32(bitcast<i32>(shifted) >> 23u);
    let m = bitcast<f32>((shifted & 0x007fffffu) + 0x3f3504f3u) - 1.0;
    let z = m * m;
    var p = fma(7.0376836292e-2, m, -1.1514610310e-1);
    p = fma(p, m, 1.1676998740e-1);
    p = fma(p, m, -1.2420140846e-1);
    p = fma(p, m, 1.4249322787e-1);
    p = fma(p, m, -1.6668057665e-1);
    p = fma(p, m, 2.0000714765e-1);
    p = fma(p, m, -2.4999993993e-1);
    p = fma(p, m, 3.3333331174e-1);
    var y = m * z * p;
    y = fma(e, -2.12194440e-4, y);
    y = fma(-0.5, z, y);
    return fma(e, 0.693359375, m + y);
}

// e^x for |x| <= 87 (Cephes expf).
fn exponential(x: f32) -> f32 {
    let n = round(x * 1.44269504);
    var r = fma(-n, 0.693359375, x);
    r = fma(-n, -2.12194440e-4, r);
    var p = fma(1.9875691500e-4, r, 1.3981999507e-3);
    p = fma(p, r, 8.3334519073e-3);
    p = fma(p, r, 4.1665795894e-2);
    p = fma(p, r, 1.6666665459e-1);
    p = fma(p, r, 5.0000001201e-1);
    p = fma(p, r * r, r + 1.0);
    return p * bitcast<f32>(u32(i32(n) + 127) << 23u);
}

// Hyperbolic tangent (Cephes tanhf).
fn tangent(x: f32) -> f32 {
    let a = abs(x);
    let z = a * a;
    var p = fma(-5.70498872745e-3, z, 2.06390887954e-2);
    p = fma(p, z, -5.37397155531e-2);
    p = fma(p, z, 1.33314422036e-1);
    p = fma(p, z, -3.33332819422e-1);
    let near = fma(p * z, a, a);
    let far = 1.0 - 2.0 / (exponential(2.0 * min(a, 20.0)) + 1.0);
    let y = select(far, near, a < 0.625);
    return select(y, -y, x < 0.0);
}
