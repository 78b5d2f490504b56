//! The settings of every member.

use std::ops::Deref;

use crate::kernel::PerMember;

/// Settings `S` of every member of a population. What decides shapes and kernels is alike in all of them, so it is read
/// from the first, to which this dereferences; numbers that may differ are asked for by [`each`](Self::each).
#[derive(Clone, Copy, Debug)]
pub struct Each<'a, S>(&'a [S]);

impl<'a, S> Each<'a, S> {
    /// The settings of each member in turn.
    ///
    /// # Panics
    /// Without members.
    pub fn new(settings: &'a [S]) -> Self {
        assert!(!settings.is_empty(), "a population has members");
        Self(settings)
    }

    /// A number of each member.
    pub fn each(&self, of: impl Fn(&S) -> f64) -> PerMember<f32> {
        self.map(|s| of(s) as f32)
    }

    /// A rate, or another number that is wanted as exactly as it was given.
    pub fn exact(&self, of: impl Fn(&S) -> f64) -> PerMember<f64> {
        self.map(of)
    }

    /// Two numbers of each member.
    pub fn pair(&self, of: impl Fn(&S) -> [f64; 2]) -> PerMember<[f32; 2]> {
        self.map(|s| of(s).map(|x| x as f32))
    }

    /// Whatever `of` says of each member.
    pub fn map<T: Copy>(&self, of: impl Fn(&S) -> T) -> PerMember<T> {
        PerMember::over(self.0, of)
    }

    /// The settings of all members.
    pub fn all(&self) -> &'a [S] {
        self.0
    }
}

impl<S> Deref for Each<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0[0]
    }
}
