//! Population networks, fused kernels, the replay on the device.

use candle_core::Tensor;

/// Transitions on the device, one row each, laid out as
/// `[obs (S), action (A), next_obs (S), reward, terminated]`, so that (s,a) and (s,a,s') are prefixes.
pub struct Replay {
    /// `[groups, capacity, row]`: groups is 1 (all members share the data) or P (each its own ring).
    pub rows: Tensor,
    /// Rows filled so far, per group.
    pub len: usize,
    /// Next row to be written (a ring).
    pub cursor: usize,
}
