//! `h2oplus bench sim`: full env steps (observation, reward, autoreset) with random actions.

use crate::cli::bench::engine;
use crate::cli::bench::lanes::{Drawn, LanesReport};
use crate::cli::bench::steps::steps_per_second;
use crate::cli::choice::choice;
use crate::cli::domain::DomainFlags;
use crate::cli::{Format, emit, of_flag, table};
use crate::engine::{Backend, Device, Physics, PlanarGpuEnv};
use crate::env::{Dynamics, EnvKey, EnvSpec, Task};
use crate::error::Result;
use crate::model::GapSet;
use crate::range::Range;
use crate::run::config::memory;
use std::process::ExitCode;
use std::time::Instant;

/// Flags of `bench sim`. Lists measure every combination.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tasks
    #[arg(long, default_value = "halfcheetah-v2", value_delimiter = ',')]
    task: Vec<String>,
    /// What advances the state
    #[arg(long, value_parser = choice::<Physics>(), default_value = "planar", value_delimiter = ',')]
    physics: Vec<Physics>,
    /// Where
    #[arg(long, value_parser = choice::<Device>(), default_value = "auto", value_delimiter = ',')]
    device: Vec<Device>,
    #[command(flatten)]
    domain: DomainFlags,
    /// Environments stepped together
    #[arg(long, default_value = "1024", value_delimiter = ',', value_name = "N", value_parser = Range::SOME_U32.parser::<usize>())]
    num_envs: Vec<usize>,
    /// How long to measure each
    #[arg(long, default_value_t = 3.0, value_name = "S", value_parser = Range::POSITIVE.parser::<f64>())]
    seconds: f64,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Measures and prints.
///
/// # Errors
/// Where a task or a gap does not exist, or a number is out of range.
pub fn run(args: Args) -> Result<ExitCode> {
    let mut all = Vec::new();
    for task in &args.task {
        let task = Task::load(task)?;
        let domain = args.domain.domain(&task)?;
        for (&physics, &device) in args
            .physics
            .iter()
            .flat_map(|p| args.device.iter().map(move |d| (p, d)))
        {
            let (place, note) =
                match crate::engine::choose(physics, device).map_err(of_flag("--device")) {
                    Ok(chosen) => chosen,
                    // One combination among others that cannot be is left out.
                    Err(error) if args.physics.len() * args.device.len() > 1 => {
                        crate::log!("left out: {error}");
                        continue;
                    }
                    Err(error) => return Err(error),
                };
            if device == Device::Auto {
                crate::log!("{note}");
            }
            for &num_envs in &args.num_envs {
                memory::check_envs("--num-envs", num_envs, &task)?;
                let dynamics = (task.clone(), domain.clone(), num_envs);
                all.push(measure(physics, &place, dynamics, args.seconds)?);
            }
        }
    }
    emit(&match (&all[..], args.format) {
        ([one], format) => one.text(format),
        (_, Format::Human) => {
            let rows: Vec<Vec<String>> = all.iter().map(Measured::row).collect();
            table(&Measured::HEAD, &rows)
        }
        (_, Format::Short) => {
            let lines: Vec<String> = all.iter().map(|m| m.text(Format::Short)).collect();
            lines.join("\n")
        }
        (_, Format::Json) => {
            let parts: Vec<String> = all.iter().map(|m| m.text(Format::Json)).collect();
            format!("[{}]", parts.join(","))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// One combination.
enum Measured {
    /// Our lanes, whose inside is measured too.
    Lanes(Box<LanesReport>),
    /// Any other engine.
    Engine(Box<engine::EngineReport>),
}

impl Measured {
    const HEAD: [&str; 6] = [
        "task",
        "physics on",
        "environments",
        "env steps/s",
        "physics steps/s",
        "ns an env step",
    ];

    fn text(&self, format: Format) -> String {
        match (self, format) {
            (Self::Engine(report), format) => report.text(format),
            (Self::Lanes(report), Format::Human) => report.human(),
            (Self::Lanes(report), Format::Short) => report.short(),
            (Self::Lanes(report), Format::Json) => report.json(),
        }
    }

    fn row(&self) -> Vec<String> {
        let (task, on, num_envs, rate) = match self {
            Self::Lanes(r) => (&r.task, "planar on cpu".into(), r.num_envs, r.rate),
            Self::Engine(r) => (
                &r.task,
                format!("{} on {}", r.physics, r.device),
                r.num_envs,
                r.rate,
            ),
        };
        vec![
            task.name.clone(),
            on,
            num_envs.to_string(),
            format!("{rate:.0}"),
            format!("{:.0}", rate * task.frame_skip as f64),
            format!("{:.0}", 1e9 / rate),
        ]
    }
}

/// Measures `num_envs` environments of a task in a domain.
fn measure(
    physics: Physics,
    place: &Backend,
    (task, domain, num_envs): (Task, GapSet, usize),
    seconds: f64,
) -> Result<Measured> {
    let begun = Instant::now();
    let dynamics = Dynamics::draw(&task, &domain, 0, num_envs)?;
    let drawing = begun.elapsed().as_secs_f64();
    let (Physics::Planar, Backend::Cpu) = (physics, place) else {
        let report = foreign(physics, place, task, (dynamics, num_envs), seconds)?;
        return Ok(Measured::Engine(Box::new(report)));
    };
    let drawn = Drawn {
        rows: dynamics.rows.len(),
        domain,
        seconds: drawing,
    };
    let report = LanesReport::measure(task, drawn, &dynamics, num_envs, seconds)?;
    Ok(Measured::Lanes(Box::new(report)))
}

/// Measures another engine.
fn foreign(
    physics: Physics,
    place: &Backend,
    task: Task,
    (dynamics, num_envs): (Dynamics, usize),
    seconds: f64,
) -> Result<engine::EngineReport> {
    let keys = EnvKey::population(&[0], num_envs);
    let (before, begun) = (engine::resident(), Instant::now());
    let mut env = crate::engine::build(physics, place, EnvSpec::new(&task, dynamics, keys))?;
    let building = begun.elapsed().as_secs_f64();
    let rate = steps_per_second(env.as_mut(), seconds)?;
    let after = engine::resident();
    Ok(engine::EngineReport {
        physics,
        device: match place {
            Backend::Cpu => "cpu".into(),
            Backend::Gpu(gpu) => gpu.label(),
        },
        num_envs,
        threads: rayon::current_num_threads(),
        rate,
        building,
        plan: PlanarGpuEnv::of(env.as_ref()).map(|env| env.memory().to_string()),
        bytes: after.zip(before).map(|(a, b)| (a - b) / num_envs as f64),
        task,
    })
}
