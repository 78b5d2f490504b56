//! Numbers of which each member has its own.

use std::ops::Range;

/// A value a member. A single one holds for all of them; in general member m has value m mod the number of values.
#[derive(Clone, Debug, PartialEq)]
pub struct PerMember<T>(Vec<T>);

impl<T: Copy> PerMember<T> {
    /// What `value` says of each of `members`.
    ///
    /// # Panics
    /// Without members.
    pub fn over<M>(members: &[M], value: impl FnMut(&M) -> T) -> Self {
        members.iter().map(value).collect::<Vec<_>>().into()
    }

    /// Member `member`'s value.
    pub fn of(&self, member: usize) -> T {
        self.0[member % self.0.len()]
    }

    /// The values as `change` makes them.
    pub fn map(&self, change: impl FnMut(T) -> T) -> Self {
        Self(self.0.iter().copied().map(change).collect())
    }

    /// The values of the members at `place`.
    pub fn part(&self, place: &Range<usize>) -> Self {
        match self.0.len() {
            1 => self.clone(),
            _ => Self(place.clone().map(|member| self.of(member)).collect()),
        }
    }

    /// All values: one a member, or one for all of them.
    pub fn values(&self) -> &[T] {
        &self.0
    }
}

impl<T> From<T> for PerMember<T> {
    fn from(value: T) -> Self {
        Self(vec![value])
    }
}

impl<T> From<Vec<T>> for PerMember<T> {
    /// # Panics
    /// Without values.
    fn from(values: Vec<T>) -> Self {
        assert!(!values.is_empty(), "a population has members");
        Self(values)
    }
}
