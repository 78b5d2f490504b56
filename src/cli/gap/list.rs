//! `h2oplus gap list`: tasks, gaps, and every field that a gap changes.

use std::process::ExitCode;

use serde::Serialize;

use super::domains;
use crate::cli::{Format, emit, json, table};
use crate::env::Task;
use crate::error::{Error, Result};
use crate::model::diff::{Change, Changes};
use crate::model::{GapSet, GapTable};

/// Flags of `gap list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show what the gaps change in this task's robot
    #[arg(long)]
    task: Option<String>,
    /// Show this gap alone, with its strength: gravity, gravity=1.5, gravity=1.5,friction=0.3; or
    /// several, gravity/friction=0.5
    #[arg(long, requires = "task")]
    gap: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Listing {
    tasks: Vec<TaskRow>,
    gaps: Vec<GapRow>,
}

#[derive(Serialize)]
struct TaskRow {
    task: String,
    robot: String,
    observation: usize,
    action: usize,
    frame_skip: usize,
    /// Env step, s.
    dt: f64,
    doc: String,
}

#[derive(Serialize)]
struct GapRow {
    gap: String,
    /// None: it has no strength.
    default: Option<f64>,
    /// Empty: every robot.
    robots: Vec<String>,
    doc: String,
}

/// What gaps change in one task.
#[derive(Serialize)]
struct Report {
    task: String,
    robot: String,
    gaps: Vec<GapReport>,
}

#[derive(Serialize)]
struct GapReport {
    gap: String,
    #[serde(flatten)]
    changes: Changes,
}

/// Prints the listing, or the report of a task.
///
/// # Errors
/// Where a task or a gap is not known, or does not fit.
pub fn run(args: Args) -> Result<ExitCode> {
    let text = match &args.task {
        None => Listing::new()?.print(args.format)?,
        Some(task) => {
            let task = Task::load(task)?;
            let domains = domains(&task, args.gap.as_deref())?;
            Report::new(&task, &domains)?.print(args.format)?
        }
    };
    emit(&text)?;
    Ok(ExitCode::SUCCESS)
}

impl Listing {
    fn new() -> Result<Self> {
        let tasks = Task::names()
            .map(|name| {
                let task = Task::load(name)?;
                Ok(TaskRow {
                    task: task.name.clone(),
                    robot: task.spec.name.clone(),
                    observation: task.obs_dim(),
                    action: task.act_dim(),
                    frame_skip: task.frame_skip,
                    dt: task.dt(),
                    doc: task.doc,
                })
            })
            .collect::<Result<_>>()?;
        let gaps = GapTable::builtin()
            .iter()
            .map(|(name, def)| GapRow {
                gap: name.to_owned(),
                default: def.default,
                robots: def.edits.iter().filter_map(|e| e.robot.clone()).collect(),
                doc: def.doc.clone(),
            })
            .collect();
        Ok(Self { tasks, gaps })
    }

    fn print(&self, format: Format) -> Result<String> {
        let tasks: Vec<Vec<String>> = self
            .tasks
            .iter()
            .map(|t| {
                vec![
                    t.task.clone(),
                    t.robot.clone(),
                    t.observation.to_string(),
                    t.action.to_string(),
                    t.frame_skip.to_string(),
                    number(t.dt),
                ]
            })
            .collect();
        let gaps: Vec<Vec<String>> = self
            .gaps
            .iter()
            .map(|g| {
                let robots = if g.robots.is_empty() {
                    "all".to_owned()
                } else {
                    g.robots.join(" ")
                };
                vec![g.gap.clone(), g.default.map_or("–".into(), number), robots]
            })
            .collect();
        match format {
            Format::Json => json(self),
            Format::Short => {
                let names = self.tasks.iter().map(|t| format!("task {}", t.task));
                let gaps = self.gaps.iter().map(|g| match g.default {
                    Some(k) => format!("gap {}={k}", g.gap),
                    None => format!("gap {}", g.gap),
                });
                Ok(names.chain(gaps).collect::<Vec<_>>().join("\n"))
            }
            Format::Human => {
                let mut text = table(
                    &["task", "robot", "obs", "act", "frame skip", "dt (s)"],
                    &tasks,
                );
                text += "\n";
                text += &table(&["gap", "default k", "robots"], &gaps);
                text += "\n";
                for (name, doc) in self
                    .tasks
                    .iter()
                    .map(|t| (&t.task, &t.doc))
                    .chain(self.gaps.iter().map(|g| (&g.gap, &g.doc)))
                {
                    text += &format!("{name:<16}{doc}\n");
                }
                text += "\n`h2oplus gap list --task walker2d --gap friction=0.5` shows every field that a gap changes.\n";
                Ok(text)
            }
        }
    }
}

