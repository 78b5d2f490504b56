//! Contacts with the floor and between limbs, and the softness of constraint rows.

use super::compile::Solid;
use super::spec::{Geom, Shape, Spec};
use super::{Body, Capsule, ContactPoint, Pair, Softness};
use crate::error::{Error, Result};

/// MuJoCo's default solref.
pub(super) const DEFAULT_SOLREF: [f64; 2] = [0.02, 1.0];
/// MuJoCo's default solimp.
pub(super) const DEFAULT_SOLIMP: [f64; 5] = [0.9, 0.95, 0.001, 0.5, 2.0];

/// Contacts between limbs.
pub(super) struct Limbs {
    pub capsules: Vec<Capsule>,
    pub pairs: Vec<Pair>,
    pub softness: Softness,
}

/// The one softness of a kind of contact, and the first two geoms that have it.
struct Common<'a> {
    kind: &'static str,
    first: Option<([&'a Geom; 2], Softness)>,
}

impl Spec {
    /// Contact points with the floor and their common softness.
    pub(super) fn floor_contacts(
        &self,
        bodies: &[Body],
        capsules: &[Solid],
    ) -> Result<(Vec<ContactPoint>, Softness)> {
        let floor = self.geoms.iter().find(|g| g.shape == Shape::Plane);
        let mut points = Vec::new();
        let mut common = Common {
            kind: "floor contacts",
            first: None,
        };
        for capsule in capsules {
            let geom = capsule.geom;
            let Some(floor) = floor.filter(|f| collide(f, geom)) else {
                continue;
            };
            let condim = floor.condim.max(geom.condim);
            if ![3, 4, 6].contains(&condim) {
                return Err(Error::input(
                    self.place(geom.line),
                    format!(
                        "contact of geom `{}` with the floor has condim {condim}",
                        geom.name
                    ),
                    "supported: condim 3 (sliding), 4 (and spin, which a plane has none of) and 6 (and rolling)",
                ));
            }
            common.add(self, [floor, geom])?;
            // MuJoCo's lower bound of a friction coefficient.
            let friction = floor.friction[0].max(geom.friction[0]).max(1e-5);
            let mu2 = friction * friction;
            // A condim without rolling has none, whatever coefficients the geoms have.
            let rolling = match condim {
                6 => floor.friction[2].max(geom.friction[2]).max(1e-5),
                _ => 0.0,
            };
            let ends: &[f64] = match geom.shape {
                Shape::Sphere => &[0.0],
                _ => &[1.0, -1.0],
            };
            for end in ends {
                points.push(ContactPoint {
                    geom: geom.name.clone(),
                    body: capsule.body,
                    offset: [0, 1]
                        .map(|k| capsule.centre[k] + end * capsule.half * capsule.axis[k]),
                    radius: capsule.radius,
                    friction,
                    rolling,
                    condim,
                    row_scale: 2.0 * mu2 * (1.0 + mu2) * bodies[capsule.body].invweight,
                });
            }
        }
        Ok((points, common.softness(self)?))
    }

    /// Pairs of capsules that may touch each other: on different bodies that are not parent and
    /// child, and with masks that let them.
    pub(super) fn limb_contacts(&self, bodies: &[Body], solids: &[Solid]) -> Result<Limbs> {
        let mut found = Vec::new();
        let mut common = Common {
            kind: "contacts between limbs",
            first: None,
        };
        for (i, a) in solids.iter().enumerate() {
            for (j, b) in solids.iter().enumerate().skip(i + 1) {
                let related = a.body == b.body
                    || bodies[a.body].parent == Some(b.body)
                    || bodies[b.body].parent == Some(a.body);
                let both = [a.body, b.body];
                let excluded =
                    (self.excludes.iter()).any(|&[m, n]| both == [m, n] || both == [n, m]);
                if related || excluded || !collide(a.geom, b.geom) {
                    continue;
                }
                let condim = a.geom.condim.max(b.geom.condim);
                if condim != 1 {
                    return Err(Error::input(
                        self.place(b.geom.line),
                        format!(
                            "contact of geoms `{}` and `{}` has condim {condim}",
                            a.geom.name, b.geom.name
                        ),
                        "limbs touch each other without friction: give their geoms condim=\"1\" and the floor condim=\"3\"; \
                         or, that they may not touch, <contact><exclude body1=\"...\" body2=\"...\"/></contact>, or all limbs conaffinity=\"0\" and the floor conaffinity=\"1\"",
                    ));
                }
                common.add(self, [a.geom, b.geom])?;
                found.push([i, j]);
            }
        }
        let used: Vec<usize> = (0..solids.len())
            .filter(|n| found.iter().flatten().any(|m| m == n))
            .collect();
        let index = |n: usize| used.partition_point(|&m| m < n);
        let pair = |&[a, b]: &[usize; 2]| Pair {
            capsules: [index(a), index(b)],
            row_scale: bodies[solids[a].body].invweight + bodies[solids[b].body].invweight,
        };
        Ok(Limbs {
            capsules: used.iter().map(|&n| solids[n].capsule()).collect(),
            pairs: found.iter().map(pair).collect(),
            softness: common.softness(self)?,
        })
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

impl<'a> Common<'a> {
    /// Enters a contact of two geoms; refuses a softness that is not the others'.
    fn add(&mut self, spec: &Spec, [a, b]: [&'a Geom; 2]) -> Result<()> {
        let softness = spec.softness(
            b.line,
            [0, 1].map(|i| 0.5 * (a.solref[i] + b.solref[i])),
            [0, 1, 2, 3, 4].map(|i| 0.5 * (a.solimp[i] + b.solimp[i])),
            spec.compiler.contact_margin.combine(a.margin, b.margin),
        )?;
        let ([first, second], other) = *self.first.get_or_insert(([a, b], softness));
        if other == softness {
            return Ok(());
        }
        // The floor is one of every such pair, and goes without saying.
        let name = |[a, b]: [&Geom; 2]| match a.shape {
            Shape::Plane => format!("`{}`", b.name),
            _ => format!("`{}` with `{}`", a.name, b.name),
        };
        Err(Error::input(
            spec.place(b.line),
            format!(
                "{} of geoms {} and {} differ in solref, solimp or margin",
                self.kind,
                name([first, second]),
                name([a, b])
            ),
            format!(
                "one softness for all {} is supported: give all geoms the same, say in <default>",
                self.kind
            ),
        ))
    }

    fn softness(&self, spec: &Spec) -> Result<Softness> {
        match self.first {
            Some((_, softness)) => Ok(softness),
            None => spec.softness(1, DEFAULT_SOLREF, DEFAULT_SOLIMP, 0.0),
        }
    }
}

fn collide(a: &Geom, b: &Geom) -> bool {
    a.contype & b.conaffinity != 0 || b.contype & a.conaffinity != 0
}
