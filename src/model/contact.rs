//! Floor contacts and the softness of constraint rows.

use super::compile::Capsule;
use super::spec::{Geom, Shape, Spec};
use super::{Body, ContactPoint, Softness};
use crate::error::{Error, Result};

/// MuJoCo's default solref.
pub(super) const DEFAULT_SOLREF: [f64; 2] = [0.02, 1.0];
/// MuJoCo's default solimp.
pub(super) const DEFAULT_SOLIMP: [f64; 5] = [0.9, 0.95, 0.001, 0.5, 2.0];

impl Spec {
    /// Contact points with the floor and their common softness.
    pub(super) fn contacts(
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

    pub(super) fn limit_softness(&self) -> Result<Softness> {
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
    fn softness(
        &self,
        line: u32,
        [tc, dr]: [f64; 2],
        solimp: [f64; 5],
        margin: f64,
    ) -> Result<Softness> {
        if tc <= 0.0 || dr <= 0.0 {
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

fn collide(a: &Geom, b: &Geom) -> bool {
    a.contype & b.conaffinity != 0 || b.contype & a.conaffinity != 0
}
