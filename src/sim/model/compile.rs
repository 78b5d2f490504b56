//! [`Spec`] → [`Model`]: masses, anchor frames, contact points, inverse weights.

use super::spec::{CapsuleMass, Geom, Shape, Spec};
use super::{Actuator, Body, Capsule, Dof, Model, invweight};
use crate::error::{Error, Result};
use std::f64::consts::PI;

pub(super) type V2 = [f64; 2];

/// Rotation by `angle` about +y, which tips +z towards +x.
pub(super) fn rotate(angle: f64, [x, z]: V2) -> V2 {
    let (sin, cos) = angle.sin_cos();
    [cos * x + sin * z, cos * z - sin * x]
}

pub(super) fn xz(v: [f64; 3]) -> V2 {
    [v[0], v[2]]
}

/// A capsule or sphere in the frame of its body's anchor, at the reference pose.
pub(super) struct Solid<'a> {
    pub geom: &'a Geom,
    pub body: usize,
    pub centre: V2,
    pub axis: V2,
    pub radius: f64,
    pub half: f64,
    pub mass: f64,
    pub inertia: f64,
}

impl Solid<'_> {
    /// Its shape alone.
    pub fn capsule(&self) -> Capsule {
        Capsule {
            geom: self.geom.name.clone(),
            body: self.body,
            centre: self.centre,
            half_axis: self.axis.map(|u| u * self.half),
            radius: self.radius,
        }
    }
}

/// Mass and inertia about y through the centre of a ball of density 1.
fn unit_sphere(r: f64) -> (f64, f64) {
    let mass = 4.0 / 3.0 * PI * r * r * r;
    (mass, 0.4 * mass * r * r)
}

/// Mass and transverse inertia about the centre of a capsule of density 1.
fn unit_capsule(rule: CapsuleMass, r: f64, half: f64) -> (f64, f64) {
    let cylinder = |length: f64| {
        let mass = PI * r * r * length;
        (mass, mass * (3.0 * r * r + length * length) / 12.0)
    };
    match rule {
        CapsuleMass::Legacy => cylinder(2.0 * half + r),
        CapsuleMass::Exact => {
            let length = 2.0 * half;
            let (mc, ic) = cylinder(length);
            let (ms, _) = unit_sphere(r);
            (
                mc + ms,
                ic + ms * (0.4 * r * r + 0.25 * length * length + 0.375 * length * r),
            )
        }
    }
}

impl Spec {
    /// Compiles the tables that the dynamics need.
    ///
    /// # Errors
    /// When the robot is not a planar tree whose root moves by slide x, slide z, hinge y and every other body by one
    /// hinge, or when a number makes no sense (a radius of 0, a limit upside down), naming the element's line.
    pub fn compile(&self) -> Result<Model> {
        let dofs = self.dof_order()?;
        self.check()?;
        let nb = self.bodies.len();
        let hinge = |b: usize| &self.joints[dofs[b + 2]];

        // All bodies are turned to a common frame at the reference pose, so that every angle there is zero.
        let angle = self.angles();
        let mut bodies: Vec<Body> = Vec::with_capacity(nb);
        for (b, body) in self.bodies.iter().enumerate() {
            let anchor = xz(hinge(b).pos);
            let above = body.parent.map_or(0.0, |p| angle[p]);
            let offset = match body.parent {
                None => [0.0; 2],
                Some(p) => {
                    let (pos, from) = (xz(body.pos), xz(hinge(p).pos));
                    let frame = rotate(above, [pos[0] - from[0], pos[1] - from[1]]);
                    let own = rotate(angle[b], anchor);
                    [frame[0] + own[0], frame[1] + own[1]]
                }
            };
            bodies.push(Body {
                name: body.name.clone(),
                parent: body.parent,
                dof: b + 2,
                sign: hinge(b).axis[1].signum(),
                offset,
                com: [0.0; 2],
                mass: 0.0,
                inertia: 0.0,
                invweight: 0.0,
            });
        }

        let capsules = self.capsules(&angle, |b| xz(hinge(b).pos));
        self.weigh(&mut bodies, &capsules)?;
        let mut dofs: Vec<Dof> = dofs
            .iter()
            .map(|&j| {
                let joint = &self.joints[j];
                Dof {
                    name: joint.name.clone(),
                    armature: joint.armature,
                    damping: joint.damping,
                    stiffness: joint.stiffness,
                    springref: joint.springref,
                    range: joint.range,
                    invweight: 0.0,
                    qpos0: joint.reference,
                }
            })
            .collect();
        let armature: Vec<f64> = dofs.iter().map(|d| d.armature).collect();
        let weights = invweight::inverse_weights(&bodies, &armature).ok_or_else(|| {
            Error::input(
                &self.source,
                "the mass matrix is singular at the reference pose",
                "give every moving body mass",
            )
        })?;
        for (dof, w) in dofs.iter_mut().zip(weights.dofs) {
            dof.invweight = w;
        }
        for (body, w) in bodies.iter_mut().zip(weights.bodies) {
            body.invweight = w;
        }

        let (points, contact) = self.floor_contacts(&bodies, &capsules)?;
        let limbs = self.limb_contacts(&bodies, &capsules)?;
        let root = rotate(angle[0], xz(hinge(0).pos));
        Ok(Model {
            name: self.name.clone(),
            timestep: self.option.timestep,
            integrator: self.option.integrator,
            // `0 -` rather than a negation: no gravity is +0, not -0.
            gravity: 0.0 - self.option.gravity[2],
            z0: self.bodies[0].pos[2] - dofs[1].qpos0 + root[1],
            actuators: self.actuators(),
            points,
            capsules: limbs.capsules,
            pairs: limbs.pairs,
            contact,
            pair: limbs.softness,
            limit: self.limit_softness()?,
            bodies,
            dofs,
        })
    }

