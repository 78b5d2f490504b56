//! The tables as LaTeX, for booktabs.

use std::fmt::Write;

use super::model::{Across, Report, ReportCell, ReportPart, ReportTable, Standing};
use super::number;

/// All tables; a document that includes them needs `booktabs`.
pub fn text(report: &Report) -> String {
    let mut out = format!(
        "% Written by h2oplus {} ({}). Needs \\usepackage{{booktabs}}.\n",
        report.version, report.commit
    );
    for part in &report.parts {
        for table in &part.tables {
            self::table(&mut out, report, part, table);
        }
    }
    out
}

fn table(out: &mut String, report: &Report, part: &ReportPart, table: &ReportTable) {
    let labels = (0..table.columns.len()).map(|c| escaped(&part.column(table, c).label));
    let labels: Vec<_> = labels.collect();
    let corner = match table.across {
        Across::Columns => "Gap",
        Across::Rows => "Setting",
    };
    let size = part.size.as_ref().map(|size| format!(" Size: {size}."));
    let score = match report.last {
        1 => "last evaluation".to_owned(),
        last => format!("mean of the last {last} evaluations"),
    };
    let _ = writeln!(out, "\n\\begin{{table}}\n\\centering");
    let _ = writeln!(
        out,
        "\\caption{{{}: {}, {score}; mean $\\pm$ standard deviation over runs, the published numbers below. Bold: highest; $\\approx$: its 95\\,\\% interval overlaps that of the highest.{}}}",
        escaped(&table.title),
        escaped(part.unit_label()),
        escaped(&size.unwrap_or_default())
    );
    let _ = writeln!(
        out,
        "\\begin{{tabular}}{{l{}}}\n\\toprule",
        "r".repeat(labels.len())
    );
    let _ = writeln!(out, "{corner} & {} \\\\\n\\midrule", labels.join(" & "));
    for (row, cells) in table.rows.iter().zip(&table.cells) {
        let ours: Vec<_> = cells.iter().map(ours).collect();
        let _ = writeln!(out, "{} & {} \\\\", escaped(row), ours.join(" & "));
        let published = cells
            .iter()
            .map(|cell| cell.paper.map(|paper| number::published(&paper)));
        let published: Vec<_> = published
            .map(|text| math(&text.unwrap_or_default()))
            .collect();
        if published.iter().any(|text| !text.is_empty()) {
            let small = published
                .iter()
                .map(|text| format!("{{\\footnotesize {text}}}"));
            let small: Vec<_> = small.collect();
            let _ = writeln!(
                out,
                "\\quad {{\\footnotesize published}} & {} \\\\",
                small.join(" & ")
            );
        }
    }
    if table.rows.len() > 1 && table.across == Across::Columns {
        let totals = table.totals.iter().map(|total| {
            total
                .mean
                .map_or("--".into(), |mean| math(&number::number(mean)))
        });
        let totals: Vec<_> = totals.collect();
        let _ = writeln!(out, "\\midrule\nmean & {} \\\\", totals.join(" & "));
    }
    let _ = writeln!(out, "\\bottomrule\n\\end{{tabular}}\n\\end{{table}}");
}

fn ours(cell: &ReportCell) -> String {
    let Some(score) = &cell.score else {
        return "--".into();
    };
    let text = math(&number::score(score));
    match cell.standing {
        Standing::Clear | Standing::Highest => format!("\\textbf{{{text}}}"),
        Standing::Near => format!("$\\approx$ {text}"),
        Standing::Behind => text,
    }
}

/// A number with its deviation; upright, so that bold type reaches it.
fn math(text: &str) -> String {
    text.replace('±', "$\\pm$").replace('−', "$-$")
}

/// `text` without what LaTeX would take for its own.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out += "\\textbackslash{}",
            '~' => out += "\\textasciitilde{}",
            '^' => out += "\\textasciicircum{}",
            'λ' => out += "$\\lambda$",
            '×' => out += "$\\times$",
            '±' => out += "$\\pm$",
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        assert_eq!(
            escaped("λ = 5 % & a_b\\"),
            "$\\lambda$ = 5 \\% \\& a\\_b\\textbackslash{}"
        );
        assert_eq!(math("−3 ± 0"), "$-$3 $\\pm$ 0");
    }
}
