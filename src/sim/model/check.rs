//! What a description must keep, whether it comes from a file or from an edit.

use super::compile::{rotate, xz};
use super::spec::{Geom, Joint, JointKind, Shape, Spec};
use crate::error::{Error, Result};

/// The tree's contract.
const CONTRACT: &str = "a planar robot is one tree: its root body has the joints slide x (axis 1 0 0), slide z (axis 0 0 1), hinge y (axis 0 1 0) \
                        in this order, and every further body has one hinge about +y or -y";

impl Spec {
    /// Joint of every degree of freedom; checks the tree's contract.
    pub(super) fn dof_order(&self) -> Result<Vec<usize>> {
        let Some(root) = self.bodies.first() else {
            return Err(Error::input(&self.source, "there is no body", CONTRACT));
        };
        let mut order = Vec::new();
        for (b, body) in self.bodies.iter().enumerate() {
            let wrong =
                |line: u32, problem: String| Err(Error::input(self.place(line), problem, CONTRACT));
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

    /// Refuses numbers that make no robot.
    pub(super) fn check(&self) -> Result<()> {
        for element in self.clone().elements_mut() {
            for (attribute, values) in element.attributes {
                if let Some(x) = values.iter().find(|x| !x.is_finite()) {
                    let owner = [element.kind, element.name].join(" ");
                    return Err(Error::input(
                        &self.source,
                        format!("{} {attribute} holds {x}", owner.trim()),
                        "give finite numbers",
                    ));
                }
            }
        }
        let option = &self.option;
        let wrong = if option.timestep <= 0.0 {
            Some((
                format!("timestep is {}", option.timestep),
                "give a step above 0 s",
            ))
        } else if xz(option.gravity)[0] != 0.0 || option.gravity[1] != 0.0 {
            Some((
                format!("gravity is {:?}", option.gravity),
                "gravity along z alone is supported: gravity=\"0 0 -9.81\"",
            ))
        } else {
            None
        };
        if let Some((problem, help)) = wrong {
            return Err(Error::input(self.place(option.line), problem, help));
        }
        if self.compiler.settotalmass.is_some_and(|m| m <= 0.0) {
            return Err(Error::input(
                self.place(self.compiler.line),
                format!(
                    "settotalmass is {:?}",
                    self.compiler.settotalmass.unwrap_or(0.0)
                ),
                "give a total mass above 0 kg, or leave it out",
            ));
        }
        self.joints.iter().try_for_each(|j| self.check_joint(j))?;
        self.geoms.iter().try_for_each(|g| self.check_geom(g))?;
        for motor in &self.motors {
            let [lo, hi] = motor.ctrlrange;
            if lo >= hi {
                return Err(Error::input(
                    self.place(motor.line),
                    format!("ctrlrange of motor `{}` is {lo} {hi}", motor.name),
                    "the first bound must lie below the second",
                ));
            }
        }
        Ok(())
    }

    fn check_joint(&self, joint: &Joint) -> Result<()> {
        let bad =
            |problem: String, help: &str| Err(Error::input(self.place(joint.line), problem, help));
        if let Some([lo, hi]) = joint.range
            && lo >= hi
        {
            return bad(
                format!("range of joint `{}` is {lo} {hi}", joint.name),
                "the first limit must lie below the second",
            );
        }
        for (what, value) in [
            ("armature", joint.armature),
            ("damping", joint.damping),
            ("stiffness", joint.stiffness),
        ] {
            if value < 0.0 {
                return bad(
                    format!("{what} of joint `{}` is {value}", joint.name),
                    "give a value of 0 or more",
                );
            }
        }
        Ok(())
    }

    fn check_geom(&self, geom: &Geom) -> Result<()> {
        let bad =
            |problem: String, help: &str| Err(Error::input(self.place(geom.line), problem, help));
        if geom.friction[0] < 0.0 {
            return bad(
                format!("friction of geom `{}` is {}", geom.name, geom.friction[0]),
                "give a coefficient of 0 or more",
            );
        }
        if geom.friction[2] < 0.0 {
            return bad(
                format!(
                    "rolling friction of geom `{}` is {}",
                    geom.name, geom.friction[2]
                ),
                "give a coefficient of 0 m or more",
            );
        }
        if geom.shape == Shape::Plane {
            return Ok(());
        }
        let (_, _, half) = geom.segment();
        if geom.shape == Shape::Sphere && geom.radius() <= 0.0 {
            return bad(
                format!("sphere `{}` has radius {}", geom.name, geom.radius()),
                "it must be above 0: size=\"radius\"",
            );
        }
        if geom.shape == Shape::Capsule && (geom.radius() <= 0.0 || half <= 0.0) {
            return bad(
                format!(
                    "capsule `{}` has radius {} and half-length {half}",
                    geom.name,
                    geom.radius()
                ),
                "both must be above 0: size=\"radius half-length\", or fromto=\"x 0 z x 0 z\" and size=\"radius\"",
            );
        }
        if geom.mass.unwrap_or(geom.density) < 0.0 {
            return bad(
                format!("geom `{}` has a negative mass or density", geom.name),
                "give 0 or more",
            );
        }
        Ok(())
    }
}
