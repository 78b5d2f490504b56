//! Status bits of an environment after a step, the same for every engine.

/// A position or velocity is not a number, or beyond 1e10.
pub const BROKEN: u32 = 1;
/// The solver stopped before its active set settled (the result is close all the same).
pub const UNCONVERGED: u32 = 2;

/// MuJoCo's `mjMAXVAL`: a state beyond it counts as broken.
pub const LARGEST: f64 = 1e10;
