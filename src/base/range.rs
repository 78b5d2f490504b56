//! Which numbers a flag or a setting takes.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Numbers between two ends. Every one of them is finite in float32, in which the learner computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    low: f64,
    high: f64,
    /// Whether the ends themselves are left out.
    open: bool,
    /// Whether the numbers are whole.
    whole: bool,
}

impl Range {
    /// Any finite number.
    pub const FINITE: Self = Self::of(f64::NEG_INFINITY, f64::INFINITY, false);
    /// 0 or more.
    pub const NOT_NEGATIVE: Self = Self::of(0.0, f64::INFINITY, false);
    /// Above 0.
    pub const POSITIVE: Self = Self::of(0.0, f64::INFINITY, true);
    /// From 0 to 1.
    pub const UNIT: Self = Self::of(0.0, 1.0, false);
    /// Between 0 and 1.
    pub const INSIDE_UNIT: Self = Self::of(0.0, 1.0, true);
    /// A whole number, 0 or more.
    pub const COUNT: Self = Self::at_least(0);
    /// A whole number, 1 or more.
    pub const SOME: Self = Self::at_least(1);
    /// What is counted in 32 bits, where draws are keyed by it.
    pub const SOME_U32: Self = Self {
        high: u32::MAX as f64,
        ..Self::SOME
    };

    /// Worker threads; 0 is one per core.
    pub const THREADS: Self = Self {
        high: 1024.0,
        ..Self::COUNT
    };

    const fn of(low: f64, high: f64, open: bool) -> Self {
        Self {
            low,
            high,
            open,
            whole: false,
        }
    }

    /// Whole numbers from `low` on.
    const fn at_least(low: u32) -> Self {
        Self {
            low: low as f64,
            // What TOML writes: 63 bits.
            high: i64::MAX as f64,
            open: false,
            whole: true,
        }
    }

    /// Refuses a `value` of `place` that is not among them.
    pub fn check(self, place: &str, value: f64) -> Result<()> {
        self.problem(value)
            .map_or(Ok(()), |problem| Err(self.refuse(place, problem)))
    }

    /// Reads a flag's text as one of them.
    pub fn parser<T: FromStr>(
        self,
    ) -> impl Fn(&str) -> std::result::Result<T, String> + Clone + Send + Sync + 'static {
        move |text| {
            let number = text.trim().parse::<f64>();
            let problem = number.map_or(Some("is no number".to_owned()), |x| self.problem(x));
            match (problem, text.trim().parse::<T>()) {
                (Some(problem), _) => Err(format!("{problem}; give {self}")),
                (None, Err(_)) => Err(format!("give {self}")),
                (None, Ok(value)) => Ok(value),
            }
        }
    }

    /// The error that says so.
    pub fn refuse(self, place: &str, problem: impl ToString) -> Error {
        Error::input(place, problem, format!("give {self}"))
    }

    /// What is wrong with `value`, if anything is.
    pub fn problem(self, value: f64) -> Option<String> {
        let Self {
            low,
            high,
            open,
            whole,
        } = self;
        let shown = if whole {
            format!("{value}")
        } else {
            short(value)
        };
        let seen = if whole {
            value
        } else {
            f64::from(value as f32)
        };
        if value.is_finite() && !seen.is_finite() {
            return Some(format!("is {shown}, beyond float32's 3.4e38"));
        }
        let inside = match open {
            true => low < seen && seen < high,
            false => low <= seen && seen <= high,
        };
        if inside && seen.is_finite() {
            return None;
        }
        let vanishes = seen == 0.0 && value != 0.0;
        let end = if vanishes {
            ", which is 0 in float32"
        } else {
            ""
        };
        Some(format!("is {shown}{end}"))
    }
}

/// A number as one types it.
fn short(value: f64) -> String {
    let plain = value == 0.0 || (1e-4..1e7).contains(&value.abs()) || !value.is_finite();
    if plain {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            low,
            high,
            open,
            whole,
        } = *self;
        let number = if whole { "a whole number" } else { "a number" };
        match (low.is_finite(), high < i64::MAX as f64, open) {
            (false, _, _) => f.write_str("a finite number"),
            (true, true, true) => write!(f, "{number} between {low} and {high}"),
            (true, true, false) => write!(f, "{number} from {low} to {high}"),
            (true, false, true) => write!(f, "{number} above {low}"),
            (true, false, false) => write!(f, "{number}, {low} or more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_belong_to_closed_ranges_alone() {
        for (range, inside, outside) in [
            (Range::UNIT, vec![0.0, 1.0, 0.3], vec![-1e-9, 1.1, f64::NAN]),
            (Range::INSIDE_UNIT, vec![0.5], vec![0.0, 1.0, 1e-60]),
            (Range::POSITIVE, vec![1e-40, 1e38], vec![0.0, 1e39, -1.0]),
            (Range::NOT_NEGATIVE, vec![0.0], vec![-1e-30, f64::INFINITY]),
            (
                Range::FINITE,
                vec![-1e38],
                vec![f64::NAN, f64::INFINITY, -1e39],
            ),
            (Range::SOME, vec![1.0, 9e18], vec![0.0, 1e19]),
            (
                Range::SOME_U32,
                vec![4_294_967_295.0],
                vec![4_294_967_296.0],
            ),
        ] {
            for x in inside {
                assert_eq!(range.problem(x), None, "{range}: {x}");
            }
            for x in outside {
                assert!(range.problem(x).is_some(), "{range}: {x}");
            }
        }
    }
}
