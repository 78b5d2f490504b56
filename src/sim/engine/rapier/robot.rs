//! [`Model`] → [`Robot`]: a world to copy, and the numbers that drive it.

use crate::engine::rapier::scheme::Scheme;
use crate::engine::rapier::world::{Scratch, World};
use crate::engine::rapier::{colliders, flywheel};
use crate::error::Result;
use crate::model::{Actuator, Body, ContactPoint, Model, Softness};
use rapier3d::prelude::*;
use std::f64::consts::TAU;

/// What the worlds of one parameter row share.
pub struct Robot {
    /// A world in the reference pose, whose collision pairs are found.
    pub(super) pristine: World,
    pub(super) scheme: Scheme,
    pub(super) gravity: Vector,
    pub(super) parameters: IntegrationParameters,
    /// Without a duration: contacts are found, and no time passes.
    pub(super) still: IntegrationParameters,
    pub(super) actuators: Vec<Actuator>,
    /// (degree of freedom, N m/rad, rest in rad).
    pub(super) springs: Vec<(usize, f64, f64)>,
    /// N m s/rad, `[nv]`.
    pub(super) damping: Vec<f64>,
    /// Which link of the multibody moves by each degree of freedom, and along which axis of its
    /// joint, `[nv]`.
    pub(super) axes: Vec<(usize, JointAxis)>,
    /// What resists rolling.
    pub(super) wheels: Vec<Wheel>,
}

/// A sphere whose contact with the floor resists rolling.
pub(super) struct Wheel {
    pub link: usize,
    /// In the body's frame.
    pub centre: Vector,
    /// Height of the centre from which on it touches nothing, m.
    pub reach: f64,
    /// Torque against rolling under its share of the robot's weight, N m.
    pub resistance: f64,
    /// Degrees of freedom that turn it, and which way.
    pub turned_by: Vec<(usize, f64)>,
}

impl Robot {
    /// Builds the world of `model`.
    ///
    /// # Errors
    /// Where more than 30 limbs may touch others.
    pub fn new(model: &Model) -> Result<Self> {
        let scheme = Scheme::new(model.integrator, model.timestep);
        let parameters = parameters(model, scheme);
        let mut robot = Self {
            pristine: world(model)?,
            scheme,
            gravity: Vector::new(0.0, 0.0, -model.gravity as f32),
            parameters,
            still: IntegrationParameters {
                dt: 0.0,
                ..parameters
            },
            actuators: model.actuators.clone(),
            springs: springs(model),
            damping: model.dofs.iter().map(|d| d.damping).collect(),
            axes: (0..model.nv()).map(link_axis).collect(),
            wheels: wheels(model),
        };
        let start: Vec<f64> = model.dofs.iter().map(|d| d.qpos0).collect();
        let mut world = robot.pristine.clone();
        world.set_state(&robot, &start, &vec![0.0; start.len()]);
        // In every copy the pairs have the order in which they are found here.
        Scratch::new().advance(&mut world, Vector::ZERO, &robot.still, &());
        robot.pristine = world;
        Ok(robot)
    }

    /// Degrees of freedom.
    pub fn nv(&self) -> usize {
        self.axes.len()
    }
}

/// Link 0 is the base, link 1 the torso with the root's three degrees of freedom.
fn link_axis(dof: usize) -> (usize, JointAxis) {
    match dof {
        0 => (1, JointAxis::LinX),
        1 => (1, JointAxis::LinZ),
        dof => (dof - 1, JointAxis::AngY),
    }
}

fn springs(model: &Model) -> Vec<(usize, f64, f64)> {
    let dofs = model.dofs.iter().enumerate();
    dofs.map(|(i, d)| (i, d.stiffness, d.springref))
        .filter(|spring| spring.1 != 0.0)
        .collect()
}

/// Rapier's contacts have no rolling friction. A torque stands for it, of the size that it has where the wheels share
/// the weight evenly: what presses a wheel is not known before the step.
fn wheels(model: &Model) -> Vec<Wheel> {
    let rolls = || model.points.iter().filter(|p| p.rolling > 0.0);
    let weight = model.bodies.iter().map(|b| b.mass).sum::<f64>() * model.gravity;
    let share = weight / rolls().count().max(1) as f64;
    let wheel = |p: &ContactPoint| {
        let up = std::iter::successors(Some(p.body), |&b| model.bodies[b].parent);
        Wheel {
            link: p.body + 1,
            centre: xz(p.offset),
            reach: p.radius + model.contact.margin,
            resistance: p.rolling * share,
            turned_by: up
                .map(|b| (model.bodies[b].dof, model.bodies[b].sign))
                .collect(),
        }
    };
    rolls().map(wheel).collect()
}

