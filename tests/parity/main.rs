//! Kernels against references that do not share their code.

mod physics;
