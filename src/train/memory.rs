//! The memory of a run, before any of it is taken.

use h2oplus_base::memory::MemoryBudget;

use super::config::TrainConfig;
use super::members::Member;
use crate::env::Task;
use crate::error::Result;
use crate::method::Method;
use crate::net::replay::row_len;

/// Bytes of an environment, whatever its robot, beside its observations.
pub const ENV: usize = 256;

impl TrainConfig {
    /// Refuses sizes whose least memory is beyond the machine.
    pub(super) fn check_memory(&self, task: &Task, members: &[Member]) -> Result<()> {
        let (s, a, p) = (task.obs_dim(), task.act_dim(), members.len());
        let row = 4 * row_len(s, a);
        let method = Method::named(&self.algo)?;
        let mut budget = MemoryBudget::default();
        let rows = match (self.data.as_str(), self.rows) {
            ("random" | "medium" | "medium-replay", 0) => 100_000,
            ("random" | "medium" | "medium-replay", rows) => {
                budget.add("rows", &[rows, row]);
                rows
            }
            // How many rows a file has is known once it is read.
            _ => 0,
        };
        budget.add("eval_episodes", &[p, self.eval_episodes, ENV + 8 * s]);
        budget.add("envs", &[p, self.envs, ENV + 8 * s]);
        if !method.offline {
            let cycle = self.cycle_steps.next_multiple_of(self.envs);
            budget.add("cycle_steps", &[p, cycle, row]);
            let rows = if rows == 0 && self.data != "none" {
                1
            } else {
                rows
            };
            budget.add("replay_ratio", &[p, self.replay_rows(rows), row]);
        }
        self.add_networks(&mut budget, [s, a, p])?;
        budget.check()
    }

    /// Refuses networks and batches beyond the machine: what an agent needs that only acts.
    pub(super) fn check_networks(&self, task: &Task, members: &[Member]) -> Result<()> {
        let mut budget = MemoryBudget::default();
        self.add_networks(&mut budget, [task.obs_dim(), task.act_dim(), members.len()])?;
        budget.check()
    }

    /// The policy, its two critics and their moments; the batches that pass through them.
    fn add_networks(&self, budget: &mut MemoryBudget, [s, a, p]: [usize; 3]) -> Result<()> {
        let settings = Method::named(&self.algo)?.resolve(&self.settings)?;
        let size = |n: &toml::Value| n.as_integer().and_then(|n| usize::try_from(n).ok());
        let hidden = settings.get("hidden").and_then(toml::Value::as_array);
        let hidden: Vec<usize> = hidden.into_iter().flatten().filter_map(size).collect();
        let mut before = s + a;
        for &width in &hidden {
            budget.add("hidden", &[p, before, width, 3 * 3 * 4]);
            before = width;
        }
        let widest = hidden.iter().copied().max().unwrap_or(1);
        for key in ["batch", "real_batch", "sim_batch", "ratio_batch"] {
            let rows = settings.get(key).and_then(size).unwrap_or(0);
            budget.add(key, &[p, rows, 4 * (row_len(s, a) + 3 * widest)]);
        }
        for (key, of) in [("gap_samples", "sim_batch"), ("penalty_actions", "batch")] {
            let count = |key: &str| settings.get(key).and_then(size).unwrap_or(0);
            budget.add(key, &[p, count(of), count(key), 4 * (a + widest)]);
        }
        Ok(())
    }
}

/// Refuses more environments of `task` than the machine has room for; `flag` decides their number.
pub fn check_envs(flag: &'static str, envs: usize, task: &Task) -> Result<()> {
    let mut budget = MemoryBudget::default();
    budget.add(flag, &[envs, ENV + 8 * task.obs_dim()]);
    budget.check()
}

/// Refuses a data set of more rows of `task` than the machine has room for; `rows` decides their number.
pub fn check_rows(rows: usize, task: &Task) -> Result<()> {
    let mut budget = MemoryBudget::default();
    budget.add("rows", &[rows, 4 * row_len(task.obs_dim(), task.act_dim())]);
    budget.check()
}
