//! `h2oplus gap measure`: which gaps explain recorded data. From each recorded state the simulator takes one env step
//! with the recorded action, under each gap in turn. A gap that explains the data explains all of them: gaps are ranked by the
//! error that 99 % of the transitions stay below (a floor that is slippery shows in few of them).

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{Format, emit, json, table};
use crate::data::Dataset;
use crate::engine::planar::Precision;
use crate::env::Task;
use crate::error::{Error, Result};
use crate::measure::replay::{DataGap, Transitions};
use crate::measure::statistics::Spread;
use crate::model::Gap;
use crate::range::Range;
use crate::run::config::TrainConfig;
use crate::run::data::real_data::{episode_rules, log_notes};
use crate::run::data::same_robot;
use crate::run::record::figures::Ranking;
use crate::run::train::progress::Progress;

/// Flags of `gap measure`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A D4RL or safetensors file, or a Minari folder, that holds the robot's states (infos/qpos, infos/qvel)
    file: PathBuf,
    /// The task that it was recorded on (default: the one that its name begins with, or half-cheetah)
    #[arg(long)]
    task: Option<String>,
    /// Gaps to give the simulator: `all` is none and each of the task's but noise and the sensors' errors, which move no state; `gravity=1.5/gravity=2` several; of a
    /// strength that is drawn, `gravity=0.5..2.0`, sixteen draws; may be repeated
    #[arg(long, default_value = "all")]
    gap: Vec<String>,
    /// Transitions to replay, evenly spread over the data (0: all)
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = Range::COUNT.parser::<usize>())]
    rows: usize,
    /// Seed of strengths that are drawn
    #[arg(long, default_value_t = 0, value_parser = Range::COUNT.parser::<u64>())]
    seed: u64,
    /// Draw the ranking here
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Strengths that are drawn where one is not fixed.
const DRAWS: usize = 16;

/// How well gaps explain a file, the best first.
#[derive(Serialize)]
struct Report {
    file: String,
    task: String,
    /// Transitions that were replayed.
    transitions: usize,
    /// Gaps that the file says it was recorded under.
    recorded: Vec<String>,
    /// The one that explains most.
    nearest: String,
    gaps: Vec<Row>,
}

/// Errors of the next state under a gap; `null` stands for one that is not finite.
#[derive(Serialize)]
struct Row {
    gap: String,
    /// Share of the error without a gap that is gone with it, where both were measured.
    explained: Option<f64>,
    /// |Δqvel| / max(1, |qvel|): gaps are ranked by what 99 % of it stay below.
    scaled_qvel: Errors,
    qvel: Errors,
    qpos: Errors,
    reward: Errors,
}

#[derive(Serialize)]
struct Errors {
    median: f64,
    p99: f64,
    max: f64,
}

impl From<Spread> for Errors {
    fn from(Spread { median, p99, max }: Spread) -> Self {
        Self { median, p99, max }
    }
}

