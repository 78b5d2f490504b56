//! MJCF text → [`Spec`]: the planar subset; everything else is refused by line.

mod layers;
mod supported;

use super::Integrator;
use super::contact::{DEFAULT_SOLIMP, DEFAULT_SOLREF};
use super::spec::{
    BodySpec, CapsuleMass, Compiler, Geom, Joint, JointKind, MarginRule, Motor, Options, Shape,
    Spec,
};
use crate::error::{Error, Result};
use layers::{Defaults, Layers, Reader};
use roxmltree::{Document, Node, ParsingOptions};
use std::path::Path;
use supported::{
    ACTUATOR, BODY, COMPILER, CONTACT, DEFAULT, EXCLUDE, GEOM, JOINT, MOTOR, OPTION, ROOT,
    WORLDBODY, default_element,
};

impl Spec {
    /// Reads an MJCF file.
    ///
    /// # Errors
    /// When the file cannot be read, is no XML, or says something that is not supported: one message that
    /// names the line, what stands there, and what is supported.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = crate::text::read(path)?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads MJCF text; `source` names it in messages.
    ///
    /// # Errors
    /// As [`Spec::load`].
    pub fn parse(source: &str, text: &str) -> Result<Self> {
        let options = ParsingOptions {
            nodes_limit: MOST_NODES,
            ..ParsingOptions::default()
        };
        let doc = Document::parse_with_options(text, options).map_err(|e| {
            Error::input(
                format!("{source}:{}", e.pos().row),
                format!("not well-formed XML: {e}"),
                "correct the XML; MuJoCo's `compile` tool or any XML editor shows where",
            )
        })?;
        let reader = Reader { source, doc: &doc };
        let root = doc.root_element();
        if root.tag_name().name() != "mujoco" {
            return Err(reader.refuse(
                root,
                format!("the root element is <{}>", root.tag_name().name()),
                "an MJCF file begins with <mujoco>; URDF is not supported",
            ));
        }
        Loader::load(&reader, root)
    }
}

/// Most nodes of a document: a robot needs a hundredth of them.
const MOST_NODES: u32 = 50_000;
/// Most bodies. The work of compiling them grows with their cube; the engines take fewer, and say how many.
const MOST_BODIES: usize = 64;
/// Most joints, geoms, motors and excluded pairs each.
const MOST_PARTS: usize = 512;

struct Loader<'a> {
    reader: &'a Reader<'a>,
    defaults: Defaults<'a>,
    /// Radians per unit of angle in the file.
    unit: f64,
    spec: Spec,
}

