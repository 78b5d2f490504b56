//! The formats: which files are mutated, how, and how the program reads them.

use std::path::Path;

use h2oplus::cli::{eval, gap, train, verify};
use h2oplus::data::Dataset;
use h2oplus::engine::PlanarVecEnv;
use h2oplus::engine::planar::Arithmetic;
use h2oplus::env::{Dynamics, EnvKey, EnvSpec, Task, VecEnv};
use h2oplus::error::Result;
use h2oplus::net::Act;
use h2oplus::run::config;
use h2oplus::run::record::seal;

use crate::draws::Draws;
use crate::seeds::{flags, text};
use crate::{bytes, columns, tensors};

/// A format that the program reads.
pub struct Format {
    /// As `H2OPLUS_FUZZ_ONLY` calls it.
    pub name: &'static str,
    /// The folder of its sound files.
    pub seeds: &'static str,
    /// Whether every message names the file, and not what it says there.
    pub named: bool,
    /// Ends of the names of the files that are mutated.
    pub targets: &'static [&'static str],
    /// Damages a file once; with it a sound one.
    pub mutate: fn(&mut Vec<u8>, &[u8], &mut Draws),
    /// Reads it as the program would, from the folder where its files lie.
    pub read: fn(&Path) -> Result<()>,
}

/// All of them.
pub static ALL: [Format; 13] = [
    Format {
        name: "d4rl",
        named: true,
        seeds: "d4rl",
        targets: &["data.hdf5"],
        mutate: |file, other, draws| hdf5(file, other, draws, columns::d4rl),
        read: |folder| data(&folder.join("data.hdf5")),
    },
    Format {
        name: "minari",
        named: true,
        seeds: "minari",
        targets: &["main_data.hdf5", "metadata.json"],
        mutate: |file, other, draws| match file.first() {
            Some(b'{') => crate::text::mutate(file, other, draws),
            _ => hdf5(file, other, draws, columns::minari),
        },
        read: data,
    },
    Format {
        name: "tensors",
        named: true,
        seeds: "tensors",
        targets: &["data.safetensors"],
        mutate: |file, other, draws| tensors::mutate(file, other, None, draws),
        read: |folder| data(&folder.join("data.safetensors")),
    },
    Format {
        name: "checkpoint",
        named: true,
        seeds: "run",
        targets: &["step_2.safetensors"],
        mutate: |file, other, draws| {
            // A file without a place for a digest stays without.
            let seal = |file: &mut Vec<u8>| {
                let _ = seal::seal(file);
            };
            tensors::mutate(file, other, Some(seal), draws)
        },
        read: resume,
    },
    Format {
        name: "metrics",
        named: true,
        seeds: "run",
        targets: &["metrics.jsonl"],
        mutate: crate::text::mutate,
        read: resume,
    },
    Format {
        name: "dynamics",
        named: true,
        seeds: "run",
        targets: &["dynamics.jsonl"],
        mutate: crate::text::mutate,
        read: resume,
    },
    Format {
        name: "config",
        named: false,
        seeds: "run",
        targets: &["config.toml"],
        mutate: crate::text::mutate,
        read: settings,
    },
    Format {
        name: "behaviour",
        named: true,
        seeds: "behaviour",
        targets: &["snapshots.safetensors"],
        mutate: |file, other, draws| tensors::mutate(file, other, None, draws),
        read: |folder| {
            let (file, task) = (
                folder.join("snapshots.safetensors"),
                folder.join("task.toml"),
            );
            eval::run(flags(&[
                text(&file),
                "--task",
                text(&task),
                "--episodes",
                "2",
            ]))
            .map(drop)
        },
    },
    Format {
        name: "task",
        named: false,
        seeds: "robot",
        targets: &["task.toml"],
        mutate: crate::text::mutate,
        read: robot,
    },
    Format {
        name: "gaps",
        named: false,
        seeds: "robot",
        targets: &["gaps.toml", "domain.toml"],
        mutate: crate::text::mutate,
        read: robot,
    },
    Format {
        name: "mjcf",
        named: false,
        seeds: "robot",
        targets: &[".xml"],
        mutate: crate::text::mutate,
        read: robot,
    },
    Format {
        name: "physics",
        named: true,
        seeds: "physics",
        targets: &[".safetensors"],
        mutate: |file, other, draws| tensors::mutate(file, other, None, draws),
        read: |folder| verify::physics::run(flags(&["--reference", text(folder)])).map(drop),
    },
    Format {
        name: "learning",
        named: true,
        seeds: "learning",
        targets: &[".safetensors"],
        mutate: |file, other, draws| tensors::mutate(file, other, None, draws),
        read: |folder| verify::algorithms::run(flags(&["--reference", text(folder)])).map(drop),
    },
];

/// Half of the files are damaged ones, half are sound files of strange columns.
fn hdf5(
    file: &mut Vec<u8>,
    other: &[u8],
    draws: &mut Draws,
    strange: fn(&mut Draws) -> Option<Vec<u8>>,
) {
    match draws.below(2) {
        0 if let Some(made) = strange(draws) => *file = made,
        _ => bytes::mutate(file, other, draws),
    }
}

/// A data set, what is printed of it, and its policy's first action.
fn data(path: &Path) -> Result<()> {
    let data = Dataset::read(path)?;
    data.validate()?;
    let _ = (data.stats(), data.episodes().count(), data.columns(4));
    if let Some(policy) = &data.policy {
        policy.policy.act(&data.observations[..data.obs_dim], None);
    }
    Ok(())
}

/// The run goes on for an update, and its curve is drawn.
fn resume(folder: &Path) -> Result<()> {
    train::run(flags(&["--resume", text(folder), "--updates", "3"])).map(drop)
}

/// The run's policies are evaluated; then its config is taken for one of a new run, which is not begun.
fn settings(folder: &Path) -> Result<()> {
    eval::run(flags(&[text(folder), "--episodes", "1"]))?;
    let file = folder.join("config.toml");
    let mut run = config::resolve(&config::Given::default(), Some(&file))?;
    let with = run.open()?;
    run.dynamics(&with.gaps).map(drop)
}

/// The robot is shown with all its gaps, and steps: as it is, and as a domain draws it.
fn robot(folder: &Path) -> Result<()> {
    let file = folder.join("task.toml");
    gap::list::run(flags(&["--task", text(&file)]))?;
    let task = Task::load(text(&file))?;
    let domain = task
        .domain(text(&folder.join("domain.toml")))?
        .with(Some(3), false)?;
    let keys = EnvKey::population(&[1], 3);
    let drawn = Dynamics::draw(&task, &domain, 1, 3)?;
    for dynamics in [Dynamics::new(&task, &[])?, drawn] {
        let mut env = PlanarVecEnv::new(
            EnvSpec::new(&task, dynamics, keys.clone()),
            Arithmetic::default(),
        )?;
        env.reset()?;
        for action in [0.0, 1.0] {
            env.step(&vec![action; 3 * task.act_dim()])?;
        }
    }
    Ok(())
}
