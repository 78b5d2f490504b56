//! Tables: ours and the published numbers in every cell.

use super::super::links::Links;
use super::super::model::{
    Across, Report, ReportCell, ReportPart, ReportTable, RunState, Standing,
};
use super::super::number;
use crate::run::page::Markup;

/// Who won, in words.
pub fn verdict(table: &ReportTable) -> Markup {
    let mut paragraph = Markup::of("p", "verdict");
    paragraph.push(Markup::new("strong").text(format!("{}. ", table.verdict.headline)));
    paragraph.text(table.verdict.sentences.join(" "))
}

/// The table with its caption and legend.
pub fn table(report: &Report, part: &ReportPart, table: &ReportTable, links: &Links) -> Markup {
    let columns = table.across == Across::Columns && table.columns.len() > 1;
    let labels: Vec<_> = (0..table.columns.len())
        .map(|c| part.column(table, c).label.clone())
        .collect();
    let mut head = Markup::new("tr").child(scope("col").text(corner(table)));
    if columns {
        head.push(scope("col").text("highest here"));
    }
    head = head.children(labels.iter().map(|label| scope("col").text(label)));
    let mut body = Markup::new("tbody");
    for (r, cells) in table.cells.iter().enumerate() {
        let mut row = Markup::new("tr").child(scope("row").text(&table.rows[r]));
        if columns {
            let winner = table.verdict.rows.get(r).map_or("", String::as_str);
            row.push(
                Markup::of("td", "winner")
                    .with("data-label", "highest here")
                    .text(winner),
            );
        }
        for (cell, label) in cells.iter().zip(&labels) {
            row.push(self::cell(part, cell, links).with("data-label", label));
        }
        body.push(row);
    }
    let mut rows = Markup::new("table")
        .child(caption(report, part, table))
        .child(Markup::new("thead").child(head))
        .child(body);
    if table.rows.len() > 1 && table.across == Across::Columns {
        rows.push(totals(table, &labels, columns));
    }
    Markup::of("div", "numbers")
        .child(scroll(&format!("Table: {}", table.title)).child(rows))
        .child(legend(table))
}

/// A box that scrolls by itself, also by keys.
pub fn scroll(label: &str) -> Markup {
    Markup::of("div", "scroll")
        .with("tabindex", 0)
        .with("role", "region")
        .with("aria-label", label)
}

fn scope(of: &str) -> Markup {
    Markup::new("th").with("scope", of)
}

fn corner(table: &ReportTable) -> &'static str {
    match table.across {
        Across::Columns => "gap",
        Across::Rows => "setting",
    }
}

/// What the numbers are.
fn caption(report: &Report, part: &ReportPart, table: &ReportTable) -> Markup {
    let score = match report.last {
        1 => "the last evaluation of each run".to_owned(),
        last => format!("the mean of the last {last} evaluations of each run"),
    };
    let size = match &part.size {
        Some(size) => format!(" Size: {size}."),
        None => String::new(),
    };
    let task = format!(
        "{} ({}), {score}: mean ± standard deviation over runs; below it the interquartile mean with its 95 % interval, and what was published.{size}",
        capital(part.unit_label()),
        table.task
    );
    Markup::new("caption").text(task)
}

/// `text` with a capital first letter.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn cell(part: &ReportPart, cell: &ReportCell, links: &Links) -> Markup {
    let class = match cell.standing {
        Standing::Clear => "best clear",
        Standing::Highest => "best",
        Standing::Near => "near",
        Standing::Behind => "behind",
    };
    let mut td = Markup::of("td", class);
    match &cell.score {
        Some(score) => {
            let mark = match cell.standing {
                Standing::Clear => Some(("●", "highest, clear of all others")),
                Standing::Highest => Some(("◐", "highest, another interval overlaps")),
                Standing::Near => Some(("○", "its interval overlaps that of the highest")),
                Standing::Behind => None,
            };
            let mut ours = Markup::of("span", "ours");
            if let Some((sign, meaning)) = mark {
                let sign = Markup::of("span", "mark")
                    .with("aria-hidden", "true")
                    .text(sign);
                ours.push(sign);
                ours.push(Markup::of("span", "unseen").text(format!("{meaning}: ")));
            }
            td.push(ours.text(number::score(score)));
            td.push(match score.count {
                1 => Markup::of("span", "iqm").text("one run: no interval"),
                _ => {
                    Markup::of("span", "iqm").text(format!("IQM {}", number::interval(&score.iqm)))
                }
            });
        }
        None => td.push(Markup::of("span", "ours").text("–")),
    }
    for note in notes(part, cell) {
        td.push(Markup::of("span", "note").text(note));
    }
    if let Some(paper) = &cell.paper {
        td.push(Markup::of("span", "paper").text(format!("paper {}", number::published(paper))));
    }
    if let Some(player) = part.player(cell) {
        let link = Markup::of("a", "watch").with("href", links.to_file(player));
        td.push(link.text("▶ player"));
    }
    td
}