impl<'a> Loader<'a> {
    fn load(reader: &'a Reader<'a>, root: Node<'a, 'a>) -> Result<Spec> {
        ROOT.check(reader, root)?;
        let sections = |tag: &'static str| {
            root.children()
                .filter(move |n| n.is_element() && n.tag_name().name() == tag)
        };
        let mut loader = Self {
            reader,
            defaults: Defaults::read(reader, sections("default"), &DEFAULT, default_element)?,
            unit: 1.0,
            spec: Spec {
                name: root.attribute("model").unwrap_or("MuJoCo Model").to_owned(),
                source: reader.source.to_owned(),
                compiler: Compiler {
                    line: 1,
                    capsule_mass: CapsuleMass::Exact,
                    contact_margin: MarginRule::Sum,
                    settotalmass: None,
                },
                option: Options {
                    line: 1,
                    timestep: 0.002,
                    gravity: [0.0, 0.0, -9.81],
                    integrator: Integrator::Euler,
                },
                bodies: Vec::new(),
                joints: Vec::new(),
                geoms: Vec::new(),
                excludes: Vec::new(),
                motors: Vec::new(),
            },
        };
        loader.compiler(Layers::new(reader, sections("compiler")))?;
        loader.option(Layers::new(reader, sections("option")))?;
        for world in sections("worldbody") {
            WORLDBODY.check(reader, world)?;
            loader.children(world, None, "main")?;
        }
        for section in sections("contact") {
            CONTACT.check(reader, section)?;
            for node in section.children().filter(Node::is_element) {
                loader.exclude(node)?;
            }
        }
        for section in sections("actuator") {
            ACTUATOR.check(reader, section)?;
            for node in section.children().filter(Node::is_element) {
                loader.motor(node)?;
            }
        }
        loader.unique_names()?;
        Ok(loader.spec)
    }

    fn compiler(&mut self, layers: Layers) -> Result<()> {
        layers.check(&COMPILER)?;
        self.spec.compiler.line = layers.line();
        self.unit = match layers.keyword("angle", &["degree", "radian"])? {
            Some("radian") => 1.0,
            _ => std::f64::consts::PI / 180.0,
        };
        layers.keyword("coordinate", &["local"])?;
        layers.keyword("inertiafromgeom", &["true", "auto"])?;
        layers.keyword("autolimits", &["true"])?;
        layers.keyword("eulerseq", &["xyz"])?;
        // MuJoCo's default of -1 switches it off.
        self.spec.compiler.settotalmass = layers.number_opt("settotalmass")?.filter(|&m| m > 0.0);
        Ok(())
    }

    fn option(&mut self, layers: Layers) -> Result<()> {
        layers.check(&OPTION)?;
        let option = &mut self.spec.option;
        option.line = layers.line();
        option.timestep = layers.number("timestep", option.timestep)?;
        option.gravity = layers.vector("gravity", option.gravity, 3)?;
        if layers.keyword("integrator", &["Euler", "RK4"])? == Some("RK4") {
            option.integrator = Integrator::Rk4;
        }
        layers.keyword("cone", &["pyramidal"])?;
        layers.only("impratio", 1.0)?;
        layers.only("noslip_iterations", 0.0)
    }

    /// A body's joints and geoms come before its children's, as MuJoCo numbers them.
    fn children(&mut self, node: Node<'a, 'a>, body: Option<usize>, class: &str) -> Result<()> {
        for child in node.children().filter(Node::is_element) {
            match (child.tag_name().name(), body) {
                ("joint", Some(b)) => self.joint(child, b, class)?,
                ("geom", b) => self.geom(child, b, class)?,
                _ => {}
            }
        }
        for child in node.children().filter(|n| n.has_tag_name("body")) {
            self.body(child, body, class)?;
        }
        Ok(())
    }

    /// Refuses an element where `count` of its kind were read and `most` are taken.
    fn room(&self, node: Node, count: usize, most: usize) -> Result<()> {
        if count < most {
            return Ok(());
        }
        let tag = node.tag_name().name();
        Err(self.reader.refuse(
            node,
            format!("more than {most} elements <{tag}>"),
            "simplify the robot",
        ))
    }

    fn body(&mut self, node: Node<'a, 'a>, parent: Option<usize>, class: &str) -> Result<()> {
        self.room(node, self.spec.bodies.len(), MOST_BODIES)?;
        BODY.check(self.reader, node)?;
        let layers = Layers::new(self.reader, [node]);
        let index = self.spec.bodies.len();
        let body = BodySpec {
            name: layers.name("body", index),
            line: layers.line(),
            parent,
            pos: self.planar("pos", layers.vector("pos", [0.0; 3], 3)?, &layers)?,
            angle: self.angle(&layers)?,
        };
        self.spec.bodies.push(body);
        let class = node.attribute("childclass").unwrap_or(class);
        self.children(node, Some(index), class)
    }

    fn joint(&mut self, node: Node<'a, 'a>, body: usize, class: &str) -> Result<()> {
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

    fn geom(&mut self, node: Node<'a, 'a>, body: Option<usize>, class: &str) -> Result<()> {
        self.room(node, self.spec.geoms.len(), MOST_PARTS)?;
        let layers = self.defaults.layers(self.reader, "geom", node, class)?;
        layers.check(&GEOM)?;
        let shape = match layers.keyword("type", &["plane", "capsule"])? {
            Some("plane") => Shape::Plane,
            Some(_) => Shape::Capsule,
            None => {
                return Err(layers.refuse(
                    "<geom> without a type is a sphere",
                    "supported types: plane, capsule",
                ));
            }
        };
        let fromto = layers.vector_opt::<6>("fromto")?;
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
            size: layers.list("size", if fromto.is_some() { 1 } else { 3 })?,
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

    /// The floor belongs to the world, capsules to bodies.
    fn place_geom(&self, geom: &Geom, layers: &Layers) -> Result<()> {
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
            (Shape::Capsule, None) => Err(layers.refuse(
                "a capsule fixed to the world",
                "in <worldbody>, the plane that is the floor is the only geom supported",
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

    fn exclude(&mut self, node: Node<'a, 'a>) -> Result<()> {
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

    fn motor(&mut self, node: Node<'a, 'a>) -> Result<()> {
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

    /// Refuses a y component.
    fn planar(&self, attribute: &str, v: [f64; 3], layers: &Layers) -> Result<[f64; 3]> {
        if v[1] == 0.0 {
            return Ok(v);
        }
        Err(layers.refuse(
            format!("`{attribute}` leaves the x-z plane (y = {})", v[1]),
            "robots are planar: every y must be 0",
        ))
    }

    /// Rotation about +y from `axisangle`, `quat` or `euler`, rad.
    fn angle(&self, layers: &Layers) -> Result<f64> {
        let axisangle = layers.vector_opt::<4>("axisangle")?;
        let quat = layers.vector_opt::<4>("quat")?;
        let euler = layers.vector_opt::<3>("euler")?;
        let refuse = |what: &str| {
            Err(layers.refuse(
                what,
                "rotations about y: axisangle=\"0 1 0 angle\", quat=\"w 0 y 0\" or euler=\"0 angle 0\", one of them",
            ))
        };
        match (axisangle, quat, euler) {
            (None, None, None) => Ok(0.0),
            (Some([x, y, z, angle]), None, None) => {
                if x != 0.0 || z != 0.0 || y == 0.0 {
                    return refuse("`axisangle` leaves the x-z plane");
                }
                Ok(y.signum() * angle * self.unit)
            }
            (None, Some([w, x, y, z]), None) => {
                if x != 0.0 || z != 0.0 || (w == 0.0 && y == 0.0) {
                    return refuse("`quat` leaves the x-z plane");
                }
                Ok(2.0 * y.atan2(w))
            }
            (None, None, Some([x, y, z])) => {
                if x != 0.0 || z != 0.0 {
                    return refuse("`euler` leaves the x-z plane");
                }
                Ok(y * self.unit)
            }
            _ => refuse("two rotations at once"),
        }
    }

    fn unique_names(&self) -> Result<()> {
        let spec = &self.spec;
        let mut seen = std::collections::HashSet::new();
        let bodies = spec.bodies.iter().map(|b| ("body", &b.name, b.line));
        let joints = spec.joints.iter().map(|j| ("joint", &j.name, j.line));
        let geoms = spec.geoms.iter().map(|g| ("geom", &g.name, g.line));
        let motors = spec.motors.iter().map(|m| ("motor", &m.name, m.line));
        for (kind, name, line) in bodies.chain(joints).chain(geoms).chain(motors) {
            if !seen.insert((kind, name)) {
                return Err(Error::input(
                    spec.place(line),
                    format!("a second {kind} is called `{name}`"),
                    format!("give every {kind} a name of its own"),
                ));
            }
        }
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
