//! A suite as a job array of Slurm: a share of the plan each job, which saves when it is asked to end, and goes on when it
//! is started again.

use std::path::Path;
use std::process::{Command, ExitCode};

use super::{Args, SuiteFolder};
use crate::cli::emit;
use crate::error::{Error, Result};
use crate::run::record::run_folder::{word, write};

/// Writes the batch script, submits it, and says how to follow it.
pub fn submit(args: &Args, folder: &SuiteFolder) -> Result<ExitCode> {
    let path = std::path::absolute(folder.path()).map_err(Error::io(folder.path()))?;
    let logs = path.join("slurm");
    std::fs::create_dir_all(&logs).map_err(Error::io(&logs))?;
    let program = std::env::current_exe().map_err(Error::io("/proc/self/exe"))?;
    let script = path.join("slurm.sh");
    write(&script, text(args, &program, &path).as_bytes())?;
    let out = Command::new("sbatch")
        .arg("--parsable")
        .arg(&script)
        .output();
    let help = |what: &str| format!("{what}; the script is {}", script.display());
    let out = out
        .map_err(|e| Error::input("sbatch", e, help("submit it where Slurm is: sbatch SCRIPT")))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
        return Err(Error::input(
            "sbatch",
            said,
            help("give its options with --sbatch"),
        ));
    }
    let job = String::from_utf8_lossy(&out.stdout);
    let job = job.trim().split(';').next().unwrap_or_default().to_owned();
    emit(&format!(
        "submitted job array {job} of {} jobs\n\
         follow it:  squeue --job {job}\n\
         its output: tail -F {}/*.log\n\
         the state:  h2oplus suite --resume {} --dry-run --no-predict\n\
         cancel it:  scancel {job}   (it saves; the same command submits the rest again)",
        args.shards,
        word(&logs),
        word(&path),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The batch script. The program saves at SIGTERM; Slurm sends that when it preempts a job, and starts the job again.
/// Before the time limit Slurm sends SIGUSR1 to the script, which then asks for another turn by itself.
fn text(args: &Args, program: &Path, folder: &Path) -> String {
    let options: String = args
        .sbatch
        .iter()
        .flat_map(|line| line.split_whitespace())
        .map(|option| format!("#SBATCH {option}\n"))
        .collect();
    let keep = if args.keep_checkpoints {
        " --keep-checkpoints"
    } else {
        ""
    };
    format!(
        "#!/bin/bash
#SBATCH --job-name=h2oplus
#SBATCH --array=1-{shards}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@300
#SBATCH --output={folder}/slurm/%a.log
{options}
again=0
\"{program}\" suite --resume \"{folder}\" --shard \"$SLURM_ARRAY_TASK_ID/{shards}\" --no-predict \\
  --threads \"${{SLURM_CPUS_PER_TASK:-0}}\"{keep} &
child=$!
trap 'kill -TERM $child' TERM
trap 'again=1; kill -TERM $child' USR1
while kill -0 $child 2>/dev/null; do wait $child; done
wait $child; code=$?
if [ $again = 1 ] && [ $code = 130 ]; then scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\"; fi
exit $code
",
        shards = args.shards,
        folder = folder.display(),
        program = program.display(),
    )
}
