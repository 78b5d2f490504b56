//! Networks of populations, updates recorded on a tape, the replay on the device.
//!
//! Everything lives in candle tensors, which [`launch`](crate::kernel::launch::launch) hands to kernels: no code outside a
//! kernel's CPU function assumes host memory, and an update makes no round trip to the host.
//!
//! **Floor of one H2O+ update** (256-256 networks, 17 observations, 6 actions, batch 128 + 128, classifiers
//! 256 + 256; `bench learn` counts it): 1.16 GFLOP of matrix products, of which the classifiers take 0.44, the
//! critics 0.57 and the policy and V 0.15; about 0.4 M parameters, over which Adam moves 12 MB. At 117 GFLOP/s a
//! core the products alone allow 200 updates/s on two cores.

pub mod device;
pub mod device_policy;
pub mod params;
pub mod policy;
pub mod replay;
pub mod spec;
pub mod tape;
pub mod workspace;

pub use device_policy::DevicePolicy;
pub use policy::{Act, Actor, BatchedPolicy, HostPolicy};
pub use replay::Replay;
