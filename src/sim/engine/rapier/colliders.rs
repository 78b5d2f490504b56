//! What may touch what: floor and capsules, and pairs of limbs.

use crate::engine::rapier::robot::xz;
use crate::error::{Error, Result};
use crate::model::Model;
use rapier3d::prelude::*;

/// Group of the floor.
const FLOOR: u32 = 1;
/// Group of all that the floor carries.
const CARRIED: u32 = 2;
/// Every pair can be told to leave the solver.
const HOOKS: ActiveHooks = ActiveHooks::FILTER_CONTACT_PAIRS;
/// Groups left for limbs.
const LIMBS: usize = 30;

/// The colliders of `model`, whose bodies are `handles`.
///
/// # Errors
/// Where more limbs may touch each other than there are groups.
pub(super) fn of(
    model: &Model,
    handles: &[RigidBodyHandle],
    bodies: &mut RigidBodySet,
) -> Result<ColliderSet> {
    if model.capsules.len() > LIMBS {
        return Err(Error::input(
            &model.name,
            format!("{} limbs may touch others", model.capsules.len()),
            format!("Rapier tells {LIMBS} apart: give the others conaffinity=\"0\" contype=\"0\""),
        ));
    }
    let mut colliders = ColliderSet::new();
    let up = rapier3d::na::Unit::new_unchecked(Vector::Z);
    let floor = ColliderBuilder::halfspace(up).collision_groups(groups(FLOOR, CARRIED));
    colliders.insert(floor.friction(0.0).active_hooks(HOOKS));
    for ends in model.points.chunk_by(|a, b| a.geom == b.geom) {
        let (first, last) = (&ends[0], &ends[ends.len() - 1]);
        let limb = rounded(xz(first.offset), xz(last.offset), first.radius)
            .density(0.0)
            .active_hooks(HOOKS)
            .collision_groups(groups(CARRIED, FLOOR))
            // The model's coefficient is the combined one.
            .friction(first.friction as f32)
            .friction_combine_rule(CoefficientCombineRule::Max);
        colliders.insert_with_parent(limb, handles[first.body], bodies);
    }
    // Limbs slide on each other without friction: colliders of their own.
    for (i, limb) in model.capsules.iter().enumerate() {
        let partners = model.pairs.iter().filter(|p| p.capsules.contains(&i));
        let partners = partners
            .flat_map(|p| p.capsules)
            .filter(|&other| other != i);
        let mask = partners.fold(0, |mask, other| mask | limb_group(other));
        let end = |sign: f64| xz([0, 1].map(|k| limb.centre[k] + sign * limb.half_axis[k]));
        let collider = rounded(end(-1.0), end(1.0), limb.radius)
            .density(0.0)
            .active_hooks(HOOKS)
            .friction(0.0)
            .collision_groups(groups(limb_group(i), mask));
        colliders.insert_with_parent(collider, handles[limb.body], bodies);
    }
    Ok(colliders)
}

/// A capsule between two ends, or the ball that it is where they are one.
fn rounded(a: Vector, b: Vector, radius: f64) -> ColliderBuilder {
    match a == b {
        true => ColliderBuilder::ball(radius as f32).translation(a),
        false => ColliderBuilder::capsule_from_endpoints(a, b, radius as f32),
    }
}

fn limb_group(limb: usize) -> u32 {
    1 << (32 - LIMBS + limb)
}

fn groups(own: u32, others: u32) -> InteractionGroups {
    let group = Group::from_bits_truncate;
    InteractionGroups::new(group(own), group(others), InteractionTestMode::And)
}
