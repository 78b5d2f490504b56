//! Train policies across *dynamics gaps*: planar robot physics in SIMD lanes over environments,
//! and the H2O+ learner in batched kernels.
//!
//! Two towers that know nothing of each other, [simulation](h2oplus_sim) and [learning](h2oplus_learn), stand on
//! [one floor](h2oplus_base); [`run`] joins them and [`cli`] speaks to the user.
//!
//! The two towers together: IQL learns from recorded steps and is evaluated on the robot.
//!
//! ```
//! use candle_core::Device;
//! use h2oplus::engine::{PlanarVecEnv, planar::Precision};
//! use h2oplus::env::{EnvSpec, Task};
//! use h2oplus::net::{Act, Replay};
//! use h2oplus::run::{data::behaviour::random_data, train::evaluate::evaluate};
//!
//! # fn main() -> h2oplus::error::Result<()> {
//! let task = Task::load("hopper-v5")?;
//! let (obs, act) = (task.obs_dim(), task.act_dim());
//! let data = random_data(&task, &task.domain("none")?, 1000, 0)?;
//! let real = Replay::from_datasets(&[data], 0.into(), &Device::Cpu)?;
//! let unused = Replay::new(1, 1, obs, act, &Device::Cpu)?;
//!
//! let settings = toml::toml! { hidden = [32, 32] };
//! let mut agent = h2oplus::method::build("iql", &settings, obs, act, &[0], &Device::Cpu)?;
//! agent.update(200, &real, &unused)?;
//!
//! let policy = agent.policy(0)?;
//! let mut robots = PlanarVecEnv::new(EnvSpec::of_gaps(&task, &[], 8, 1)?, Precision::F32)?;
//! let mut act = |obs: &[f32], noise: Option<&[f32]>| Ok(policy.act(obs, noise));
//! let episodes = evaluate(&mut robots, &mut act, None)?;
//! assert!(episodes.mean().is_finite());
//! # Ok(())
//! # }
//! ```

pub mod cli;
pub mod run;

pub use h2oplus_base::{error, log, policy, range, rng, setting, text};
pub use h2oplus_learn::{data, kernel, method, net};
pub use h2oplus_sim::{engine, env, gpu, measure, model};