fn parameters(model: &Model, scheme: Scheme) -> IntegrationParameters {
    IntegrationParameters {
        dt: scheme.dt as f32,
        num_solver_iterations: 1,
        num_internal_pgs_iterations: 4,
        // What a constraint's spring and damper add to the velocity stays, as in MuJoCo.
        num_internal_stabilization_iterations: 0,
        static_contact_softness: softness(&model.contact),
        contact_softness: softness(&model.pair),
        normalized_allowed_linear_error: 0.0,
        max_ccd_substeps: 0,
        // A state is positions and velocities alone.
        warmstart_coefficient: 0.0,
        contact_recycling: false,
        contact_clustering: false,
        // As in MuJoCo a contact begins at the touch. Pairs of limbs stay in the solver however far
        // they are: as they come and go in the broad phase, their order would tell of the past.
        normalized_prediction_distance: if model.pairs.is_empty() { 0.0 } else { 1e3 },
        ..IntegrationParameters::default()
    }
}

/// Rapier's spring and damper for a row of MuJoCo's, a = (1 − d) a₀ − d (B v + K r).
///
/// Rapier's adds to a₀ what MuJoCo's puts in its place, so d B and d K are right for a blow, and B and
/// K times d/(1 − d) for a load at rest. Between the two stands the geometric mean.
fn softness(row: &Softness) -> SpringCoefficients<f32> {
    let d = row.solimp[1];
    let ratio = (d / (1.0 - d)).sqrt();
    let omega = (row.stiffness * ratio).sqrt();
    SpringCoefficients::new(
        (omega / TAU) as f32,
        (0.5 * row.damping * ratio / omega) as f32,
    )
}

/// A vector in the plane of motion.
pub(super) fn xz(v: [f64; 2]) -> Vector {
    Vector::new(v[0] as f32, 0.0, v[1] as f32)
}

fn world(model: &Model) -> Result<World> {
    let (mut bodies, mut joints) = (RigidBodySet::new(), MultibodyJointSet::new());
    let base = bodies.insert(RigidBodyBuilder::fixed());
    let mut handles = Vec::with_capacity(model.nb());
    for body in &model.bodies {
        let inertia = Vector::splat(body.inertia as f32);
        let mass = MassProperties::new(xz(body.com), body.mass as f32, inertia);
        let builder = RigidBodyBuilder::dynamic().additional_mass_properties(mass);
        let handle = bodies.insert(builder.can_sleep(false));
        let parent = body.parent.map_or(base, |p| handles[p]);
        joints.insert(parent, handle, joint(model, body), false);
        handles.push(handle);
    }
    flywheel::add(&mut bodies, &mut joints, base);
    let index = joints
        .rigid_body_link(base)
        .expect("the base has links")
        .multibody;
    let robot = joints.get_multibody_mut(index).expect("just found");
    robot.set_self_contacts_enabled(!model.pairs.is_empty());
    // The base has six degrees of freedom until this finds that it is fixed.
    robot.forward_kinematics(&bodies, true);
    robot.damping_mut().fill(0.0);
    for (i, dof) in model.dofs.iter().enumerate() {
        robot.damping_mut()[i] = dof.damping as f32;
        robot.armature_mut()[i] = dof.armature as f32;
    }
    let colliders = colliders::of(model, &handles, &mut bodies)?;
    Ok(World::new(bodies, colliders, joints, index))
}

/// The joint between `body` and what carries it, with its limits.
fn joint(model: &Model, body: &Body) -> GenericJoint {
    let (locked, at) = match body.parent {
        None => (
            JointAxesMask::LIN_Y | JointAxesMask::ANG_X | JointAxesMask::ANG_Z,
            [0.0, model.z0],
        ),
        Some(_) => (!JointAxesMask::ANG_Y, body.offset),
    };
    // Half a turn about x, exact in float32, makes −y of the joint's y axis.
    let frame = match body.sign > 0.0 {
        true => Rotation::IDENTITY,
        false => Rotation::from_xyzw(1.0, 0.0, 0.0, 0.0),
    };
    let mut joint = GenericJoint::new(locked);
    joint.local_frame1 = Pose::from_parts(xz(at), frame);
    joint.local_frame2 = Pose::from_rotation(frame);
    joint.softness = softness(&model.limit);
    let first = if body.parent.is_none() { 0 } else { body.dof };
    for dof in first..=body.dof {
        if let Some(range) = model.dofs[dof].range {
            joint.set_limits(link_axis(dof).1, range.map(|x| x as f32));
        }
    }
    joint
}
