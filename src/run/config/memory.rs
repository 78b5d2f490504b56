//! The memory of a run, before any of it is taken.

use h2oplus_base::memory::MemoryBudget;

use super::resolved::Run;
use crate::env::Task;
use crate::error::Result;
use crate::net::replay::row_len;

/// Bytes of an environment, whatever its robot, beside its observations.
pub const ENV: usize = 256;

impl Run {
    /// Refuses sizes whose least memory is beyond the machine.
    pub(in crate::run) fn check_memory(&self) -> Result<()> {
        let (config, [s, a, p]) = (&self.config, self.sizes());
        let row = 4 * row_len(s, a);
        let mut budget = MemoryBudget::default();
        let rows = match (config.data.as_str(), config.rows) {
            ("random" | "medium" | "medium-replay", 0) => 100_000,
            ("random" | "medium" | "medium-replay", rows) => {
                budget.add("rows", &[rows, row]);
                rows
            }
            // How many rows a file has is known once it is read.
            _ => 0,
        };
        budget.add("eval_episodes", &[p, config.eval_episodes, ENV + 8 * s]);
        budget.add("envs", &[p, config.envs, ENV + 8 * s]);
        if !self.method.offline {
            let cycle = config.round();
            budget.add("cycle_steps", &[p, cycle, row]);
            let rows = if rows == 0 && config.data != "none" {
                1
            } else {
                rows
            };
            budget.add("replay_ratio", &[p, config.replay_rows(rows), row]);
        }
        self.add_networks(&mut budget);
        budget.check()
    }

    /// Lengths of an observation and an action; members.
    fn sizes(&self) -> [usize; 3] {
        [
            self.task.obs_dim(),
            self.task.act_dim(),
            self.members().len(),
        ]
    }

    /// Refuses networks and batches beyond the machine: what an agent needs that only acts.
    pub(in crate::run) fn check_networks(&self) -> Result<()> {
        let mut budget = MemoryBudget::default();
        self.add_networks(&mut budget);
        budget.check()
    }

    /// The policy, its two critics and their moments; the batches that pass through them.
    fn add_networks(&self, budget: &mut MemoryBudget) {
        let (settings, [s, a, p]) = (&self.config.settings, self.sizes());
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
