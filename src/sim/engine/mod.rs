//! The engines, a folder each, listed once: [`ENGINES`] says what each is called, where it runs and how
//! it is built. What chooses an engine, the help texts and the tests read that table.

pub mod planar;
pub mod rapier;
pub mod wgsl;

pub use planar::PlanarVecEnv;
pub use rapier::RapierVecEnv;
pub use wgsl::PlanarGpuEnv;

use crate::env::{EnvSpec, EpisodeControl};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use h2oplus_base::choices;
use std::sync::Arc;

type OnCpu = fn(EnvSpec) -> Result<Box<dyn EpisodeControl>>;
type OnGpu = fn(EnvSpec, &Arc<Gpu>) -> Result<Box<dyn EpisodeControl>>;

/// An engine, and how its vectors of environments are built.
pub struct EngineCard {
    /// Its name.
    pub physics: Physics,
    /// On the processor.
    cpu: OnCpu,
    /// On a GPU, where it has shaders.
    gpu: Option<OnGpu>,
}

/// Makes the names and the table of one list.
macro_rules! engines {
    ($($(#[doc = $help:literal])+ $engine:ident = $name:literal: $cpu:path, $gpu:expr;)*) => {
        choices! {
            /// What advances the state of the robots.
            pub enum Physics {
                $($(#[doc = $help])+ $engine = $name,)*
            }
        }

        /// Every engine.
        pub static ENGINES: &[EngineCard] = &[$(EngineCard {
            physics: Physics::$engine,
            cpu: $cpu,
            gpu: $gpu,
        },)*];
    };
}

engines! {
    /// Our kernel, which follows MuJoCo
    Planar = "planar": planar::build, Some(wgsl::build);
    /// Rapier, an engine with contacts of its own
    Rapier = "rapier": rapier::build, None;
}

choices! {
    /// Where robots are simulated.
    pub enum Device {
        /// The processor's lanes
        Cpu = "cpu",
        /// A GPU if there is one, else the processor
        Auto = "auto",
        /// The GPU, or whatever poses as one
        Gpu = "gpu",
    }
}

/// A [`Device`] at hand.
#[derive(Clone)]
pub enum Backend {
    /// The processor.
    Cpu,
    /// A GPU.
    Gpu(Arc<Gpu>),
}

impl EngineCard {
    /// Whether it has shaders.
    pub fn runs_on_gpu(&self) -> bool {
        self.gpu.is_some()
    }
}

impl Physics {
    /// Its line of the table.
    pub fn card(self) -> &'static EngineCard {
        let mut cards = ENGINES.iter();
        let card = cards.find(|card| card.physics == self);
        card.expect("the table has a line for every name")
    }
}

/// Refuses an engine that has no shaders a GPU.
fn only_cpu(physics: Physics) -> Error {
    Error::input(
        Gpu::PLACE,
        format!("the engine {physics} runs on the CPU alone"),
        "take the engine planar, or simulate on the CPU",
    )
}

/// Finds the device for `physics`; says which was taken and why.
///
/// # Errors
/// Where a GPU is asked for and there is none, or `physics` has no shaders.
pub fn choose(physics: Physics, device: Device) -> Result<(Backend, String)> {
    let cpu = |why: &str| Ok((Backend::Cpu, format!("simulation on the CPU: {why}")));
    let on = |gpu: Arc<Gpu>| {
        let note = format!("simulation on {}", gpu.label());
        Ok((Backend::Gpu(gpu), note))
    };
    match (device, physics.card().runs_on_gpu()) {
        (Device::Cpu, _) => cpu("as asked for"),
        (Device::Auto, false) => cpu(&format!("{physics} runs nowhere else")),
        (Device::Gpu, false) => Err(only_cpu(physics)),
        (Device::Gpu, true) => on(Gpu::shared()?),
        (Device::Auto, true) => match Gpu::shared() {
            Err(Error::Input { problem, .. }) => cpu(&problem),
            Err(error) => cpu(&error.to_string()),
            Ok(gpu) if gpu.is_software() => {
                let label = gpu.label();
                cpu(&format!("{label} is software, slower than the lanes"))
            }
            Ok(gpu) => on(gpu),
        },
    }
}

/// The environments of `spec` on `physics` at `place`, not yet [`reset`](crate::env::VecEnv::reset).
///
/// # Errors
/// Where the robots exceed the engine's limits, or it does not run there.
pub fn build(physics: Physics, place: &Backend, spec: EnvSpec) -> Result<Box<dyn EpisodeControl>> {
    let card = physics.card();
    match (place, card.gpu) {
        (Backend::Cpu, _) => (card.cpu)(spec),
        (Backend::Gpu(gpu), Some(build)) => build(spec, gpu),
        (Backend::Gpu(_), None) => Err(only_cpu(physics)),
    }
}
