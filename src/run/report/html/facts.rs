//! What stands behind the numbers: differences from the paper, troubles, runs, and how scores are computed.

use super::super::links::Links;
use super::super::model::{Report, ReportPart, RunState};
use super::super::number::{count, duration, whole};
use super::tables::scroll;
use crate::run::page::Markup;

fn row(cells: &[&str]) -> Markup {
    let cells = cells.iter().map(|text| Markup::new("td").text(text));
    Markup::new("tr").children(cells)
}

fn head(cells: &[&str]) -> Markup {
    let cells = cells
        .iter()
        .map(|text| Markup::new("th").with("scope", "col").text(text));
    Markup::new("thead").child(Markup::new("tr").children(cells))
}

/// Which size is shown, and how its runs differ from the published ones.
pub fn differences(part: &ReportPart) -> Markup {
    let Some(size) = &part.size else {
        return Markup::of("div", "none");
    };
    let mut block = Markup::of("section", "differences")
        .child(Markup::new("h2").text(format!("How the size “{size}” differs from the paper")));
    if part.differences.is_empty() {
        block.push(
            Markup::new("p").text("It does not: settings, length and data are the published ones."),
        );
    } else {
        let rows = part.differences.iter();
        let rows = rows.map(|d| row(&[&d.what, &d.paper, &d.here]));
        let table = Markup::of("table", "plain")
            .child(head(&["what", "paper", "here"]))
            .child(Markup::new("tbody").children(rows));
        block.push(scroll("Differences from the paper").child(table));
    }
    if !part.overrides.is_empty() {
        let given = part
            .overrides
            .iter()
            .map(|(key, value)| format!("{key} = {value}"));
        let given = given.collect::<Vec<_>>().join(", ");
        block.push(Markup::new("p").text(format!(
            "Given on the command line over the size's own: {given}."
        )));
    }
    block
}

/// Runs that are not plainly done, by folder.
pub fn trouble(part: &ReportPart, links: &Links) -> Markup {
    let amiss: Vec<_> = part
        .runs
        .iter()
        .filter(|run| run.state != RunState::Done)
        .collect();
    if amiss.is_empty() {
        let all = count(part.runs.len(), "run");
        return Markup::of("p", "all-well")
            .text(format!("All of {all} ended; none failed or diverged."));
    }
    let words = ["failed", "diverged", "unfinished", "missing"];
    let counts = words.map(|word| (part.count(word), word));
    let counts = counts.iter().filter(|(n, _)| *n > 0);
    let counts: Vec<_> = counts.map(|(n, word)| format!("{n} {word}")).collect();
    let (mut rows, mut folders) = (Markup::new("tbody"), 0);
    for (f, folder) in part.folders.iter().enumerate() {
        folders += usize::from(amiss.iter().any(|run| run.folder == f));
        for word in words {
            let here = amiss
                .iter()
                .filter(|run| run.folder == f && run.state.word() == word);
            let here: Vec<_> = here.collect();
            let Some(first) = here.first() else {
                continue;
            };
            let names: Vec<_> = here
                .iter()
                .map(|run| run.name.as_str())
                .filter(|n| !n.is_empty())
                .collect();
            let which = match names.len() {
                n if n == folder.members || n == 0 => count(here.len(), "run"),
                _ => names.join(", "),
            };
            let cells =
                [word, &which, &first.state.detail()].map(|text| Markup::new("td").text(text));
            let name = match &folder.path {
                Some(path) => Markup::new("a")
                    .with("href", links.to(path))
                    .text(&folder.name),
                None => Markup::new("span").text(&folder.name),
            };
            rows.push(
                Markup::new("tr")
                    .child(Markup::new("td").child(name))
                    .children(cells),
            );
        }
    }
    let table = Markup::of("table", "plain")
        .child(head(&["folder", "state", "runs", "detail"]))
        .child(rows);
    let title = format!(
        "Of {}: {}",
        count(part.runs.len(), "run"),
        counts.join(", ")
    );
    let list = scroll("Runs that are not done").child(table);
    let block = Markup::of("section", "trouble").child(Markup::new("h2").text(title));
    // A suite that has just begun lacks most of its runs: who won what must stay in sight.
    match folders > 6 {
        false => block.child(list),
        true => {
            let summary = Markup::new("summary").text(format!("in {folders} folders"));
            block.child(Markup::new("details").child(summary).child(list))
        }
    }
}

