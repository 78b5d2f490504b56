//! A file of recorded transitions judged: errors of the planar kernel, and whether they are within bounds.

use crate::engine::planar::Precision;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::measure::reference::{Comparison, Reference, compare, compare_gpu};
use crate::measure::statistics::Spread;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Largest error of float64 in qpos, qvel and reward.
pub const TOLERANCE_F64: f64 = 1e-9;
/// Largest median of float32's error in qvel after an env step over max(1, |qvel|).
pub const MEDIAN_F32: f64 = 1e-5;
/// Largest of those errors, and of the reward's.
pub const MAX_F32: f64 = 1e-2;

/// What computes.
pub enum Judged {
    /// The oracle.
    F64,
    /// The SIMD lanes.
    F32,
    /// The shaders.
    Gpu(Arc<Gpu>),
}

impl Judged {
    /// In results.
    fn label(&self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::Gpu(_) => "gpu",
        }
    }

    fn compare(&self, reference: &Reference) -> Result<Comparison> {
        let (model, _) = reference.task.model(&reference.gap)?;
        match self {
            Self::F64 => compare(reference, &model, Precision::F64),
            Self::F32 => compare(reference, &model, Precision::F32),
            Self::Gpu(gpu) => compare_gpu(reference, &model, gpu),
        }
    }

    /// Is it as it should be?
    fn accepts(&self, c: &Comparison) -> bool {
        match self {
            Self::F64 => exact(c),
            Self::F32 | Self::Gpu(_) => close(c),
        }
    }
}

/// A file's comparisons.
pub struct Verdict {
    name: String,
    transitions: usize,
    /// By kernel: its name in results, what was found, and whether that is within bounds.
    found: Vec<(&'static str, Comparison, bool)>,
}

impl Verdict {
    /// Of the file `path`, by each of `kernels`.
    ///
    /// # Errors
    /// Where the file cannot be read, or the device fails.
    pub fn of(path: &Path, kernels: &[Judged]) -> Result<Self> {
        let reference = Reference::load(path)?;
        let judge = |kernel: &Judged| {
            let c = kernel.compare(&reference)?;
            let accepted = kernel.accepts(&c);
            Ok((kernel.label(), c, accepted))
        };
        Ok(Self {
            name: path
                .file_stem()
                .map(|s| s.to_string_lossy().into_owned())
                .unwrap_or_default(),
            transitions: reference.len,
            found: kernels.iter().map(judge).collect::<Result<_>>()?,
        })
    }

    /// Whether all kernels are within bounds.
    pub fn passes(&self) -> bool {
        self.found.iter().all(|(.., accepted)| *accepted)
    }

    fn word(&self) -> &'static str {
        if self.passes() { "ok" } else { "FAIL" }
    }

    /// As text.
    pub fn line(&self) -> String {
        let part = |(label, c, _): &(&str, Comparison, bool)| format!(" | {label} {}", summary(c));
        let parts: String = self.found.iter().map(part).collect();
        let (word, name, n) = (self.word(), &self.name, self.transitions);
        format!("{word} {name}: {n} transitions{parts}")
    }

    /// As JSON; null for a kernel that was not judged.
    pub fn json(&self) -> Value {
        let mut case = json!({
            "case": self.name,
            "verdict": self.word(),
            "transitions": self.transitions,
            "f64": null,
            "f32": null,
        });
        for (label, c, _) in &self.found {
            case[*label] = comparison_json(c);
        }
        case
    }
}

/// Is float64 as it should be?
fn exact(c: &Comparison) -> bool {
    let spreads = [c.qpos_step, c.qvel_step, c.qpos_env, c.qvel_env, c.reward];
    spreads.iter().all(|s| s.max <= TOLERANCE_F64) && c.termination == 0
}

/// Is float32 as it should be?
fn close(c: &Comparison) -> bool {
    let scaled = c.scaled_qvel_env;
    scaled.median < MEDIAN_F32
        && scaled.max < MAX_F32
        && c.reward.max < MAX_F32
        && c.unexplained.is_empty()
        && c.termination == 0
}

fn summary(c: &Comparison) -> String {
    format!(
        "1 step qpos {} qvel {}; env qpos {} qvel {} scaled {}; reward {}; termination {} wrong; {} flips, {} unexplained",
        spread(c.qpos_step),
        spread(c.qvel_step),
        spread(c.qpos_env),
        spread(c.qvel_env),
        spread(c.scaled_qvel_env),
        spread(c.reward),
        c.termination,
        c.explained.len(),
        c.unexplained.len()
    )
}

/// Median, 99 % and maximum.
pub fn spread(s: Spread) -> String {
    format!("{:.1e}/{:.1e}/{:.1e}", s.median, s.p99, s.max)
}

/// The same as JSON.
pub fn spread_json(s: Spread) -> Value {
    json!({ "median": s.median, "p99": s.p99, "max": s.max })
}

fn comparison_json(c: &Comparison) -> Value {
    json!({
        "qpos_step": spread_json(c.qpos_step),
        "qvel_step": spread_json(c.qvel_step),
        "qpos_env": spread_json(c.qpos_env),
        "qvel_env": spread_json(c.qvel_env),
        "scaled_qvel_env": spread_json(c.scaled_qvel_env),
        "reward": spread_json(c.reward),
        "termination_wrong": c.termination,
        "flips": c.explained,
        "unexplained": c.unexplained,
    })
}
