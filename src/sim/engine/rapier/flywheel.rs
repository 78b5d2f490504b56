//! A wheel beside the robot whose speed decides how Rapier takes Coriolis forces.
//!
//! Rapier adds dt · ∂(Coriolis force)/∂velocity to the mass matrix, and solves once more without that
//! term where the result is not finite or gains energy. MuJoCo's Euler has no such term. There is no
//! switch, so a link that touches nothing and feels nothing makes the first result infinite: turning
//! about y, its gyroscopic term is its speed times an inertia about x and z that no joint lets act, and
//! the product overflows float32. At rest it leaves Rapier's own way. Its block of the mass matrix is
//! apart from the robot's, so that the robot's numbers are the same with any wheel.

use rapier3d::prelude::*;

/// About x and z, kg m²; its square still has an inverse in float32.
const INERTIA: f32 = 1e18;
/// rad/s: times [`INERTIA`] beyond float32's largest number, 3.4e38.
const SPEED: f32 = 1e21;

/// Hangs the wheel on `base`. Its degree of freedom comes after those that are there.
pub(super) fn add(
    bodies: &mut RigidBodySet,
    joints: &mut MultibodyJointSet,
    base: RigidBodyHandle,
) {
    let mass = MassProperties::new(Vector::ZERO, 1.0, Vector::new(INERTIA, 1.0, INERTIA));
    let body = RigidBodyBuilder::dynamic()
        .gravity_scale(0.0)
        .additional_mass_properties(mass)
        .can_sleep(false);
    let wheel = bodies.insert(body);
    joints.insert(base, wheel, GenericJoint::new(!JointAxesMask::ANG_Y), false);
}

/// Lets Coriolis forces enter implicitly, or not, from now on.
pub(super) fn set(robot: &mut Multibody, implicit: bool) {
    let last = robot.ndofs() - 1;
    robot.generalized_velocity_mut()[last] = if implicit { 0.0 } else { SPEED };
}
