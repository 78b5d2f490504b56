//! `h2oplus bench learn`: updates a second, and the share of the machine that they use.

use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;

use crate::cli::choice::choice;
use crate::cli::flags::MethodFlags;
use crate::cli::{Format, emit};
use crate::error::Result;
use crate::kernel::cpu::peak::peak_gflops;
use crate::kernel::launch::{Tally, reset_tally, tally};
use crate::kernel::{Compute, MatmulPrecision};
use crate::method::{Method, build};
use crate::net::Replay;
use crate::net::device::{self, DeviceKind, OpenDevice};
use crate::range::Range;
use crate::run::config::recipe::Recipe;

/// Rows of either replay: more than the caches hold.
const ROWS: usize = 100_000;

/// Updates between two looks at the clock.
const STREAK: u64 = 5;

/// Updates of a GPU whose launches are timed one by one.
const PROFILED: u64 = 20;

/// Of a measurement of the CPU's peak, before the updates and after them.
const PEAK_SECONDS: f64 = 0.33;

/// Flags of `bench learn`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Method
    #[arg(long, default_value = "h2oplus")]
    pub algo: String,
    /// Whose settings: `paper`, `fast`, or a TOML file
    #[arg(long, default_value = "paper")]
    pub recipe: String,
    /// Settings that are given.
    #[command(flatten)]
    pub settings: MethodFlags,
    /// Members
    #[arg(long, default_value_t = 1, value_name = "P", value_parser = Range::SOME_U32.parser::<usize>())]
    pub population: usize,
    /// Where the learner runs
    #[arg(long, value_parser = choice::<DeviceKind>(), default_value_t)]
    pub device: DeviceKind,
    /// How matrix products round: `tf32` on a GPU, `bf16` on a CPU with units for it
    #[arg(long, value_parser = choice::<MatmulPrecision>(), default_value_t)]
    pub precision: MatmulPrecision,
    /// Seconds to measure
    #[arg(long, default_value_t = 5.0, value_name = "S", value_parser = Range::POSITIVE.parser::<f64>())]
    pub seconds: f64,
    /// Length of an observation (half-cheetah's by default)
    #[arg(long, default_value_t = 17, value_name = "N", value_parser = Range::SOME_U32.parser::<usize>())]
    pub obs_dim: usize,
    /// Length of an action
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = Range::SOME_U32.parser::<usize>())]
    pub act_dim: usize,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct LearnReport {
    /// Method.
    pub algo: String,
    /// Members.
    pub population: usize,
    /// Threads.
    pub threads: usize,
    /// Where the learner ran.
    pub device: DeviceKind,
    /// Updates of each member a second.
    pub updates_per_s: f64,
    /// Member-updates a second.
    pub total_updates_per_s: f64,
    /// Matrix products of one member's update, GFLOP.
    pub gflop_per_update: f64,
    /// GFLOP/s of matrix products.
    pub gflops: f64,
    /// GFLOP/s of 256×256×256 products: on all threads, the better of just before and just after; on a GPU 512 at once.
    pub peak_gflops: f64,
    /// The former over the latter.
    pub share_of_peak: f64,
    /// GB/s of the least traffic.
    pub gbytes_per_s: f64,
    /// GB/s of a copy on the GPU.
    pub peak_gbytes_per_s: Option<f64>,
    /// Launches per update (of all members together).
    pub kernels_per_update: f64,
    /// Least memory traffic of one member's update, MB.
    pub megabytes_per_update: f64,
    /// Where an update's time goes.
    pub kernels: Vec<KernelTime>,
}

/// One kernel's part of an update.
#[derive(Clone, Debug, Serialize)]
pub struct KernelTime {
    /// Kernel.
    pub name: &'static str,
    /// Launches per update.
    pub launches: f64,
    /// Microseconds per update.
    pub microseconds: f64,
    /// GFLOP/s of its products.
    pub gflops: f64,
    /// GB/s of its least traffic.
    pub gbytes_per_s: f64,
}

