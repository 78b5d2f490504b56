//! Run records: TensorBoard reads our events back, figures are sound SVG.

use h2oplus::run::record::curve::{Figure, PALETTE, Point, ReferenceLine, Series};
use h2oplus::run::record::tensorboard::EventWriter;

use crate::python::python;

/// TensorBoard's own reader, which checks every checksum, sees the run as it was resumed.
const READ_EVENTS: &str = r#"
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
acc = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
acc.Reload()
assert sorted(acc.Tags()["scalars"]) == ["charts/SPS", "eval/return"], acc.Tags()
got = [(e.step, e.value) for e in acc.Scalars("eval/return")]
want = [(k * 1000, k / 4) for k in range(5)] + [(k * 1000, k / 2) for k in range(5, 300)]
assert got == want, got
assert [e.step for e in acc.Scalars("charts/SPS")] == [2**40]
"#;

#[test]
fn tensorboard_reads_our_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run");
    let mut first = EventWriter::create(&run).expect("begun");
    for k in 0..8 {
        first
            .scalar("eval/return", k as f32 / 4.0, k * 1000)
            .expect("written");
    }
    first.flush().expect("flushed");
    let mut second = EventWriter::resume(&run, 4001).expect("resumed");
    for k in 5..300 {
        second
            .scalar("eval/return", k as f32 / 2.0, k * 1000)
            .expect("written");
    }
    second.scalar("charts/SPS", 1.0, 1 << 40).expect("written");
    second.flush().expect("flushed");
    python("tensorboard", READ_EVENTS, &[run.to_str().expect("UTF-8")]);
}

#[test]
fn figure_is_sound_svg() {
    let series = ["h2oplus, 3 seeds", "sac <sim only>"]
        .iter()
        .enumerate()
        .map(|(k, name)| {
            let points = (0..60).map(|step| {
                let x = step as f64 * 1e4;
                let y = 4500.0 / (k + 1) as f64 * (1.0 - (-x / 2e5).exp()) - 200.0;
                let spread = 150.0 + 300.0 * (step as f64 / 9.0).sin().abs();
                Point {
                    x,
                    y,
                    band: (k == 0).then_some((y - spread, y + spread)),
                }
            });
            Series {
                name: (*name).to_owned(),
                color: PALETTE[k],
                points: points.collect(),
            }
        });
    let figure = Figure {
        title: "halfcheetah-v2, gravity × 2: return in the real domain".into(),
        x_label: "environment steps".into(),
        y_label: "return".into(),
        series: series.collect(),
        references: vec![ReferenceLine {
            name: "behaviour data: 4569".into(),
            y: 4569.0,
        }],
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("curve.svg");
    figure.write_svg(&path).expect("drawn");
    let svg = std::fs::read_to_string(&path).expect("text");
    let tree = roxmltree::Document::parse(&svg).expect("sound XML");
    let texts: Vec<_> = tree
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text().map(str::trim))
        .collect();
    let title = "halfcheetah-v2, gravity × 2: return in the real domain";
    for text in [
        title,
        "sac <sim only>",
        "environment steps",
        "behaviour data: 4569",
        "400k",
    ] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
    if let Ok(keep) = std::env::var("H2OPLUS_KEEP_SVG") {
        std::fs::copy(&path, keep).expect("copied");
    }
}
