//! What this CPU's matrix products reach, in float32 and in bfloat16.

use std::sync::OnceLock;
use std::time::Instant;

use rayon::prelude::*;

use super::bf16::{self, Unit};
use super::product::{Finish, product};
use crate::kernel::MatmulPrecision;

/// GFLOP/s of independent 256×256×256 products in a CPU's `precision`, one a thread, within `seconds`.
pub fn peak_gflops(precision: MatmulPrecision, seconds: f64) -> f64 {
    const N: usize = 256;
    let begun = Instant::now();
    let done: u64 = (0..rayon::current_num_threads())
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let (a, b, mut c) = (vec![1f32; N * N], vec![1f32; N * N], vec![0f32; N * N]);
            let mut done = 0;
            while begun.elapsed().as_secs_f64() < seconds {
                let (a, b) = ((&a[..], N, 1), (&b[..], N));
                product(precision, (N, N, N), &mut c, a, b, Finish::Store);
                done += 1;
            }
            std::hint::black_box(c[0]);
            done
        })
        .sum();
    2e-9 * (N * N * N) as f64 * done as f64 / begun.elapsed().as_secs_f64()
}

/// Which products are the faster ones: GFLOP/s of all threads.
#[derive(Clone, Copy, Debug)]
pub struct Peaks {
    /// Of float32.
    pub float32: f64,
    /// Of bfloat16, and the unit that multiplies them, where there is one.
    pub bf16: Option<(Unit, f64)>,
}

impl Peaks {
    /// Of this CPU; measured once, which takes an eighth of a second.
    pub fn measured() -> Self {
        static PEAKS: OnceLock<Peaks> = OnceLock::new();
        *PEAKS.get_or_init(|| {
            // In turns, so that what else the machine does in the meantime slows both.
            let (mut float32, mut bf16) = (0f64, 0f64);
            let unit = bf16::units().first().copied();
            for _ in 0..3 {
                float32 = float32.max(peak_gflops(MatmulPrecision::F32, 0.02));
                if unit.is_some() {
                    bf16 = bf16.max(peak_gflops(MatmulPrecision::Bf16, 0.02));
                }
            }
            let bf16 = unit.map(|unit| (unit, bf16));
            Self { float32, bf16 }
        })
    }

    /// Why `precision bf16` would slow learning down here, if it would: Intel's CPUs with AMX switched off multiply pairs in
    /// AVX-512 at half the rate of float32, AMD's at twice it.
    pub fn against_bf16(&self) -> Option<String> {
        let (unit, bf16) = self.bf16?;
        (bf16 < self.float32).then(|| {
            let (bf16, float32) = (bf16.round(), self.float32.round());
            format!(
                "precision bf16 is the slower one here: {unit} multiplies at {bf16} GFLOP/s, float32 at {float32}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_slower_is_said() {
        let peaks = |float32, bf16| Peaks { float32, bf16 };
        assert_eq!(peaks(100.0, None).against_bf16(), None);
        assert_eq!(peaks(100.0, Some((Unit::Amx, 101.0))).against_bf16(), None);
        let slower = peaks(210.0, Some((Unit::Avx512, 140.0))).against_bf16();
        assert!(slower.is_some_and(|line| line.contains("AVX512-BF16 multiplies at 140")));
        let here = Peaks::measured();
        assert!(here.float32 > 0.0);
        assert_eq!(here.bf16.is_some(), !bf16::units().is_empty());
        assert!(here.bf16.is_none_or(|(_, rate)| rate > 0.0));
    }
}
