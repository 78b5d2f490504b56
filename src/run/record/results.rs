//! What a run came to: result lines and the learning curve, drawn from `metrics.jsonl`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::curve::{Figure, PALETTE, Point, ReferenceLine, Series};
use super::inputs;
use super::metrics::read_jsonl;
use super::run_folder::RunFolder;
use crate::data::Dataset;
use crate::error::Result;
use crate::model::gap::without_folders;
use crate::run::config::TrainConfig;
use crate::run::config::members::Member;
use crate::run::train::evaluate::Episodes;

/// One line of a result table: returns over episodes.
#[derive(Clone, Debug, Serialize)]
pub struct ResultLine {
    /// What was evaluated.
    pub what: String,
    /// Mean return.
    pub mean: f64,
    /// Standard deviation over episodes.
    pub std: f64,
    /// Episodes counted.
    pub episodes: usize,
    /// Mean length, env steps.
    pub length: f64,
    /// The update, counted from 1, in which the member diverged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diverged_at: Option<u64>,
}

impl ResultLine {
    /// The data set's own episodes.
    pub fn data(data: &Dataset) -> Self {
        let s = data.stats();
        Self {
            what: format!("data ({})", data.source),
            mean: s.return_mean,
            std: s.return_std,
            episodes: s.episodes,
            length: s.length_mean,
            diverged_at: None,
        }
    }

    /// A member's latest evaluation.
    pub fn member(
        config: &TrainConfig,
        member: &Member,
        episodes: &Episodes,
        diverged_at: Option<u64>,
    ) -> Self {
        Self {
            what: format!("{} {}", config.algo, member.name),
            mean: episodes.mean(),
            std: episodes.std(),
            episodes: episodes.returns.len(),
            length: episodes.mean_length(),
            diverged_at,
        }
    }
}

/// A name as a title shows it: of a file, its name without folder and ending.
fn stem(key: &str, name: &str) -> String {
    if matches!(key, "gap" | "real_gap") && !name.trim().ends_with(".toml") {
        return without_folders(name);
    }
    let file = Path::new(name).file_stem();
    match file.filter(|_| inputs::is_file(key, name)) {
        Some(stem) => stem.to_string_lossy().into_owned(),
        None => name.to_owned(),
    }
}

/// Draws `learning_curve.svg` in the first of `runs` from the metrics of all; a curve per method and member.
pub fn draw_curve(runs: &[(RunFolder, TrainConfig)], data: &[Dataset]) -> Result<PathBuf> {
    let mut series = Vec::new();
    let mut title = String::new();
    for (folder, config) in runs {
        if title.is_empty() {
            let gap = config.varied("gap").unwrap_or_else(|| config.gap.clone());
            let real = config.varied("real_gap");
            let real = match real.as_deref().unwrap_or(&config.real_gap) {
                "none" => String::new(),
                gap => format!(" with {}", stem("real_gap", gap)),
            };
            title = format!(
                "{}{real}, simulator with gap {}",
                stem("task", &config.task),
                stem("gap", &gap)
            );
        }
        for (m, points) in evaluations(&folder.metrics())? {
            let name = config
                .members
                .get(m)
                .map_or("", |member| member.name.as_str());
            let name = format!("{} {name}", config.algo);
            let color = PALETTE[series.len() % PALETTE.len()];
            series.push(Series {
                name,
                color,
                points,
            });
        }
    }
    let mut references = Vec::new();
    for set in data {
        let stats = set.stats();
        if stats.episodes > 0 {
            let name = match data {
                [_] => "behaviour data".into(),
                _ => format!("data ({})", set.source),
            };
            let y = stats.return_mean;
            references.push(ReferenceLine { name, y });
        }
    }
    let path = runs[0].0.curve();
    let figure = Figure {
        title,
        x_label: "updates".into(),
        y_label: "return on the real task".into(),
        series,
        references,
    };
    figure.write_svg(&path)?;
    Ok(path)
}

/// `eval/return` by member, with a standard deviation over episodes as the band.
fn evaluations(path: &Path) -> Result<BTreeMap<usize, Vec<Point>>> {
    let mut out: BTreeMap<usize, Vec<Point>> = BTreeMap::new();
    for record in read_jsonl(path)? {
        if let Some(y) = record.get("eval/return") {
            let band = record.get("eval/return_std").map(|std| (y - std, y + std));
            out.entry(record.member).or_default().push(Point {
                x: record.step as f64,
                y,
                band,
            });
        }
    }
    Ok(out)
}