    /// Every capsule and sphere (a capsule without length), in the order of the file: what a drawing of the robot shows.
    ///
    /// # Errors
    /// Where the robot is not a planar tree, as [`compile`](Self::compile).
    pub fn limbs(&self) -> Result<Vec<Capsule>> {
        let dofs = self.dof_order()?;
        let anchor = |b: usize| xz(self.joints[dofs[b + 2]].pos);
        let solids = self.capsules(&self.angles(), anchor);
        Ok(solids.iter().map(Solid::capsule).collect())
    }

    /// How far each body is turned at the reference pose, rad.
    fn angles(&self) -> Vec<f64> {
        let mut angles: Vec<f64> = Vec::with_capacity(self.bodies.len());
        for body in &self.bodies {
            let above = body.parent.map_or(0.0, |p| angles[p]);
            angles.push(above + body.angle);
        }
        angles
    }

    fn capsules(&self, angle: &[f64], anchor: impl Fn(usize) -> V2) -> Vec<Solid<'_>> {
        self.geoms
            .iter()
            .filter(|g| g.shape != Shape::Plane)
            .filter_map(|geom| {
                let body = geom.body?;
                let (centre, axis, half) = geom.segment();
                let from = anchor(body);
                let radius = geom.radius();
                let (unit_mass, unit_inertia) = match geom.shape {
                    Shape::Sphere => unit_sphere(radius),
                    _ => unit_capsule(self.compiler.capsule_mass, radius, half),
                };
                let density = geom.mass.map_or(geom.density, |m| m / unit_mass);
                Some(Solid {
                    geom,
                    body,
                    centre: rotate(angle[body], [centre[0] - from[0], centre[1] - from[1]]),
                    axis: rotate(angle[body], axis),
                    radius,
                    half,
                    mass: density * unit_mass,
                    inertia: density * unit_inertia,
                })
            })
            .collect()
    }

    /// Mass, centre of mass and inertia of every body.
    fn weigh(&self, bodies: &mut [Body], capsules: &[Solid]) -> Result<()> {
        for (b, body) in bodies.iter_mut().enumerate() {
            let own = || capsules.iter().filter(|c| c.body == b);
            let mass: f64 = own().map(|c| c.mass).sum();
            if mass <= 0.0 {
                return Err(Error::input(
                    self.place(self.bodies[b].line),
                    format!("body `{}` has no mass", body.name),
                    "give it a capsule or sphere with a density or mass above 0",
                ));
            }
            let com = [0, 1].map(|k| own().map(|c| c.mass * c.centre[k]).sum::<f64>() / mass);
            body.inertia = own()
                .map(|c| {
                    let (dx, dz) = (c.centre[0] - com[0], c.centre[1] - com[1]);
                    c.inertia + c.mass * (dx * dx + dz * dz)
                })
                .sum();
            (body.mass, body.com) = (mass, com);
        }
        if let Some(total) = self.compiler.settotalmass {
            let scale = total / bodies.iter().map(|b| b.mass).sum::<f64>();
            for body in bodies {
                body.mass *= scale;
                body.inertia *= scale;
            }
        }
        Ok(())
    }

    fn actuators(&self) -> Vec<Actuator> {
        let dof = |joint: usize| match self.joints[joint].body {
            // The root's three joints come first; every other body has one.
            0 => joint,
            b => b + 2,
        };
        self.motors
            .iter()
            .map(|m| Actuator {
                name: m.name.clone(),
                dof: dof(m.joint),
                gear: m.gear,
                ctrlrange: m.ctrlrange,
            })
            .collect()
    }
}
