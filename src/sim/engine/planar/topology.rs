//! The shape of a robot: what all parameter rows of a batch share.

use crate::error::{Error, Result};
use crate::model::Model;

/// Most moving bodies of a robot.
pub const MAX_BODIES: usize = 16;
/// Most degrees of freedom.
pub const MAX_DOFS: usize = MAX_BODIES + 2;
/// Most end spheres of capsules, and spheres.
pub const MAX_POINTS: usize = 48;
/// Most capsules that may touch other limbs.
pub const MAX_CAPSULES: usize = 16;
/// Most pairs of capsules that may touch each other.
pub const MAX_PAIRS: usize = 32;
/// Most entries of the mass matrix's lower triangle: a chain of all degrees of freedom.
pub const MAX_ENTRIES: usize = MAX_DOFS * (MAX_DOFS + 1) / 2;

/// A hinge that a contact between two limbs turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lever {
    /// Its body.
    pub body: usize,
    /// It carries the pair's first capsule, not the second.
    pub first: bool,
}

/// Two capsules that may touch each other.
#[derive(Clone, Debug, PartialEq)]
pub struct LimbPair {
    /// Indices of the capsules.
    pub capsules: [usize; 2],
    /// The hinges below the two bodies' nearest common ancestor, by body.
    pub levers: Vec<Lever>,
}

/// A tree of bodies. Degree of freedom `b + 2` is the hinge of body `b`; before them lie slide x
/// and slide z, so that the chain of ancestors of every hinge ends in root hinge, z, x.
///
/// Row `i` of the mass matrix's lower triangle holds the ancestors of `i` only, from slide x down
/// to `i` itself: entry `k` belongs to the ancestor of depth `k`. An ancestor's row is therefore as
/// long as its own depth + 1 and lines up with the beginning of every descendant's row.
///
/// These ancestors are the bodies' own where no limbs of two branches may touch. Where they may, the
/// contact couples the branches, and the factor's tree hangs one below the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// Moving bodies.
    pub nb: usize,
    /// Parent of each body (of the torso: itself, and never read).
    pub parent: [usize; MAX_BODIES],
    /// Number of ancestors of each degree of freedom in the factor's tree.
    pub depth: [usize; MAX_DOFS],
    /// Nearest ancestor of each degree of freedom there (of slide x: itself, and never read).
    pub above: [usize; MAX_DOFS],
    /// First entry of each row of the lower triangle.
    pub row: [usize; MAX_DOFS],
    /// Body of each end sphere.
    pub point_body: Vec<usize>,
    /// Of each sphere whose contact has more than three dimensions: how many rows it has along the normal alone beside
    /// those of sliding and the two of rolling about y. 4 with condim 6 (spin, rolling about x); none with condim 4,
    /// whose two of spin are as those of rolling without friction.
    pub spare_normals: Vec<Option<f64>>,
    /// There is such a sphere.
    pub rolls: bool,
    /// The factor's tree is deeper than the bodies': some of its entries are 0 in the mass matrix.
    pub fill: bool,
    /// Body of each capsule that may touch another limb.
    pub capsule_body: Vec<usize>,
    /// Which of them may touch which.
    pub pairs: Vec<LimbPair>,
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
        if model.capsules.len() > MAX_CAPSULES || model.pairs.len() > MAX_PAIRS {
            let pairs = format!(
                "pairs of {} capsules that may touch each other",
                model.capsules.len()
            );
            return Err(Error::input(
                &model.name,
                format!(
                    "{} {pairs}, but the planar kernel takes at most {MAX_PAIRS} of {MAX_CAPSULES}",
                    model.pairs.len()
                ),
                "let fewer limbs touch each other: conaffinity=\"0\" on the limbs, conaffinity=\"1\" on the floor",
            ));
        }
        let mut parent = [0; MAX_BODIES];
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
            sign[b + 2] = body.sign;
        }
        let capsule_body: Vec<usize> = model.capsules.iter().map(|c| c.body).collect();
        let pair = |pair: &crate::model::Pair| LimbPair {
            capsules: pair.capsules,
            levers: levers(&parent, pair.capsules.map(|c| capsule_body[c])),
        };
        let pairs: Vec<LimbPair> = model.pairs.iter().map(pair).collect();
        let (above, fill) = factor_tree(nb, &parent, &pairs);
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
            fill,
            capsule_body,
            pairs,
            point_body: point_order.iter().map(|&i| model.points[i].body).collect(),
            spare_normals: (point_order.iter())
                .map(|&i| match model.points[i].condim {
                    4 => Some(0.0),
                    6 => Some(4.0),
                    _ => None,
                })
                .collect(),
            rolls: model.points.iter().any(|p| p.condim > 3),
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

/// The hinges between two bodies: those that move one of them alone.
fn levers(parent: &[usize; MAX_BODIES], [a, b]: [usize; 2]) -> Vec<Lever> {
    let carries = |body: usize| {
        let mut chain = vec![body];
        let mut n = body;
        while n > 0 {
            n = parent[n];
            chain.push(n);
        }
        chain
    };
    let (a, b) = (carries(a), carries(b));
    let alone = |chain: &[usize], other: &[usize], first| {
        let own = chain.iter().filter(|n| !other.contains(n));
        own.map(|&body| Lever { body, first }).collect::<Vec<_>>()
    };
    let mut levers = alone(&a, &b, true);
    levers.extend(alone(&b, &a, false));
    levers.sort_by_key(|l| l.body);
    levers
}

/// Nearest ancestors in the elimination tree of the Hessian, whose entries are those of the bodies'
/// tree and, for each pair, its hinges with each other; and whether it is more than the bodies' tree.
fn factor_tree(
    nb: usize,
    parent: &[usize; MAX_BODIES],
    pairs: &[LimbPair],
) -> ([usize; MAX_DOFS], bool) {
    // Of each row the columns before the diagonal, as bits.
    let mut columns = [0u32; MAX_DOFS];
    columns[1] = 0b1;
    columns[2] = 0b11;
    for b in 1..nb {
        let p = parent[b] + 2;
        columns[b + 2] = columns[p] | 1 << p;
    }
    let tree = columns;
    for pair in pairs {
        for (n, lever) in pair.levers.iter().enumerate() {
            for above in &pair.levers[..n] {
                columns[lever.body + 2] |= 1 << (above.body + 2);
            }
        }
    }
    let mut above = [0; MAX_DOFS];
    for r in (1..nb + 2).rev() {
        above[r] = columns[r].ilog2() as usize;
        // Eliminating r couples the rest of its row with the nearest ancestor.
        columns[above[r]] |= columns[r] & !(1 << above[r]);
    }
    (above, columns != tree)
}