/// Measures and prints.
pub fn run(args: Args) -> Result<ExitCode> {
    let m = measure(&args)?;
    match args.format {
        Format::Json => emit(&serde_json::json!(m).to_string()),
        Format::Short => {
            let share = 100.0 * m.share_of_peak;
            let (algo, rate, gflops) = (&m.algo, m.total_updates_per_s, m.gflops);
            emit(&format!(
                "{algo} {rate:.1} updates/s {gflops:.1} GFLOP/s {share:.0} % of peak"
            ))
        }
        Format::Human => emit(&human(&m)),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn human(m: &LearnReport) -> String {
    let mut lines = vec![
        format!(
            "{} × {} members on {}",
            m.algo,
            m.population,
            match m.device {
                DeviceKind::Cuda => "a GPU".to_owned(),
                _ => format!("{} threads", m.threads),
            }
        ),
        format!(
            "  updates/s           {:10.1} per member, {:.1} in all",
            m.updates_per_s, m.total_updates_per_s
        ),
        format!(
            "  products            {:10.1} GFLOP/s, {:.0} % of {:.0} measured here",
            m.gflops,
            100.0 * m.share_of_peak,
            m.peak_gflops
        ),
        format!(
            "  an update           {:10.3} GFLOP, {:.1} MB, {:.0} kernels",
            m.gflop_per_update, m.megabytes_per_update, m.kernels_per_update
        ),
    ];
    lines.extend(m.kernels.iter().map(|k| {
        format!(
            "    {:<12} {:4.0} × {:9.1} µs {:8.1} GFLOP/s {:7.1} GB/s",
            k.name, k.launches, k.microseconds, k.gflops, k.gbytes_per_s
        )
    }));
    lines.join("\n")
}

/// Runs updates on random data for the time asked.
pub fn measure(args: &Args) -> Result<LearnReport> {
    let OpenDevice {
        device,
        kind,
        notes,
    } = device::open(args.device, args.precision)?;
    for note in notes {
        crate::log!("{note}");
    }
    let seeds: Vec<u64> = (0..args.population as u64).collect();
    let (s, a) = (args.obs_dim, args.act_dim);
    let mut settings = Recipe::named(&args.recipe)?.settings(Method::named(&args.algo)?);
    settings.extend(args.settings.table.clone());
    let on = Compute {
        device: device.clone(),
        precision: args.precision,
    };
    let mut agent = build(&args.algo, &settings, s, a, &seeds, on)?;
    let (real, sim) = (
        Replay::noise(ROWS, s, a, 1, &device)?,
        Replay::noise(ROWS, s, a, 2, &device)?,
    );
    let ceilings = device::ceilings(&device)?;
    let before = match ceilings {
        Some([gflops, _]) => gflops,
        None => peak_gflops(args.precision, PEAK_SECONDS),
    };
    agent.update(STREAK, &real, &sim)?;
    agent.metrics()?;
    reset_tally();
    let (begun, mut updates) = (Instant::now(), 0u64);
    while begun.elapsed().as_secs_f64() < args.seconds {
        agent.update(STREAK, &real, &sim)?;
        updates += STREAK;
    }
    // Reading a result back waits for the device.
    agent.metrics()?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut profiled = (tally(), updates);
    if device.is_cuda() {
        // The launches of a GPU return at once: their times are taken in updates of their own.
        reset_tally();
        device::set_timed(&device, true)?;
        agent.update(PROFILED, &real, &sim)?;
        device::set_timed(&device, false)?;
        profiled = (tally(), PROFILED);
    }
    for note in device::take_notes() {
        crate::log!("{note}");
    }
    let peaks = match ceilings {
        Some([gflops, gbytes]) => (gflops, Some(gbytes)),
        None => (before.max(peak_gflops(args.precision, PEAK_SECONDS)), None),
    };
    let rate = updates as f64 / seconds;
    Ok(report(
        args,
        &profiled.0,
        profiled.1 as f64,
        rate,
        kind,
        peaks,
    ))
}

fn report(
    args: &Args,
    kernels: &[Tally],
    updates: f64,
    rate: f64,
    device: DeviceKind,
    (peak_gflops, peak_gbytes_per_s): (f64, Option<f64>),
) -> LearnReport {
    let members = args.population as f64;
    let sum = |f: fn(&Tally) -> u64| kernels.iter().map(f).sum::<u64>() as f64;
    let (flops, bytes) = (sum(|t| t.cost.flops), sum(|t| t.cost.bytes));
    let mut times: Vec<_> = kernels
        .iter()
        .map(|t| KernelTime {
            name: t.name,
            launches: t.launches as f64 / updates,
            microseconds: 1e6 * t.seconds / updates,
            gflops: 1e-9 * t.cost.flops as f64 / t.seconds,
            gbytes_per_s: 1e-9 * t.cost.bytes as f64 / t.seconds,
        })
        .collect();
    times.sort_by(|a, b| b.microseconds.total_cmp(&a.microseconds));
    LearnReport {
        algo: args.algo.clone(),
        population: args.population,
        threads: rayon::current_num_threads(),
        device,
        updates_per_s: rate,
        total_updates_per_s: members * rate,
        gflop_per_update: 1e-9 * flops / updates / members,
        gflops: 1e-9 * flops / updates * rate,
        peak_gflops,
        share_of_peak: 1e-9 * flops / updates * rate / peak_gflops,
        gbytes_per_s: 1e-9 * bytes / updates * rate,
        peak_gbytes_per_s,
        kernels_per_update: sum(|t| t.launches) / updates,
        megabytes_per_update: 1e-6 * bytes / updates / members,
        kernels: times,
    }
}
