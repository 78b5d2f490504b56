//! MJCF text → [`Spec`]: the planar subset; everything else is refused by line.

mod global;
mod layers;
mod parts;
mod pose;
mod supported;

use super::Integrator;
use super::spec::{BodySpec, CapsuleMass, Compiler, MarginRule, Options, Spec};
use crate::error::{Error, Result};
use layers::{Defaults, Layers, Reader};
use roxmltree::{Document, Node, ParsingOptions};
use std::path::Path;
use supported::{
    ACTUATOR, BODY, COMPILER, CONTACT, DEFAULT, OPTION, ROOT, WORLDBODY, default_element,
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
    /// Whether frames stand in the world's axes.
    global: bool,
    /// Whether the file says where each body is.
    placed: Vec<bool>,
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
            global: false,
            placed: Vec::new(),
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
        if loader.global {
            loader.localise();
        }
        Ok(loader.spec)
    }

    fn compiler(&mut self, layers: Layers) -> Result<()> {
        layers.check(&COMPILER)?;
        self.spec.compiler.line = layers.line();
        self.unit = match layers.keyword("angle", &["degree", "radian"])? {
            Some("radian") => 1.0,
            _ => std::f64::consts::PI / 180.0,
        };
        self.global = layers.keyword("coordinate", &["local", "global"])? == Some("global");
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
        self.placed.push(node.has_attribute("pos"));
        let pos = match self.global {
            true => layers.prefix("pos", [0.0; 3]),
            false => layers.vector("pos", [0.0; 3], 3)?,
        };
        let body = BodySpec {
            name: layers.name("body", index),
            line: layers.line(),
            parent,
            pos: self.planar("pos", pos, &layers)?,
            angle: self.angle(&layers)?,
        };
        self.spec.bodies.push(body);
        let class = node.attribute("childclass").unwrap_or(class);
        self.children(node, Some(index), class)
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
