//! An editable robot description: what an MJCF file says, every attribute with its value (angles in rad).

use super::Integrator;
use std::ops::Range;
use std::slice::from_mut;

/// How a capsule of radius r and half-length h weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CapsuleMass {
    /// As a cylinder of length 2h + r, as MuJoCo up to 2.1.0 did (the v2 tasks, D4RL).
    Legacy,
    /// A cylinder of length 2h and two half spheres (v4, v5).
    Exact,
}

/// How the margins of two geoms combine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarginRule {
    /// The larger one, as MuJoCo before 3.5 took (the v2 tasks, D4RL).
    Max,
    /// Their sum, as MuJoCo takes since.
    #[default]
    Sum,
}

impl MarginRule {
    /// Margin of a contact between geoms with margins `a` and `b`, m.
    pub fn combine(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Max => a.max(b),
            Self::Sum => a + b,
        }
    }
}

/// `<compiler>`, as far as it outlives loading.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiler {
    /// Line in the file.
    pub line: u32,
    /// Not an MJCF attribute: a task's version decides.
    pub capsule_mass: CapsuleMass,
    /// Not an MJCF attribute: a task's version decides.
    pub contact_margin: MarginRule,
    /// All masses and inertias are scaled to this sum, kg.
    pub settotalmass: Option<f64>,
}

/// `<option>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Line in the file.
    pub line: u32,
    /// Physics step, s.
    pub timestep: f64,
    /// m/s², (x, y, z).
    pub gravity: [f64; 3],
    /// How a physics step is taken.
    pub integrator: Integrator,
}

/// `<body>`.
#[derive(Clone, Debug, PartialEq)]
pub struct BodySpec {
    /// Name, or `body<index>`.
    pub name: String,
    /// Line in the file.
    pub line: u32,
    /// Parent body; `None` for a child of the world. Parents come first.
    pub parent: Option<usize>,
    /// In the parent's frame, m (x, y, z).
    pub pos: [f64; 3],
    /// Rotation about +y against the parent, rad.
    pub angle: f64,
}

/// Kind of joint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JointKind {
    /// Translation along the axis.
    Slide,
    /// Rotation about the axis.
    Hinge,
}

/// `<joint>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Joint {
    /// Name, or `joint<index>`.
    pub name: String,
    /// Line in the file.
    pub line: u32,
    /// Body that it moves.
    pub body: usize,
    /// Slide or hinge.
    pub kind: JointKind,
    /// In the body's frame, m.
    pub pos: [f64; 3],
    /// In the body's frame.
    pub axis: [f64; 3],
    /// Limits, rad (m).
    pub range: Option<[f64; 2]>,
    /// kg m² (kg).
    pub armature: f64,
    /// N m s/rad (N s/m).
    pub damping: f64,
    /// N m/rad (N/m).
    pub stiffness: f64,
    /// Rest position of the spring, rad (m).
    pub springref: f64,
    /// Position at which the file shows the robot, rad (m).
    pub reference: f64,
    /// Time constant (s) and damping ratio of the limits.
    pub solreflimit: [f64; 2],
    /// dmin, dmax, width, midpoint, power of the limits.
    pub solimplimit: [f64; 5],
}

/// Shape of a geom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The floor.
    Plane,
    /// A capsule.
    Capsule,
    /// A ball, which rolls.
    Sphere,
}

/// `<geom>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Geom {
    /// Name, or `geom<index>`.
    pub name: String,
    /// Line in the file.
    pub line: u32,
    /// Body that carries it; `None` for the world.
    pub body: Option<usize>,
    /// Plane, capsule or sphere.
    pub shape: Shape,
    /// Radius and half-length of a capsule, m; the radius alone of a sphere, and beside `fromto`.
    pub size: Vec<f64>,
    /// End points of the centre line in the body's frame, m; instead of `pos` and `angle`.
    pub fromto: Option<[f64; 6]>,
    /// In the body's frame, m.
    pub pos: [f64; 3],
    /// Rotation of the capsule's axis from +z about +y, rad.
    pub angle: f64,
    /// Sliding (a share of the load), torsional (m; without effect in the plane), rolling (m; with condim 6).
    pub friction: [f64; 3],
    /// Dimension of the contact space: 1, 3 (sliding), 4 (and spin) or 6 (and rolling).
    pub condim: u32,
    /// Collision bit mask of its own.
    pub contype: u32,
    /// Collision bit mask that it answers.
    pub conaffinity: u32,
    /// Time constant (s) and damping ratio of contacts.
    pub solref: [f64; 2],
    /// dmin, dmax, width, midpoint, power of contacts.
    pub solimp: [f64; 5],
    /// Distance at which contacts appear, m.
    pub margin: f64,
    /// kg/m³.
    pub density: f64,
    /// kg; instead of the density.
    pub mass: Option<f64>,
}

