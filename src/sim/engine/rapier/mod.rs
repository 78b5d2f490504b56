//! Rapier worlds built from a [`Model`](crate::model::Model): the second, independent engine.
//!
//! One environment is one world: a fixed base, the robot as a reduced-coordinate multibody whose root
//! joint leaves x, z and the turn about y free, one capsule collider a geom, and a floor. Mass matrix,
//! Coriolis forces, contacts and joint limits are Rapier's; motors and springs are torques on the
//! bodies, armature and damping belong to the multibody.
//!
//! A state is positions and velocities alone: impulses of the step before, recycled contacts and sleep
//! are off, so that a restored state has the same future, bit for bit.

mod colliders;
mod flywheel;
mod robot;
mod scheme;
mod vector;
mod world;

pub use robot::Robot;
pub(super) use vector::build;
pub use vector::{RapierVecEnv, Worlds};
pub use world::{Scratch, World};
