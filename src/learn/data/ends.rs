//! Where episodes end. Recorders mark it with flags; what they do not mark shows in the successors and
//! in the task's step limit.

use super::Dataset;
use crate::error::Result;

/// Step limit of D4RL's locomotion tasks, by which episodes are cut in files that do not say.
const D4RL_STEPS: usize = 1000;

/// Two observations are one state if their numbers differ by no more than half precision rounds.
const SAME: f32 = 2e-3;

/// What the task says of its episodes, beyond what a file does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeRules {
    /// Steps after which an episode is cut, where that is known.
    pub limit: Option<usize>,
    /// Whether the task ever ends an episode itself (the robot fell).
    pub terminates: bool,
}

impl Default for EpisodeRules {
    fn default() -> Self {
        Self {
            limit: None,
            terminates: true,
        }
    }
}

/// Set the timeouts that a file does not mark; `marked`: it has that column. `next` are its own
/// successors, `[n, obs_dim]`, where it has them.
fn mark(data: &mut Dataset, next: Option<&[f32]>, marked: bool, rules: &EpisodeRules) {
    let n = data.len();
    let breaks = next.map_or(Vec::new(), |next| breaks(data, next));
    // Rows drawn at random have no order; then only flags and the limit can tell.
    let shuffled = 2 * breaks.len() > n;
    if shuffled {
        data.notes.push(format!(
            "{}: in {} of {n} rows the successor is not the next row's observation: the rows are not \
             in order of time, and returns of episodes mean nothing",
            data.source,
            breaks.len()
        ));
    } else {
        for &row in &breaks {
            data.timeouts[row] = true;
        }
    }
    let unsaid = (!marked && next.is_none()).then_some(D4RL_STEPS);
    let limit = rules.limit.or(unsaid).unwrap_or(usize::MAX);
    let (mut steps, mut cut) = (0, 0);
    for row in 0..n {
        steps += 1;
        let ends = data.terminals[row] || data.timeouts[row];
        // The last row of a file need not be the last of its episode.
        if !ends && steps == limit {
            data.timeouts[row] = true;
            cut += 1;
        }
        if data.terminals[row] || data.timeouts[row] {
            steps = 0;
        }
    }
    if !marked
        && let (Some(timeout), Some(false)) = (data.timeouts.last_mut(), data.terminals.last())
    {
        *timeout = true;
    }
    data.close();
    let found = if shuffled { 0 } else { breaks.len() };
    for (count, from) in [
        (
            found,
            "successors that are not the next row's observation".to_owned(),
        ),
        (cut, format!("the limit of {limit} steps")),
    ] {
        if count > 0 {
            let column = if marked {
                "does not mark"
            } else {
                "is missing and so does not mark"
            };
            data.notes.push(format!(
                "{}: timeouts {column} {count} episode ends, which were told from {from}",
                data.source
            ));
        }
    }
}

/// Rows that no flag ends, but whose successor is not the next row's observation.
fn breaks(data: &Dataset, next: &[f32]) -> Vec<usize> {
    let (n, dim) = (data.len(), data.obs_dim);
    let differs = |row: usize| {
        let (a, b) = (
            &next[row * dim..][..dim],
            &data.observations[(row + 1) * dim..][..dim],
        );
        let apart = |(a, b): (&f32, &f32)| (a - b).abs() > SAME * a.abs().max(1.0);
        a.iter().zip(b).any(apart)
    };
    (0..n.saturating_sub(1))
        .filter(|&row| !data.terminals[row] && !data.timeouts[row] && differs(row))
        .collect()
}

impl Dataset {
    /// Mark the last row as cut, where no row ends an episode: else no episode would have a return.
    pub fn close(&mut self) {
        let ended = |flags: &[bool]| flags.contains(&true);
        if ended(&self.terminals) || ended(&self.timeouts) {
            return;
        }
        if let Some(timeout) = self.timeouts.last_mut() {
            *timeout = true;
        }
    }

    /// Make a whole data set of a file's columns: mark the ends of episodes that it does not (`marked`: it has
    /// timeouts), and take its own successors `next`, `[n, obs_dim]`, or derive them.
    pub(super) fn finish(
        &mut self,
        next: Option<Vec<f32>>,
        marked: bool,
        rules: &EpisodeRules,
    ) -> Result<()> {
        mark(self, next.as_deref(), marked, rules);
        match next {
            Some(next) => self.next_observations = next,
            None => derive_successors(self),
        }
        self.validate()
    }

    /// Note terminal rows that the task cannot have made.
    pub(super) fn note_terminals(&mut self, rules: &EpisodeRules) {
        let terminal = self.terminals.iter().filter(|&&flag| flag).count();
        if !rules.terminates && terminal > 0 {
            self.notes.push(format!(
                "{}: {terminal} rows are terminal, but this task never terminates: nothing is \
                 expected after them (time limits belong into timeouts)",
                self.source
            ));
        }
    }
}

/// The next row's observation inside an episode; see [`d4rl::read_as`](super::d4rl::read_as).
fn derive_successors(data: &mut Dataset) {
    let (n, dim) = (data.len(), data.obs_dim);
    let ends: Vec<bool> = (0..n)
        .map(|row| row + 1 == n || data.timeouts[row] || data.terminals[row])
        .collect();
    let observation = |row: usize| &data.observations[row * dim..(row + 1) * dim];
    let successor = |row: usize| observation(if ends[row] { row } else { row + 1 });
    data.next_observations = (0..n).flat_map(successor).copied().collect();

    let keep: Vec<bool> = (0..n)
        .map(|row| data.terminals[row] || !ends[row])
        .collect();
    // The row before a dropped one now ends its episode, if the dropped one did.
    for row in (1..n).filter(|&row| !keep[row] && !ends[row - 1]) {
        data.timeouts[row - 1] = data.timeouts[row];
    }
    data.retain_rows(|row| keep[row]);
}