/// `<motor>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Motor {
    /// Name, or that of its joint.
    pub name: String,
    /// Line in the file.
    pub line: u32,
    /// Index of the joint in [`Spec::joints`].
    pub joint: usize,
    /// N m (N) per unit of control.
    pub gear: f64,
    /// Controls are clamped to it.
    pub ctrlrange: [f64; 2],
}

/// A robot as a file describes it, to be edited and then [compiled](Spec::compile).
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// MJCF model name.
    pub name: String,
    /// File that it came from, for messages.
    pub source: String,
    /// `<compiler>`.
    pub compiler: Compiler,
    /// `<option>`.
    pub option: Options,
    /// Moving bodies, depth first.
    pub bodies: Vec<BodySpec>,
    /// In the order of their bodies.
    pub joints: Vec<Joint>,
    /// The floor first, then in the order of their bodies.
    pub geoms: Vec<Geom>,
    /// Bodies whose geoms do not touch each other, `<exclude>`.
    pub excludes: Vec<[usize; 2]>,
    /// In file order.
    pub motors: Vec<Motor>,
}

/// One element of a [`Spec`] with its numeric attributes, open to edits.
pub struct ElementMut<'a> {
    /// `option`, `compiler`, `body`, `geom`, `joint` or `motor`.
    pub kind: &'static str,
    /// Name of the element; empty for `option` and `compiler`.
    pub name: &'a str,
    /// MJCF attribute name and its numbers.
    pub attributes: Vec<(&'static str, &'a mut [f64])>,
}

impl Spec {
    /// Every element with every numeric attribute that it has: what gaps edit and listings print.
    pub fn elements_mut(&mut self) -> Vec<ElementMut<'_>> {
        let Options {
            timestep, gravity, ..
        } = &mut self.option;
        let mut all = vec![ElementMut {
            kind: "option",
            name: "",
            attributes: vec![("timestep", from_mut(timestep)), ("gravity", gravity)],
        }];
        if let Some(mass) = &mut self.compiler.settotalmass {
            all.push(ElementMut {
                kind: "compiler",
                name: "",
                attributes: vec![("settotalmass", from_mut(mass))],
            });
        }
        all.extend(self.bodies.iter_mut().map(|b| ElementMut {
            kind: "body",
            name: &b.name,
            attributes: vec![("pos", &mut b.pos), ("angle", from_mut(&mut b.angle))],
        }));
        all.extend(self.joints.iter_mut().map(Joint::element_mut));
        all.extend(self.geoms.iter_mut().map(Geom::element_mut));
        all.extend(self.motors.iter_mut().map(|m| ElementMut {
            kind: "motor",
            name: &m.name,
            attributes: vec![
                ("gear", from_mut(&mut m.gear)),
                ("ctrlrange", &mut m.ctrlrange),
            ],
        }));
        all
    }

    /// Every numeric attribute as (`geom torso size`, values), to compare two specs of one file.
    pub fn fields(&self) -> Vec<(String, Vec<f64>)> {
        let mut copy = self.clone();
        let mut all = Vec::new();
        for element in copy.elements_mut() {
            let owner = [element.kind, element.name].join(" ");
            for (attribute, values) in element.attributes {
                all.push((format!("{} {attribute}", owner.trim()), values.to_vec()));
            }
        }
        all
    }

    /// `file:line` for messages.
    pub fn place(&self, line: u32) -> String {
        format!("{}:{line}", self.source)
    }
}

