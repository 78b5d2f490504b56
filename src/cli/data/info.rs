//! `h2oplus data info`: what data sets hold.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{Format, emit, json, table};
use crate::data::{Column, Dataset, EpisodeRules, Histogram, Layout, Stats, moments};
use crate::env::Task;
use crate::error::Result;
use crate::run::data::real_data::episode_rules;
use crate::run::data::same_robot;
use crate::run::record::figures::Histograms;

/// Flags of `data info`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// D4RL or safetensors files, or Minari folders
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The task that they were recorded on, by which they are scored (default: the one that a file's name begins
    /// with, or that it says itself)
    #[arg(long)]
    task: Option<String>,
    /// Draw returns, lengths, rewards and actions of all of them here
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Bins of a histogram in the terminal and in JSON.
const BINS: usize = 16;
/// Bins of one in a picture.
const FINE: usize = 40;
/// Blocks of eight heights.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What a data set holds.
#[derive(Serialize)]
struct Info {
    file: String,
    layout: &'static str,
    /// The task by which it is scored.
    task: Option<String>,
    /// The environment that it says it was recorded in.
    environment: Option<String>,
    stats: Stats,
    /// Episodes that the robot's fall ended.
    terminal_episodes: usize,
    /// Episodes that were cut.
    timeout_episodes: usize,
    normalized_score: Option<Score>,
    /// How it was made, where it says so.
    policy: Option<String>,
    /// Columns beside D4RL's six.
    infos: Vec<String>,
    returns: Option<Histogram>,
    lengths: Option<Histogram>,
    columns: Vec<Column>,
    notes: Vec<String>,
}

/// D4RL's score of the returns: 0 as random actions, 100 as an expert.
#[derive(Serialize)]
struct Score {
    mean: f64,
    std: f64,
    min: f64,
    max: f64,
}

/// Reads and prints.
///
/// # Errors
/// Where a file cannot be read.
pub fn run(args: Args) -> Result<ExitCode> {
    let task = args.task.as_deref().map(Task::load).transpose()?;
    let mut sets = Vec::new();
    let mut infos = Vec::new();
    for path in &args.files {
        let (data, task) = read(path, task.as_ref())?;
        infos.push(Info::new(path, &data, task.as_ref())?);
        if args.svg.is_some() {
            sets.push(data);
        }
    }
    if let Some(svg) = &args.svg {
        figure(&args.files, &sets).write_svg(svg)?;
    }
    emit(&match args.format {
        Format::Json => json(&infos)?,
        Format::Short => infos.iter().map(Info::short).collect::<Vec<_>>().join("\n"),
        Format::Human => infos.iter().map(Info::human).collect::<Vec<_>>().join("\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A data set and its task, where that is known.
fn read(path: &Path, task: Option<&Task>) -> Result<(Dataset, Option<Task>)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = || same_robot::task_of(&name).and_then(|task| Task::load(&task).ok());
    let task = task.cloned().or_else(named);
    let rules = task.as_ref().map_or(EpisodeRules::default(), episode_rules);
    let data = Dataset::read_as(path, &rules)?;
    let says = || Task::load(data.environment.as_ref()?).ok();
    let task = task.or_else(says);
    let have = (data.obs_dim, data.act_dim);
    let fits = |task: &Task| (task.obs_dim(), task.act_dim()) == have;
    Ok((data, task.filter(fits)))
}

fn lengths(data: &Dataset) -> Vec<f64> {
    data.complete_episodes()
        .map(|rows| rows.len() as f64)
        .collect()
}

impl Info {
    fn new(path: &Path, data: &Dataset, task: Option<&Task>) -> Result<Self> {
        let returns = data.returns();
        let score = |task: &Task| {
            let scores: Option<Vec<f64>> =
                returns.iter().map(|r| task.normalized_score(*r)).collect();
            let scores = scores.filter(|scores| !scores.is_empty())?;
            let (mean, std) = moments(scores.iter().copied());
            let min = scores.iter().copied().fold(f64::INFINITY, f64::min);
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            Some(Score {
                mean,
                std,
                min,
                max,
            })
        };
        let ends = || data.complete_episodes().map(|rows| rows.end - 1);
        let terminal = ends().filter(|&last| data.terminals[last]).count();
        let columns = data.columns(BINS);
        let mut infos: Vec<String> = Vec::new();
        for (name, has) in [
            ("infos/qpos", data.qpos.is_some()),
            ("infos/qvel", data.qvel.is_some()),
            ("infos/action_log_probs", data.action_log_probs.is_some()),
        ] {
            infos.extend(has.then(|| name.to_owned()));
        }
        infos.extend(data.gap.keys().map(|name| format!("infos/gap/{name}")));
        let policy = data
            .policy
            .as_ref()
            .map(|policy| format!("{} after {} iterations", policy.algorithm, policy.iteration));
        Ok(Self {
            file: path.display().to_string(),
            layout: Layout::of(path)?.name(),
            task: task.map(|task| task.name.clone()),
            environment: data.environment.clone(),
            stats: data.stats(),
            terminal_episodes: terminal,
            timeout_episodes: ends().count() - terminal,
            normalized_score: task.and_then(score),
            policy,
            infos,
            returns: Histogram::of(returns.iter().copied(), BINS, None),
            lengths: Histogram::of(lengths(data).iter().copied(), BINS, None),
            columns,
            notes: data.notes.clone(),
        })
    }

    fn short(&self) -> String {
        let score = self.normalized_score.as_ref();
        let score = score.map_or("–".into(), |score| format!("{:.1}", score.mean));
        let Stats {
            rows,
            episodes,
            return_mean,
            return_std,
            ..
        } = &self.stats;
        format!(
            "{}: {rows} rows, {episodes} episodes, return {return_mean:.1} ± {return_std:.1}, score {score}",
            self.file
        )
    }

    fn human(&self) -> String {
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".into());
        let infos = if self.infos.is_empty() {
            "–".into()
        } else {
            self.infos.join(" ")
        };
        let score = self.normalized_score.as_ref().map_or("–".into(), |score| {
            format!(
                "{:.2} ± {:.2}   from {:.2} to {:.2}",
                score.mean, score.std, score.min, score.max
            )
        });
        let notes: String = self
            .notes
            .iter()
            .map(|note| format!("  note: {note}\n"))
            .collect();
        let mut text = format!(
            "{}\n  ends        {:>12} falls, {} cuts\n  score       {score}\n  layout      {}\n  task        {}\n  \
             environment {}\n  policy      {}\n  infos       {infos}\n{notes}\n",
            self.stats,
            self.terminal_episodes,
            self.timeout_episodes,
            self.layout,
            or(&self.task),
            or(&self.environment),
            or(&self.policy),
        );
        for (name, histogram) in [("return", &self.returns), ("length", &self.lengths)] {
            if let Some(histogram) = histogram {
                text += &bars(name, histogram);
            }
        }
        let cells = |c: &Column| {
            let numbers = [c.min, c.mean, c.std, c.max].map(|x| format!("{x:.4}"));
            let spread = c.histogram.as_ref().map(spark).unwrap_or_default();
            let name = c.name.clone();
            [vec![name], numbers.to_vec(), vec![spread]].concat()
        };
        let rows: Vec<_> = self.columns.iter().map(cells).collect();
        let head = ["column", "least", "mean", "deviation", "greatest", "spread"];
        text + &table(&head, &rows)
    }
}

/// A line for each bin, from the first to the last that holds something.
fn bars(name: &str, histogram: &Histogram) -> String {
    let counts = &histogram.counts;
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let held = |count: &usize| *count > 0;
    let first = counts.iter().position(held).unwrap_or(0);
    let last = counts.iter().rposition(held).unwrap_or(0);
    let line = |n: usize| {
        let bar = "█".repeat((40 * counts[n]).div_ceil(most));
        let [low, high] = [n, n + 1].map(|n| histogram.edge(n));
        format!("  {low:>10.1} … {high:>10.1}  {bar:<40} {}\n", counts[n])
    };
    let lines: String = (first..=last).map(line).collect();
    format!("{name}, episodes in each range\n{lines}\n")
}

/// A block for each bin; a space where there is nothing.
fn spark(histogram: &Histogram) -> String {
    let most = histogram.counts.iter().copied().max().unwrap_or(1).max(1);
    let block = |count: &usize| match (8 * count).div_ceil(most) {
        0 => ' ',
        height => BLOCKS[height - 1],
    };
    histogram.counts.iter().map(block).collect()
}

/// Returns, lengths, rewards and actions of all data sets, each on one scale.
fn figure(files: &[PathBuf], sets: &[Dataset]) -> Histograms {
    let wide = |values: &[f32]| values.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    type Of<'a> = (&'static str, Box<dyn Fn(&Dataset) -> Vec<f64> + 'a>);
    let panels: [Of; 4] = [
        ("return of an episode", Box::new(Dataset::returns)),
        ("length of an episode (steps)", Box::new(lengths)),
        ("reward", Box::new(move |data| wide(&data.rewards))),
        (
            "actions, all motors",
            Box::new(move |data| wide(&data.actions)),
        ),
    ];
    let panel = |(label, of): &Of| {
        let all: Vec<Vec<f64>> = sets.iter().map(of).collect();
        let whole = Histogram::of(all.iter().flatten().copied(), FINE, None);
        let bounds = whole.map(|whole| (whole.low, whole.high));
        let of = |values: &Vec<f64>| Histogram::of(values.iter().copied(), FINE, bounds);
        ((*label).to_owned(), all.iter().map(of).collect())
    };
    let name = |file: &PathBuf| {
        file.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    Histograms {
        title: "Share of episodes and of rows".into(),
        names: files.iter().map(name).collect(),
        panels: panels.iter().map(panel).collect(),
    }
}
