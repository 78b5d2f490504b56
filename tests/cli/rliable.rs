//! Statistics of reports against rliable's own numbers: recorded ones, and live ones where it is installed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use ::h2oplus::run::report::statistics::{Bootstrap, Interval, Stratum};
use serde::Deserialize;

const BOOTSTRAP: Bootstrap = Bootstrap {
    seed: 1,
    resamples: 20_000,
};

#[derive(Deserialize)]
struct Recorded {
    /// By method and task.
    scores: BTreeMap<String, Vec<Vec<f64>>>,
    points: Points,
    intervals: Intervals,
}

#[derive(Deserialize)]
struct Points {
    iqm: BTreeMap<String, f64>,
    improvement: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Intervals {
    iqm: BTreeMap<String, [f64; 2]>,
    iqm_first_task: BTreeMap<String, [f64; 2]>,
    improvement: BTreeMap<String, [f64; 2]>,
}

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/rliable");
    folder.join(name)
}

fn recorded() -> Recorded {
    let text = std::fs::read_to_string(file("rliable.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

impl Recorded {
    /// The strata of method `name`; the keys of methods differ.
    fn strata(&self, name: &str) -> Vec<Stratum<'_>> {
        let first = 100 * u32::from(name.as_bytes()[0]);
        let tasks = self.scores[name].iter().zip(first..);
        tasks.map(|(scores, key)| Stratum { scores, key }).collect()
    }

    fn improvement(&self, pair: &str) -> Interval {
        let (x, y) = pair.split_once(',').unwrap();
        BOOTSTRAP
            .improvement(&self.strata(x), &self.strata(y))
            .unwrap()
    }
}

/// Points are equal but for rounding.
fn same(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0)
}

/// Whether percentiles agree within the error of drawing: a few hundredths of the interval's own width.
fn alike(ours: Interval, theirs: [f64; 2]) -> bool {
    let room = 0.06 * (theirs[1] - theirs[0]);
    (ours.low - theirs[0]).abs() <= room && (ours.high - theirs[1]).abs() <= room
}

#[test]
fn interquartile_means_are_rliables() {
    let recorded = recorded();
    for (name, theirs) in &recorded.points.iqm {
        let strata = recorded.strata(name);
        let ours = BOOTSTRAP.interquartile_mean(&strata).unwrap();
        assert!(same(ours.value, *theirs), "{name}: {ours:?} {theirs}");
        assert!(
            alike(ours, recorded.intervals.iqm[name]),
            "{name}: {ours:?}"
        );
        let first = BOOTSTRAP.interquartile_mean(&strata[..1]).unwrap();
        assert!(
            alike(first, recorded.intervals.iqm_first_task[name]),
            "{name}: {first:?}"
        );
    }
    // Negative control: strata that are drawn alike, as if tasks shared their runs, have another interval.
    let mut strata = recorded.strata("a");
    strata.iter_mut().for_each(|stratum| stratum.key = 0);
    let alike_drawn = BOOTSTRAP.interquartile_mean(&strata).unwrap();
    assert!(
        !alike(alike_drawn, recorded.intervals.iqm["a"]),
        "{alike_drawn:?}"
    );
}

#[test]
fn probabilities_of_improvement_are_rliables() {
    let recorded = recorded();
    assert_eq!(recorded.points.improvement.len(), 6);
    for (pair, theirs) in &recorded.points.improvement {
        let ours = recorded.improvement(pair);
        assert!(same(ours.value, *theirs), "{pair}: {ours:?} {theirs}");
        // Their two thousand draws leave more room, and so do steps of 1/100 in the estimate itself.
        let [low, high] = recorded.intervals.improvement[pair];
        let near = (ours.low - low).abs() <= 0.03 && (ours.high - high).abs() <= 0.03;
        assert!(near, "{pair}: {ours:?} [{low}, {high}]");
    }
    let swapped = recorded.improvement("b,a");
    assert!(!same(swapped.value, recorded.points.improvement["a,b"]));
}

#[test]
fn rliable_says_so_here_too() {
    let python = std::env::var("H2OPLUS_RLIABLE_PYTHON").unwrap_or("python3".into());
    let found = Command::new(&python)
        .args([
            "-W",
            "ignore",
            "-c",
            "import rliable.metrics, rliable.library",
        ])
        .output();
    if !found.is_ok_and(|out| out.status.success()) {
        let required = std::env::var("H2OPLUS_REQUIRE_RLIABLE").is_ok_and(|value| value == "1");
        assert!(!required, "{python} with rliable is required here");
        ::h2oplus::log!("SKIPPED: {python} with rliable is not here");
        return;
    }
    let out = Command::new(&python)
        .args(["-W", "ignore"])
        .arg(file("record.py"))
        .arg("points")
        .arg(file("rliable.json"))
        .output()
        .unwrap();
    let points: Points = serde_json::from_slice(&out.stdout).unwrap();
    let recorded = recorded();
    for (name, theirs) in points.iqm {
        let ours = BOOTSTRAP
            .interquartile_mean(&recorded.strata(&name))
            .unwrap();
        assert!(same(ours.value, theirs), "{name}");
    }
    for (pair, theirs) in points.improvement {
        assert!(same(recorded.improvement(&pair).value, theirs), "{pair}");
    }
}

/// The same draws on any number of threads, and others from another seed.
#[test]
fn intervals_are_those_of_their_seed() {
    let recorded = recorded();
    let strata = recorded.strata("a");
    let on = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let bootstrap = Bootstrap { seed, ..BOOTSTRAP };
        pool.install(|| bootstrap.interquartile_mean(&strata).unwrap())
    };
    assert_eq!(on(1, 5), on(3, 5));
    assert_ne!(on(1, 5), on(1, 6));
}
