//! `h2oplus verify physics`: the planar kernel against another engine's transitions.
//!
//! A folder (or file) of recorded transitions is judged: float64 and float32 lanes, or the shaders on a GPU.

use crate::cli::choice::choice;
use crate::cli::verify::rapier;
use crate::cli::verify::verdict::{Judged, MAX_F32, MEDIAN_F32, TOLERANCE_F64, Verdict};
use crate::cli::{Format, emit, of_flag};
use crate::engine::{self, Backend, Device, Physics};
use crate::error::{Error, Result};
use crate::measure::reference::OUTLIER;
use crate::run::record::run_folder::word;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which kernels are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// The oracle.
    F64,
    /// The SIMD lanes.
    F32,
    /// Both; on a GPU, float32 alone.
    #[default]
    Both,
}

/// Flags of `verify physics`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of recorded transitions, or one such file
    #[arg(long, default_value = "tests/reference/physics", value_name = "PATH")]
    pub reference: PathBuf,
    /// Which engine is judged; Rapier's contacts and limits are its own, and are reported only
    #[arg(long, value_parser = choice::<Physics>(), default_value_t)]
    pub physics: Physics,
    /// Where it runs; on a GPU, what runs there computes in float32
    #[arg(long, value_parser = choice::<Device>(), default_value_t)]
    pub device: Device,
    /// Which numbers the planar kernel computes with
    #[arg(long, value_enum, default_value_t)]
    pub precision: Which,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Judges `args.reference`.
///
/// # Errors
/// Where it cannot be read.
pub fn run(args: Args) -> Result<ExitCode> {
    let path = &args.reference;
    let files = references(path)?;
    if files.is_empty() {
        return Err(Error::input(
            path.display(),
            "is no *.safetensors file of recorded transitions",
            format!(
                "name one with --reference, or a folder of them; a data set is measured by: h2oplus gap measure {}",
                word(path)
            ),
        ));
    }
    let (place, note) = engine::choose(args.physics, args.device).map_err(of_flag("--device"))?;
    if args.device != Device::Cpu {
        crate::log!("{note}");
    }
    // Each engine has bounds of its own.
    match args.physics {
        Physics::Planar => planar(&files, &kernels(place, args.precision)?, args.format),
        Physics::Rapier => rapier::run(&files, args.format),
    }
}

/// Judges the planar kernel by `files`.
fn planar(files: &[PathBuf], kernels: &[Judged], format: Format) -> Result<ExitCode> {
    let verdicts: Vec<Verdict> = files
        .iter()
        .map(|file| Verdict::of(file, kernels))
        .collect::<Result<_>>()?;
    let failed = verdicts.iter().filter(|v| !v.passes()).count();
    if format == Format::Human {
        emit(&format!(
            "errors as median/99 %/max over a file's transitions; 1 step = a physics step, env = an env step;\n\
             scaled = error of qvel / max(1, |qvel|) after an env step; flips = transitions above {OUTLIER:.0e} in which\n\
             rounding made or lost a contact or limit, unexplained = above it without that"
        ))?;
    }
    if format == Format::Json {
        let cases: Vec<Value> = verdicts.iter().map(Verdict::json).collect();
        emit(&json!({ "cases": cases, "ok": failed == 0 }).to_string())?;
    } else {
        verdicts.iter().try_for_each(|v| emit(&v.line()))?;
    }
    if format == Format::Human {
        emit(&format!(
            "{} of {} files within tolerance (float64 {TOLERANCE_F64:.0e}; float32 scaled median {MEDIAN_F32:.0e}, max {MAX_F32:.0e})",
            verdicts.len() - failed,
            verdicts.len()
        ))?;
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// The safetensors files that `path` is or holds, sorted; empty for a data set.
fn references(path: &Path) -> Result<Vec<PathBuf>> {
    let is_reference = |p: &Path| p.extension().is_some_and(|e| e == "safetensors");
    if !path.is_dir() {
        return Ok(if is_reference(path) {
            vec![path.to_owned()]
        } else {
            Vec::new()
        });
    }
    let mut files = Vec::new();
    let mut data_set = false;
    for entry in std::fs::read_dir(path).map_err(Error::io(path))? {
        let file = entry.map_err(Error::io(path))?.path();
        data_set |= file.is_dir() || file.extension().is_some_and(|e| e == "hdf5");
        files.extend(Some(file).filter(|f| is_reference(f)));
    }
    if files.is_empty() && !data_set {
        return Err(Error::input(
            path.display(),
            "holds no *.safetensors",
            "name a folder of recorded transitions with --reference",
        ));
    }
    files.sort();
    Ok(files)
}

/// What is judged at `place`.
///
/// # Errors
/// Where float64 is wanted of shaders.
fn kernels(place: Backend, which: Which) -> Result<Vec<Judged>> {
    match (place, which) {
        (Backend::Cpu, Which::F64) => Ok(vec![Judged::F64]),
        (Backend::Cpu, Which::F32) => Ok(vec![Judged::F32]),
        (Backend::Cpu, Which::Both) => Ok(vec![Judged::F64, Judged::F32]),
        (Backend::Gpu(gpu), Which::F32 | Which::Both) => Ok(vec![Judged::Gpu(gpu)]),
        (Backend::Gpu(_), Which::F64) => Err(Error::input(
            "--precision f64",
            "a GPU computes the physics in float32 alone",
            "leave it out, or take `--device cpu`",
        )),
    }
}
