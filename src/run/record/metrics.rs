//! What a run measures: `metrics.jsonl`, the truth, and TensorBoard events, from one call.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::tensorboard::EventWriter;
use crate::data::replace_file;
use crate::error::{Error, Result};
use crate::text::{self, Line};

/// The file's name in a run folder.
pub const METRICS_FILE: &str = "metrics.jsonl";

/// Writes a run's measurements.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    out: BufWriter<File>,
    /// Lines so far.
    lines: u64,
    names: Vec<String>,
    events: Vec<EventWriter>,
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsLine {
    /// Updates done.
    pub step: u64,
    /// Seconds since the run began.
    pub wall_s: f64,
    /// Which member of the population.
    pub member: usize,
    /// What it is called; empty where the run has one member alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Name → number, or `null` where it was not finite.
    #[serde(flatten)]
    pub values: Map<String, Value>,
}

impl MetricsLine {
    /// The number called `name`; `None` where the line lacks it or has `null`.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name)?.as_f64()
    }
}

impl Metrics {
    /// Begin the records of a new run in `dir`: an empty `metrics.jsonl`, and event files in `dir`
    /// itself for one member, in folders of the members' names for several.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(dir: impl AsRef<Path>, names: &[&str]) -> Result<Self> {
        let dir = dir.as_ref();
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        let path = dir.join(METRICS_FILE);
        let file = File::create(&path).map_err(Error::io(&path))?;
        let events = event_folders(dir, names).map(EventWriter::create);
        Ok(Self {
            path,
            out: BufWriter::new(file),
            lines: 0,
            names: shown(names),
            events: events.collect::<Result<_>>()?,
        })
    }

    /// Go on with the records in `dir` from the checkpoint at `step`, by which there were `lines` lines:
    /// those beyond are dropped, so that the file reads as if never interrupted. Without a file, records
    /// begin there.
    ///
    /// # Errors
    /// [`Error::Input`] if a line is damaged, or lines are missing; [`Error::Io`].
    pub fn resume(dir: impl AsRef<Path>, names: &[&str], step: u64, lines: u64) -> Result<Self> {
        let dir = dir.as_ref();
        let path = dir.join(METRICS_FILE);
        let there = path.exists();
        let mut kept = String::new();
        match there {
            true => kept = first_lines(&path, step, lines)?,
            false if lines == 0 => {}
            false => crate::log!(
                "note: {} is not there; records go on from update {step}",
                path.display()
            ),
        }
        replace_file(&path, |out| {
            out.write_all(kept.as_bytes()).map_err(Error::io(&path))
        })?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(Error::io(&path))?;
        // Where nothing counts, update 0 is recorded anew too.
        let from = if lines == 0 { 0 } else { step + 1 };
        let events = event_folders(dir, names).map(|folder| EventWriter::resume(folder, from));
        Ok(Self {
            path,
            out: BufWriter::new(file),
            lines: if there { lines } else { 0 },
            names: shown(names),
            events: events.collect::<Result<_>>()?,
        })
    }

    /// Lines recorded so far.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Record `values` of `member` after `step` updates, `wall_s` seconds into the run.
    ///
    /// # Errors
    /// [`Error::Io`].
    ///
    /// # Panics
    /// If `member` is not below the number of members.
    pub fn log(
        &mut self,
        step: u64,
        wall_s: f64,
        member: usize,
        values: &[(&str, f64)],
    ) -> Result<()> {
        // `Value::from` makes `null` of what is not finite.
        let object = values
            .iter()
            .map(|&(name, value)| (name.to_owned(), Value::from(value)));
        let record = MetricsLine {
            step,
            wall_s,
            member,
            name: self.names[member].clone(),
            values: object.collect(),
        };
        let line = serde_json::to_string(&record).map_err(|error| {
            Error::input(
                self.path.display(),
                error,
                "report this: numbers always have a text",
            )
        })?;
        writeln!(self.out, "{line}").map_err(Error::io(&self.path))?;
        self.lines += 1;
        for &(name, value) in values {
            self.events[member].scalar(name, value as f32, step)?;
        }
        Ok(())
    }

    /// Put the lines on the disk: call it before a checkpoint is written, which counts on them.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&mut self) -> Result<()> {
        self.flush()?;
        let synced = self.out.get_ref().sync_data();
        synced.map_err(Error::io(&self.path))
    }

    /// Hand everything to the operating system, for whoever watches the run.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(Error::io(&self.path))?;
        self.events.iter_mut().try_for_each(EventWriter::flush)
    }
}

