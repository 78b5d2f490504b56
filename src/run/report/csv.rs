//! The report as CSV: a line a cell, and a line a run of a cell.

use super::model::Report;
use super::statistics::Interval;

/// A line of fields, quoted where they need it (RFC 4180).
fn line(fields: &[String]) -> String {
    let quoted = |field: &String| match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.clone(),
    };
    fields.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

fn head(names: &[&str]) -> String {
    line(
        &names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>(),
    )
}

/// A number, or an empty field.
fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// A line a cell.
pub fn cells(report: &Report) -> String {
    let names = [
        "suite",
        "size",
        "table",
        "row",
        "column",
        "mean",
        "std",
        "iqm",
        "iqm_low",
        "iqm_high",
        "runs_counted",
        "runs_planned",
        "paper_mean",
        "paper_std",
        "standing",
    ];
    let mut out = head(&names);
    for part in &report.parts {
        for table in &part.tables {
            for (row, cells) in table.rows.iter().zip(&table.cells) {
                for (c, cell) in cells.iter().enumerate() {
                    let (score, iqm) = (cell.score, cell.score.map(|score| score.iqm));
                    let known = iqm.filter(Interval::is_known);
                    let standing = match score {
                        Some(_) => format!("{:?}", cell.standing).to_lowercase(),
                        None => String::new(),
                    };
                    out += &line(&[
                        part.name.clone(),
                        part.size.clone().unwrap_or_default(),
                        table.name.clone(),
                        row.clone(),
                        part.column(table, c).name.clone(),
                        number(score.map(|score| score.mean)),
                        number(score.map(|score| score.std)),
                        number(iqm.map(|iqm| iqm.value)),
                        number(known.map(|iqm| iqm.low)),
                        number(known.map(|iqm| iqm.high)),
                        score.map_or(0, |score| score.count).to_string(),
                        cell.runs.len().to_string(),
                        number(cell.paper.map(|paper| paper.mean)),
                        number(cell.paper.and_then(|paper| paper.std)),
                        standing,
                    ]);
                }
            }
        }
    }
    out
}

/// A line a run of a cell: a run that several cells show has several.
pub fn runs(report: &Report) -> String {
    let mut out = head(&[
        "suite", "table", "row", "column", "seed", "state", "detail", "score", "folder", "member",
    ]);
    for part in &report.parts {
        for table in &part.tables {
            for (row, cells) in table.rows.iter().zip(&table.cells) {
                for (c, cell) in cells.iter().enumerate() {
                    for run in cell.runs.iter().map(|run| &part.runs[*run]) {
                        out += &line(&[
                            part.name.clone(),
                            table.name.clone(),
                            row.clone(),
                            part.column(table, c).name.clone(),
                            run.seed.to_string(),
                            run.state.word().to_owned(),
                            run.state.detail(),
                            number(run.score),
                            part.folders[run.folder].name.clone(),
                            run.member.to_string(),
                        ]);
                    }
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_need_it() {
        let fields = ["a", "b,c", "d\"e", ""].map(str::to_owned);
        assert_eq!(line(&fields), "a,\"b,c\",\"d\"\"e\",\r\n");
    }
}
