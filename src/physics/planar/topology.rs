//! The shape of a robot: what all parameter rows of a batch share.

use crate::error::{Error, Result};
use crate::model::Model;

/// Most moving bodies of a robot.
pub const MAX_BODIES: usize = 16;
/// Most degrees of freedom.
pub const MAX_DOFS: usize = MAX_BODIES + 2;
/// Most end spheres of capsules.
pub const MAX_POINTS: usize = 48;
/// Most entries of the mass matrix's lower triangle: a chain of all degrees of freedom.
pub const MAX_ENTRIES: usize = MAX_DOFS * (MAX_DOFS + 1) / 2;

/// A tree of bodies. Degree of freedom `b + 2` is the hinge of body `b`; before them lie slide x
/// and slide z, so that the chain of ancestors of every hinge ends in root hinge, z, x.
///
/// Row `i` of the mass matrix's lower triangle holds the ancestors of `i` only, from slide x down
/// to `i` itself: entry `k` belongs to the ancestor of depth `k`. An ancestor's row is therefore as
/// long as its own depth + 1 and lines up with the beginning of every descendant's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// Moving bodies.
    pub nb: usize,
    /// Parent of each body (of the torso: itself, and never read).
    pub parent: [usize; MAX_BODIES],
    /// Number of ancestors of each degree of freedom.
    pub depth: [usize; MAX_DOFS],
    /// Nearest ancestor of each degree of freedom (of slide x: itself, and never read).
    pub above: [usize; MAX_DOFS],
    /// First entry of each row of the lower triangle.
    pub row: [usize; MAX_DOFS],
    /// Body of each end sphere.
    pub point_body: Vec<usize>,
    /// Degree of freedom of each motor.
    pub motor_dof: Vec<usize>,
    /// Degrees of freedom with a range.
    pub limited: Vec<usize>,
    /// Which of the model's contact points each end sphere is (they are sorted by body).
    pub point_order: Vec<usize>,
    /// +1 or −1 for each degree of freedom: inside the kernel every hinge turns about +y.
    pub sign: [f64; MAX_DOFS],
    /// Runge–Kutta instead of Euler.
    pub rk4: bool,
}

impl Topology {
    /// The shape of `model`.
    ///
    /// # Errors
    /// Where the kernel's limits are exceeded.
    pub fn new(model: &Model) -> Result<Self> {
        let too_many = |what: &str, n: usize, most: usize| {
            Error::input(
                &model.name,
                format!("{n} {what}, but the planar kernel takes at most {most}"),
                "simplify the robot, or raise the limit in physics/planar/topology.rs",
            )
        };
        let nb = model.nb();
        if nb > MAX_BODIES {
            return Err(too_many("moving bodies", nb, MAX_BODIES));
        }
        if model.points.len() > MAX_POINTS {
            return Err(too_many("contact points", model.points.len(), MAX_POINTS));
        }
        let mut parent = [0; MAX_BODIES];
        let mut above = [0; MAX_DOFS];
        let mut sign = [1.0; MAX_DOFS];
        for (b, body) in model.bodies.iter().enumerate() {
            let ordered = body.dof == b + 2
                && match body.parent {
                    None => b == 0,
                    Some(p) => p < b,
                };
            if !ordered {
                return Err(Error::input(
                    &model.name,
                    format!(
                        "body {:?} is not in depth-first order with one hinge a body",
                        body.name
                    ),
                    "give the torso slides x and z and a hinge, and each further body one hinge",
                ));
            }
            parent[b] = body.parent.unwrap_or(0);
            above[b + 2] = body.parent.map_or(1, |p| p + 2);
            sign[b + 2] = body.sign;
        }
        let (mut depth, mut row) = ([0; MAX_DOFS], [0; MAX_DOFS]);
        for i in 1..nb + 2 {
            depth[i] = depth[above[i]] + 1;
            row[i] = row[i - 1] + depth[i - 1] + 1;
        }
        let mut point_order: Vec<usize> = (0..model.points.len()).collect();
        point_order.sort_by_key(|&i| model.points[i].body);
        Ok(Self {
            nb,
            parent,
            depth,
            above,
            row,
            point_body: point_order.iter().map(|&i| model.points[i].body).collect(),
            motor_dof: model.actuators.iter().map(|a| a.dof).collect(),
            limited: (0..nb + 2)
                .filter(|&i| model.dofs[i].range.is_some())
                .collect(),
            point_order,
            sign,
            rk4: model.integrator == crate::model::Integrator::Rk4,
        })
    }

    /// Degrees of freedom.
    #[inline(always)]
    pub fn nv(&self) -> usize {
        // The kernel's arrays have MAX_DOFS elements; the minimum lets the compiler see it.
        (self.nb + 2).min(MAX_DOFS)
    }
}
