//! The report as one HTML file, which needs nothing beside it.

mod bars;
mod coverage;
mod curves;
mod facts;
mod figure;
mod motion;
mod settings;
mod tables;

pub use self::tables::notes;

use super::links::Links;
use super::model::{Report, ReportPart};
use super::number::{count, duration, whole};
use crate::run::page::{self, Markup};

const BODY: &str = include_str!("body.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The whole page.
pub fn page(report: &Report, links: &Links) -> String {
    let title = match report.parts.as_slice() {
        [part] => heading(part),
        _ => "Reports of several suites".to_owned(),
    };
    let parts = report.parts.iter().enumerate();
    let mut main = Markup::new("main").with("id", "top");
    for (n, part) in parts {
        main.push(section(report, part, n, links));
    }
    main.push(facts::method(report));
    let body = BODY
        .replace("{{navigation}}", &navigation(report).html())
        .replace("{{main}}", &main.html());
    page::whole(&title, &[STYLE], &body, &[SCRIPT])
}

/// `Table I … (quick)`.
fn heading(part: &ReportPart) -> String {
    match &part.size {
        Some(size) => format!("{} ({size})", part.title),
        None => part.title.clone(),
    }
}

/// The anchor of table `table` of part `part`.
fn anchor(part: usize, table: usize) -> String {
    format!("table-{part}-{table}")
}

fn navigation(report: &Report) -> Markup {
    let link = |to: String, text: &str| Markup::new("a").with("href", format!("#{to}")).text(text);
    let mut nav = Markup::new("nav").with("aria-label", "Contents");
    for (p, part) in report.parts.iter().enumerate() {
        for (t, table) in part.tables.iter().enumerate() {
            nav.push(link(anchor(p, t), &table.title));
        }
        if !part.coverage.is_empty() {
            nav.push(link(format!("coverage-{p}"), "Coverage"));
        }
        if !part.motion.is_empty() {
            nav.push(link(format!("motion-{p}"), "Motion"));
        }
        nav.push(link(format!("runs-{p}"), "Runs"));
    }
    nav.child(link("method".into(), "How it is computed"))
}

fn section(report: &Report, part: &ReportPart, p: usize, links: &Links) -> Markup {
    let mut section = Markup::of("section", "part").child(head(part));
    section.push(glance(part, p));
    section.push(facts::trouble(part, links));
    section.push(facts::differences(part));
    for (t, table) in part.tables.iter().enumerate() {
        let mut block = Markup::of("section", "table-block").with("id", anchor(p, t));
        block.push(Markup::new("h2").text(&table.title));
        block.push(tables::verdict(table));
        block.push(tables::table(report, part, table, links));
        block.push(bars::figure(part, table));
        block.push(curves::figure(part, table));
        block.push(tables::improvement(part, table));
        section.push(block);
    }
    if !part.motion.is_empty() {
        section.push(motion::block(part).with("id", format!("motion-{p}")));
    }
    if !part.coverage.is_empty() {
        section.push(coverage::block(part).with("id", format!("coverage-{p}")));
    }
    section.push(settings::block(part));
    section.child(facts::runs(part, links).with("id", format!("runs-{p}")))
}

/// Title, size and how much of it is there.
fn head(part: &ReportPart) -> Markup {
    let mut head = Markup::of("header", "part-head");
    let mut title = Markup::new("h1").text(&part.title);
    if let Some(size) = &part.size {
        title.push(Markup::of("span", "badge").text(format!("size: {size}")));
    }
    head.push(title);
    head.push(Markup::of("p", "lead").text(&part.doc));
    let seconds: f64 = part.folders.iter().map(|folder| folder.seconds).sum();
    let updates: u64 = part.folders.iter().map(|folder| folder.done).sum();
    let done = part.count("done") + part.count("diverged");
    let facts = format!(
        "{done} of {} ended · {} updates · {} of computing",
        count(part.runs.len(), "run"),
        whole(updates),
        duration(seconds)
    );
    head.child(Markup::of("p", "facts").text(facts))
}

/// What a newcomer must see first: who won each table.
fn glance(part: &ReportPart, p: usize) -> Markup {
    let mut list = Markup::of("ul", "glance");
    for (t, table) in part.tables.iter().enumerate() {
        let link = Markup::new("a").with("href", format!("#{}", anchor(p, t)));
        let item = Markup::new("li")
            .child(link.text(&table.title))
            .child(Markup::new("strong").text(&table.verdict.headline));
        list.push(item);
    }
    Markup::of("div", "glance-box")
        .child(Markup::new("h2").text("What won where"))
        .child(list)
}
