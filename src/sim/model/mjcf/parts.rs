//! The parts of a robot: joints, geoms, excluded pairs and motors.

use super::layers::Layers;
use super::supported::{EXCLUDE, GEOM, JOINT, MOTOR};
use super::{Loader, MOST_PARTS};
use crate::error::Result;
use crate::model::contact::{DEFAULT_SOLIMP, DEFAULT_SOLREF};
use crate::model::spec::{Geom, Joint, JointKind, Motor, Shape};
use roxmltree::Node;

impl<'a> Loader<'a> {
    pub(super) fn joint(&mut self, node: Node<'a, 'a>, body: usize, class: &str) -> Result<()> {
        self.room(node, self.spec.joints.len(), MOST_PARTS)?;
        let layers = self.defaults.layers(self.reader, "joint", node, class)?;
        layers.check(&JOINT)?;
        let kind = match layers.keyword("type", &["hinge", "slide"])? {
            Some("slide") => JointKind::Slide,
            _ => JointKind::Hinge,
        };
        // Positions of slides are lengths.
        let unit = if kind == JointKind::Hinge {
            self.unit
        } else {
            1.0
        };
        let joint = Joint {
            name: layers.name("joint", self.spec.joints.len()),
            line: layers.line(),
            body,
            kind,
            pos: self.planar("pos", layers.vector("pos", [0.0; 3], 3)?, &layers)?,
            axis: layers.vector("axis", [0.0, 0.0, 1.0], 3)?,
            range: limited(&layers, "limited", "range")?.map(|r| r.map(|x| x * unit)),
            armature: layers.number("armature", 0.0)?,
            damping: layers.number("damping", 0.0)?,
            stiffness: layers.number("stiffness", 0.0)?,
            springref: layers.number("springref", 0.0)? * unit,
            reference: layers.number("ref", 0.0)? * unit,
            solreflimit: layers.vector("solreflimit", DEFAULT_SOLREF, 1)?,
            solimplimit: layers.vector("solimplimit", DEFAULT_SOLIMP, 1)?,
        };
        self.spec.joints.push(joint);
        Ok(())
    }

    pub(super) fn geom(
        &mut self,
        node: Node<'a, 'a>,
        body: Option<usize>,
        class: &str,
    ) -> Result<()> {
        self.room(node, self.spec.geoms.len(), MOST_PARTS)?;
        let layers = self.defaults.layers(self.reader, "geom", node, class)?;
        layers.check(&GEOM)?;
        let shape = match layers.keyword("type", &["plane", "capsule", "sphere"])? {
            Some("plane") => Shape::Plane,
            Some("capsule") => Shape::Capsule,
            // MuJoCo's default.
            _ => Shape::Sphere,
        };
        let fromto = layers.vector_opt::<6>("fromto")?;
        if shape == Shape::Sphere && fromto.is_some() {
            return Err(layers.refuse(
                "a sphere has `fromto`",
                "capsules have ends: type=\"capsule\"; a sphere has pos and size=\"radius\"",
            ));
        }
        if let Some([_, y0, _, _, y1, _]) = fromto
            && (y0 != 0.0 || y1 != 0.0)
        {
            return Err(layers.refuse(
                format!("`fromto` leaves the x-z plane (y = {y0}, {y1})"),
                "robots are planar: every y must be 0",
            ));
        }
        let geom = Geom {
            name: layers.name("geom", self.spec.geoms.len()),
            line: layers.line(),
            body,
            shape,
            size: layers.list(
                "size",
                if fromto.is_some() || shape == Shape::Sphere {
                    1
                } else {
                    3
                },
            )?,
            fromto,
            pos: self.planar("pos", layers.vector("pos", [0.0; 3], 3)?, &layers)?,
            angle: self.angle(&layers)?,
            friction: layers.vector("friction", [1.0, 0.005, 0.0001], 1)?,
            condim: layers.integer("condim", 3)?,
            contype: layers.integer("contype", 1)?,
            conaffinity: layers.integer("conaffinity", 1)?,
            solref: layers.vector("solref", DEFAULT_SOLREF, 1)?,
            solimp: layers.vector("solimp", DEFAULT_SOLIMP, 1)?,
            margin: layers.number("margin", 0.0)?,
            density: layers.number("density", 1000.0)?,
            mass: layers.number_opt("mass")?,
        };
        self.place_geom(&geom, &layers)?;
        self.spec.geoms.push(geom);
        Ok(())
    }

