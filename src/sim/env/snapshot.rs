//! The bytes of a vector's snapshot: counters, parameter rows, and numbers of the engine's.

use crate::env::rules::TaskRules;
use crate::error::{Error, Result};

/// What the future of a vector depends on.
pub(crate) struct Snapshot {
    /// [`TaskRules::tick`].
    pub tick: u32,
    /// [`RunningEpisodes::steps`](crate::env::episodes::RunningEpisodes::steps).
    pub steps: Vec<u32>,
    /// [`RunningEpisodes::param_row`](crate::env::episodes::RunningEpisodes::param_row).
    pub param_row: Vec<u32>,
    /// The engine's, any number of them.
    pub state: Vec<f64>,
    /// Controls on their way to the motors, `[n, depth, nu]`, newest first.
    pub late: Vec<f64>,
    /// The present observations, `[n, obs_dim]`, where sensors err: they cannot be made again from the states.
    pub obs: Option<Vec<f32>>,
}

/// Of a vector whose engine is at `state`, which controls under way and observations follow, as bytes.
pub(crate) fn bytes(
    tick: u32,
    steps: &[u32],
    param_row: &[u32],
    state: impl IntoIterator<Item = f64>,
) -> Vec<u8> {
    let mut bytes = tick.to_le_bytes().to_vec();
    for counts in [steps, param_row] {
        bytes.extend(counts.iter().flat_map(|s| s.to_le_bytes()));
    }
    bytes.extend(state.into_iter().flat_map(f64::to_le_bytes));
    bytes
}

impl Snapshot {
    /// Reads the bytes of a vector like that of `rules`, with `width` numbers an environment.
    ///
    /// # Errors
    /// Where they are of another task or number of environments, or name a row that is not there.
    pub fn parse(bytes: &[u8], rules: &TaskRules, width: usize) -> Result<Self> {
        let n = rules.keys.len();
        let wrong = |problem: String| {
            Error::input(
                "snapshot of environments",
                problem,
                "restore it with the task, the gaps and the number of environments it was taken with",
            )
        };
        let late = rules.dynamics.depth() * rules.task.act_dim();
        let shown = if rules.dynamics.errs() {
            rules.task.obs_dim()
        } else {
            0
        };
        let want = 4 + 8 * n + 8 * n * (width + late + shown);
        if bytes.len() != want {
            let is = bytes.len();
            return Err(wrong(format!("{is} bytes where {want} are wanted")));
        }
        let (head, state) = bytes.split_at(4 + 8 * n);
        let word = |c: &[u8]| u32::from_le_bytes(c.try_into().expect("chunks of 4"));
        let head: Vec<u32> = head.chunks(4).map(word).collect();
        let (steps, rows) = head[1..].split_at(n);
        let known = rules.dynamics.rows.len();
        if let Some(row) = rows.iter().find(|&&row| row as usize >= known) {
            return Err(wrong(format!(
                "parameter row {row} where there are {known}"
            )));
        }
        let number = |c: &[u8]| f64::from_le_bytes(c.try_into().expect("chunks of 8"));
        let mut state: Vec<f64> = state.chunks(8).map(number).collect();
        let obs = state.split_off(n * (width + late));
        let late = state.split_off(n * width);
        Ok(Self {
            tick: head[0],
            steps: steps.to_vec(),
            param_row: rows.to_vec(),
            state,
            late,
            obs: (shown > 0).then(|| obs.into_iter().map(|o| o as f32).collect()),
        })
    }
}
