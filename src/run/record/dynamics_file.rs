//! `dynamics.jsonl` of a run folder: every parameter row of the simulator, and which environments may
//! have it. It is the record of what was drawn, and a run that goes on takes its rows from it.

use std::cmp::Ordering;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::run_folder::write;
use crate::env::Task;
use crate::env::dynamics::{Dynamics, ParamRow};
use crate::error::{Error, Result};
use crate::text::{self, Line};

/// A line.
#[derive(Serialize, Deserialize)]
struct Record {
    row: usize,
    /// Canonical text of the row's gap; numbers read back to the same bits.
    gap: String,
    /// Whether environments draw their rows anew at every reset.
    redrawn: bool,
    /// Environments that may have it (`member × envs per member + index`); `null`: all.
    envs: Option<Vec<usize>>,
}

/// Writes the rows of `dynamics`.
pub fn save(path: &Path, dynamics: &Dynamics) -> Result<()> {
    let mut text = String::new();
    for (row, ParamRow { gap, .. }) in dynamics.rows.iter().enumerate() {
        let may_have = |env: &usize| dynamics.pools[*env].contains(&row);
        let record = Record {
            row,
            gap: gap.to_string(),
            redrawn: dynamics.redrawn,
            envs: (!dynamics.pools.is_empty())
                .then(|| (0..dynamics.pools.len()).filter(may_have).collect()),
        };
        text += &serde_json::to_string(&record).expect("plain numbers and strings are JSON");
        text.push('\n');
    }
    write(path, text.as_bytes())
}

/// Reads what [`save`] wrote, of a run of `envs` environments whose task is `task`.
///
/// # Errors
/// Names the line where it is not what such a run wrote.
pub fn load(path: &Path, task: &Task, envs: usize) -> Result<Dynamics> {
    let damaged = |line: usize, problem: String| {
        Error::input(
            text::place(path, line),
            problem,
            "restore the file as the run wrote it",
        )
    };
    let mut dynamics = Dynamics {
        rows: Vec::new(),
        redrawn: false,
        pools: Vec::new(),
    };
    let mut last = 1;
    for line in text::lines(path)? {
        let Line {
            number,
            text,
            whole,
        } = line?;
        let line = number;
        last = line;
        if !whole {
            return Err(damaged(line, "is cut short".to_owned()));
        }
        let record: Record =
            serde_json::from_str(&text).map_err(|e| damaged(line, e.to_string()))?;
        let row = dynamics.rows.len();
        if record.row != row {
            return Err(damaged(
                line,
                format!("row {} where row {row} is due", record.row),
            ));
        }
        if row > 0 && record.redrawn != dynamics.redrawn {
            let problem = "`redrawn` is not that of the rows before".to_owned();
            return Err(damaged(line, problem));
        }
        let robot = task.gap(&record.gap).and_then(|gap| {
            let (model, channel) = task.drawn_model(&gap)?;
            Ok(ParamRow {
                gap,
                model,
                channel,
            })
        });
        dynamics
            .rows
            .push(robot.map_err(|e| e.within(path.display()))?);
        dynamics.redrawn = record.redrawn;
        for env in record.envs.into_iter().flatten() {
            if env >= envs {
                let problem = format!("environment {env} of a run that has {envs}");
                return Err(damaged(line, problem));
            }
            if env >= dynamics.pools.len() {
                dynamics.pools.resize(env + 1, 0..0);
            }
            let pool = &mut dynamics.pools[env];
            if pool.start == pool.end {
                *pool = row..row;
            }
            match pool.end.cmp(&row) {
                Ordering::Equal => pool.end = row + 1,
                Ordering::Less => {
                    let problem = format!("environment {env} lacks row {}", pool.end);
                    return Err(damaged(line, problem));
                }
                Ordering::Greater => {
                    let problem = format!("environment {env} has row {row} twice");
                    return Err(damaged(line, problem));
                }
            }
        }
    }
    if dynamics.rows.is_empty() || dynamics.pools.iter().any(|p| p.start == p.end) {
        return Err(damaged(last, "an environment has no row".to_owned()));
    }
    Ok(dynamics)
}
