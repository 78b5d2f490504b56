//! Kernels against references that do not share their code, and against themselves on other lanes.

mod envs;
mod lanes;
mod physics;
