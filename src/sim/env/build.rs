//! A vector of environments on the engine that was asked for.

use crate::env::{Dynamics, EnvKey, PlanarGpuEnv, PlanarVecEnv, RapierVecEnv, Task, VecEnv};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::physics::planar::Arithmetic;
use h2oplus_base::choices;
use std::sync::Arc;

choices! {
    /// What advances the state of the robots.
    pub enum Physics {
        /// Our kernel, which follows MuJoCo
        Planar = "planar",
        /// Rapier, an engine with contacts of its own
        Rapier = "rapier",
    }
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

/// Finds the device for `physics`; says which was taken and why.
///
/// # Errors
/// Where a GPU is asked for and there is none, or `physics` has no shaders.
pub fn choose(physics: Physics, device: Device) -> Result<(Backend, String)> {
    let cpu = |why: &str| Ok((Backend::Cpu, format!("simulation on the CPU: {why}")));
    match (device, physics) {
        (Device::Cpu, _) => cpu("as asked for"),
        (Device::Auto, Physics::Rapier) => cpu("Rapier runs nowhere else"),
        (Device::Gpu, Physics::Rapier) => Err(Error::input(
            "--device gpu",
            "Rapier runs on the CPU alone",
            "take `--physics planar`, or `--device cpu`",
        )),
        (Device::Gpu, Physics::Planar) => {
            let gpu = Gpu::shared()?;
            let note = format!("simulation on {}", gpu.label());
            Ok((Backend::Gpu(gpu), note))
        }
        (Device::Auto, Physics::Planar) => match Gpu::shared() {
            Err(Error::Input { problem, .. }) => cpu(&problem),
            Err(error) => cpu(&error.to_string()),
            Ok(gpu) if gpu.is_software() => cpu(&format!(
                "{} is software, slower than the lanes",
                gpu.label()
            )),
            Ok(gpu) => {
                let note = format!("simulation on {}", gpu.label());
                Ok((Backend::Gpu(gpu), note))
            }
        },
    }
}

/// One environment of `task` a key, with the rows of `dynamics`, on `physics` at `place`.
///
/// # Errors
/// Where the robots exceed the engine's limits.
pub fn build(
    physics: Physics,
    place: &Backend,
    task: &Task,
    dynamics: Dynamics,
    keys: Vec<EnvKey>,
) -> Result<Box<dyn VecEnv>> {
    Ok(match (physics, place) {
        (Physics::Planar, Backend::Gpu(gpu)) => {
            Box::new(PlanarGpuEnv::keyed(gpu, task, dynamics, keys)?)
        }
        (Physics::Planar, Backend::Cpu) => Box::new(PlanarVecEnv::with_dynamics(
            task,
            dynamics,
            keys,
            Arithmetic::default(),
        )?),
        (Physics::Rapier, _) => Box::new(RapierVecEnv::with_dynamics(task, dynamics, keys)?),
    })
}
