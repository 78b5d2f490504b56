//! The command line: one file per subcommand. Results go to stdout, progress and logs to stderr.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::range::Range;
use crate::run::train::stop;

pub mod bench;
pub mod choice;
pub mod collect;
pub mod completions;
pub mod data;
mod doctor;
pub mod domain;
pub mod eval;
pub mod export;
pub mod flag;
mod flags;
pub mod gap;
pub mod render;
pub mod report;
pub mod suite;
pub mod train;
pub mod verify;

/// How results are printed on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables for a reader.
    #[default]
    Human,
    /// One line a result.
    Short,
    /// One JSON document.
    Json,
}

/// Train policies across dynamics gaps: an imperfect simulator and a fixed data set of the real
/// domain in, a policy for the real domain out.
#[derive(Debug, Parser)]
#[command(version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("H2OPLUS_COMMIT"), ")"))]
pub struct Cli {
    /// Worker threads (0: one per core); results do not depend on it
    #[arg(long, global = true, default_value_t = 0, value_name = "N", value_parser = Range::THREADS.parser::<usize>())]
    threads: usize,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a population across a gap and evaluate it on the real task
    Train(Box<train::Args>),
    /// Run a table or a figure of the paper: all cells, methods, seeds
    Suite(Box<suite::Args>),
    /// Returns of a run, a checkpoint, or a data file's behaviour policy
    Eval(eval::Args),
    /// Show what a policy does, real robot and simulator side by side: a page with a player, a GIF, a PNG
    Render(render::Args),
    /// Write a policy as ONNX or safetensors, to act elsewhere
    Export(export::Args),
    /// Train a behaviour on the real task and write data sets of it: medium, medium-replay and others
    Collect(collect::Args),
    /// What a data set holds; other layouts of it, and mixes of several
    Data(data::Args),
    /// The gaps that there are, what they change and do, and which of them explain recorded data
    Gap(gap::Args),
    /// Check physics and learning rules against recorded numbers
    Verify(verify::Args),
    /// Tables and curves of suites and runs beside the published numbers, as HTML, Markdown, LaTeX and CSV
    Report(report::Args),
    /// Measure throughput
    Bench(bench::Args),
    /// Show what of this machine can be used, and what stands in the way of the rest
    Doctor(doctor::Args),
    /// Print shell completions
    Completions(completions::Args),
}

/// Parses `arguments`, the program's name first, runs, and maps the outcome to an exit code: 0 done, 1 a check or
/// target was missed, 2 error, 130 stopped by a signal with everything saved.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    stop::listen();
    match Cli::of(arguments) {
        Ok(code) => code,
        Err(Error::Stopped) => ExitCode::from(stop::SAVED),
        Err(error) => {
            crate::log!("error: {error}");
            ExitCode::from(2)
        }
    }
}

impl Cli {
    /// Parses `arguments` and runs the subcommand.
    ///
    /// # Errors
    /// Those of the subcommand, and where stdout cannot be written.
    fn of(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode> {
        let matches = flag::with_negatives(Self::command()).try_get_matches_from(arguments);
        match matches.and_then(|matches| Self::from_arg_matches(&matches)) {
            Ok(cli) => cli.run().map_err(flag::worded),
            Err(usage) => {
                if let Some(error) = flag::renamed(&usage) {
                    return Err(error);
                }
                // Its colours are for terminals alone, as clap finds out.
                let printed = usage.print().and_then(|()| std::io::stdout().flush());
                if !usage.use_stderr() {
                    printed.or_else(unwritten)?;
                }
                Ok(ExitCode::from(usage.exit_code() as u8))
            }
        }
    }

    fn run(self) -> Result<ExitCode> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build_global()
            .map_err(|e| Error::input("--threads", e, "give a smaller number"))?;
        match self.command {
            Command::Train(args) => train::run(*args),
            Command::Suite(args) => suite::run(*args),
            Command::Eval(args) => eval::run(args),
            Command::Render(args) => render::run(args),
            Command::Export(args) => export::run(args),
            Command::Collect(args) => collect::run(args),
            Command::Data(args) => data::run(args),
            Command::Gap(args) => gap::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Report(args) => report::run(args),
            Command::Bench(args) => bench::run(args),
            Command::Doctor(args) => doctor::run(args),
            Command::Completions(args) => completions::run(args),
        }
    }
}

/// Writes results to stdout. A reader that has gone away (`| head`) is nothing to speak of.
///
/// # Errors
/// Where stdout cannot be written for another reason, such as a full disk.
pub fn emit(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    write!(out, "{text}{line_end}")
        .and_then(|()| out.flush())
        .or_else(unwritten)
}

/// Results as a JSON document.
///
/// # Errors
/// Where they are none that JSON can say.
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|e| Error::input("json", e, "report this as a bug"))
}

/// What comes of results that could not be written.
fn unwritten(error: std::io::Error) -> Result<()> {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Error::io("stdout")(error)),
    }
}

/// Has an error name `flag`, which asked for a GPU, where the simulation speaks of its device alone.
pub fn of_flag(flag: &str) -> impl Fn(Error) -> Error {
    let place = format!("{flag} gpu");
    move |error| match &error {
        Error::Input { place: at, .. } if at == Gpu::PLACE => error.of(&place),
        _ => error,
    }
}

/// Rows of cells as text: the first column to the left, the others to the right.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |row: &mut dyn Iterator<Item = &str>, widths: &[usize]| {
        let mut line = String::new();
        for (i, (cell, &w)) in row.zip(widths).enumerate() {
            let pad = " ".repeat(w.saturating_sub(cell.chars().count()));
            line += if i > 0 { "  " } else { "" };
            line += &if i == 0 {
                format!("{cell}{pad}")
            } else {
                format!("{pad}{cell}")
            };
        }
        line.trim_end().to_string() + "\n"
    };
    let width = |i: usize| {
        let column = rows
            .iter()
            .filter_map(|r| r.get(i))
            .map(|c| c.chars().count());
        column.chain([head[i].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = cells(&mut head.iter().copied(), &widths);
    for row in rows {
        out += &cells(&mut row.iter().map(String::as_str), &widths);
    }
    out
}
