//! Reports: every cell there, numbers as known, well-formed, without a network; what is missing is said.

use std::fs;
use std::path::{Path, PathBuf};

use ::h2oplus::run::suite::plan::Cell;
use ::h2oplus::run::suite::status::GroupState;

use super::made_up::{plan, run, write};
use super::runs::{done, refused};
use super::{h2oplus, stdout};

/// A folder that stays, for whoever wants to look at the page.
fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn suite(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envs/suites");
    fs::read_to_string(path.join(format!("{name}.toml"))).unwrap()
}

/// Returns of three seeds around a mean that the cell's place decides; the spread too.
fn returns(cell: &Cell) -> Vec<f64> {
    let sum = |text: &str| text.bytes().map(u64::from).sum::<u64>();
    let column = ["sac", "cql", "iql", "darc", "h2o", "h2oplus"]
        .iter()
        .position(|name| *name == cell.column);
    let mean = 2000.0 + 350.0 * column.unwrap_or(0) as f64 + (sum(&cell.row) % 1500) as f64;
    let spread = 60.0 + (sum(&cell.row) * 7 % 400) as f64;
    [-1.0, 0.0, 1.0].map(|k| mean + k * spread).to_vec()
}

/// The page as XML, which it is too.
fn parse(html: &str) -> roxmltree::Document<'_> {
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    roxmltree::Document::parse_with_options(html, options).expect("the page is well-formed")
}

fn text_of(node: roxmltree::Node<'_, '_>) -> String {
    let texts = node.descendants().filter(|n| n.is_text());
    texts.filter_map(|n| n.text()).collect()
}

