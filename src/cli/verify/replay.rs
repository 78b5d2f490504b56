//! A data set in D4RL's or Minari's layout measured: how far is our next state from the recorded one?

use crate::cli::verify::physics::{Args, Which};
use crate::cli::verify::verdict::{spread, spread_json};
use crate::cli::{Format, emit};
use crate::data::Dataset;
use crate::engine::planar::Precision;
use crate::engine::{Device, Physics};
use crate::env::Task;
use crate::error::{Error, Result};
use crate::measure::replay::{DataGap, Transitions};
use crate::model::Gap;
use crate::run::data::real_data::{episode_rules, log_notes};
use serde_json::{Value, json};
use std::process::ExitCode;

/// How far a data set's successors are from ours, gap by gap.
///
/// # Errors
/// Where it cannot be read, or holds no states, or a gap does not fit.
pub fn measure(args: &Args) -> Result<ExitCode> {
    for (flag, refused) in [
        (
            format!("--physics {}", args.physics),
            args.physics != Physics::Planar,
        ),
        (
            format!("--device {}", args.device),
            args.device == Device::Gpu,
        ),
    ] {
        if refused {
            return Err(Error::input(
                flag,
                "is compared with recorded transitions, not with data sets",
                "name a folder of *.safetensors with --reference",
            ));
        }
    }
    let path = args.reference.display();
    let task = Task::load(&args.task)?;
    let data = Dataset::read_as(&args.reference, &episode_rules(&task))?;
    log_notes(&data);
    let (Some(qpos), Some(qvel)) = (&data.qpos, &data.qvel) else {
        return Err(Error::input(
            path,
            "has no infos/qpos and infos/qvel, so the simulator's states are unknown",
            "use a data set that records them, as D4RL's v2 files do",
        ));
    };
    let recorded = Transitions {
        qpos,
        qvel,
        actions: &data.actions,
        rewards: &data.rewards,
        ends: data
            .terminals
            .iter()
            .zip(&data.timeouts)
            .map(|(a, b)| *a || *b)
            .collect(),
    };
    let precision = if args.precision == Which::F32 {
        Precision::F32
    } else {
        Precision::F64
    };
    let mut rows = Vec::new();
    for (name, gap) in gaps(&task, &args.gap)? {
        let replay = DataGap::measure(&task, &gap, &recorded, precision)
            .map_err(|e| e.of(&path.to_string()))?;
        rows.push((name, replay));
    }
    if args.format == Format::Json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(gap, r)| {
                json!({
                    "gap": gap, "transitions": r.transitions, "qpos": spread_json(r.qpos),
                    "qvel": spread_json(r.qvel), "scaled_qvel": spread_json(r.scaled_qvel),
                    "reward": spread_json(r.reward),
                })
            })
            .collect();
        emit(
            &json!({ "reference": path.to_string(), "task": task.name, "gaps": rows }).to_string(),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.format == Format::Human {
        emit(&format!(
            "{path} against {} in the planar kernel, one env step from each recorded state\n\
             (error of the next state as median/99 %/max over transitions; scaled = qvel / max(1, |qvel|))",
            task.name
        ))?;
    }
    for (gap, r) in &rows {
        emit(&format!(
            "{gap}: {} transitions, qpos {}, qvel {}, scaled {}, reward {}",
            r.transitions,
            spread(r.qpos),
            spread(r.qvel),
            spread(r.scaled_qvel),
            spread(r.reward)
        ))?;
    }
    let nearest = rows
        .iter()
        .min_by(|a, b| a.1.scaled_qvel.median.total_cmp(&b.1.scaled_qvel.median));
    if let (Format::Human, true, Some((gap, _))) = (args.format, rows.len() > 1, nearest) {
        emit(&format!("nearest by median: {gap}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The gaps asked for; `all` stands for no gap and each of the task's at its default strength.
fn gaps(task: &Task, asked: &[String]) -> Result<Vec<(String, Gap)>> {
    let mut names: Vec<String> = Vec::new();
    for name in asked {
        if name == "all" {
            names.push("none".into());
            for gap in task.gaps.names_for(&task.spec.name) {
                // Noise on the actions leaves the dynamics as they are.
                if task.model(&task.gap(gap)?)?.1 == 0.0 {
                    names.push(gap.into());
                }
            }
        } else {
            names.push(name.clone());
        }
    }
    let gap = |name: String| {
        let gap = if name == "none" {
            Gap::none()
        } else {
            task.gap(&name)?
        };
        Ok((name, gap))
    };
    names.into_iter().map(gap).collect()
}
