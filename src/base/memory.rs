//! Memory that a command is about to take, added up before it is taken.

use crate::error::{Error, Result};

/// Bytes by the setting that decides them.
#[derive(Clone, Debug, Default)]
pub struct MemoryBudget {
    parts: Vec<(&'static str, u128)>,
}

impl MemoryBudget {
    /// Adds the product of `factors`, bytes that the setting `key` decides.
    pub fn add(&mut self, key: &'static str, factors: &[usize]) {
        let bytes = factors
            .iter()
            .fold(1, |all: u128, &n| all.saturating_mul(n as u128));
        self.parts.push((key, bytes));
    }

    /// Refuses what is beyond the machine; the message names the setting whose part was one too many.
    pub fn check(&self) -> Result<()> {
        self.within(limit())
    }

    fn within(&self, limit: u128) -> Result<()> {
        let mut all = 0u128;
        for (key, bytes) in &self.parts {
            all = all.saturating_add(*bytes);
            if all > limit {
                let gib = |bytes: u128| bytes as f64 / f64::from(1 << 30);
                let (all, limit) = (gib(all), gib(limit));
                let problem = format!("asks for {all:.1} GiB of memory; {limit:.1} GiB are there");
                return Err(Error::input(key, problem, "give a smaller number"));
            }
        }
        Ok(())
    }
}

/// Bytes that this process may have: the machine's, or fewer where a control group or `ulimit -v` says so.
fn limit() -> u128 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let number = |text: &str| text.trim().parse::<u128>().ok();
    let field = |text: &str, name: &str, at: usize| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        number(line.split_whitespace().nth(at)?)
    };
    let machine = field(&read("/proc/meminfo"), "MemTotal:", 0).map(|kib| 1024 * kib);
    let group = ["memory.max", "memory/memory.limit_in_bytes"];
    let group = group.map(|file| number(&read(&format!("/sys/fs/cgroup/{file}"))));
    let process = field(&read("/proc/self/limits"), "Max address space", 0);
    // Where nothing is known: what an address has bits for.
    let known = group.into_iter().chain([machine, process]).flatten();
    known.fold(1 << 47, u128::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_too_many_is_named_and_nothing_wraps() {
        let mut budget = MemoryBudget::default();
        budget.add("envs", &[1000, 8]);
        assert!(budget.within(8000).is_ok());
        budget.add("rows", &[usize::MAX, usize::MAX, usize::MAX]);
        let error = budget.within(1 << 60).unwrap_err().to_string();
        assert!(error.starts_with("rows: asks for"), "{error}");
        assert!(limit() > 1 << 20);
    }
}
