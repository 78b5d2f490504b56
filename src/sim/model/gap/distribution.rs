//! How a strength is drawn.

use crate::error::{Error, Result};
use crate::rng::{Stream, philox};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, de};
use std::fmt;

/// Block of a counter's draws that belongs to strengths; block 0 of the stream draws rows at resets.
const BLOCK: u32 = 1;

/// Normal, clipped: what falls outside counts as the bound it is beyond.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normal {
    /// Before clipping.
    pub mean: f64,
    /// Standard deviation before clipping.
    pub std: f64,
    /// Smallest strength.
    pub min: f64,
    /// Largest strength.
    pub max: f64,
}

/// The strengths that a gap may have, and how likely each is.
#[derive(Clone, Debug, PartialEq)]
pub enum StrengthDistribution {
    /// Always this.
    Fixed(f64),
    /// Uniform between two bounds.
    Uniform(f64, f64),
    /// The logarithm is uniform between those of two bounds above 0.
    LogUniform(f64, f64),
    /// Normal, clipped.
    Normal(Normal),
    /// One of these, all equally likely.
    Choice(Vec<f64>),
}

impl StrengthDistribution {
    /// Whether draws can differ.
    pub fn is_random(&self) -> bool {
        !matches!(self, Self::Fixed(_))
    }

    /// Draw `field` of parameter row `row`: a function of its arguments alone.
    pub fn draw(&self, seed: u64, row: u32, field: u32) -> f64 {
        let words = philox(seed, row, field, Stream::Gap, BLOCK);
        let u = unit(words[0], words[1]);
        match self {
            Self::Fixed(k) => *k,
            Self::Uniform(low, high) => u.mul_add(high - low, *low).clamp(*low, *high),
            Self::LogUniform(low, high) => {
                let (a, b) = (low.ln(), high.ln());
                u.mul_add(b - a, a).exp().clamp(*low, *high)
            }
            Self::Normal(n) => {
                // Box–Muller; 1 − u lies in (0, 1], so the logarithm is finite.
                let radius = (-2.0 * (1.0 - u).ln()).sqrt();
                let angle = std::f64::consts::TAU * unit(words[2], words[3]);
                (radius * angle.cos())
                    .mul_add(n.std, n.mean)
                    .clamp(n.min, n.max)
            }
            Self::Choice(values) => values[(u * values.len() as f64) as usize],
        }
    }

    /// As [`draw`](Self::draw) of a strength that counts: uniform over the whole numbers from one bound to the other,
    /// or the whole number next to what is drawn.
    pub(super) fn draw_whole(&self, seed: u64, row: u32, field: u32) -> f64 {
        match self {
            Self::Fixed(k) => *k,
            Self::Uniform(low, high) => {
                let wider = Self::Uniform(*low, high + 1.0);
                wider.draw(seed, row, field).floor().min(*high)
            }
            other => other.draw(seed, row, field).round(),
        }
    }

    /// The strengths at which a robot is tried before any is drawn: all of a choice, else the bounds.
    pub(super) fn extremes(&self) -> Vec<f64> {
        match self {
            Self::Fixed(k) => vec![*k],
            Self::Uniform(low, high) | Self::LogUniform(low, high) => vec![*low, *high],
            Self::Normal(n) => vec![n.min, n.max],
            Self::Choice(values) => values.clone(),
        }
    }

    /// Refuses bounds that bound nothing; `place` says where they stand.
    pub(super) fn check(&self, place: impl fmt::Display) -> Result<()> {
        let wrong = |problem: String, help: &str| Err(Error::input(&place, problem, help));
        if self.extremes().iter().any(|k| !k.is_finite()) {
            return wrong(
                format!("{self} holds a number that is not finite"),
                "give finite strengths",
            );
        }
        match self {
            Self::Uniform(low, high) | Self::LogUniform(low, high) if low >= high => wrong(
                format!("{self}: the first bound is not below the second"),
                "give the smaller bound first; for one strength, that number alone",
            ),
            Self::LogUniform(low, _) if *low <= 0.0 => wrong(
                format!("{self}: {low} has no logarithm"),
                "give bounds above 0, or take `uniform`",
            ),
            Self::Normal(n) if !(n.mean.is_finite() && n.std.is_finite() && n.std > 0.0) => wrong(
                format!("{self}: mean or std makes no normal distribution"),
                "give a finite mean and a standard deviation above 0",
            ),
            Self::Normal(n) if n.min >= n.max => wrong(
                format!("{self}: min is not below max"),
                "give the bounds between which strengths are clipped",
            ),
            Self::Choice(values) if values.is_empty() => wrong(
                "a choice of nothing".to_owned(),
                "give at least one strength",
            ),
            _ => Ok(()),
        }
    }
}

/// Uniform on [0, 1) with 53 bits.
fn unit(a: u32, b: u32) -> f64 {
    let bits = (u64::from(a >> 5) << 26) | u64::from(b >> 6);
    bits as f64 / (1u64 << 53) as f64
}

