//! What a vector of environments is made of, whatever the engine.

use crate::env::{Dynamics, EnvKey, Task};
use crate::error::Result;
use crate::model::Gap;

/// One environment a key, all of one task.
#[derive(Clone)]
pub struct EnvSpec {
    /// What all robots are asked to do.
    pub task: Task,
    /// The parameter rows that they may have.
    pub dynamics: Dynamics,
    /// What the draws of each environment are keyed by, `[n]`.
    pub keys: Vec<EnvKey>,
}

impl EnvSpec {
    /// `task` with the parameter rows of `dynamics`, one environment a key.
    pub fn new(task: &Task, dynamics: Dynamics, keys: Vec<EnvKey>) -> Self {
        Self {
            task: task.clone(),
            dynamics,
            keys,
        }
    }

    /// `num_envs` environments of seed `seed`, in turn with each of `gaps` (none given: no gap).
    ///
    /// # Errors
    /// As [`Dynamics::new`].
    pub fn of_gaps(task: &Task, gaps: &[Gap], num_envs: usize, seed: u64) -> Result<Self> {
        let keys = EnvKey::population(&[seed], num_envs);
        Ok(Self::new(task, Dynamics::new(task, gaps)?, keys))
    }

    /// Environments of each member, where several members have equally many each.
    pub(crate) fn per_member(&self) -> Option<usize> {
        let members: Vec<_> = self.keys.chunk_by(|a, b| a.seed == b.seed).collect();
        let first = members.first()?.len();
        let equal = members.iter().all(|member| member.len() == first);
        (members.len() > 1 && equal).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_told_by_their_seeds() {
        let task = Task::load("hopper-v2").unwrap();
        let per_member = |keys| {
            let dynamics = Dynamics::new(&task, &[]).unwrap();
            EnvSpec::new(&task, dynamics, keys).per_member()
        };
        assert_eq!(per_member(EnvKey::population(&[3, 1, 2], 5)), Some(5));
        // One member has no neighbour to be kept apart from; unequal members have no common length.
        assert_eq!(per_member(EnvKey::population(&[3], 5)), None);
        assert_eq!(
            per_member(EnvKey::population(&[3, 1], 5)[1..].to_vec()),
            None
        );
        assert_eq!(per_member(Vec::new()), None);
    }
}
