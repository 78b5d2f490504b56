//! Which of the two policies it is.

use std::ops::Range;

/// Where a policy's log σ comes from, and with it its [`Distribution`](crate::data::Distribution).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// A tanh-Gaussian: the network has 2A outputs, mean and ρ; log σ = m·ρ + o. Offset of m; o follows.
    Affine(usize),
    /// A clipped Gaussian: the network has A outputs; log σ is a parameter. Offset of its A floats.
    Constant(usize),
}

impl Spread {
    /// Outputs of the network for an action of length `act_dim`.
    pub(super) fn outputs(self, act_dim: usize) -> usize {
        match self {
            Self::Affine(_) => 2 * act_dim,
            Self::Constant(_) => act_dim,
        }
    }

    /// Its own parameters.
    pub(super) fn own(self, act_dim: usize) -> Range<usize> {
        match self {
            Self::Affine(at) => at..at + 2,
            Self::Constant(at) => at..at + act_dim,
        }
    }
}
