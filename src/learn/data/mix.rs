//! One data set of parts of several: whole episodes where that can be, the same ones for the same seed.

use super::Dataset;
use crate::error::{Error, Result};
use crate::rng::{Stream, philox};

/// A data set, and how much of it a mix takes.
#[derive(Clone, Debug)]
pub struct Part {
    /// The data set.
    pub data: Dataset,
    /// Rows that are taken.
    pub rows: usize,
}

/// The rows of all parts, part after part, each in its own order of time. What some part lacks, the mix lacks too
/// ([`Dataset::concat`]), and says so in its notes.
///
/// # Errors
/// [`Error::Input`] where a part has fewer rows than are taken, or the parts are of different robots.
pub fn mix(parts: Vec<Part>, seed: u64) -> Result<Dataset> {
    let take = |(k, part): (usize, Part)| part.data.draw_episodes(part.rows, seed, k as u32);
    let parts = parts.into_iter().enumerate().map(take);
    let parts: Vec<Dataset> = parts.collect::<Result<_>>()?;
    let mut whole = Dataset::concat(&parts)?;
    type Column = (&'static str, fn(&Dataset) -> bool);
    let columns: [Column; 3] = [
        ("infos/qpos", |data| data.qpos.is_some()),
        ("infos/qvel", |data| data.qvel.is_some()),
        ("infos/action_log_probs", |data| {
            data.action_log_probs.is_some()
        }),
    ];
    for (name, has) in columns {
        if let Some(lacks) = parts.iter().find(|part| !has(part))
            && parts.iter().any(has)
        {
            let note = format!("{name}: {} has none, so the mix has none", lacks.source);
            whole.notes.push(note);
        }
    }
    Ok(whole)
}

impl Dataset {
    /// `rows` rows: episodes drawn by `seed` and `key`, whole but for the last drawn, which is cut where the rows are
    /// full, by a timeout. They keep their order.
    fn draw_episodes(mut self, rows: usize, seed: u64, key: u32) -> Result<Self> {
        if rows > self.len() || rows == 0 {
            let problem = format!("has {} rows, of which {rows} are asked for", self.len());
            return Err(Error::input(
                &self.source,
                problem,
                "ask for fewer, and for one at least",
            ));
        }
        let mut episodes: Vec<_> = self.episodes().enumerate().collect();
        episodes.sort_by_cached_key(|&(episode, _)| {
            (philox(seed, key, episode as u32, Stream::Data, 0), episode)
        });
        let (mut kept, mut left) = (vec![false; self.len()], rows);
        for (_, episode) in episodes {
            if left == 0 {
                break;
            }
            let taken = episode.start..episode.start + episode.len().min(left);
            let last = taken.end - 1;
            kept[taken.clone()].fill(true);
            // Its rows do not go on in the next one's.
            self.timeouts[last] |= !self.terminals[last];
            left -= taken.len();
        }
        self.retain_rows(|row| kept[row]);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Episodes of these lengths, rows counted from `first`.
    fn data(lengths: &[usize], first: usize) -> Dataset {
        let n: usize = lengths.iter().sum();
        let count = |_| (first..first + n).map(|row| row as f32).collect::<Vec<_>>();
        let mut timeouts = vec![false; n];
        let mut end = 0;
        for length in lengths {
            end += length;
            timeouts[end - 1] = true;
        }
        Dataset {
            source: format!("from {first}"),
            obs_dim: 1,
            act_dim: 1,
            observations: count(0),
            actions: count(0),
            rewards: count(0),
            next_observations: count(0),
            terminals: vec![false; n],
            timeouts,
            ..Dataset::default()
        }
    }

    #[test]
    fn whole_episodes_are_drawn_and_one_is_cut() {
        let lengths = [3, 5, 2, 4, 6, 1, 7];
        let whole = data(&lengths, 0);
        let draw = |rows, seed| whole.clone().draw_episodes(rows, seed, 0).unwrap();
        for rows in 1..=28 {
            let part = draw(rows, 5);
            assert_eq!(part.len(), rows);
            assert!(part.rewards.is_sorted(), "in their order");
            let episodes: Vec<_> = part.episodes().collect();
            let cut = episodes.iter().filter(|rows| {
                let first = part.rewards[rows.start] as usize;
                let (mut start, mut k) = (0, 0);
                while start < first {
                    start += lengths[k];
                    k += 1;
                }
                assert_eq!(start, first, "an episode begins with its first row");
                rows.len() != lengths[k]
            });
            assert!(cut.count() <= 1);
        }
        assert_eq!(draw(10, 5), draw(10, 5));
        let sets: std::collections::BTreeSet<_> = (0..20)
            .map(|seed| {
                draw(10, seed)
                    .rewards
                    .iter()
                    .map(|r| *r as u32)
                    .collect::<Vec<_>>()
            })
            .collect();
        assert!(sets.len() > 10, "{} of 20 seeds differ", sets.len());
        assert!(whole.clone().draw_episodes(29, 0, 0).is_err());
        assert!(whole.clone().draw_episodes(0, 0, 0).is_err());
    }

    #[test]
    fn a_mix_has_the_rows_of_each_part_and_says_what_it_lacks() {
        let mut first = data(&[4, 4], 0);
        first.qpos = Some(vec![0.0; 8]);
        let part = |data: &Dataset, rows| Part {
            data: data.clone(),
            rows,
        };
        let second = data(&[5], 100);
        let mixed = mix(vec![part(&first, 6), part(&second, 3)], 1).unwrap();
        assert_eq!(mixed.len(), 9);
        assert_eq!(mixed.rewards[6..], [100.0, 101.0, 102.0]);
        assert!(mixed.timeouts[8] && mixed.timeouts[5]);
        assert_eq!(mixed.qpos, None);
        assert_eq!(
            mixed.notes,
            ["infos/qpos: from 100 has none, so the mix has none"]
        );
        let mut other = second.clone();
        (other.act_dim, other.actions) = (2, vec![0.0; 10]);
        assert!(mix(vec![part(&first, 6), part(&other, 3)], 1).is_err());
    }
}
