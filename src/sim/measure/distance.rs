//! How far Rapier is from recorded transitions: by what acted on the robot during the env step.

use crate::engine::planar::{PlanarBatch, Precision};
use crate::engine::rapier::{Robot, Scratch, World};
use crate::error::Result;
use crate::measure::reference::Reference;
use crate::measure::statistics::{Spread, distances, scale};
use crate::model::Model;

/// What acted on a robot, in MuJoCo or in Rapier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActiveConstraint {
    /// Neither floor nor limits.
    Free,
    /// Limits of joints, not the floor.
    Limits,
    /// The floor.
    Floor,
}

impl ActiveConstraint {
    /// From the least to the most.
    pub const ALL: [Self; 3] = [Self::Free, Self::Limits, Self::Floor];

    /// In results.
    pub fn label(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Limits => "limits",
            Self::Floor => "floor",
        }
    }
}

/// Errors after one env step over the transitions of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Distance {
    /// What acted.
    pub acting: ActiveConstraint,
    /// Transitions of the kind, above 0.
    pub transitions: usize,
    /// |Δqpos|.
    pub qpos: Spread,
    /// |Δqvel| / max(1, |qvel|).
    pub scaled_qvel: Spread,
}

/// Takes an env step in Rapier with `model` from every transition's start; the kinds that occur.
///
/// # Errors
/// As [`PlanarBatch::new`].
pub fn distance(reference: &Reference, model: &Model) -> Result<Vec<Distance>> {
    let (nv, nu, frames) = (model.nv(), model.nu(), reference.task.frame_skip);
    let mut oracle = PlanarBatch::new(std::slice::from_ref(model), reference.len, Precision::F64)?;
    oracle.trace_rows();
    let robot = Robot::new(model)?;
    let mut scratch = Scratch::new();
    let mut world = World::of(&robot);
    let (mut qpos, mut qvel) = (reference.qpos.clone(), reference.qvel.clone());
    let mut acting = Vec::with_capacity(reference.len);
    let states = qpos.chunks_mut(nv).zip(qvel.chunks_mut(nv));
    for ((env, (qpos, qvel)), ctrl) in states.enumerate().zip(reference.action.chunks(nu)) {
        oracle.set_state(env, qpos, qvel);
        oracle.set_ctrl(env, ctrl);
        world.set_state(&robot, qpos, qvel);
        let mut most = ActiveConstraint::Free;
        for _ in 0..frames {
            world.step(&mut scratch, &robot, ctrl, 1);
            if world.touches() {
                most = ActiveConstraint::Floor;
            } else if world.beyond_limits() {
                most = most.max(ActiveConstraint::Limits);
            }
        }
        acting.push(most);
        world.state(&robot, qpos, qvel);
    }
    oracle.step(frames);
    for (env, most) in acting.iter_mut().enumerate() {
        for rows in oracle.rows(env) {
            if rows.contacts != 0 {
                *most = ActiveConstraint::Floor;
            } else if rows.limits != 0 {
                *most = (*most).max(ActiveConstraint::Limits);
            }
        }
    }
    let qpos_error = distances(&qpos, &reference.qpos_env, nv);
    let mut qvel_error = distances(&qvel, &reference.qvel_env, nv);
    for (error, row) in qvel_error.iter_mut().zip(reference.qvel_env.chunks(nv)) {
        *error /= scale(row);
    }
    let kind = |kind: ActiveConstraint| {
        let of = |errors: &[f64]| -> Vec<f64> {
            let both = errors.iter().zip(&acting);
            both.filter(|b| *b.1 == kind).map(|b| *b.0).collect()
        };
        let (qpos, qvel) = (of(&qpos_error), of(&qvel_error));
        (!qpos.is_empty()).then(|| Distance {
            acting: kind,
            transitions: qpos.len(),
            qpos: Spread::of(&qpos),
            scaled_qvel: Spread::of(&qvel),
        })
    };
    Ok(ActiveConstraint::ALL.into_iter().filter_map(kind).collect())
}