/// Which of an attribute's numbers a component is: `fromto.to`, `range.lower`, `friction.sliding`.
pub fn component(attribute: &str, name: &str) -> Option<Range<usize>> {
    let names: &[&str] = match attribute {
        "fromto" => {
            let end = ["from", "to"].iter().position(|end| *end == name)?;
            return Some(3 * end..3 * end + 3);
        }
        "pos" | "axis" | "gravity" => &["x", "y", "z"],
        "range" | "ctrlrange" => &["lower", "upper"],
        "size" => &["radius", "half-length"],
        "friction" => &["sliding", "torsional", "rolling"],
        "solref" | "solreflimit" => &["timeconst", "dampratio"],
        "solimp" | "solimplimit" => &["dmin", "dmax", "width", "midpoint", "power"],
        _ => &[],
    };
    let at = names.iter().position(|n| *n == name)?;
    Some(at..at + 1)
}

impl Joint {
    fn element_mut(&mut self) -> ElementMut<'_> {
        let mut attributes: Vec<(&'static str, &mut [f64])> = vec![
            ("pos", &mut self.pos),
            ("axis", &mut self.axis),
            ("armature", from_mut(&mut self.armature)),
            ("damping", from_mut(&mut self.damping)),
            ("stiffness", from_mut(&mut self.stiffness)),
            ("springref", from_mut(&mut self.springref)),
            ("ref", from_mut(&mut self.reference)),
            ("solreflimit", &mut self.solreflimit),
            ("solimplimit", &mut self.solimplimit),
        ];
        if let Some(range) = &mut self.range {
            attributes.push(("range", range));
        }
        ElementMut {
            kind: "joint",
            name: &self.name,
            attributes,
        }
    }
}

impl Geom {
    fn element_mut(&mut self) -> ElementMut<'_> {
        let mut attributes: Vec<(&'static str, &mut [f64])> = vec![
            ("friction", &mut self.friction),
            ("solref", &mut self.solref),
            ("solimp", &mut self.solimp),
            ("margin", from_mut(&mut self.margin)),
        ];
        if self.shape != Shape::Plane {
            attributes.push(("size", &mut self.size));
            match &mut self.fromto {
                Some(fromto) => attributes.push(("fromto", fromto)),
                None => {
                    attributes.push(("pos", &mut self.pos));
                    if self.shape == Shape::Capsule {
                        attributes.push(("angle", from_mut(&mut self.angle)));
                    }
                }
            }
            match &mut self.mass {
                Some(mass) => attributes.push(("mass", from_mut(mass))),
                None => attributes.push(("density", from_mut(&mut self.density))),
            }
        }
        ElementMut {
            kind: "geom",
            name: &self.name,
            attributes,
        }
    }

    /// Capsule or sphere in its body's frame: centre (x, z), unit axis (x, z), half-length (0 of a sphere), m.
    pub fn segment(&self) -> ([f64; 2], [f64; 2], f64) {
        match self.fromto {
            Some([x0, _, z0, x1, _, z1]) => {
                let (dx, dz) = (x1 - x0, z1 - z0);
                let length = dx.hypot(dz);
                (
                    [0.5 * (x0 + x1), 0.5 * (z0 + z1)],
                    [dx / length, dz / length],
                    0.5 * length,
                )
            }
            None => {
                let (sin, cos) = self.angle.sin_cos();
                let half = match self.shape {
                    Shape::Sphere => 0.0,
                    _ => self.size.get(1).copied().unwrap_or(f64::NAN),
                };
                ([self.pos[0], self.pos[2]], [sin, cos], half)
            }
        }
    }

    /// Says where a capsule's ends are in place of its centre, angle and half-length.
    pub(super) fn draw_by_ends(&mut self) {
        if self.shape == Shape::Capsule && self.fromto.is_none() {
            let ([x, z], [ux, uz], half) = self.segment();
            let (dx, dz) = (half * ux, half * uz);
            self.fromto = Some([x - dx, 0.0, z - dz, x + dx, 0.0, z + dz]);
            self.size.truncate(1);
        }
    }

    /// Radius of a capsule or sphere, m.
    pub fn radius(&self) -> f64 {
        self.size[0]
    }
}
