//! `h2oplus export`: a policy in the formats of other programs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Format, emit, json};
use crate::error::{Error, Result};
use crate::range::Range;
use crate::run::export::{PolicyCard, onnx, tensors};
use crate::run::policies::Policies;
use crate::run::record::run_folder::{RunFolder, write};

/// Flags of `export`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("files").required(true).multiple(true).args(["onnx", "safetensors"])))]
pub struct Args {
    /// Run folder, checkpoint, behaviour snapshots, or a D4RL file (its behaviour policy); without one, the newest run
    /// in `runs/`
    what: Option<PathBuf>,
    /// ONNX, opset 17: `observations` in, `action` (deterministic), `mean`, `log_std` and `sample` out
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// Tensors as PyTorch has them, and what they are in a JSON file of the same name
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,
    /// Which policy, counted from 0 (default: a run's first member, the last of several snapshots)
    #[arg(long, value_name = "N", value_parser = Range::COUNT.parser::<usize>())]
    policy: Option<usize>,
    /// Task (default: the run's, or the one that the file's name begins with)
    #[arg(long)]
    task: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Exports.
///
/// # Errors
/// Where there is no such policy, its numbers are not finite, or a file cannot be written.
pub fn run(args: Args) -> Result<ExitCode> {
    let path = match &args.what {
        Some(path) => path.clone(),
        None => RunFolder::newest(Path::new("runs"))?.path().to_path_buf(),
    };
    let found = Policies::open(&path)?;
    let (n, chosen) = found.choose(args.policy)?;
    let task = found.task(n, args.task.as_deref(), None)?;
    found.check(&chosen.name, &chosen.policy, &task)?;
    let numbers = (chosen.policy.layers.iter()).flat_map(|l| l.weight.iter().chain(&l.bias));
    if !numbers.into_iter().all(|x| x.is_finite()) {
        let problem = format!("{} holds numbers that are not finite", chosen.name);
        let help = "export a policy that has not diverged";
        return Err(Error::input(path.display(), problem, help));
    }
    let member = found.run.as_ref().and_then(|run| run.members().get(n));
    let gap = member.map_or("", |member| &member.gap);
    let card = PolicyCard::new(&chosen.policy, &chosen.name, &task, gap, &found.path);
    let mut written = Vec::new();
    if let Some(path) = &args.onnx {
        write(path, &onnx::encode(&chosen.policy, &card))?;
        written.push(path.clone());
    }
    if let Some(path) = &args.safetensors {
        let beside = tensors::save(&chosen.policy, &card, path)?;
        written.extend([path.clone(), beside]);
    }
    let written: Vec<_> = written
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    match args.format {
        Format::Json => {
            let card = serde_json::json!({"written": written, "card": card});
            emit(&json(&card)?)?;
        }
        Format::Short => emit(&written.join("\n"))?,
        Format::Human => emit(&format!("{}: written: {}", chosen.name, written.join(", ")))?,
    }
    Ok(ExitCode::SUCCESS)
}
