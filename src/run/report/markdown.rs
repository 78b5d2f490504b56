//! The report as Markdown.

use std::fmt::Write;

use super::html::notes;
use super::links::Links;
use super::model::{Across, Report, ReportCell, ReportPart, ReportTable, Standing};
use super::number::{self, count, duration, whole};

/// The whole text.
pub fn text(report: &Report, links: &Links) -> String {
    let mut out = String::new();
    for part in &report.parts {
        section(&mut out, part, links);
    }
    let score = match report.last {
        1 => "A score is a run's last evaluation on the real task".to_owned(),
        last => format!("A score is the mean of a run's last {last} evaluations on the real task"),
    };
    let _ = writeln!(
        out,
        "{score}. Cells: mean ± standard deviation over runs (divisor: their number); [interquartile mean's 95 % interval], bootstrap stratified by row with \
         {} resamples, as rliable computes it; what was published. **Bold**: highest mean of its row; ≈: the interval overlaps that of the highest. \
         h2oplus {} ({}).",
        whole(u64::from(report.resamples)),
        report.version,
        report.commit
    );
    out
}

fn section(out: &mut String, part: &ReportPart, links: &Links) {
    let size = part.size.as_ref().map(|size| format!(" (size: {size})"));
    let _ = writeln!(
        out,
        "# {}{}\n\n{}\n",
        escaped(&part.title),
        size.unwrap_or_default(),
        escaped(&part.doc)
    );
    if !part.differences.is_empty() {
        let _ = writeln!(
            out,
            "| differs from the paper | paper | here |\n| --- | --- | --- |"
        );
        for d in &part.differences {
            let cells = [&d.what, &d.paper, &d.here].map(|text| escaped(text));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out.push('\n');
    }
    for table in &part.tables {
        let _ = writeln!(out, "## {}\n", escaped(&table.title));
        let verdict = &table.verdict;
        let _ = writeln!(
            out,
            "**{}.** {}\n",
            escaped(&verdict.headline),
            escaped(&verdict.sentences.join(" "))
        );
        rows(out, part, table, links);
    }
    for motion in &part.motion {
        let _ = writeln!(out, "{}\n", escaped(&motion.sentence()));
    }
    for coverage in &part.coverage {
        let _ = writeln!(out, "{}\n", escaped(&coverage.sentence()));
    }
    let seconds: f64 = part.folders.iter().map(|folder| folder.seconds).sum();
    let _ = writeln!(
        out,
        "{}, {} of computing:\n",
        count(part.runs.len(), "run"),
        duration(seconds)
    );
    for folder in &part.folders {
        let name = match &folder.path {
            Some(path) => format!("[{}]({})", escaped(&folder.name), links.to(path)),
            None => format!("{} (missing)", escaped(&folder.name)),
        };
        let facts = [&folder.hardware, &folder.program].map(|fact| escaped(fact));
        let _ = writeln!(
            out,
            "- {name}: {}; {}",
            duration(folder.seconds),
            facts.join("; ")
        );
    }
    out.push('\n');
}

fn rows(out: &mut String, part: &ReportPart, table: &ReportTable, links: &Links) {
    let labels = (0..table.columns.len()).map(|c| escaped(&part.column(table, c).label));
    let labels: Vec<_> = labels.collect();
    let corner = match table.across {
        Across::Columns => "gap",
        Across::Rows => "setting",
    };
    let _ = writeln!(out, "| {corner} | {} |", labels.join(" | "));
    let _ = writeln!(out, "| --- |{}", " --- |".repeat(labels.len()));
    for (row, cells) in table.rows.iter().zip(&table.cells) {
        let cells: Vec<_> = cells
            .iter()
            .map(|cell| self::cell(part, cell, links))
            .collect();
        let _ = writeln!(out, "| {} | {} |", escaped(row), cells.join(" | "));
    }
    if table.rows.len() > 1 && table.across == Across::Columns {
        let total = |(total, paper): (&super::model::Total, &Option<f64>)| {
            let mean = total.mean.map_or("–".to_owned(), number::number);
            let iqm = total
                .iqm
                .map(|iqm| format!("<br>IQM {}", number::interval(&iqm)));
            let paper = paper.map(|paper| format!("<br>paper {}", number::number(paper)));
            mean + &iqm.unwrap_or_default() + &paper.unwrap_or_default()
        };
        let totals: Vec<_> = table
            .totals
            .iter()
            .zip(&table.paper_mean)
            .map(total)
            .collect();
        let _ = writeln!(out, "| mean over rows | {} |", totals.join(" | "));
    }
    out.push('\n');
}

fn cell(part: &ReportPart, cell: &ReportCell, links: &Links) -> String {
    let mut lines = Vec::new();
    match &cell.score {
        None => lines.push("–".to_owned()),
        Some(score) => {
            let text = number::score(score);
            lines.push(match cell.standing {
                Standing::Clear | Standing::Highest => format!("**{text}**"),
                Standing::Near => format!("≈ {text}"),
                Standing::Behind => text,
            });
            if score.count > 1 {
                lines.push(number::range(&score.iqm));
            }
        }
    }
    lines.extend(notes(part, cell).iter().map(|note| format!("_{note}_")));
    lines.extend(
        cell.paper
            .map(|paper| format!("paper {}", number::published(&paper))),
    );
    let player = part.player(cell);
    lines.extend(player.map(|player| format!("[▶ player]({})", links.to_file(player))));
    lines.join("<br>")
}

/// `text` without what Markdown would take for its own.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '|' | '[' | ']' | '#' => out.extend(['\\', c]),
            '<' => out += "&lt;",
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
