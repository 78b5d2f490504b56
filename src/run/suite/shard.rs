//! Shares of a plan for several machines.

use std::fmt;
use std::str::FromStr;

use super::plan::RunGroup;

/// Share `index` of `count`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl FromStr for Shard {
    type Err = String;
    /// `2/4`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let numbers = parts.map(|(index, count)| (index.trim().parse(), count.trim().parse()));
        match numbers {
            Some((Ok(index), Ok(count))) if 1 <= index && index <= count => {
                Ok(Self { index, count })
            }
            _ => Err(format!(
                "`{text}` is no share: write 1/4 for the first of four"
            )),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// The whole.
    pub const ALL: Self = Self { index: 1, count: 1 };

    /// Which of `groups` belong to this share, in their order. The costliest goes first, each to the share that has
    /// least so far, so that all shares end at about the same time. It follows from the groups alone.
    pub fn of(&self, groups: &[RunGroup]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by(|a, b| groups[*b].cost.total_cmp(&groups[*a].cost).then(a.cmp(b)));
        let mut loads = vec![0f64; self.count];
        let mut mine = Vec::new();
        for n in order {
            let least = (0..self.count).min_by(|a, b| loads[*a].total_cmp(&loads[*b]));
            let least = least.expect("there is a first share");
            loads[least] += groups[n].cost;
            if least + 1 == self.index {
                mine.push(n);
            }
        }
        mine.sort_unstable();
        mine
    }
}
