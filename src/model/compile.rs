//! [`Spec`] → [`Model`]: masses, anchor frames, contact points, inverse weights.

use super::spec::{CapsuleMass, Geom, JointKind, Shape, Spec};
use super::{Actuator, Body, ContactPoint, Dof, Model, Softness, invweight};
use crate::error::{Error, Result};
use std::f64::consts::PI;

type V2 = [f64; 2];

/// Rotation by `angle` about +y, which tips +z towards +x.
fn rotate(angle: f64, [x, z]: V2) -> V2 {
    let (sin, cos) = angle.sin_cos();
    [cos * x + sin * z, cos * z - sin * x]
}

fn xz(v: [f64; 3]) -> V2 {
    [v[0], v[2]]
}

/// A capsule in the frame of its body's anchor, at the reference pose.
struct Capsule<'a> {
    geom: &'a Geom,
    body: usize,
    centre: V2,
    axis: V2,
    radius: f64,
    half: f64,
    mass: f64,
    inertia: f64,
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
            let ms = 4.0 / 3.0 * PI * r * r * r;
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
        self.check_numbers()?;
        let nb = self.bodies.len();
        let hinge = |b: usize| &self.joints[dofs[b + 2]];

        // All bodies are turned to a common frame at the reference pose, so that every angle there is zero.
        let mut angle = vec![0.0; nb];
        let mut bodies: Vec<Body> = Vec::with_capacity(nb);
        for (b, body) in self.bodies.iter().enumerate() {
            let anchor = xz(hinge(b).pos);
            let above = body.parent.map_or(0.0, |p| angle[p]);
            angle[b] = above + body.angle;
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

        let (points, contact) = self.contacts(&bodies, &capsules)?;
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
            contact,
            limit: self.limit_softness()?,
            bodies,
            dofs,
        })
    }

    /// Joint of every degree of freedom; checks the tree's contract.
    fn dof_order(&self) -> Result<Vec<usize>> {
        let contract = "a planar robot is one tree: its root body has the joints slide x (axis 1 0 0), slide z (axis 0 0 1), hinge y (axis 0 1 0) in this order, \
                        and every further body has one hinge about +y or -y";
        let Some(root) = self.bodies.first() else {
            return Err(Error::input(&self.source, "there is no body", contract));
        };
        let mut order = Vec::new();
        for (b, body) in self.bodies.iter().enumerate() {
            let wrong =
                |line: u32, problem: String| Err(Error::input(self.place(line), problem, contract));
            if b > 0 && body.parent.is_none() {
                return wrong(
                    body.line,
                    format!(
                        "body `{}` is a second root beside `{}`",
                        body.name, root.name
                    ),
                );
            }
            let own: Vec<usize> = (0..self.joints.len())
                .filter(|&j| self.joints[j].body == b)
                .collect();
            let expected: &[(JointKind, &str)] = if b == 0 {
                &[
                    (JointKind::Slide, "x"),
                    (JointKind::Slide, "z"),
                    (JointKind::Hinge, "y"),
                ]
            } else {
                &[(JointKind::Hinge, "y")]
            };
            if own.len() != expected.len() {
                return wrong(
                    body.line,
                    format!(
                        "body `{}` has {} joints, not {}",
                        body.name,
                        own.len(),
                        expected.len()
                    ),
                );
            }
            for (&j, &(kind, along)) in own.iter().zip(expected) {
                let joint = &self.joints[j];
                let [x, y, z] = joint.axis;
                let [wx, wz] = rotate(if b == 0 { body.angle } else { 0.0 }, [x, z]);
                let length = (x * x + y * y + z * z).sqrt();
                let off = 1e-12 * length;
                let fits = joint.kind == kind
                    && length > 0.0
                    && match along {
                        "x" => wx > 0.0 && wz.abs() <= off && y == 0.0,
                        "z" => wz > 0.0 && wx.abs() <= off && y == 0.0,
                        _ => x == 0.0 && z == 0.0,
                    };
                if !fits {
                    return wrong(
                        joint.line,
                        format!(
                            "joint `{}` of body `{}` is not a {} along {along}",
                            joint.name,
                            body.name,
                            if kind == JointKind::Slide {
                                "slide"
                            } else {
                                "hinge"
                            }
                        ),
                    );
                }
                if kind == JointKind::Hinge && joint.reference != 0.0 {
                    return Err(Error::input(
                        self.place(joint.line),
                        format!("hinge `{}` has ref {}", joint.name, joint.reference),
                        "draw the robot at the pose where its hinges read 0, and leave `ref` out",
                    ));
                }
            }
            order.extend(own);
        }
        Ok(order)
    }

    /// Values that are wrong whatever the topology; edits come through here too.
    fn check_numbers(&self) -> Result<()> {
        let bad = |line: u32, problem: String, mend: &str| {
            Err(Error::input(self.place(line), problem, mend))
        };
        if !(self.option.timestep > 0.0) {
            return bad(
                self.option.line,
                format!("timestep is {}", self.option.timestep),
                "give a step above 0 s",
            );
        }
        if self.option.gravity[0] != 0.0 || self.option.gravity[1] != 0.0 {
            return bad(
                self.option.line,
                format!("gravity is {:?}", self.option.gravity),
                "gravity along z alone is supported: gravity=\"0 0 -9.81\"",
            );
        }
        if self.compiler.settotalmass.is_some_and(|m| !(m > 0.0)) {
            return bad(
                1,
                format!("settotalmass is {:?}", self.compiler.settotalmass),
                "give a total mass above 0 kg, or leave it out",
            );
        }
        for joint in &self.joints {
            if let Some([lo, hi]) = joint.range
                && !(lo < hi)
            {
                return bad(
                    joint.line,
                    format!("range of joint `{}` is {lo} {hi}", joint.name),
                    "the first limit must lie below the second",
                );
            }
            for (what, value) in [
                ("armature", joint.armature),
                ("damping", joint.damping),
                ("stiffness", joint.stiffness),
            ] {
                if !(value >= 0.0) {
                    return bad(
                        joint.line,
                        format!("{what} of joint `{}` is {value}", joint.name),
                        "give a value of 0 or more",
                    );
                }
            }
        }
        for geom in self.geoms.iter().filter(|g| g.shape == Shape::Capsule) {
            let (_, _, half) = geom.segment();
            if !(geom.radius() > 0.0) || !(half > 0.0) {
                return bad(
                    geom.line,
                    format!(
                        "capsule `{}` has radius {} and half-length {half}",
                        geom.name,
                        geom.radius()
                    ),
                    "both must be above 0: size=\"radius half-length\", or fromto=\"x 0 z x 0 z\" and size=\"radius\"",
                );
            }
            if geom.mass.is_some_and(|m| !(m >= 0.0)) || !(geom.density >= 0.0) {
                return bad(
                    geom.line,
                    format!("geom `{}` has a negative mass or density", geom.name),
                    "give 0 or more",
                );
            }
        }
        for geom in &self.geoms {
            if !(geom.friction[0] >= 0.0) {
                return bad(
                    geom.line,
                    format!("friction of geom `{}` is {}", geom.name, geom.friction[0]),
                    "give a coefficient of 0 or more",
                );
            }
        }
        for motor in &self.motors {
            let [lo, hi] = motor.ctrlrange;
            if !(lo < hi) {
                return bad(
                    motor.line,
                    format!("ctrlrange of motor `{}` is {lo} {hi}", motor.name),
                    "the first bound must lie below the second",
                );
            }
        }
        Ok(())
    }

    fn capsules(&self, angle: &[f64], anchor: impl Fn(usize) -> V2) -> Vec<Capsule<'_>> {
        self.geoms
            .iter()
            .filter(|g| g.shape == Shape::Capsule)
            .filter_map(|geom| {
                let body = geom.body?;
                let (centre, axis, half) = geom.segment();
                let from = anchor(body);
                let radius = geom.radius();
                let (unit_mass, unit_inertia) =
                    unit_capsule(self.compiler.capsule_mass, radius, half);
                let density = geom.mass.map_or(geom.density, |m| m / unit_mass);
                Some(Capsule {
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
    fn weigh(&self, bodies: &mut [Body], capsules: &[Capsule]) -> Result<()> {
        for (b, body) in bodies.iter_mut().enumerate() {
            let own = || capsules.iter().filter(|c| c.body == b);
            let mass: f64 = own().map(|c| c.mass).sum();
            if !(mass > 0.0) {
                return Err(Error::input(
                    self.place(self.bodies[b].line),
                    format!("body `{}` has no mass", body.name),
                    "give it a capsule geom with a density or mass above 0",
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

    /// Contact points with the floor and their common softness.
    fn contacts(
        &self,
        bodies: &[Body],
        capsules: &[Capsule],
    ) -> Result<(Vec<ContactPoint>, Softness)> {
        self.refuse_limb_pairs(bodies, capsules)?;
        let floor = self.geoms.iter().find(|g| g.shape == Shape::Plane);
        let mut points = Vec::new();
        let mut common: Option<(&Geom, Softness)> = None;
        for capsule in capsules {
            let geom = capsule.geom;
            let Some(floor) = floor.filter(|f| collide(f, geom)) else {
                continue;
            };
            let condim = floor.condim.max(geom.condim);
            if condim != 3 {
                return Err(Error::input(
                    self.place(geom.line),
                    format!(
                        "contact of geom `{}` with the floor has condim {condim}",
                        geom.name
                    ),
                    "condim 3 is supported",
                ));
            }
            let mean = |i: usize| 0.5 * (floor.solimp[i] + geom.solimp[i]);
            let softness = self.softness(
                geom.line,
                [0, 1].map(|i| 0.5 * (floor.solref[i] + geom.solref[i])),
                [0, 1, 2, 3, 4].map(mean),
                floor.margin + geom.margin,
            )?;
            match common {
                None => common = Some((geom, softness)),
                Some((first, other)) if other != softness => {
                    return Err(Error::input(
                        self.place(geom.line),
                        format!(
                            "floor contacts of geoms `{}` and `{}` differ in solref, solimp or margin",
                            first.name, geom.name
                        ),
                        "one softness for all floor contacts is supported: give all geoms the same, say in <default>",
                    ));
                }
                Some(_) => {}
            }
            // MuJoCo's lower bound of a friction coefficient.
            let friction = floor.friction[0].max(geom.friction[0]).max(1e-5);
            let mu2 = friction * friction;
            for end in [1.0, -1.0] {
                points.push(ContactPoint {
                    geom: geom.name.clone(),
                    body: capsule.body,
                    offset: [0, 1]
                        .map(|k| capsule.centre[k] + end * capsule.half * capsule.axis[k]),
                    radius: capsule.radius,
                    friction,
                    row_scale: 2.0 * mu2 * (1.0 + mu2) * bodies[capsule.body].invweight,
                });
            }
        }
        let softness = match common {
            Some((_, softness)) => softness,
            None => self.softness(1, DEFAULT_SOLREF, DEFAULT_SOLIMP, 0.0)?,
        };
        Ok((points, softness))
    }

    /// Contacts between limbs are not built: their pairs are found and refused.
    fn refuse_limb_pairs(&self, bodies: &[Body], capsules: &[Capsule]) -> Result<()> {
        for (i, a) in capsules.iter().enumerate() {
            for b in &capsules[i + 1..] {
                let related = a.body == b.body
                    || bodies[a.body].parent == Some(b.body)
                    || bodies[b.body].parent == Some(a.body);
                if !related && collide(a.geom, b.geom) {
                    return Err(Error::input(
                        self.place(b.geom.line),
                        format!(
                            "geoms `{}` and `{}` would touch each other",
                            a.geom.name, b.geom.name
                        ),
                        "only contacts with the floor are supported yet: give the limbs conaffinity=\"0\" and the floor conaffinity=\"1\"",
                    ));
                }
            }
        }
        Ok(())
    }

    fn limit_softness(&self) -> Result<Softness> {
        let mut common = None;
        for joint in self.joints.iter().filter(|j| j.range.is_some()) {
            let softness = self.softness(joint.line, joint.solreflimit, joint.solimplimit, 0.0)?;
            match common {
                None => common = Some((joint, softness)),
                Some((first, other)) if other != softness => {
                    return Err(Error::input(
                        self.place(joint.line),
                        format!(
                            "limits of joints `{}` and `{}` differ in solreflimit or solimplimit",
                            first.name, joint.name
                        ),
                        "one softness for all joint limits is supported: give all joints the same, say in <default>",
                    ));
                }
                Some(_) => {}
            }
        }
        match common {
            Some((_, softness)) => Ok(softness),
            None => self.softness(1, DEFAULT_SOLREF, DEFAULT_SOLIMP, 0.0),
        }
    }

    /// MuJoCo's clipping and the reference constants.
    fn softness(&self, line: u32, [tc, dr]: V2, solimp: [f64; 5], margin: f64) -> Result<Softness> {
        if !(tc > 0.0 && dr > 0.0) {
            return Err(Error::input(
                self.place(line),
                format!("solref {tc} {dr} is not a time constant and a damping ratio"),
                "two positive numbers are supported, solref=\"0.02 1\"; MuJoCo's negative (direct) form is not",
            ));
        }
        let clip = |x: f64| x.clamp(1e-4, 0.9999);
        let [dmin, dmax, width, mid, power] = solimp;
        let (dmin, dmax, mid) = (clip(dmin), clip(dmax), clip(mid));
        let tc = tc.max(2.0 * self.option.timestep);
        Ok(Softness {
            solimp: [dmin, dmax, width.max(0.0), mid, power.max(1.0)],
            stiffness: 1.0 / (dmax * dmax * tc * tc * dr * dr),
            damping: 2.0 / (dmax * tc),
            margin,
        })
    }
}

/// MuJoCo's default solref.
pub(super) const DEFAULT_SOLREF: [f64; 2] = [0.02, 1.0];
/// MuJoCo's default solimp.
pub(super) const DEFAULT_SOLIMP: [f64; 5] = [0.9, 0.95, 0.001, 0.5, 2.0];

fn collide(a: &Geom, b: &Geom) -> bool {
    a.contype & b.conaffinity != 0 || b.contype & a.conaffinity != 0
}