/// Replays and ranks.
///
/// # Errors
/// Where the data cannot be read, hold no states, or a gap does not fit.
pub fn run(args: Args) -> Result<ExitCode> {
    let path = args.file.display().to_string();
    let name = args.file.file_name().unwrap_or_default().to_string_lossy();
    let default = || same_robot::task_of(&name).unwrap_or_else(|| TrainConfig::default().task);
    let task = Task::load(&args.task.unwrap_or_else(default))?;
    let gaps = gaps(&task, &args.gap, args.seed)?;
    let data = Dataset::read_as(&args.file, &episode_rules(&task))?;
    log_notes(&data);
    let (Some(qpos), Some(qvel)) = (&data.qpos, &data.qvel) else {
        return Err(Error::input(
            path,
            "has no infos/qpos and infos/qvel, so the simulator's states are unknown",
            "use a data set that records them, as D4RL's v2 files do",
        ));
    };
    let ends = data.terminals.iter().zip(&data.timeouts);
    let recorded = Transitions {
        qpos,
        qvel,
        actions: &data.actions,
        rewards: &data.rewards,
        ends: ends.map(|(a, b)| *a || *b).collect(),
    };
    let most = if args.rows == 0 {
        usize::MAX
    } else {
        args.rows
    };
    let bar = Progress::new(&format!("gaps of {}", task.name), 0, gaps.len() as u64);
    let mut found = Vec::new();
    for (k, (name, gap)) in gaps.into_iter().enumerate() {
        let replay = DataGap::measure(&task, &gap, &recorded, most, Precision::F64)
            .map_err(|e| e.of(&path))?;
        found.push((name, replay));
        bar.set(k as u64 + 1);
    }
    drop(bar);
    let names = data.gap.keys().cloned().collect();
    let report = Report::new(path, task.name, names, found);
    if let Some(svg) = &args.svg {
        report.ranking().write_svg(svg)?;
    }
    emit(&match args.format {
        Format::Json => json(&report)?,
        Format::Short => report.short(),
        Format::Human => report.human(),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The gaps asked for, by name.
fn gaps(task: &Task, asked: &[String], seed: u64) -> Result<Vec<(String, Gap)>> {
    let mut all: Vec<(String, Gap)> = Vec::new();
    for text in asked {
        if text == "all" {
            all.push(("none".into(), Gap::none()));
            for name in task.gaps.names_for(&task.spec.name) {
                // Noise on the actions and what sensors show leave the dynamics as they are.
                let gap = task.gap(name)?;
                let (_, channel) = task.model(&gap)?;
                if channel.noise == 0.0 && channel.is_true() {
                    all.push((gap.to_string(), gap));
                }
            }
            continue;
        }
        for domain in task.domain(text)?.split() {
            let draws = if domain.is_random() { DRAWS } else { 1 };
            let drawn = (0..draws).map(|row| domain.draw(seed, row));
            all.extend(drawn.map(|gap| (gap.to_string(), gap)));
        }
    }
    let mut known = std::collections::BTreeSet::new();
    all.retain(|(name, _)| known.insert(name.clone()));
    Ok(all)
}

impl Report {
    fn new(
        file: String,
        task: String,
        recorded: Vec<String>,
        mut found: Vec<(String, DataGap)>,
    ) -> Self {
        let error = |replay: &DataGap| replay.scaled_qvel.p99;
        let none = found.iter().find(|(name, _)| name == "none");
        let none = none.map(|(_, replay)| error(replay)).filter(|e| *e > 0.0);
        // The first of equals stays first.
        found.sort_by(|a, b| error(&a.1).total_cmp(&error(&b.1)));
        let transitions = found.first().map_or(0, |(_, replay)| replay.transitions);
        let row = |(gap, replay): (String, DataGap)| Row {
            explained: none.map(|none| 1.0 - error(&replay) / none),
            gap,
            scaled_qvel: replay.scaled_qvel.into(),
            qvel: replay.qvel.into(),
            qpos: replay.qpos.into(),
            reward: replay.reward.into(),
        };
        let gaps: Vec<Row> = found.into_iter().map(row).collect();
        Self {
            file,
            task,
            transitions,
            recorded,
            nearest: gaps.first().map(|row| row.gap.clone()).unwrap_or_default(),
            gaps,
        }
    }

    fn ranking(&self) -> Ranking {
        let bar = |row: &Row| (row.gap.clone(), row.scaled_qvel.p99, row.scaled_qvel.max);
        Ranking {
            title: format!("Which gap explains {}?", self.file),
            label: "error of the next velocities / max(1, |qvel|): 99 % of it (bar) and the largest (line)"
                .into(),
            bars: self.gaps.iter().map(bar).collect(),
        }
    }

    fn short(&self) -> String {
        let line = |row: &Row| {
            let explained = row.explained.map_or("–".into(), |x| format!("{x:.3}"));
            format!("{} {:.2e} {explained}", row.gap, row.scaled_qvel.p99)
        };
        self.gaps.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn human(&self) -> String {
        let cells = |row: &Row| {
            vec![
                row.gap.clone(),
                row.explained
                    .map_or("–".into(), |x| format!("{:.1} %", 100.0 * x)),
                spread(&row.scaled_qvel),
                spread(&row.qvel),
                spread(&row.qpos),
                spread(&row.reward),
            ]
        };
        let rows: Vec<_> = self.gaps.iter().map(cells).collect();
        let recorded = match &self.recorded[..] {
            [] => String::new(),
            names => format!("it says that it was recorded under: {}\n", names.join(", ")),
        };
        format!(
            "{} against {} in the planar kernel, one env step from each of {} recorded states\n\
             (error of the next state as median/99 %/max; scaled = qvel / max(1, |qvel|), by 99 % of which gaps\n\
             are ranked; explained = the share of it without a gap that is gone with this one)\n{recorded}\n{}\nnearest: {}\n",
            self.file,
            self.task,
            self.transitions,
            table(
                &["gap", "explained", "scaled", "qvel", "qpos", "reward"],
                &rows
            ),
            self.nearest
        )
    }
}

fn spread(e: &Errors) -> String {
    format!("{:.1e}/{:.1e}/{:.1e}", e.median, e.p99, e.max)
}
