//! Which of the two policies it is.

use crate::kernel::cuda::word;
use crate::kernel::{Slot, Theta, fields};

/// Where a policy's log σ comes from, and with it its [`ActionDistribution`](crate::policy::ActionDistribution).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStd {
    /// A tanh-Gaussian: the network has 2A outputs, mean and ρ; log σ = m·ρ + o. Place of m; o follows.
    PerState(Slot<Theta>),
    /// A clipped Gaussian: the network has A outputs; log σ is a parameter. Place of its A floats.
    Free(Slot<Theta>),
}

impl LogStd {
    /// Outputs of the network for an action of length `act_dim`.
    pub(super) fn outputs(self, act_dim: usize) -> usize {
        match self {
            Self::PerState(_) => 2 * act_dim,
            Self::Free(_) => act_dim,
        }
    }

    /// Whether log σ is the same in every state.
    pub(super) fn constant(self) -> bool {
        matches!(self, Self::Free(_))
    }

    /// Where its own parameters lie.
    pub fn own(self) -> Slot<Theta> {
        match self {
            Self::PerState(at) | Self::Free(at) => at,
        }
    }

    /// How many they are.
    pub(super) fn own_len(self, act_dim: usize) -> usize {
        match self {
            Self::PerState(_) => 2,
            Self::Free(_) => act_dim,
        }
    }
}

fields! { LogStd, "LogStd", 2, |x| [u32::from(x.constant()), word(x.own().offset())]; }