impl Report {
    fn new(task: &Task, domains: &[GapSet]) -> Result<Self> {
        let gaps = domains
            .iter()
            .map(|domain| {
                let gap = domain.fixed().ok_or_else(|| {
                    Error::input(
                        format!("gap `{domain}`"),
                        "a strength that is drawn has no one value to show",
                        "name a strength, as gravity=1.5, or see what it does: h2oplus gap effect",
                    )
                })?;
                Ok(GapReport {
                    gap: gap.to_string(),
                    changes: gap.changes(&task.spec)?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            task: task.name.clone(),
            robot: task.spec.name.clone(),
            gaps,
        })
    }

    fn print(&self, format: Format) -> Result<String> {
        match format {
            Format::Json => json(self),
            Format::Short => Ok(self
                .gaps
                .iter()
                .flat_map(|g| {
                    let line = move |kind: &str, c: &Change| {
                        format!(
                            "{} {kind} {}: {} -> {}",
                            g.gap,
                            c.field,
                            numbers(&c.old),
                            numbers(&c.new)
                        )
                    };
                    let spec = g.changes.spec.iter().map(move |c| line("description", c));
                    spec.chain(g.changes.model.iter().map(move |c| line("compiled", c)))
                })
                .collect::<Vec<_>>()
                .join("\n")),
            Format::Human => {
                let mut text = String::new();
                for gap in &self.gaps {
                    text += &format!("{} on {} (robot `{}`)\n\n", gap.gap, self.task, self.robot);
                    for (kind, changes) in [
                        ("description", &gap.changes.spec),
                        ("compiled", &gap.changes.model),
                    ] {
                        let rows: Vec<Vec<String>> = changes
                            .iter()
                            .map(|c| vec![c.field.clone(), numbers(&c.old), numbers(&c.new)])
                            .collect();
                        text += &if rows.is_empty() {
                            format!("{kind}: nothing changed\n\n")
                        } else {
                            table(&[kind, "old", "new"], &rows) + "\n"
                        };
                    }
                }
                Ok(text)
            }
        }
    }
}

fn numbers(values: &[f64]) -> String {
    values
        .iter()
        .map(|&x| number(x))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Six significant digits, without trailing zeros.
fn number(x: f64) -> String {
    format!("{x:.5e}")
        .parse::<f64>()
        .map_or_else(|_| x.to_string(), |y| y.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_names_every_task_and_gap() {
        let listing = Listing::new().unwrap();
        let human = listing.print(Format::Human).unwrap();
        for name in Task::names().chain(["gravity", "joint-noise", "long-torso"]) {
            assert!(human.contains(name), "{name}");
        }
        let json: serde_json::Value =
            serde_json::from_str(&listing.print(Format::Json).unwrap()).unwrap();
        let (tasks, gaps) = (Task::names().count(), GapTable::builtin().iter().count());
        assert_eq!(json["tasks"].as_array().unwrap().len(), tasks);
        assert_eq!(json["gaps"].as_array().unwrap().len(), gaps);
        assert_eq!(json["tasks"][0]["observation"], 17);
        let short = listing.print(Format::Short).unwrap();
        assert_eq!(short.lines().count(), tasks + gaps);
    }

    #[test]
    fn report_shows_old_and_new() {
        let task = Task::load("halfcheetah").unwrap();
        let report = Report::new(
            &task,
            &domains(&task, Some("soft-feet,gravity=1.5")).unwrap(),
        )
        .unwrap();
        assert_eq!(
            report.print(Format::Short).unwrap().lines().next().unwrap(),
            "gravity=1.5,soft-feet=0 description option gravity: 0 0 -9.81 -> 0 0 -14.715"
        );
        let json: serde_json::Value =
            serde_json::from_str(&report.print(Format::Json).unwrap()).unwrap();
        let gap = &json["gaps"][0];
        assert_eq!(gap["spec"].as_array().unwrap().len(), 3);
        assert_eq!(gap["model"][1]["field"], "dof bfoot stiffness");
        assert_eq!(gap["model"][1]["old"][0], 120.0);
        assert_eq!(gap["model"][1]["new"][0], 0.0);
        let human = report.print(Format::Human).unwrap();
        assert!(human.contains("joint ffoot stiffness") && human.contains("-14.715"));
    }

    #[test]
    fn a_task_alone_shows_all_its_gaps() {
        for (name, gaps) in [("halfcheetah", 15), ("walker2d", 13)] {
            let task = Task::load(name).unwrap();
            let report = Report::new(&task, &domains(&task, None).unwrap()).unwrap();
            assert_eq!(report.gaps.len(), gaps, "{name}");
            assert!(report.gaps.iter().all(|g| !g.changes.spec.is_empty()));
        }
        let task = Task::load("walker2d").unwrap();
        for refused in ["gravity=1", "gravity=0.5..2"] {
            assert!(Report::new(&task, &domains(&task, Some(refused)).unwrap()).is_err());
        }
    }

    #[test]
    fn six_digits() {
        for (x, text) in [
            (0.1 + 0.2, "0.3"),
            (-14.715, "-14.715"),
            (0.0, "0"),
            (1.0 / 3.0, "0.333333"),
            (23.67710, "23.6771"),
        ] {
            assert_eq!(number(x), text);
        }
    }
}
