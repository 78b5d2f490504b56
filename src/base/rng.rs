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
    /// Seeds of the data sets that are made, and noise of `gap effect`.
    Data = 10,
    /// Actions of which CQL takes the worst.
    Candidates = 12,
    /// Next states around the simulated ones, at which H2O measures the gap.
    NextStates = 13,
    /// Noise of the target policy's actions in TD3.
    TargetNoise = 14,
    /// Runs drawn again for bootstrap intervals.
    Bootstrap = 15,
    /// Noise of the actions that a policy's cloning draws to the data's.
    Cloning = 16,
    /// Noise of the gap `sensor-noise`.
    SensorNoise = 17,
}

/// Four 32-bit words for key `seed` and counter `(env, step, stream, block)`.
#[inline]
pub fn philox(seed: u64, env: u32, step: u32, stream: Stream, block: u32) -> [u32; 4] {
    let key = [seed as u32, (seed >> 32) as u32];
    philox4x32([env, step, stream as u32, block], key)
}

/// The seed of part `part` of a use that draws as training does, and must share no draw with it.
pub fn seed_of(seed: u64, stream: Stream, part: u32) -> u64 {
    let [low, high, ..] = philox(seed, part, 0, stream, 0);
    u64::from(low) | u64::from(high) << 32
}

/// Ten rounds of Philox4x32.
#[inline]
fn philox4x32(mut c: [u32; 4], mut k: [u32; 2]) -> [u32; 4] {
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

    /// Known answers of the Random123 distribution (kat_vectors, philox4x32 10 rounds).
    #[test]
    fn known_answers() {
        let digits_of_pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        for (counter, key, words) in [
            (
                [0; 4],
                [0; 2],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [u32::MAX; 4],
                [u32::MAX; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                digits_of_pi,
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            assert_eq!(philox4x32(counter, key), words);
        }
    }

    /// The order of the counter's words is env, step, stream, block, that of the key's low, high:
    /// everything drawn so far rests on it. The answer is another implementation's.
    #[test]
    fn the_order_of_the_words_is_pinned() {
        let words = philox(
            0x299f_31d0_a409_3822,
            0x85a3_08d3,
            0x0370_7344,
            Stream::Candidates,
            0x243f_6a88,
        );
        assert_eq!(words, [0xbeea_b893, 0xb397_fbe6, 0x90fb_292e, 0xf0e9_8418]);
    }

    #[test]
    fn derived_seeds_differ_from_one_another_and_from_their_own() {
        let derived = (0..3).flat_map(|seed| (0..3).map(move |part| (seed, part)));
        let mut seeds: Vec<u64> = derived
            .map(|(seed, part)| seed_of(seed, Stream::Data, part))
            .chain(0..3)
            .collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 12);
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
