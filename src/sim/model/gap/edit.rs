//! One edit of a gap: which numbers of which elements, and what becomes of them.

use super::ActionNoise;
use crate::error::{Error, Result};
use crate::model::Spec;
use crate::model::spec::component;
use serde::Deserialize;

/// Which kind of element an edit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// `<option>`.
    Option,
    /// `<compiler>`.
    Compiler,
    /// `<body>`.
    Body,
    /// `<geom>`.
    Geom,
    /// `<joint>`.
    Joint,
    /// `<motor>`.
    Motor,
    /// The action channel, whose one attribute is `noise`.
    Action,
}

impl Element {
    /// Kinds that a robot's description has.
    pub(super) const DESCRIBED: [Self; 6] = [
        Self::Option,
        Self::Compiler,
        Self::Body,
        Self::Geom,
        Self::Joint,
        Self::Motor,
    ];

    /// As [`ElementMut::kind`](super::spec::ElementMut::kind) names it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::Compiler => "compiler",
            Self::Body => "body",
            Self::Geom => "geom",
            Self::Joint => "joint",
            Self::Motor => "motor",
            Self::Action => "action",
        }
    }
}

/// What an edit does with its strength k.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// x → k x.
    #[default]
    Scale,
    /// x → k.
    Set,
    /// x → x + k.
    Add,
}

impl Op {
    pub(super) fn apply(self, x: f64, k: f64) -> f64 {
        match self {
            Self::Scale => x * k,
            Self::Set => k,
            Self::Add => x + k,
        }
    }
}

/// Numbers that stand in the strength's place.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Numbers {
    /// One for all numbers of the attribute.
    All(f64),
    /// One for each.
    Each(Vec<f64>),
}

/// One edit of a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// MJCF model that it is for; `None`: every robot.
    pub robot: Option<String>,
    /// Kind of element.
    pub element: Element,
    /// Elements by name; `None`: all that have the attribute.
    pub names: Option<Vec<String>>,
    /// MJCF attribute, or one component of it: `range`, `range.lower`, `fromto.to`.
    pub attribute: String,
    /// Scale, set or add.
    pub op: Op,
    /// `None`: the gap's strength.
    pub value: Option<Numbers>,
}

impl Edit {
    /// Edits `spec` or `noise` with the gap's strength `k`.
    ///
    /// # Errors
    /// Where the robot lacks what is to be edited. The place is to be filled in.
    pub(super) fn apply(&self, spec: &mut Spec, noise: &mut ActionNoise, k: f64) -> Result<()> {
        let bad = |problem: String, help: &str| Err(Error::input("gap", problem, help));
        if self.element == Element::Action {
            let k = match &self.value {
                Some(Numbers::All(value)) => *value,
                _ => k,
            };
            noise.std = self.op.apply(noise.std, k);
            if noise.std < 0.0 {
                let problem = "a standard deviation cannot be negative".to_owned();
                return bad(problem, "give a strength of 0 or more");
            }
            return Ok(());
        }
        let (attribute, part) = match self.attribute.split_once('.') {
            Some((attribute, part)) => (attribute, Some(part)),
            None => (self.attribute.as_str(), None),
        };
        if attribute == "fromto" {
            let named = |name: &String| self.names.iter().flatten().any(|n| n == name);
            let geoms = spec.geoms.iter_mut().filter(|geom| named(&geom.name));
            geoms.for_each(crate::model::spec::Geom::draw_by_ends);
        }
        let robot = spec.name.clone();
        let mut met: Vec<String> = Vec::new();
        for element in spec.elements_mut() {
            let named = |names: &Vec<String>| names.iter().any(|n| n == element.name);
            if element.kind != self.element.kind() || !self.names.as_ref().is_none_or(named) {
                continue;
            }
            for (_, values) in (element.attributes.into_iter()).filter(|(a, _)| *a == attribute) {
                let range = match part {
                    None => Some(0..values.len()),
                    Some(part) => component(attribute, part).filter(|r| r.end <= values.len()),
                };
                let Some(range) = range else {
                    let problem = format!("there is no `{}`", self.attribute);
                    return bad(problem, COMPONENTS);
                };
                let values = &mut values[range];
                self.change(values, k)?;
                met.push(element.name.to_owned());
            }
        }
        let missing = match &self.names {
            Some(names) => names.iter().find(|&n| !met.contains(n)).cloned(),
            None => met.is_empty().then(String::new),
        };
        let Some(name) = missing else {
            return Ok(());
        };
        let owner = [self.element.kind(), &name].join(" ");
        bad(
            format!(
                "robot `{robot}` has no `{}` with attribute `{attribute}`",
                owner.trim()
            ),
            "name an element that the MJCF has, and an attribute that it gives",
        )
    }

    fn change(&self, values: &mut [f64], k: f64) -> Result<()> {
        match &self.value {
            None => values.iter_mut().for_each(|x| *x = self.op.apply(*x, k)),
            Some(Numbers::All(k)) => values.iter_mut().for_each(|x| *x = self.op.apply(*x, *k)),
            Some(Numbers::Each(each)) if each.len() == values.len() => {
                let pairs = values.iter_mut().zip(each);
                pairs.for_each(|(x, k)| *x = self.op.apply(*x, *k));
            }
            Some(Numbers::Each(each)) => {
                let problem = format!(
                    "`value` has {} numbers, `{}` has {}",
                    each.len(),
                    self.attribute,
                    values.len()
                );
                return Err(Error::input(
                    "gap",
                    problem,
                    "give one number, or one for each",
                ));
            }
        }
        Ok(())
    }
}

/// What a component may be called.
const COMPONENTS: &str = "components: pos, axis, gravity: x y z; range, ctrlrange: lower upper; fromto: from to; size: radius half-length; \
     friction: sliding torsional rolling; solref…: timeconst dampratio; solimp…: dmin dmax width midpoint power";
