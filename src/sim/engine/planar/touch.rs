//! Where a robot is touched at one state, and how hard: what a drawing of it shows.

use crate::engine::planar::batch::tables;
use crate::engine::planar::pair::touching_point;
use crate::engine::planar::real::{Mask, Real};
use crate::engine::planar::solver::{acceleration, gradient};
use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::{MAX_DOFS, Topology};
use crate::engine::planar::work::Work;
use crate::error::Result;
use crate::model::Model;

/// A contact that presses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Touch {
    /// The body that it acts on.
    pub body: usize,
    /// The body that presses back; none: the floor.
    pub other: Option<usize>,
    /// World x and z, m.
    pub point: [f64; 2],
    /// On `body`, world x and z, N.
    pub force: [f64; 2],
}

/// Evaluates one robot's contacts, state by state, in float64.
pub struct TouchProbe {
    model: Model,
    topology: Topology,
    tables: Tables<f64>,
    work: Box<Work<f64>>,
}

impl TouchProbe {
    /// Of `model`.
    ///
    /// # Errors
    /// Where it exceeds the kernel's limits.
    pub fn new(model: &Model) -> Result<Self> {
        let (topology, tables) = tables(&[model], 1)?;
        Ok(Self {
            model: model.clone(),
            topology,
            tables: tables[0].shared::<f64>(),
            work: Work::poisoned(),
        })
    }

    /// The contacts that press at `qpos`, `qvel` (`[nv]`) with the controls `ctrl` (`[nu]`, clamped to the motors'
    /// ranges).
    pub fn touches(&mut self, qpos: &[f64], qvel: &[f64], ctrl: &[f64]) -> Vec<Touch> {
        let (t, m, k) = (&self.topology, &self.tables, &mut *self.work);
        let turned = |part: &[f64]| -> [f64; MAX_DOFS] {
            std::array::from_fn(|i| part.get(i).map_or(0.0, |x| t.sign[i] * x))
        };
        let (q, v, mut qacc) = (turned(qpos), turned(qvel), [0.0; MAX_DOFS]);
        k.qfrc_actuator = [0.0; MAX_DOFS];
        for (n, &i) in t.motor_dof.iter().enumerate() {
            k.qfrc_actuator[i] += m.gear[n] * ctrl[n].max(m.ctrl_lower[n]).min(m.ctrl_upper[n]);
        }
        let none = <f64 as Real>::Mask::none();
        acceleration::<true, _, _>(t, m, &q, &v, &mut qacc, none, k);
        // Residuals at the last step of the solver, which it did not need any more.
        gradient::<true, _, _>(t, m, &qacc, k);
        let poses = self.model.poses(qpos);
        let mut all = Vec::new();
        let c = &k.contacts;
        for n in 0..c.len {
            let (normal, tangent) = (c.efc_Jaref_n[n], c.efc_Jaref_t[n]);
            let (plus, minus) = ((normal + tangent).min(0.0), (normal - tangent).min(0.0));
            let mut up = -c.efc_D[n] * (plus + minus + 2.0 * normal.min(0.0));
            if let Some(spare) = t.spare_normals[c.point[n]] {
                let roll = k.rolls.efc_Jaref[n];
                let rows = (normal + roll).min(0.0) + (normal - roll).min(0.0);
                up -= c.efc_D[n] * (rows + spare * normal.min(0.0));
            }
            let along = -c.efc_D[n] * c.friction[n] * (plus - minus);
            let [x, z] = poses[c.body[n]].anchor;
            all.push(Touch {
                body: c.body[n],
                other: None,
                point: [x + c.x[n], z + c.z[n]],
                force: [along, up],
            });
        }
        for n in 0..k.pairs.len {
            let push = -k.pairs.efc_D[n] * k.pairs.efc_Jaref[n].min(0.0);
            let [a, b] = self.model.pairs[k.pairs.pair[n]].capsules;
            let (point, normal) = touching_point(t, m, k, k.pairs.pair[n]);
            let [x, z] = poses[0].anchor;
            all.push(Touch {
                body: self.model.capsules[b].body,
                other: Some(self.model.capsules[a].body),
                point: [x + point.0, z + point.1],
                force: [push * normal.0, push * normal.1],
            });
        }
        all.retain(|touch| touch.force != [0.0; 2]);
        all
    }
}