/// All runs by folder, with what they ran on and how long.
pub fn runs(part: &ReportPart, links: &Links) -> Markup {
    let mut rows = Markup::new("tbody");
    for (f, folder) in part.folders.iter().enumerate() {
        let mut states: Vec<(&str, usize)> = Vec::new();
        for run in part.runs.iter().filter(|run| run.folder == f) {
            let word = run.state.word();
            match states.iter_mut().find(|(known, _)| *known == word) {
                Some((_, n)) => *n += 1,
                None => states.push((word, 1)),
            }
        }
        let states = states.iter().map(|(word, n)| format!("{n} {word}"));
        let name = match &folder.path {
            Some(path) => Markup::new("a")
                .with("href", links.to(path))
                .text(&folder.name),
            None => Markup::new("span").text(&folder.name),
        };
        let cells = [
            folder.algo.clone(),
            states.collect::<Vec<_>>().join(", "),
            whole(folder.updates),
            duration(folder.seconds),
            folder.hardware.clone(),
            folder.program.clone(),
        ];
        let row = Markup::new("tr").child(Markup::new("td").child(name));
        let row = row.children(cells.iter().map(|text| Markup::new("td").text(text)));
        rows.push(row.child(players(part, f, links)));
    }
    let seconds: f64 = part.folders.iter().map(|folder| folder.seconds).sum();
    let updates: u64 = part.folders.iter().map(|folder| folder.done).sum();
    let total = format!(
        "{} in {}: {} updates in all, {} of computing.",
        count(part.runs.len(), "run"),
        count(part.folders.len(), "folder"),
        whole(updates),
        duration(seconds)
    );
    let table = Markup::of("table", "plain filtered")
        .child(head(&[
            "folder",
            "method",
            "runs",
            "updates each",
            "time",
            "hardware",
            "version (commit)",
            "players",
        ]))
        .child(rows);
    let filter = Markup::new("input")
        .with("type", "search")
        .with("class", "filter")
        .with("placeholder", "filter, such as h2o")
        .with("aria-label", "Filter runs");
    Markup::of("section", "runs")
        .child(Markup::new("h2").text("Runs"))
        .child(Markup::new("p").text(total))
        .child(filter)
        .child(scroll("Runs").child(table))
}

/// Links to what the policies of the `folder`-th folder do, by member.
fn players(part: &ReportPart, folder: usize, links: &Links) -> Markup {
    let runs = part.runs.iter().filter(|run| run.folder == folder);
    let mut td = Markup::new("td");
    for (run, player) in runs.filter_map(|run| Some((run, run.player.as_ref()?))) {
        let link = Markup::new("a").with("href", links.to_file(player));
        td.push(
            link.with("title", &run.name)
                .text(format!("▶ {}", run.member)),
        );
        td = td.text(" ");
    }
    td
}

/// How the numbers come about.
pub fn method(report: &Report) -> Markup {
    let score = match report.last {
        1 => "A run's score is its last evaluation on the real task: the mean return over episodes with deterministic actions.".to_owned(),
        last => format!("A run's score is the mean of its last {last} evaluations on the real task, each the mean return over episodes with deterministic actions."),
    };
    let texts = [
        score,
        "Mean ± standard deviation are over runs, one a seed (divisor: their number). “Highest” means the highest mean.".into(),
        format!(
            "IQM is the interquartile mean: over the runs of a cell, or over all runs of a column in the last row. Its 95 % interval and those of probabilities of improvement are \
             percentiles of a bootstrap stratified by row, {} resamples, computed as rliable does (Agarwal et al., NeurIPS 2021).",
            whole(u64::from(report.resamples))
        ),
        "A run that several rows show (a method without a simulator is trained once for all gaps) is drawn once for all of them.".into(),
        "A diverged run stands still with its last finite policy, whose score counts. Failed, unfinished and missing runs of a suite do not count.".into(),
        format!("Written by h2oplus {} ({}) from metrics.jsonl, config.toml and the suite's records alone.", report.version, report.commit),
    ];
    Markup::of("section", "method")
        .with("id", "method")
        .child(Markup::new("h2").text("How it is computed"))
        .child(Markup::new("ul").children(texts.iter().map(|text| Markup::new("li").text(text))))
}
