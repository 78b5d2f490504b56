//! What goes into how much memory, and in how many chunks.

use crate::error::{Error, Result};
use crate::gpu::compose::WORKGROUP;
use crate::gpu::context::Caps;
use std::fmt;
use std::ops::Range;

/// Environments from which a vector is split in two, so that one half's copies overlap with the
/// other's compute.
const SPLIT_FROM: usize = 65_536;

/// Where the memory of a vector of environments goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Environments of each chunk; a chunk has buffers and dispatches of its own.
    pub chunks: Vec<Range<usize>>,
    /// Bytes of every purpose, all chunks together. Staging is the host's.
    pub buffers: Vec<(&'static str, u64)>,
}

impl MemoryPlan {
    /// Splits `num_envs` environments, each of which takes `per_env` bytes of every purpose, so that
    /// no chunk exceeds `caps`; chunks are multiples of `unit` environments where they can be.
    /// `shared`: bytes of purposes that do not depend on the number of environments.
    ///
    /// # Errors
    /// Where not even one workgroup of environments, or a shared purpose, fits.
    pub fn new(
        num_envs: usize,
        per_env: &[(&'static str, u64)],
        shared: &[(&'static str, u64)],
        unit: usize,
        caps: Caps,
    ) -> Result<Self> {
        let most_bytes = caps.binding.min(caps.buffer);
        let refuse = |what: &str, bytes: u64| {
            Error::input(
                "environments on the GPU",
                format!("{what} take {bytes} bytes, but the adapter's buffers hold {most_bytes}"),
                "take fewer parameter rows or a shorter rollout, or simulate on the CPU",
            )
        };
        if let Some((name, bytes)) = shared.iter().find(|(_, bytes)| *bytes > most_bytes) {
            return Err(refuse(name, *bytes));
        }
        let (widest, bytes) = per_env
            .iter()
            .max_by_key(|(_, b)| *b)
            .copied()
            .unwrap_or(("", 1));
        let fit =
            (most_bytes / bytes.max(1)).min(u64::from(caps.workgroups) * u64::from(WORKGROUP));
        let fit = usize::try_from(fit).unwrap_or(usize::MAX);
        if fit == 0 {
            return Err(refuse(widest, bytes));
        }
        let wanted = if num_envs >= SPLIT_FROM {
            num_envs.div_ceil(2)
        } else {
            num_envs
        };
        let mut size = wanted.min(fit).max(1);
        if size > unit && size < num_envs {
            size -= size % unit;
        }
        let chunks = (0..num_envs)
            .step_by(size)
            .map(|first| first..num_envs.min(first + size));
        let n = num_envs as u64;
        let buffers = per_env.iter().map(|(name, bytes)| (*name, bytes * n));
        Ok(Self {
            chunks: chunks.collect(),
            buffers: buffers.chain(shared.iter().copied()).collect(),
        })
    }

    /// Bytes altogether.
    pub fn total(&self) -> u64 {
        self.buffers.iter().map(|(_, bytes)| bytes).sum()
    }
}

impl fmt::Display for MemoryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "{:.1} MiB in {} chunk{}:",
            mib(self.total()),
            self.chunks.len(),
            if self.chunks.len() == 1 { "" } else { "s" }
        )?;
        for (name, bytes) in &self.buffers {
            write!(f, " {name} {:.2}", mib(*bytes))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps {
        binding: 1000,
        buffer: 2000,
        workgroups: 3,
        shared: 0,
    };

    #[test]
    fn chunks_respect_every_bound() {
        let plan = |n, per_env, caps| MemoryPlan::new(n, &[("state", per_env)], &[], 8, caps);
        let sizes = |plan: Result<MemoryPlan>| -> Vec<usize> {
            plan.map(|p| p.chunks.iter().map(ExactSizeIterator::len).collect())
                .unwrap_or_default()
        };
        // 1000 / 10 = 100, down to a multiple of 8.
        assert_eq!(sizes(plan(250, 10, CAPS)), [96, 96, 58]);
        // Three workgroups of 64.
        assert_eq!(sizes(plan(250, 1, CAPS)), [192, 58]);
        let wide = Caps {
            binding: 1 << 40,
            buffer: 1 << 40,
            workgroups: 65_535,
            shared: 0,
        };
        assert_eq!(sizes(plan(65_536, 100, wide)), [32_768, 32_768]);
        assert!(plan(1, 1001, CAPS).is_err_and(|e| e.to_string().contains("1001 bytes")));
    }
}