#[test]
fn every_cell_stands_beside_the_published_one() {
    let dir = folder("report-table1");
    let plan = plan("table1", &suite("table1"));
    write(&dir, &plan, |cell| {
        let state = match (cell.column.as_str(), cell.row.as_str()) {
            ("darc", "soft feet") => GroupState::Failed,
            _ => GroupState::Done,
        };
        let missing =
            (cell.table.as_str(), cell.column.as_str()) == ("walker2d-medium-replay", "cql");
        (state, if missing { Vec::new() } else { returns(cell) })
    });
    done(&dir, &["report", ".", "--resamples", "500"]);
    let html = fs::read_to_string(dir.join("report/report.html")).unwrap();
    let page = parse(&html);
    let cells: Vec<String> = page
        .descendants()
        .filter(|node| node.has_tag_name("td") && node.attribute("data-label").is_some())
        .map(text_of)
        .collect();
    let mut seen = 0;
    for cell in plan
        .cells
        .iter()
        .filter(|cell| cell.table == "halfcheetah-medium-replay")
    {
        let returns = returns(cell);
        let std = (2.0f64 / 3.0).sqrt() * (returns[2] - returns[1]);
        let ours = format!("{:.0} ± {std:.0}", returns[1]);
        let paper = format!("paper {} ± {}", cell.paper[0], cell.paper[1]);
        let expected = match cell.column == "darc" && cell.row == "soft feet" {
            true => "–3 of 3 failed".to_owned() + &paper,
            false => ours,
        };
        assert!(
            cells
                .iter()
                .any(|text| text.contains(&expected) && text.contains(&paper)),
            "{} {}: {expected}, {paper}",
            cell.row,
            cell.column
        );
        seen += 1;
    }
    assert_eq!(seen, 54);
    let text = text_of(page.root());
    for part in [
        "size: quick",
        "H2O+ is ahead",
        "In the paper H2O+ is highest on average (6947)",
        "disk: full; help: <make> room & go on",
        "A <processor>, 2 threads",
        "1000000",
        "seeds = 0..2",
    ] {
        assert!(text.contains(part), "no `{part}`");
    }
    offline(&page);
    let csv = fs::read_to_string(dir.join("report/cells.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + plan.cells.len());
    let runs = fs::read_to_string(dir.join("report/runs.csv")).unwrap();
    assert_eq!(runs.lines().count(), 1 + 3 * plan.cells.len());
    let markdown = fs::read_to_string(dir.join("report/report.md")).unwrap();
    let latex = fs::read_to_string(dir.join("report/report.tex")).unwrap();
    assert!(markdown.contains("paper 6861 ± 268") && latex.contains("6861 $\\pm$ 268"));
}

/// Nothing is fetched, and every link leads somewhere.
fn offline(page: &roxmltree::Document<'_>) {
    let ids: Vec<_> = page
        .descendants()
        .filter_map(|node| node.attribute("id"))
        .collect();
    let mut folders = 0;
    for node in page.descendants().filter(|node| node.is_element()) {
        for attribute in node.attributes() {
            let value = attribute.value();
            assert!(!value.contains("//"), "an address: {value}");
            match attribute.name() {
                "src" => panic!("something is fetched: {value}"),
                "href" if value.starts_with('#') => assert!(ids.contains(&&value[1..]), "{value}"),
                "href" => folders += usize::from(value.starts_with("../runs/")),
                _ => {}
            }
        }
    }
    assert!(folders > 0, "no run is linked");
    let style = page
        .descendants()
        .find(|node| node.has_tag_name("style"))
        .unwrap();
    let style = text_of(style);
    assert!(!style.contains("url(") && !style.contains("@import"));
}

#[test]
fn shards_are_merged_and_the_better_outcome_counts() {
    let dir = folder("report-shards");
    let plan = plan("table3", &suite("table3"));
    let even = |cell: &Cell| cell.runs[0].group.as_bytes()[2].is_multiple_of(2);
    write(&dir.join("a"), &plan, |cell| {
        (
            GroupState::Done,
            if even(cell) {
                returns(cell)
            } else {
                Vec::new()
            },
        )
    });
    write(&dir.join("b"), &plan, |cell| {
        let state = if even(cell) {
            GroupState::Failed
        } else {
            GroupState::Done
        };
        (state, returns(cell))
    });
    let short = |args: &[&str]| {
        let more = ["--resamples", "50", "--format", "short"];
        let args: Vec<_> = ["report"]
            .iter()
            .chain(args)
            .chain(&more)
            .copied()
            .collect();
        stdout(&h2oplus(&dir, &args))
    };
    let count = |text: String, end: &str| text.lines().filter(|line| line.ends_with(end)).count();
    assert_eq!(count(short(&["a"]), " 3/3"), 4);
    assert_eq!(count(short(&["b"]), " 3/3"), 4);
    assert_eq!(count(short(&["a", "b"]), " 3/3"), 8);
    assert_eq!(short(&["a", "b"]), short(&["b", "a"]));
}

#[test]
fn a_table_of_one_column_compares_its_rows() {
    let dir = folder("report-table2");
    let plan = plan("table2", &suite("table2"));
    write(&dir, &plan, |cell| {
        let best = cell.row == "λ = 0.2";
        let mean = if best { 5000.0 } else { 4000.0 };
        (GroupState::Done, vec![mean - 10.0, mean, mean + 10.0])
    });
    done(&dir, &["report", ".", "--resamples", "200"]);
    let html = fs::read_to_string(dir.join("report/report.html")).unwrap();
    let text = text_of(parse(&html).root());
    assert!(
        text.contains("λ = 0.2 is ahead, clear of all others"),
        "{text}"
    );
    assert!(
        text.contains("In the paper λ = 0.1 is highest (6861)"),
        "{text}"
    );
}

#[test]
fn run_folders_are_reported_as_they_are() {
    let dir = folder("report-runs");
    let plan = plan("table3", &suite("table3"));
    for (n, cell) in plan.cells.iter().enumerate() {
        run(&dir.join(format!("runs/{n}")), cell, &returns(cell));
    }
    // One was stopped on its way: it counts, and it is said.
    let path = dir.join("runs/0/metrics.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let kept: String = text.split_inclusive('\n').take(15).collect();
    fs::write(&path, kept).unwrap();
    done(
        &dir,
        &["report", "runs", "--out", "out", "--resamples", "50"],
    );
    let html = fs::read_to_string(dir.join("out/report.html")).unwrap();
    let page = parse(&html);
    offline(&page);
    let text = text_of(page.root());
    for part in ["gravity=1.25", "h2oplus", "3 of 3 unfinished at 8,000"] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    assert!(
        !html.contains("class=\"badge\""),
        "no size belongs to these"
    );
}

#[test]
fn what_cannot_be_reported_is_refused() {
    let dir = folder("report-refused");
    refused(
        &dir,
        &["report", "nowhere"],
        &["nowhere: there is no such folder"],
    );
    refused(&dir, &["report", "."], &["holds neither a suite nor runs"]);
    let plan = plan("table3", &suite("table3"));
    write(&dir.join("a"), &plan, |cell| {
        (GroupState::Done, returns(cell))
    });
    let status = dir.join("a/status/000-h2o.json");
    fs::write(&status, "{").unwrap();
    refused(&dir, &["report", "a"], &["000-h2o.json"]);
    fs::remove_file(&status).unwrap();
    // A damaged record is one failed group, and the others are reported.
    let metrics = dir.join("a/runs/001-h2oplus/metrics.jsonl");
    fs::write(&metrics, "nonsense\n").unwrap();
    done(&dir, &["report", "a", "--resamples", "50"]);
    let html = fs::read_to_string(dir.join("a/report/report.html")).unwrap();
    let text = text_of(parse(&html).root());
    for part in ["metrics.jsonl:1", "3 failed, 3 unfinished"] {
        assert!(text.contains(part), "no `{part}`");
    }
}
