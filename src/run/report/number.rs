//! Numbers as readers see them.

use super::model::{CellScore, Published};
use super::statistics::Interval;

/// Decimals that a number of this size is shown with.
fn decimals(size: f64) -> usize {
    match size.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    }
}

/// `value` with `decimals`, and a true minus sign.
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// `4571`, `−0.25`.
pub fn number(value: f64) -> String {
    fixed(value, decimals(value))
}

/// `4571 ± 96`.
pub fn with_std(mean: f64, std: f64) -> String {
    let digits = decimals(mean.abs().max(std));
    format!("{} ± {}", fixed(mean, digits), fixed(std, digits))
}

/// As [`with_std`]; a single run has no deviation.
pub fn score(score: &CellScore) -> String {
    match score.count {
        1 => number(score.mean),
        _ => with_std(score.mean, score.std),
    }
}

/// As [`with_std`], or the mean alone.
pub fn published(published: &Published) -> String {
    match published.std {
        Some(std) => with_std(published.mean, std),
        None => number(published.mean),
    }
}

/// `[4480, 4640]`; nothing where it has no bounds.
pub fn range(interval: &Interval) -> String {
    if !interval.is_known() {
        return String::new();
    }
    let digits = decimals(interval.low.abs().max(interval.high.abs()));
    format!(
        "[{}, {}]",
        fixed(interval.low, digits),
        fixed(interval.high, digits)
    )
}

/// `4560 [4480, 4640]`.
pub fn interval(interval: &Interval) -> String {
    let text = format!("{} {}", number(interval.value), range(interval));
    text.trim_end().to_owned()
}

/// `0.83 [0.70, 0.93]`.
pub fn probability(p: &Interval) -> String {
    match p.is_known() {
        true => format!("{:.2} [{:.2}, {:.2}]", p.value, p.low, p.high),
        false => format!("{:.2}", p.value),
    }
}

/// `25,000`.
pub fn whole(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `7 h 12 min`, `34 min`, `12 s`.
pub fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        _ if seconds < 90.0 => format!("{seconds:.0} s"),
        0..90 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// `1 run`, `3 runs`.
pub fn count(n: usize, noun: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_tables_print_them() {
        let at = |value, low, high| Interval { value, low, high };
        for (shown, text) in [
            (with_std(4571.4, 95.6), "4571 ± 96"),
            (with_std(-3.04, 0.2), "−3.04 ± 0.20"),
            (with_std(-0.4, 343.0), "0 ± 343"),
            (interval(&at(45.06, -2.0, 90.0)), "45.1 [−2.0, 90.0]"),
            (whole(1_000_000), "1,000,000"),
            (whole(100), "100"),
            (duration(26_000.0), "7 h 13 min"),
            (duration(75.0), "75 s"),
            (duration(3000.0), "50 min"),
        ] {
            assert_eq!(shown, text);
        }
    }
}
