//! Planar articulated robots on CPU lanes: MuJoCo's dynamics for a tree of hinges in the x–z plane.
//!
//! One call advances one block of environments (1, 8 or 16: one a SIMD lane) by a whole env step;
//! blocks are independent. The stages follow one another as in `DYNAMICS.md`, a file
//! each: `kinematics` → `smooth` → `contact`, `roll`, `pair` → `solver` (with `inertia` and `line_search`) →
//! `integrate`. All are written once, over [`real::Real`].
//!
//! An environment's bits depend neither on its lane, nor on the other environments, nor on
//! threads, and float32 has the same bits on 1, 8 and 16 lanes: every lane type rounds alike.

#![expect(
    non_snake_case,
    reason = "what is computed bears MuJoCo's name: efc_D, efc_Jaref, qLD"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "loops run over several arrays by body or degree of freedom, as the formulas do"
)]

pub mod batch;
pub mod block;
mod contact;
mod inertia;
mod integrate;
mod kinematics;
pub mod lanes;
mod line_search;
mod pair;
pub mod probe;
pub mod profile;
pub mod real;
mod roll;
mod smooth;
mod solver;
pub mod tables;
pub mod topology;
pub mod touch;
mod vector;
mod work;

pub use batch::{Arithmetic, PlanarBatch, Precision, Visitor, Width};
pub use block::{LaneBlock, Lanes};
pub use integrate::RowSet;
pub use vector::PlanarVecEnv;
pub(super) use vector::build;