impl fmt::Display for StrengthDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(k) => super::write_strength(f, *k),
            Self::Uniform(low, high) => {
                super::write_strength(f, *low)?;
                f.write_str("..")?;
                super::write_strength(f, *high)
            }
            Self::LogUniform(low, high) => write!(f, "log-uniform {low}..{high}"),
            Self::Normal(n) => write!(f, "normal {} ± {} in {}..{}", n.mean, n.std, n.min, n.max),
            Self::Choice(values) => write!(f, "one of {values:?}"),
        }
    }
}

/// As a file says it: a number, or a table of one key.
impl<'de> Deserialize<'de> for StrengthDistribution {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Drawn {
            Uniform([f64; 2]),
            LogUniform([f64; 2]),
            Normal(Normal),
            Choice(Vec<f64>),
        }

        struct Reader;
        impl<'de> de::Visitor<'de> for Reader {
            type Value = StrengthDistribution;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a strength, or one of { uniform = [low, high] }, { log-uniform = [low, high] }, \
                     { normal = { mean, std, min, max } }, { choice = [a, b, …] }",
                )
            }

            fn visit_f64<E: de::Error>(
                self,
                k: f64,
            ) -> std::result::Result<StrengthDistribution, E> {
                // -0 and 0 are one strength.
                Ok(StrengthDistribution::Fixed(k + 0.0))
            }

            fn visit_i64<E: de::Error>(
                self,
                k: i64,
            ) -> std::result::Result<StrengthDistribution, E> {
                self.visit_f64(k as f64)
            }

            fn visit_map<A: de::MapAccess<'de>>(
                self,
                map: A,
            ) -> std::result::Result<StrengthDistribution, A::Error> {
                Ok(match Drawn::deserialize(MapAccessDeserializer::new(map))? {
                    Drawn::Uniform([low, high]) => StrengthDistribution::Uniform(low, high),
                    Drawn::LogUniform([low, high]) => StrengthDistribution::LogUniform(low, high),
                    Drawn::Normal(normal) => StrengthDistribution::Normal(normal),
                    Drawn::Choice(values) => StrengthDistribution::Choice(values),
                })
            }
        }
        from.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(distribution: &StrengthDistribution) -> Vec<f64> {
        (0..20_000)
            .map(|row| distribution.draw(5, row, 2))
            .collect()
    }

    fn share(draws: &[f64], holds: impl Fn(f64) -> bool) -> f64 {
        draws.iter().filter(|&&k| holds(k)).count() as f64 / draws.len() as f64
    }

    #[test]
    fn draws_follow_their_distribution() {
        let all = draws(&StrengthDistribution::Uniform(0.5, 2.5));
        assert!(all.iter().all(|k| (0.5..=2.5).contains(k)));
        assert!((share(&all, |k| k < 1.0) - 0.25).abs() < 0.015);
        let all = draws(&StrengthDistribution::LogUniform(0.01, 1.0));
        assert!((share(&all, |k| k < 0.1) - 0.5).abs() < 0.015);
        let normal = Normal {
            mean: 1.0,
            std: 0.5,
            min: 0.0,
            max: 1.5,
        };
        let all = draws(&StrengthDistribution::Normal(normal));
        // One standard deviation up is the bound, two down the other.
        assert!((share(&all, |k| k == 1.5) - 0.1587).abs() < 0.01);
        assert!((share(&all, |k| k == 0.0) - 0.0228).abs() < 0.005);
        assert!((share(&all, |k| k < 1.0) - 0.5).abs() < 0.015);
        let all = draws(&StrengthDistribution::Choice(vec![1.0, 2.0, 4.0]));
        assert!((share(&all, |k| k == 4.0) - 1.0 / 3.0).abs() < 0.015);
    }

    #[test]
    fn whole_draws_take_every_number_alike() {
        let all: Vec<f64> = (0..20_000)
            .map(|row| StrengthDistribution::Uniform(0.0, 3.0).draw_whole(5, row, 2))
            .collect();
        for k in [0.0, 1.0, 2.0, 3.0] {
            assert!((share(&all, |x| x == k) - 0.25).abs() < 0.015, "{k}");
        }
        let near = StrengthDistribution::LogUniform(1.0, 4.0);
        for row in 0..100 {
            let (whole, drawn) = (near.draw_whole(5, row, 2), near.draw(5, row, 2));
            assert!((whole - drawn).abs() <= 0.5 && whole.fract() == 0.0);
        }
    }

    #[test]
    fn a_draw_depends_on_seed_row_and_field() {
        let d = StrengthDistribution::Uniform(0.0, 1.0);
        let one = d.draw(1, 2, 3);
        assert_eq!(one, d.draw(1, 2, 3));
        for other in [d.draw(2, 2, 3), d.draw(1, 3, 3), d.draw(1, 2, 4)] {
            assert_ne!(one, other);
        }
    }
}
