//! What an edit changed, field by field.

use super::{Body, Capsule, Channel, ContactPoint, Dof, Gap, Integrator, Model, Softness, Spec};
use crate::error::Result;
use std::collections::BTreeMap;

/// A field and its numbers before and after.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Change {
    /// As `geom torso size` (description) or `body torso mass` (compiled).
    pub field: String,
    /// Before the edit.
    pub old: Vec<f64>,
    /// After it.
    pub new: Vec<f64>,
}

/// Everything that a gap changed.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Changes {
    /// In the description and the channel.
    pub spec: Vec<Change>,
    /// In the compiled tables.
    pub model: Vec<Change>,
}

impl Gap {
    /// Every field of the description and of the compiled model that the gap changes.
    ///
    /// # Errors
    /// As [`Gap::apply`].
    pub fn changes(&self, base: &Spec) -> Result<Changes> {
        let (edited, channel) = self.apply(base)?;
        let mut spec = between(base.fields(), edited.fields());
        let plain = Channel::default().fields().into_iter();
        for ((field, old), (_, new)) in plain.zip(channel.fields()) {
            let field = field.to_owned();
            spec.extend((old != new).then_some(Change { field, old, new }));
        }
        let model = between(base.compile()?.fields(), edited.compile()?.fields());
        Ok(Changes { spec, model })
    }
}

/// Fields whose numbers differ, in the order of the old ones; what one robot alone has comes with no numbers for
/// the other.
fn between(old: Vec<(String, Vec<f64>)>, new: Vec<(String, Vec<f64>)>) -> Vec<Change> {
    let mut left: BTreeMap<String, Vec<f64>> = new.iter().cloned().collect();
    let mut changes = Vec::new();
    for (field, old) in old {
        let new = left.remove(&field).unwrap_or_default();
        changes.push(Change { field, old, new });
    }
    for (field, new) in new {
        if left.remove(&field).is_some() {
            let old = Vec::new();
            changes.push(Change { field, old, new });
        }
    }
    changes.retain(|change| change.old != change.new);
    changes
}

impl Model {
    /// Every compiled number as (`body torso mass`, values).
    pub fn fields(&self) -> Vec<(String, Vec<f64>)> {
        // Taken apart in full, so that a new field cannot be forgotten here.
        let Self {
            name: _,
            timestep,
            integrator,
            gravity,
            z0,
            bodies,
            dofs,
            actuators,
            points,
            capsules,
            pairs,
            contact,
            pair,
            limit,
        } = self;
        let rk4 = f64::from(u8::from(*integrator == Integrator::Rk4));
        let mut all = vec![
            ("timestep".to_owned(), vec![*timestep]),
            ("integrator is RK4".to_owned(), vec![rk4]),
            ("gravity".to_owned(), vec![*gravity]),
            ("z0".to_owned(), vec![*z0]),
        ];
        let mut put = |owner: String, fields: Vec<(&str, Vec<f64>)>| {
            all.extend(fields.into_iter().map(|(f, v)| (format!("{owner} {f}"), v)));
        };
        for body in bodies {
            let Body {
                name,
                parent: _,
                dof: _,
                sign,
                offset,
                com,
                mass,
                inertia,
                invweight,
            } = body;
            put(
                format!("body {name}"),
                vec![
                    ("sign", vec![*sign]),
                    ("offset", offset.to_vec()),
                    ("com", com.to_vec()),
                    ("mass", vec![*mass]),
                    ("inertia", vec![*inertia]),
                    ("invweight", vec![*invweight]),
                ],
            );
        }
        for dof in dofs {
            let Dof {
                name,
                armature,
                damping,
                stiffness,
                springref,
                range,
                invweight,
                qpos0,
            } = dof;
            put(
                format!("dof {name}"),
                vec![
                    ("armature", vec![*armature]),
                    ("damping", vec![*damping]),
                    ("stiffness", vec![*stiffness]),
                    ("springref", vec![*springref]),
                    ("range", range.map_or_else(Vec::new, |r| r.to_vec())),
                    ("invweight", vec![*invweight]),
                    ("qpos0", vec![*qpos0]),
                ],
            );
        }
        for a in actuators {
            put(
                format!("actuator {}", a.name),
                vec![("gear", vec![a.gear]), ("ctrlrange", a.ctrlrange.to_vec())],
            );
        }
        let mut end = 0;
        for (i, point) in points.iter().enumerate() {
            let ContactPoint {
                geom,
                body: _,
                offset,
                radius,
                friction,
                rolling,
                condim,
                row_scale,
            } = point;
            let same = i > 0 && points[i - 1].geom == *geom;
            end = if same { end + 1 } else { 0 };
            put(
                format!("point {geom}[{end}]"),
                vec![
                    ("offset", offset.to_vec()),
                    ("radius", vec![*radius]),
                    ("friction", vec![*friction]),
                    ("rolling", vec![*rolling]),
                    ("condim", vec![f64::from(*condim)]),
                    ("row_scale", vec![*row_scale]),
                ],
            );
        }
        for capsule in capsules {
            let Capsule {
                geom,
                body: _,
                centre,
                half_axis,
                radius,
            } = capsule;
            put(
                format!("capsule {geom}"),
                vec![
                    ("centre", centre.to_vec()),
                    ("half_axis", half_axis.to_vec()),
                    ("radius", vec![*radius]),
                ],
            );
        }
        for pair in pairs {
            let [a, b] = pair.capsules.map(|c| &capsules[c].geom);
            put(
                format!("pair {a} {b}"),
                vec![("row_scale", vec![pair.row_scale])],
            );
        }
        for (owner, softness) in [("contact", contact), ("pair", pair), ("limit", limit)] {
            let Softness {
                solimp,
                stiffness,
                damping,
                margin,
            } = softness;
            put(
                owner.to_owned(),
                vec![
                    ("solimp", solimp.to_vec()),
                    ("stiffness", vec![*stiffness]),
                    ("damping", vec![*damping]),
                    ("margin", vec![*margin]),
                ],
            );
        }
        all
    }
}