/// The first `lines` lines of the file, none of which is of an update beyond `step`.
fn first_lines(path: &Path, step: u64, lines: u64) -> Result<String> {
    let help = "restore the file; or delete it, and the run records from that update on";
    let missing = |have: usize| {
        let problem = format!(
            "holds {have} of the {lines} lines that the checkpoint after {step} updates counts on"
        );
        Error::input(path.display(), problem, help)
    };
    let mut kept = String::new();
    let mut have = 0;
    for line in records(path)? {
        let line = line?;
        let record = parse(path, &line)?;
        if have as u64 == lines {
            continue;
        }
        if record.step > step {
            return Err(missing(have));
        }
        kept.push_str(&line.text);
        kept.push('\n');
        have += 1;
    }
    match have as u64 == lines {
        true => Ok(kept),
        false => Err(missing(have)),
    }
}

/// The names that records show: a run of one member needs none.
fn shown(names: &[&str]) -> Vec<String> {
    match names {
        [_] => vec![String::new()],
        _ => names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// Most bytes of a folder's name that come from a member's: a file system takes 255 in all.
const NAME_BYTES: usize = 200;

/// A folder a member, called as TensorBoard will show it: `0_seed_3_lambda=0.5`. A long name is cut.
fn event_folders(dir: &Path, names: &[&str]) -> impl Iterator<Item = PathBuf> {
    let kept = |c: char| c.is_ascii_alphanumeric() || "=.,-+".contains(c);
    let safe = move |name: &str| name.replace(|c| !kept(c), "_");
    let folder = move |(member, name): (usize, &String)| match name.as_str() {
        "" => dir.to_path_buf(),
        name => {
            let mut safe = safe(name);
            safe.truncate(NAME_BYTES);
            dir.join(format!("{member}_{safe}"))
        }
    };
    shown(names)
        .iter()
        .enumerate()
        .map(folder)
        .collect::<Vec<_>>()
        .into_iter()
}

/// Read a `metrics.jsonl`. A last line without its end, as a run leaves that is still writing, is
/// left out.
///
/// # Errors
/// [`Error::Input`] that names the damaged line; [`Error::Io`].
pub fn read_jsonl(path: impl AsRef<Path>) -> Result<Vec<MetricsLine>> {
    let path = path.as_ref();
    records(path)?.map(|line| parse(path, &line?)).collect()
}

/// The lines of `path`, but for a last one without its end: the run may have been stopped within it.
fn records(path: &Path) -> Result<impl Iterator<Item = Result<Line>>> {
    Ok(text::lines(path)?.filter(|line| line.as_ref().map_or(true, |line| line.whole)))
}

fn parse(path: &Path, line: &Line) -> Result<MetricsLine> {
    let place = text::place(path, line.number);
    let record: MetricsLine = serde_json::from_str(&line.text)
        .map_err(|error| Error::input(&place, error, "delete that line"))?;
    match record
        .values
        .iter()
        .find(|(_, value)| !value.is_number() && !value.is_null())
    {
        None => Ok(record),
        Some((name, value)) => Err(Error::input(
            place,
            format!("{name}: {value} where a number or null is needed"),
            "delete that line",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 2] = ["seed 3", "seed 4"];

    fn record(metrics: &mut Metrics, steps: std::ops::Range<u64>) {
        for step in steps {
            for member in 0..2 {
                let values = [
                    ("losses/qf1_loss", step as f64 / 3.0),
                    ("charts/SPS", f64::NAN),
                ];
                metrics
                    .log(step * 1000, step as f64, member, &values)
                    .expect("written");
            }
        }
        metrics.flush().expect("flushed");
    }

    #[test]
    fn resumed_file_reads_as_if_never_interrupted() {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let [straight, broken] = folders.each_ref().map(|folder| folder.path().join("run"));
        record(
            &mut Metrics::create(&straight, &NAMES).expect("begun"),
            0..10,
        );

        record(&mut Metrics::create(&broken, &NAMES).expect("begun"), 0..8);
        let path = broken.join(METRICS_FILE);
        let mut text = std::fs::read_to_string(&path).expect("text");
        text.push_str("{\"step\": 8000, \"wall_");
        std::fs::write(&path, text).expect("a line cut short");
        record(
            &mut Metrics::resume(&broken, &NAMES, 4000, 10).expect("resumed"),
            5..10,
        );

        let read = |run: &Path| std::fs::read_to_string(run.join(METRICS_FILE)).expect("text");
        assert_eq!(read(&straight), read(&broken));
        let records = read_jsonl(&path).expect("sound");
        assert_eq!(records.len(), 20);
        assert_eq!((records[7].step, records[7].member), (3000, 1));
        assert_eq!(records[7].get("losses/qf1_loss"), Some(1.0));
        assert_eq!(records[7].values["charts/SPS"], Value::Null);
        for member in ["0_seed_3", "1_seed_4"] {
            let events = broken.join(member).read_dir().expect("a folder").count();
            assert_eq!(events, 2, "resuming starts a new event file");
        }
    }

    #[test]
    fn missing_lines_are_refused_and_a_missing_file_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut metrics = Metrics::create(folder.path(), &NAMES).expect("begun");
        record(&mut metrics, 0..3);
        assert_eq!(metrics.lines(), 6);
        let path = folder.path().join(METRICS_FILE);
        let text = std::fs::read_to_string(&path).expect("text");
        let without_third: Vec<&str> = text.split_inclusive('\n').collect();
        let without_third = [&without_third[..2], &without_third[3..]].concat().concat();
        for (cut, have) in [
            ("", "0 of the 4"),
            (&text[..40], "0 of"),
            (&without_third, "3 of"),
        ] {
            std::fs::write(&path, cut).expect("written");
            let error = Metrics::resume(folder.path(), &NAMES, 1000, 4);
            let error = error.expect_err("lines are missing").to_string();
            assert!(
                error.contains("metrics.jsonl") && error.contains(have),
                "{error}"
            );
        }
        std::fs::remove_file(&path).expect("deleted");
        let mut metrics = Metrics::resume(folder.path(), &NAMES, 1000, 4).expect("resumed");
        assert_eq!(metrics.lines(), 0);
        record(&mut metrics, 2..3);
        assert_eq!(read_jsonl(&path).expect("sound").len(), 2);
    }

    #[test]
    fn damaged_line_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        record(
            &mut Metrics::create(folder.path(), &NAMES).expect("begun"),
            0..3,
        );
        let path = folder.path().join(METRICS_FILE);
        let text = std::fs::read_to_string(&path).expect("text");
        let mut bytes = text.clone().into_bytes();
        let second = text.find('\n').expect("a line") + 3;
        bytes[second] = 0xff;
        std::fs::write(&path, bytes).expect("written");
        let error = read_jsonl(&path).expect_err("no text").to_string();
        assert!(error.contains("metrics.jsonl:2: holds bytes"), "{error}");
        for (from, to) in [("\"step\":1000", "\"step\":-1000"), ("null}\n", "\"x\"}\n")] {
            std::fs::write(&path, text.replacen(from, to, 1)).expect("written");
            let line = if from.contains("step") {
                "metrics.jsonl:3:"
            } else {
                "metrics.jsonl:1:"
            };
            for error in [
                read_jsonl(&path).expect_err("damaged").to_string(),
                Metrics::resume(folder.path(), &NAMES, 9000, 6)
                    .expect_err("damaged")
                    .to_string(),
            ] {
                assert!(error.contains(line), "{error}");
            }
        }
    }
}
