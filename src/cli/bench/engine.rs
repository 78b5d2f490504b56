//! `h2oplus bench sim` for an engine whose inside is not ours to measure.

use crate::cli::Format;
use crate::engine::Physics;
use crate::env::Task;
use serde_json::json;

/// What was measured.
pub struct EngineReport {
    /// The engine.
    pub physics: Physics,
    /// What it runs on.
    pub device: String,
    /// What it stepped.
    pub task: Task,
    /// Environments stepped together.
    pub num_envs: usize,
    /// Threads that shared them out.
    pub threads: usize,
    /// Env steps a second.
    pub rate: f64,
    /// Time to build all environments, s.
    pub building: f64,
    /// Resident memory of an environment, where the system tells.
    pub bytes: Option<f64>,
    /// Where a device's memory goes.
    pub plan: Option<String>,
}

impl EngineReport {
    /// As `format` wants it.
    pub fn text(&self, format: Format) -> String {
        let Self {
            physics,
            device,
            task,
            num_envs,
            threads,
            rate,
            ..
        } = self;
        let steps = rate * task.frame_skip as f64;
        let memory = self
            .bytes
            .map_or("unknown".into(), |b| format!("{:.1} KiB", b / 1024.0));
        let plan = self.plan.as_ref();
        let plan = plan.map_or(String::new(), |plan| format!("\n  on the device: {plan}"));
        let name = &task.name;
        match format {
            Format::Short => format!(
                "{name} {num_envs} envs {threads} threads {physics} on {device}: {rate:.0} env steps/s, {steps:.0} physics steps/s"
            ),
            Format::Json => json!({
                "bench": "sim",
                "physics": physics,
                "device": device,
                "task": name,
                "num_envs": num_envs,
                "threads": threads,
                "env_steps_per_s": rate,
                "physics_steps_per_s": steps,
                "ns_per_env_step": 1e9 / rate,
                "build_s": self.building,
                "bytes_per_env": self.bytes,
                "memory_plan": self.plan,
            })
            .to_string(),
            Format::Human => format!(
                "{name}, {num_envs} environments, {threads} threads, {physics} on {device}\n\
                 \x20 env steps/s      {rate:>12.0}   ({:.1} µs each)\n\
                 \x20 physics steps/s  {steps:>12.0}   ({} an env step; {:.1} µs of a thread each)\n\
                 \x20 memory of an environment {memory}; all built in {:.2} s{plan}",
                1e6 / rate,
                task.frame_skip,
                1e6 * *threads as f64 / steps,
                self.building
            ),
        }
    }
}

/// Memory that this process has at hand, bytes, on Linux.
pub fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024.0 * kib)
}
