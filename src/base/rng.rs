//! Philox4x32-10, the counter-based generator (Salmon et al., SC 2011): a draw is a function of
//! (seed, counter) alone, so results do not depend on threads, batches or devices.

/// Which use a draw is for; part of the counter, so that uses never share draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    /// Initial states.
    Reset = 0,
    /// Exploration noise of the policy that acts.
    Policy = 1,
    /// Noise of the gap `joint-noise`.
    JointNoise = 2,
    /// Random actions.
    Action = 3,
    /// Initial network weights.
    Init = 4,
    /// Rows drawn from the real data set.
    SampleReal = 5,
    /// Rows drawn from the simulator's replay.
    SampleSim = 6,
    /// Rows drawn for the classifiers.
    SampleRatio = 7,
    /// Noise inside an update.
    Update = 8,
    /// Gap strengths drawn per environment.
    Gap = 9,
    /// Noise on the inputs of the classifiers.
    RatioNoise = 11,
    /// Making data sets.
    Data = 10,
    /// Actions of which CQL takes the worst.
    Candidates = 12,
    /// Next states around the simulated ones, at which H2O measures the gap.
    NextStates = 13,
}

/// Four 32-bit words for key `seed` and counter `(env, step, stream, block)`.
#[inline]
pub fn philox(seed: u64, env: u32, step: u32, stream: Stream, block: u32) -> [u32; 4] {
    let mut k = [seed as u32, (seed >> 32) as u32];
    let mut c = [env, step, stream as u32, block];
    for _ in 0..10 {
        let a = u64::from(c[0]) * 0xD251_1F53;
        let b = u64::from(c[2]) * 0xCD9E_8D57;
        c = [
            (b >> 32) as u32 ^ c[1] ^ k[0],
            b as u32,
            (a >> 32) as u32 ^ c[3] ^ k[1],
            a as u32,
        ];
        k = [
            k[0].wrapping_add(0x9E37_79B9),
            k[1].wrapping_add(0xBB67_AE85),
        ];
    }
    c
}

/// Uniform on [0, 1) with 24 bits.
#[inline]
pub fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Two independent standard normals from two words (Box–Muller).
#[inline]
pub fn normal_pair(a: u32, b: u32) -> [f32; 2] {
    // 1 - u lies in (0, 1], so the logarithm is finite.
    let r = (-2.0 * (1.0 - unit(a)).ln()).sqrt();
    let (s, c) = (std::f32::consts::TAU * unit(b)).sin_cos();
    [r * c, r * s]
}

/// Fills `out` with uniforms on [0, 1) for counter `(env, step, stream)`.
pub fn fill_unit(out: &mut [f32], seed: u64, env: u32, step: u32, stream: Stream) {
    for (block, chunk) in out.chunks_mut(4).enumerate() {
        let w = philox(seed, env, step, stream, block as u32);
        for (o, w) in chunk.iter_mut().zip(w) {
            *o = unit(w);
        }
    }
}

/// Fills `out` with standard normals for counter `(env, step, stream)`.
pub fn fill_normal(out: &mut [f32], seed: u64, env: u32, step: u32, stream: Stream) {
    for (block, chunk) in out.chunks_mut(4).enumerate() {
        let w = philox(seed, env, step, stream, block as u32);
        let n = [normal_pair(w[0], w[1]), normal_pair(w[2], w[3])];
        for (o, n) in chunk.iter_mut().zip(n.as_flattened()) {
            *o = *n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution (kat_vectors, philox4x32 10 rounds), whose
    /// counter words are (c0, c1, c2, c3) and key words (k0, k1).
    #[test]
    fn known_answers() {
        assert_eq!(
            philox(0, 0, 0, Stream::Reset, 0),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
    }

    #[test]
    fn normals_have_the_right_moments() {
        let mut x = vec![0f32; 40_000];
        fill_normal(&mut x, 3, 1, 2, Stream::Update);
        let n = x.len() as f32;
        let mean = x.iter().sum::<f32>() / n;
        let var = x.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n;
        assert!(
            mean.abs() < 0.02 && (var - 1.0).abs() < 0.03,
            "{mean} {var}"
        );
    }
}