/// What is amiss with the runs of a cell.
pub fn notes(part: &ReportPart, cell: &ReportCell) -> Vec<String> {
    let words = ["failed", "diverged", "unfinished", "missing"];
    let mut notes = Vec::new();
    for word in words {
        let runs = cell.runs.iter().map(|run| &part.runs[*run]);
        let these: Vec<_> = runs.filter(|run| run.state.word() == word).collect();
        if let Some(first) = these.first() {
            let at = match (&first.state, these.len()) {
                (RunState::Unfinished(updates), _) => format!(" at {}", number::whole(*updates)),
                _ => String::new(),
            };
            notes.push(format!("{} of {} {word}{at}", these.len(), cell.runs.len()));
        }
    }
    notes
}

/// The last row: means over rows, as the paper has them, and the interquartile mean over all runs.
fn totals(table: &ReportTable, labels: &[String], columns: bool) -> Markup {
    let most = table
        .totals
        .iter()
        .filter_map(|total| total.mean)
        .max_by(f64::total_cmp);
    let mut row = Markup::new("tr").child(scope("row").text("mean over rows"));
    if columns {
        row.push(Markup::of("td", "winner none"));
    }
    for ((total, paper), label) in table.totals.iter().zip(&table.paper_mean).zip(labels) {
        let best = total.mean.is_some() && total.mean == most;
        let mut td =
            Markup::of("td", if best { "best" } else { "behind" }).with("data-label", label);
        let mean = total.mean.map_or("–".to_owned(), number::number);
        td.push(Markup::of("span", "ours").text(mean));
        if let Some(iqm) = &total.iqm {
            td.push(Markup::of("span", "iqm").text(format!("IQM {}", number::interval(iqm))));
        }
        if total.rows < table.rows.len() {
            let note = format!("{} of {} rows", total.rows, table.rows.len());
            td.push(Markup::of("span", "note").text(note));
        }
        if let Some(paper) = paper {
            td.push(Markup::of("span", "paper").text(format!("paper {}", number::number(*paper))));
        }
        row.push(td);
    }
    Markup::new("tfoot").child(row)
}

fn legend(table: &ReportTable) -> Markup {
    let where_ = match table.across {
        Across::Columns => "its row",
        Across::Rows => "the table",
    };
    Markup::of("p", "legend").text(format!(
        "● highest of {where_}, its interval above all others · ◐ highest, but another interval overlaps · ○ overlaps the highest: the difference may be chance. \
         With few seeds intervals are narrower than they should be."
    ))
}

/// The probability that a run of one beats a run of another.
pub fn improvement(part: &ReportPart, table: &ReportTable) -> Markup {
    let labels = part.entrants(table);
    let mut head = Markup::new("tr").child(scope("col").text("beats →"));
    head = head.children(labels.iter().map(|label| scope("col").text(label)));
    let mut body = Markup::new("tbody");
    for (a, label) in labels.iter().enumerate() {
        let mut row = Markup::new("tr").child(scope("row").text(label));
        for (b, other) in labels.iter().enumerate() {
            let cell = match (&table.improvement[a][b], a == b) {
                (_, true) => Markup::of("td", "none").text("·"),
                (None, _) => Markup::new("td").text("–"),
                (Some(p), _) => {
                    let class = if p.low > 0.5 { "better" } else { "plain" };
                    Markup::of("td", class).text(number::probability(p))
                }
            };
            row.push(cell.with("data-label", format!("over {other}")));
        }
        body.push(row);
    }
    let caption = "How probable it is that a run of the row's method returns more than one of the column's, averaged over tasks, with 95 % intervals. Bold: the interval lies above a half.";
    let table = Markup::new("table")
        .child(Markup::new("caption").text(caption))
        .child(Markup::new("thead").child(head))
        .child(body);
    Markup::new("details")
        .child(Markup::new("summary").text("Probability of improvement"))
        .child(scroll("Probability of improvement").child(table))
}
