//! `h2oplus doctor`: what of this machine the engine can use, and what stands in the way of the rest.

mod findings;

use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use crate::cli::{Format, emit, table};
use crate::engine::planar::Width;
use crate::engine::{ENGINES, Physics};
use crate::error::Result;
use crate::gpu::wgpu;
use crate::kernel::cpu::peak::Peaks;
use crate::run::record::run_folder::hardware;
use findings::{Advice, Findings};

/// Flags of `doctor`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// An adapter as a report shows it.
#[derive(Clone, Debug, Serialize)]
struct AdapterReport {
    name: String,
    /// Vulkan, Metal or DX12.
    backend: String,
    /// Discrete, integrated or virtual GPU, or CPU for a software renderer.
    kind: String,
    driver: String,
    /// Most bytes of one buffer.
    max_buffer_bytes: u64,
    /// Most bytes of a buffer that a shader sees.
    max_binding_bytes: u64,
    /// Most invocations of a workgroup.
    workgroup_invocations: u32,
    /// Most workgroups of a dispatch along one axis.
    workgroups: u32,
    /// What it can do that the engine could use.
    features: Vec<String>,
}

/// What matrix products reach on the CPU.
#[derive(Clone, Debug, Serialize)]
struct ProductReport {
    /// GFLOP/s of all threads in float32.
    f32_gflops: f64,
    /// The same with `--precision bf16`, where the CPU has a unit for it.
    bf16_gflops: Option<f64>,
    /// Which unit that is.
    bf16_unit: Option<String>,
    /// Why bfloat16 does not pay, if it does not.
    against_bf16: Option<String>,
}

/// An engine of the table.
#[derive(Clone, Debug, Serialize)]
struct EngineReport {
    name: Physics,
    /// Whether it runs on a GPU too.
    gpu: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Report {
    hardware: Value,
    engines: Vec<EngineReport>,
    /// Environments a register of the CPU lanes.
    lanes: usize,
    products: ProductReport,
    adapters: Vec<AdapterReport>,
    findings: Findings,
    advice: Vec<Advice>,
}

/// Looks and prints. Exit code 0: a machine without a graphics processor is sound.
pub fn run(args: Args) -> Result<ExitCode> {
    let adapters: Vec<_> = crate::gpu::adapters()
        .iter()
        .map(AdapterReport::of)
        .collect();
    let hard = adapters.iter().filter(|a| a.kind != SOFTWARE).count();
    let findings = Findings::look();
    let report = Report {
        hardware: hardware(),
        engines: ENGINES
            .iter()
            .map(|card| EngineReport {
                name: card.physics,
                gpu: card.runs_on_gpu(),
            })
            .collect(),
        lanes: match Width::detect() {
            Width::One => 1,
            Width::Eight => 8,
            Width::Sixteen => 16,
        },
        products: ProductReport::of(&Peaks::measured()),
        advice: findings.advice(hard),
        findings,
        adapters,
    };
    match args.format {
        Format::Json => emit(&serde_json::json!(report).to_string()),
        Format::Short => emit(&report.short()),
        Format::Human => emit(&report.human()),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Kind of a renderer that computes on the CPU.
const SOFTWARE: &str = "Cpu";

impl AdapterReport {
    fn of(adapter: &wgpu::Adapter) -> Self {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let has = adapter.features();
        let wanted = [
            ("subgroups", wgpu::Features::SUBGROUP),
            ("timestamps", wgpu::Features::TIMESTAMP_QUERY),
            (
                "mapped primary buffers",
                wgpu::Features::MAPPABLE_PRIMARY_BUFFERS,
            ),
            ("half precision", wgpu::Features::SHADER_F16),
        ];
        let driver = format!("{} {}", info.driver, info.driver_info);
        Self {
            name: info.name,
            backend: format!("{:?}", info.backend),
            kind: format!("{:?}", info.device_type),
            driver: driver.trim().to_owned(),
            max_buffer_bytes: limits.max_buffer_size,
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            workgroups: limits.max_compute_workgroups_per_dimension,
            features: wanted
                .iter()
                .filter(|(_, feature)| has.contains(*feature))
                .map(|(name, _)| (*name).to_owned())
                .collect(),
        }
    }
}

impl ProductReport {
    fn of(peaks: &Peaks) -> Self {
        Self {
            f32_gflops: peaks.float32,
            bf16_gflops: peaks.bf16.map(|(_, gflops)| gflops),
            bf16_unit: peaks.bf16.map(|(unit, _)| unit.to_string()),
            against_bf16: peaks.against_bf16(),
        }
    }

    fn human(&self) -> String {
        let mut line = format!("products    float32 {:.0} GFLOP/s; ", self.f32_gflops);
        line += &match (self.bf16_gflops, &self.bf16_unit) {
            (Some(gflops), Some(unit)) => format!("bf16 {gflops:.0} GFLOP/s ({unit})"),
            _ => "no unit for bf16".into(),
        };
        if let Some(why) = &self.against_bf16 {
            line += &format!("\n            {why}");
        }
        line + "\n"
    }
}

impl Report {
    fn short(&self) -> String {
        let names: Vec<&str> = self.adapters.iter().map(|a| a.name.as_str()).collect();
        let seen = if names.is_empty() {
            "none".into()
        } else {
            names.join(", ")
        };
        format!(
            "{} lanes; adapters: {seen}; {} advice",
            self.lanes,
            self.advice.len()
        )
    }

    fn human(&self) -> String {
        let mut out = format!(
            "processor   {}\n",
            self.hardware["cpu"].as_str().unwrap_or("unknown")
        );
        out += &format!("threads     {}\n", rayon::current_num_threads());
        let engines = self.engines.iter().map(|EngineReport { name, gpu }| {
            let on = if *gpu { "CPU and GPU" } else { "CPU" };
            format!("{name} ({on})")
        });
        let engines: Vec<String> = engines.collect();
        out += &format!("engines     {}\n", engines.join(", "));
        out += &format!("CPU lanes   {} environments a register\n", self.lanes);
        out += &self.products.human();
        let cuda = if cfg!(feature = "cuda") {
            "built in"
        } else {
            "not built in (cargo build --features cuda)"
        };
        let driver = match &self.findings.cuda_driver {
            Some(path) => path.display().to_string(),
            None => "no driver library".into(),
        };
        out += &format!("CUDA        {cuda}; {driver}\n\n");
        if self.adapters.is_empty() {
            out += "adapters    none: --device auto simulates on the CPU lanes\n";
        } else {
            let mib = |bytes: u64| format!("{}", bytes >> 20);
            let rows: Vec<Vec<String>> = self
                .adapters
                .iter()
                .map(|a| {
                    vec![
                        a.name.clone(),
                        a.backend.clone(),
                        a.kind.clone(),
                        mib(a.max_buffer_bytes),
                        mib(a.max_binding_bytes),
                        a.workgroup_invocations.to_string(),
                        a.workgroups.to_string(),
                    ]
                })
                .collect();
            let head = [
                "adapter",
                "backend",
                "kind",
                "buffer MiB",
                "binding MiB",
                "group",
                "groups",
            ];
            out += &table(&head, &rows);
            for adapter in &self.adapters {
                let features = adapter.features.join(", ");
                out += &format!("{}: driver {}; {features}\n", adapter.name, adapter.driver);
            }
            if self.adapters.iter().all(|a| a.kind == SOFTWARE) {
                out += "only a software renderer: --device auto simulates on the CPU lanes, which are faster\n";
            }
        }
        for Advice { problem, help } in &self.advice {
            out += &format!("\n! {problem}\n  {help}\n");
        }
        out
    }
}
