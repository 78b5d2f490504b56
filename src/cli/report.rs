//! `h2oplus report`: what suites and runs came to, beside what was published.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Format, emit, json, table};
use crate::error::Result;
use crate::range::Range;
use crate::run::report::ReportRules;
use crate::run::report::model::{Across, Report, ReportPart, ReportTable};
use crate::run::report::number;
use crate::run::report::statistics::Bootstrap;

/// Flags of `report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of suites (shards of one suite are merged), of runs, or that hold runs
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Where report.html, report.md, report.tex, cells.csv and runs.csv are written [default: `report` in the first folder]
    #[arg(long)]
    out: Option<PathBuf>,
    /// A run's score is the mean of its last N evaluations
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = Range::SOME_U32.parser::<usize>())]
    last: usize,
    /// Resamples of every interval
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = Range::SOME_U32.parser::<u32>())]
    resamples: u32,
    /// Seed of the resamples
    #[arg(long, default_value_t = 0, value_parser = Range::COUNT.parser::<u64>())]
    seed: u64,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reports.
pub fn run(args: Args) -> Result<ExitCode> {
    let rules = ReportRules {
        last: args.last,
        bootstrap: Bootstrap {
            seed: args.seed,
            resamples: args.resamples,
        },
    };
    let report = Report::of(&args.folders, &rules)?;
    let out = args.out.unwrap_or_else(|| args.folders[0].join("report"));
    let files = report.write(&out)?;
    match args.format {
        Format::Human => human(&report, &files),
        Format::Short => short(&report),
        Format::Json => emit(&json(&report)?),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn human(report: &Report, files: &[PathBuf]) -> Result<()> {
    for part in &report.parts {
        let size = part.size.as_ref().map(|size| format!(" (size: {size})"));
        emit(&format!("{}{}", part.title, size.unwrap_or_default()))?;
        for d in &part.differences {
            emit(&format!(
                "  {}: {} in the paper, {} here",
                d.what, d.paper, d.here
            ))?;
        }
        for table in &part.tables {
            emit(&format!("\n{}", table.title))?;
            emit(&cells(part, table))?;
            emit(&format!(
                "{}. {}",
                table.verdict.headline,
                table.verdict.sentences.join(" ")
            ))?;
        }
        for coverage in &part.coverage {
            emit(&format!("\n{}", coverage.sentence()))?;
        }
    }
    let names: Vec<_> = files.iter().map(|file| shown(file)).collect();
    emit(&format!("\nwritten: {}", names.join(", ")))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A table as text: ours, and the published number in brackets.
fn cells(part: &ReportPart, of: &ReportTable) -> String {
    let corner = match of.across {
        Across::Columns => "gap",
        Across::Rows => "setting",
    };
    let labels = (0..of.columns.len()).map(|column| part.column(of, column).label.as_str());
    let head: Vec<_> = std::iter::once(corner).chain(labels).collect();
    let rows = of.rows.iter().zip(&of.cells).map(|(row, cells)| {
        let cells = cells.iter().map(|cell| {
            let ours = cell.score.as_ref().map_or("–".to_owned(), number::score);
            let paper = cell
                .paper
                .map(|paper| format!(" [{}]", number::published(&paper)));
            ours + &paper.unwrap_or_default()
        });
        std::iter::once(row.clone()).chain(cells).collect()
    });
    table(&head, &rows.collect::<Vec<_>>())
}

/// A line a cell: table, row, column, mean, deviation, runs counted and planned.
fn short(report: &Report) -> Result<()> {
    for part in &report.parts {
        for table in &part.tables {
            for (row, cells) in table.rows.iter().zip(&table.cells) {
                for (column, cell) in cells.iter().enumerate() {
                    let label = &part.column(table, column).name;
                    let planned = cell.runs.len();
                    let score = match &cell.score {
                        Some(score) => format!(
                            "{:.1} {:.1} {}/{planned}",
                            score.mean, score.std, score.count
                        ),
                        None => format!("- - 0/{planned}"),
                    };
                    emit(&format!("{}: {row}: {label} {score}", table.name))?;
                }
            }
        }
    }
    Ok(())
}
