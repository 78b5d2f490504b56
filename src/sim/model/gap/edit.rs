//! One edit of a gap: which numbers of which elements, and what becomes of them.

use super::Channel;
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
    /// The way of a control to its motor, with the attributes `noise`, `delay` and `dead-zone`.
    Action,
    /// The way of a state to the observation, with the attributes `noise` and `bias`.
    Observation,
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
            Self::Observation => "observation",
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

impl Default for Numbers {
    fn default() -> Self {
        Self::All(0.0)
    }
}

impl Numbers {
    /// The number of component `i`.
    pub fn at(&self, i: usize) -> f64 {
        match self {
            Self::All(x) => *x,
            Self::Each(each) => each[i],
        }
    }

    /// Whether there is nothing but zeros.
    pub fn are_zero(&self) -> bool {
        self.each().iter().all(|x| *x == 0.0)
    }

    /// The one for all, or those of each.
    pub(super) fn each(&self) -> &[f64] {
        match self {
            Self::All(x) => std::slice::from_ref(x),
            Self::Each(each) => each,
        }
    }

    /// These, edited by `op` with `by`.
    pub(super) fn changed(&self, op: Op, by: &Self) -> Result<Self> {
        Ok(match (self, by) {
            (Self::All(x), Self::All(k)) => Self::All(op.apply(*x, *k)),
            (Self::All(x), Self::Each(by)) => {
                Self::Each(by.iter().map(|k| op.apply(*x, *k)).collect())
            }
            (Self::Each(all), Self::All(k)) => {
                Self::Each(all.iter().map(|x| op.apply(*x, *k)).collect())
            }
            (Self::Each(all), Self::Each(by)) if all.len() == by.len() => {
                Self::Each(all.iter().zip(by).map(|(x, k)| op.apply(*x, *k)).collect())
            }
            (Self::Each(all), Self::Each(by)) => {
                let problem = format!("`value` has {} numbers where {} are", by.len(), all.len());
                let help = "give one number, or one for each";
                return Err(Error::input("gap", problem, help));
            }
        })
    }
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
    /// Edits `spec` or `channel` with the gap's strength `k`.
    ///
    /// # Errors
    /// Where the robot lacks what is to be edited. The place is to be filled in.
    pub(super) fn apply(&self, spec: &mut Spec, channel: &mut Channel, k: f64) -> Result<()> {
        let bad = |problem: String, help: &str| Err(Error::input("gap", problem, help));
        if !Channel::attributes(self.element).is_empty() {
            return channel.apply(self, k);
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