    /// The floor belongs to the world, capsules and spheres to bodies.
    pub(super) fn place_geom(&self, geom: &Geom, layers: &Layers) -> Result<()> {
        match (geom.shape, geom.body) {
            (Shape::Plane, Some(_)) => Err(layers.refuse(
                "a plane inside a body",
                "one plane, in <worldbody>, is the floor",
            )),
            (Shape::Plane, None) if geom.pos[2] != 0.0 || geom.angle != 0.0 => Err(layers.refuse(
                "the plane is not at z = 0 facing up",
                "the floor lies at pos=\"0 0 0\", unrotated",
            )),
            (Shape::Plane, None) if self.spec.geoms.iter().any(|g| g.shape == Shape::Plane) => {
                Err(layers.refuse("a second plane", "one plane is the floor"))
            }
            (Shape::Capsule | Shape::Sphere, None) => Err(layers.refuse(
                "a capsule or sphere fixed to the world",
                "in <worldbody>, the plane that is the floor is the only geom supported",
            )),
            (Shape::Sphere, Some(_)) if geom.size.is_empty() => Err(layers.refuse(
                format!("sphere `{}` has no `size`", geom.name),
                "size=\"radius\"",
            )),
            (Shape::Capsule, Some(_))
                if geom.size.len() < if geom.fromto.is_some() { 1 } else { 2 } =>
            {
                Err(layers.refuse(
                    format!(
                        "capsule `{}` has {} numbers in `size`",
                        geom.name,
                        geom.size.len()
                    ),
                    "size=\"radius half-length\", or fromto=\"x 0 z x 0 z\" and size=\"radius\"",
                ))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn exclude(&mut self, node: Node<'a, 'a>) -> Result<()> {
        self.room(node, self.spec.excludes.len(), MOST_PARTS)?;
        EXCLUDE.check(self.reader, node)?;
        let body = |attribute| {
            let name = node.attribute(attribute).unwrap_or_default();
            let found = self.spec.bodies.iter().position(|b| b.name == name);
            found.ok_or_else(|| {
                let known: Vec<&str> = self.spec.bodies.iter().map(|b| b.name.as_str()).collect();
                self.reader.refuse(
                    node,
                    format!("{attribute}=\"{name}\" of <exclude> is no body"),
                    format!("bodies of this file: {}", known.join(", ")),
                )
            })
        };
        let pair = [body("body1")?, body("body2")?];
        self.spec.excludes.push(pair);
        Ok(())
    }

    pub(super) fn motor(&mut self, node: Node<'a, 'a>) -> Result<()> {
        self.room(node, self.spec.motors.len(), MOST_PARTS)?;
        let layers = self.defaults.layers(self.reader, "motor", node, "main")?;
        layers.check(&MOTOR)?;
        let Some(target) = node.attribute("joint") else {
            return Err(layers.refuse("<motor> without a joint", "joint=\"name of a joint\""));
        };
        let Some(joint) = self.spec.joints.iter().position(|j| j.name == target) else {
            let known: Vec<&str> = self.spec.joints.iter().map(|j| j.name.as_str()).collect();
            return Err(layers.refuse(
                format!("<motor> drives `{target}`, which is no joint"),
                format!("joints of this file: {}", known.join(", ")),
            ));
        };
        let Some(ctrlrange) = limited(&layers, "ctrllimited", "ctrlrange")? else {
            return Err(layers.refuse(
                format!("<motor> of `{target}` has no control range"),
                "actions need bounds: ctrlrange=\"-1 1\"",
            ));
        };
        let gear = layers.vector("gear", [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1)?;
        self.spec.motors.push(Motor {
            name: node.attribute("name").unwrap_or(target).to_owned(),
            line: layers.line(),
            joint,
            gear: gear[0],
            ctrlrange,
        });
        Ok(())
    }
}

/// A range that holds when the flag says so, or when it is given and the flag is `auto` or absent.
fn limited(layers: &Layers, flag: &str, range: &str) -> Result<Option<[f64; 2]>> {
    let given = layers.vector_opt::<2>(range)?;
    match (layers.keyword(flag, &["true", "false", "auto"])?, given) {
        (Some("false"), _) => Ok(None),
        (Some("true"), None) => Err(layers.refuse(
            format!("`{flag}` is true but there is no `{range}`"),
            format!("{range}=\"lower upper\""),
        )),
        (_, given) => Ok(given),
    }
}
