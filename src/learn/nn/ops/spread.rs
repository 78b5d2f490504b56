//! Which of the two policies it is.

use crate::nn::cuda::word;
use crate::nn::kernel::{Slot, Theta, fields};

/// Where a policy's log σ comes from, and with it its [`ActionDistribution`](crate::policy::ActionDistribution).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// A tanh-Gaussian: the network has 2A outputs, mean and ρ; log σ = m·ρ + o. Place of m; o follows.
    Affine(Slot<Theta>),
    /// A clipped Gaussian: the network has A outputs; log σ is a parameter. Place of its A floats.
    Constant(Slot<Theta>),
}

impl Spread {
    /// Outputs of the network for an action of length `act_dim`.
    pub(super) fn outputs(self, act_dim: usize) -> usize {
        match self {
            Self::Affine(_) => 2 * act_dim,
            Self::Constant(_) => act_dim,
        }
    }

    /// Whether log σ is the same in every state.
    pub(super) fn constant(self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// Where its own parameters lie.
    pub fn own(self) -> Slot<Theta> {
        match self {
            Self::Affine(at) | Self::Constant(at) => at,
        }
    }

    /// How many they are.
    pub(super) fn own_len(self, act_dim: usize) -> usize {
        match self {
            Self::Affine(_) => 2,
            Self::Constant(_) => act_dim,
        }
    }
}

fields! { Spread, "Spread", 2, |x| [u32::from(x.constant()), word(x.own().offset())]; }
