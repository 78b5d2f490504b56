//! What a run came to: result lines and the learning curve, drawn from `metrics.jsonl`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::curve::{Figure, PALETTE, Point, ReferenceLine, Series};
use super::inputs;
use super::metrics::read_jsonl;
use super::run_folder::RunFolder;
use crate::data::{Dataset, moments};
use crate::env::task::OWN_REAL;
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

/// Draws `learning_curve.svg` in the first of `runs` from the metrics of all; a curve per method and member, or per method
/// where there are many seeds.
pub fn draw_curve(runs: &[(RunFolder, TrainConfig)], data: &[Dataset]) -> Result<PathBuf> {
    let mut series = Vec::new();
    let mut title = String::new();
    for (folder, config) in runs {
        if title.is_empty() {
            let gap = config.varied("gap").unwrap_or_else(|| config.gap.clone());
            let real = config.varied("real_gap");
            let real = match real.as_deref().unwrap_or(&config.real_gap) {
                OWN_REAL => String::new(),
                gap => format!(" with {}", stem("real_gap", gap)),
            };
            title = format!(
                "{}{real}, simulator with gap {}",
                stem("task", &config.task),
                stem("gap", &gap)
            );
        }
        let color = |n: usize| PALETTE[n % PALETTE.len()];
        for (name, points) in curves(config, evaluations(&folder.metrics())?) {
            let (name, color) = (format!("{} {name}", config.algo), color(series.len()));
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

/// A name and its points.
type Curve = (String, Vec<Point>);

/// Seeds from which on their mean stands for them.
const MANY: usize = 3;

/// A curve a member; but where a way has many seeds, one of their mean with a standard deviation over them as the band.
fn curves(config: &TrainConfig, evaluations: BTreeMap<usize, Vec<Point>>) -> Vec<Curve> {
    let mut ways: Vec<(String, Vec<Curve>)> = Vec::new();
    for (m, points) in evaluations {
        let member = config.members.get(m);
        let name = member.map_or(String::new(), |member| member.name.clone());
        let way = member.map_or(String::new(), |member| member.way().to_owned());
        match ways.iter_mut().find(|(known, _)| *known == way) {
            Some((_, members)) => members.push((name, points)),
            None => ways.push((way, vec![(name, points)])),
        }
    }
    let curves = |(way, members): (String, Vec<Curve>)| {
        if members.len() < MANY {
            return members;
        }
        let name = format!("{way} ({} seeds)", members.len());
        let points = members.into_iter().flat_map(|(_, points)| points).collect();
        vec![(name.trim().to_owned(), mean_curve(points))]
    };
    ways.into_iter().flat_map(curves).collect()
}

/// The mean of the points at each place, in the order of places.
fn mean_curve(points: Vec<Point>) -> Vec<Point> {
    let mut places: Vec<(f64, Vec<f64>)> = Vec::new();
    for Point { x, y, .. } in points {
        match places.iter_mut().find(|(at, _)| *at == x) {
            Some((_, all)) => all.push(y),
            None => places.push((x, vec![y])),
        }
    }
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    let point = |(x, all): (f64, Vec<f64>)| {
        let (y, std) = moments(all.into_iter());
        let band = Some((y - std, y + std));
        Point { x, y, band }
    };
    places.into_iter().map(point).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::config::{Given, resolve};

    fn points(values: [f64; 2]) -> Vec<Point> {
        let point = |(n, y): (usize, f64)| Point {
            x: n as f64,
            y,
            band: None,
        };
        values.into_iter().enumerate().map(point).collect()
    }

    /// Curves of `seeds` with two gaps; a seed's return is its number, and 10 more with the second gap.
    fn curves_of(seeds: &str) -> Vec<Curve> {
        let run = toml::Table::from_iter([("seeds".into(), seeds.into())]);
        let gaps = ["gravity", "friction"].map(Into::into);
        let given = Given {
            run,
            vary: vec![crate::run::config::members::Axis::new("gap", gaps.into()).unwrap()],
            ..Given::default()
        };
        let run = resolve(&given, None).unwrap();
        let members = run.config.members.iter().enumerate();
        let value = |member: &Member| {
            member.seed as f64 + if member.gap == "friction" { 10.0 } else { 0.0 }
        };
        let all = members.map(|(m, member)| (m, points([0.0, value(member)])));
        curves(&run.config, all.collect())
    }

    #[test]
    fn many_seeds_are_one_curve() {
        let few = curves_of("0,4");
        assert_eq!(few.len(), 4, "{few:?}");
        let many = curves_of("0,1,5");
        let names: Vec<_> = many.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["gap=gravity (3 seeds)", "gap=friction (3 seeds)"]);
        let last = many[1].1[1];
        assert_eq!((last.x, last.y), (1.0, 12.0));
        let std = (14.0f64 / 3.0).sqrt();
        let (low, high) = last.band.unwrap();
        assert!((low - (12.0 - std)).abs() < 1e-9 && (high - (12.0 + std)).abs() < 1e-9);
    }
}
