//! Planar robots with *dynamics gaps*, thousands in parallel: on SIMD lanes of the CPU, in WGSL on any GPU, and in
//! Rapier as a second engine. Layers, each of which names only those below it:
//! [`measure`] → [`engine`] → [`mod@env`] → [`gpu`] and [`model`].
//!
//! A thousand half-cheetahs, each under a gravity of its own, stepped together:
//!
//! ```
//! use h2oplus_sim::engine::{Backend, Physics, build};
//! use h2oplus_sim::env::{Dynamics, EnvKey, EnvSpec, Task};
//!
//! # fn main() -> h2oplus_sim::error::Result<()> {
//! let task = Task::load("halfcheetah-v2")?;
//! let gaps = task.domain("gravity=0.5..2.0")?;
//! let dynamics = Dynamics::draw(&task, &gaps, 0, 1000)?;
//! let keys = EnvKey::population(&[0], 1000);
//! let spec = EnvSpec::new(&task, dynamics, keys);
//! let mut robots = build(Physics::Planar, &Backend::Cpu, spec)?;
//! assert_eq!(robots.reset()?.len(), 1000 * 17);
//!
//! let actions = vec![0.1; 1000 * robots.act_dim()];
//! for _ in 0..20 {
//!     let step = robots.step(&actions)?;
//!     assert!(step.reward.iter().all(|reward| reward.is_finite()));
//! }
//! let height: Vec<f32> = robots.qpos()?.chunks(9).map(|qpos| qpos[1]).collect();
//! assert_ne!(height[0], height[1], "other gravity, other fall");
//! # Ok(())
//! # }
//! ```

pub mod engine;
pub mod env;
pub mod gpu;
pub mod measure;
pub mod model;

pub use h2oplus_base::{error, rng, text};
