//! MJCF text → [`Spec`] (editable) → [`Model`] (compiled tables), and gaps as typed edits.

mod check;
mod compile;
mod contact;
pub mod diff;
pub mod gap;
mod invweight;
mod mjcf;
pub mod pose;
pub mod spec;

pub use gap::{Channel, Gap, GapSet, GapTable};
pub use spec::{CapsuleMass, MarginRule, Spec};

use crate::error::{Error, Result};

/// Reads a TOML document; an error names file, line and key.
pub(crate) fn toml_input<T: serde::de::DeserializeOwned>(source: &str, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|e| {
        let place = match e.span() {
            Some(span) => format!(
                "{source}:{}",
                text[..span.start.min(text.len())].matches('\n').count() + 1
            ),
            None => source.to_owned(),
        };
        Error::input(
            place,
            e.message(),
            "compare with the files in envs/; every key is described there",
        )
    })
}

/// Time integrator of a physics step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrator {
    /// Semi-implicit Euler with implicit joint damping.
    Euler,
    /// Classic fourth-order Runge–Kutta, damping explicit.
    Rk4,
}

/// A moving body, re-expressed with its origin at its own hinge anchor.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Name in the MJCF.
    pub name: String,
    /// Parent body; `None` for the torso, which is body 0. Parents come before children.
    pub parent: Option<usize>,
    /// Degree of freedom of the body's hinge (2 for the torso).
    pub dof: usize,
    /// +1 for a hinge about +y, −1 about −y.
    pub sign: f64,
    /// Parent's anchor → own anchor, in the parent's frame, m (x, z).
    pub offset: [f64; 2],
    /// Own anchor → centre of mass, m (x, z).
    pub com: [f64; 2],
    /// kg.
    pub mass: f64,
    /// About the centre of mass and +y, kg m².
    pub inertia: f64,
    /// MuJoCo's `body_invweight0[b][0]`, 1/kg.
    pub invweight: f64,
}

/// A degree of freedom: 0 slide x, 1 slide z, 2 root hinge, then the other hinges.
#[derive(Clone, Debug, PartialEq)]
pub struct Dof {
    /// Joint name in the MJCF.
    pub name: String,
    /// Added to the diagonal of the mass matrix, kg m² (kg for slides).
    pub armature: f64,
    /// N m s/rad (N s/m).
    pub damping: f64,
    /// N m/rad (N/m).
    pub stiffness: f64,
    /// Rest position of the spring, rad (m).
    pub springref: f64,
    /// Joint limits, rad (m).
    pub range: Option<[f64; 2]>,
    /// MuJoCo's `dof_invweight0`.
    pub invweight: f64,
    /// MuJoCo's `qpos0`: the joint's `ref`.
    pub qpos0: f64,
}

/// A motor on one degree of freedom.
#[derive(Clone, Debug, PartialEq)]
pub struct Actuator {
    /// Name in the MJCF, or of its joint.
    pub name: String,
    /// Index of the degree of freedom.
    pub dof: usize,
    /// Torque per unit of control, N m.
    pub gear: f64,
    /// Controls are clamped to this range.
    pub ctrlrange: [f64; 2],
}

/// A sphere that may touch the floor: an end of a capsule, or a sphere of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct ContactPoint {
    /// Geom name in the MJCF.
    pub geom: String,
    /// Body that carries it.
    pub body: usize,
    /// Own anchor → sphere centre, m (x, z).
    pub offset: [f64; 2],
    /// m.
    pub radius: f64,
    /// Sliding friction after combination with the floor.
    pub friction: f64,
    /// Rolling friction after combination with the floor, m; 0 without condim 6.
    pub rolling: f64,
    /// MuJoCo's condim of the contact: 3, 4 or 6.
    pub condim: u32,
    /// Row scale `rk` = 2 μ² (1 + μ²) `invweight`.
    pub row_scale: f64,
}

/// A capsule of a limb, or a sphere: one whose half-axis is 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Capsule {
    /// Geom name in the MJCF.
    pub geom: String,
    /// Body that carries it.
    pub body: usize,
    /// Own anchor → middle of the centre line, m (x, z).
    pub centre: [f64; 2],
    /// Middle → end of the centre line, m (x, z).
    pub half_axis: [f64; 2],
    /// m.
    pub radius: f64,
}

/// Two capsules that may touch each other, without friction (condim 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Indices in [`Model::capsules`]; the contact's normal points from the first to the second.
    pub capsules: [usize; 2],
    /// Row scale `rk`: the sum of the two bodies' `invweight`.
    pub row_scale: f64,
}

/// Impedance and reference of a kind of constraint row, after MuJoCo's clipping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softness {
    /// dmin, dmax, width (m or rad), midpoint, power.
    pub solimp: [f64; 5],
    /// K = 1 / (dmax² tc² dr²), 1/s².
    pub stiffness: f64,
    /// B = 2 / (dmax tc), 1/s.
    pub damping: f64,
    /// Distance at which the row appears, m or rad.
    pub margin: f64,
}

/// A compiled robot: every number that the dynamics need, float64, SI units.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Name in the MJCF.
    pub name: String,
    /// Physics step, s.
    pub timestep: f64,
    /// How a physics step is taken.
    pub integrator: Integrator,
    /// Downward acceleration, m/s² (positive).
    pub gravity: f64,
    /// Height of the root anchor at `qpos[1]` = 0, m.
    pub z0: f64,
    /// Moving bodies, parents first; `[nb]`.
    pub bodies: Vec<Body>,
    /// `[nv]`, nv = nb + 2.
    pub dofs: Vec<Dof>,
    /// `[nu]`.
    pub actuators: Vec<Actuator>,
    /// `[np]`, two per capsule and one per sphere, in geom order.
    pub points: Vec<ContactPoint>,
    /// Capsules of limbs that may touch each other.
    pub capsules: Vec<Capsule>,
    /// Which of them: in the order of their geoms.
    pub pairs: Vec<Pair>,
    /// Floor contacts.
    pub contact: Softness,
    /// Contacts between limbs.
    pub pair: Softness,
    /// Joint limits.
    pub limit: Softness,
}

impl Model {
    /// Number of moving bodies.
    pub fn nb(&self) -> usize {
        self.bodies.len()
    }
    /// Number of degrees of freedom.
    pub fn nv(&self) -> usize {
        self.dofs.len()
    }
    /// Number of actuators.
    pub fn nu(&self) -> usize {
        self.actuators.len()
    }
}
