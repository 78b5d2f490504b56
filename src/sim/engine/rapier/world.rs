//! One robot in a world of its own, and what steps it.

use crate::engine::rapier::scheme::Pass;
use crate::engine::rapier::{Robot, flywheel};
use crate::env::status::{BROKEN, LARGEST};
use rapier3d::prelude::*;

/// One environment: a Rapier world without what a thread can share.
#[derive(Clone)]
pub struct World {
    bodies: RigidBodySet,
    colliders: ColliderSet,
    joints: MultibodyJointSet,
    robot: MultibodyIndex,
    islands: IslandManager,
    broad_phase: BroadPhaseBvh,
    narrow_phase: NarrowPhase,
}

/// Working memory of a thread, and the sets that are empty in every world. Nothing of a world stays in it.
pub struct Scratch {
    pipeline: PhysicsPipeline,
    impulse_joints: ImpulseJointSet,
    soft_bodies: SoftBodySet,
    ccd: CCDSolver,
    /// Forces on the degrees of freedom.
    forces: Vec<f64>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// Without a world.
    pub fn new() -> Self {
        Self {
            pipeline: PhysicsPipeline::new(),
            impulse_joints: ImpulseJointSet::new(),
            soft_bodies: SoftBodySet::new(),
            ccd: CCDSolver::new(),
            forces: Vec::new(),
        }
    }

    /// One call of Rapier's pipeline.
    pub(super) fn advance(
        &mut self,
        world: &mut World,
        gravity: Vector,
        parameters: &IntegrationParameters,
        hooks: &dyn PhysicsHooks,
    ) {
        self.pipeline.step(
            gravity,
            parameters,
            &mut world.islands,
            &mut world.broad_phase,
            &mut world.narrow_phase,
            &mut world.bodies,
            &mut world.colliders,
            &mut self.impulse_joints,
            &mut world.joints,
            &mut self.soft_bodies,
            &mut self.ccd,
            hooks,
            &(),
        );
    }
}

/// Takes every contact out of the solver, in a pass without duration: they come back in the order of
/// their pairs, not in that of the past.
struct Forget;

impl PhysicsHooks for Forget {
    fn filter_contact_pair(&self, _: &PairFilterContext<'_>) -> Option<SolverFlags> {
        None
    }
}

impl World {
    pub(super) fn new(
        bodies: RigidBodySet,
        colliders: ColliderSet,
        joints: MultibodyJointSet,
        robot: MultibodyIndex,
    ) -> Self {
        Self {
            bodies,
            colliders,
            joints,
            robot,
            islands: IslandManager::new(),
            broad_phase: BroadPhaseBvh::new(),
            narrow_phase: NarrowPhase::new(),
        }
    }

    /// A world of `robot`, in its reference pose.
    pub fn of(robot: &Robot) -> Self {
        robot.pristine.clone()
    }

    /// Positions and velocities as Rapier holds them into `out` (`[2 nv]`), the whole state.
    pub fn coordinates(&self, robot: &Robot, out: &mut [f64]) {
        let multibody = robot_of(&self.joints, self.robot);
        let (positions, velocities) = out.split_at_mut(robot.nv());
        for (q, &(link, axis)) in positions.iter_mut().zip(&robot.axes) {
            *q = f64::from(link_of(multibody, link).joint.coords()[axis as usize]);
        }
        let speeds = multibody.generalized_velocity();
        for (v, x) in velocities.iter_mut().zip(speeds.iter()) {
            *v = f64::from(*x);
        }
    }

    /// Goes back to [`coordinates`](Self::coordinates).
    pub fn set_coordinates(&mut self, robot: &Robot, state: &[f64]) {
        let (positions, velocities) = state.split_at(robot.nv());
        let multibody = self
            .joints
            .get_multibody_mut(self.robot)
            .expect("a world has its robot");
        for link in multibody.links_mut() {
            // The coordinates are private: those of a new joint are zero, to be displaced exactly.
            link.joint = MultibodyJoint::new(link.joint.data, link.joint.kinematic);
        }
        let mut positions: Vec<f32> = positions.iter().map(|q| *q as f32).collect();
        // The flywheel's.
        positions.push(0.0);
        multibody.apply_displacements(&positions);
        let mut speeds = multibody.generalized_velocity_mut();
        for (v, x) in speeds.iter_mut().zip(velocities) {
            *v = *x as f32;
        }
        multibody.forward_kinematics(&self.bodies, false);
        for link in multibody.links() {
            // Colliders follow a body that is known to have been moved.
            self.bodies[link.rigid_body_handle()].set_position(*link.local_to_world(), false);
        }
    }

    /// Positions, m and rad, and velocities into `qpos` and `qvel` (`[nv]` each).
    pub fn state(&self, robot: &Robot, qpos: &mut [f64], qvel: &mut [f64]) {
        let mut state = vec![0.0; 2 * robot.nv()];
        self.coordinates(robot, &mut state);
        let (q, v) = state.split_at(robot.nv());
        qvel.copy_from_slice(v);
        for (out, (q, v)) in qpos.iter_mut().zip(q.iter().zip(v)) {
            *out = q - robot.scheme.ahead * v;
        }
    }

    /// Its torso's way along x, m.
    pub(super) fn x(&self, robot: &Robot) -> f64 {
        let mut state = vec![0.0; 2 * robot.nv()];
        self.coordinates(robot, &mut state);
        state[0] - robot.scheme.ahead * state[robot.nv()]
    }

    /// Puts the robot at `qpos`, `qvel` (`[nv]` each), in float32.
    pub fn set_state(&mut self, robot: &Robot, qpos: &[f64], qvel: &[f64]) {
        let both = qpos.iter().zip(qvel);
        let mut state: Vec<f64> = both.map(|(q, v)| q + robot.scheme.ahead * v).collect();
        state.extend(qvel);
        self.set_coordinates(robot, &state);
    }

    /// `frames` physics steps with controls `ctrl` (`[nu]`); bits of [`status`](crate::env::status).
    /// What the future depends on at its end is [`coordinates`](Self::coordinates) alone.
    pub fn step(
        &mut self,
        scratch: &mut Scratch,
        robot: &Robot,
        ctrl: &[f64],
        frames: usize,
    ) -> u32 {
        scratch.advance(self, Vector::ZERO, &robot.still, &Forget);
        for _ in 0..frames {
            for pass in robot.scheme.passes {
                self.prepare(robot, *pass);
                self.push(scratch, robot, *pass, ctrl);
                scratch.advance(self, robot.gravity, &robot.parameters, &());
            }
        }
        self.status(robot)
    }

    /// Tells the multibody what is to be implicit.
    fn prepare(&mut self, robot: &Robot, pass: Pass) {
        let multibody = self
            .joints
            .get_multibody_mut(self.robot)
            .expect("a world has its robot");
        flywheel::set(multibody, pass.implicit_coriolis);
        if robot.scheme.passes.len() > 1 {
            for (d, damping) in multibody.damping_mut().iter_mut().zip(&robot.damping) {
                *d = if pass.implicit_damping {
                    *damping as f32
                } else {
                    0.0
                };
            }
        }
    }

    /// Motors, springs and explicit damping as torques on the bodies that they turn.
    fn push(&mut self, scratch: &mut Scratch, robot: &Robot, pass: Pass, ctrl: &[f64]) {
        let multibody = robot_of(&self.joints, self.robot);
        let forces = &mut scratch.forces;
        forces.clear();
        forces.resize(robot.nv(), 0.0);
        for (motor, u) in robot.actuators.iter().zip(ctrl) {
            let [lo, hi] = motor.ctrlrange;
            forces[motor.dof] += motor.gear * u.clamp(lo, hi);
        }
        for &(dof, stiffness, rest) in &robot.springs {
            let (link, axis) = robot.axes[dof];
            let q = link_of(multibody, link).joint.coords()[axis as usize];
            forces[dof] -= stiffness * (f64::from(q) - rest);
        }
        if !pass.implicit_damping {
            let speeds = multibody.generalized_velocity();
            let dofs = robot.damping.iter().zip(speeds.iter());
            for (force, (damping, v)) in forces.iter_mut().zip(dofs) {
                *force -= damping * f64::from(*v);
            }
        }
        for link in multibody.links() {
            let body = &mut self.bodies[link.rigid_body_handle()];
            body.reset_forces(false);
            body.reset_torques(false);
        }
        for (&(link, axis), force) in robot.axes.iter().zip(forces) {
            if *force == 0.0 {
                continue;
            }
            let link = link_of(multibody, link);
            let body = &mut self.bodies[link.rigid_body_handle()];
            let force = *force as f32;
            let along = match axis {
                JointAxis::LinX => Vector::X,
                JointAxis::LinZ => Vector::Z,
                _ => {
                    let torque = link.joint.data.local_frame1.rotation * Vector::Y * force;
                    body.add_torque(torque, false);
                    let parent = link.parent_id().expect("only the base has none");
                    let parent = link_of(multibody, parent).rigid_body_handle();
                    self.bodies[parent].add_torque(-torque, false);
                    continue;
                }
            };
            let anchor = link.local_to_world().translation;
            body.add_force_at_point(along * force, anchor, false);
        }
        for wheel in &robot.wheels {
            let link = link_of(multibody, wheel.link);
            let place = link.local_to_world();
            let centre = place.rotation * wheel.centre + place.translation;
            if f64::from(centre.z) >= wheel.reach {
                continue;
            }
            let speeds = multibody.generalized_velocity();
            let turn = |&(dof, sign): &(usize, f64)| sign * f64::from(speeds[dof]);
            let spin: f64 = wheel.turned_by.iter().map(turn).sum();
            // Below 1 rad/s it fades, so that a step of it does not turn the wheel round.
            let torque = -wheel.resistance * spin.clamp(-1.0, 1.0);
            let body = &mut self.bodies[link.rigid_body_handle()];
            body.add_torque(Vector::Y * torque as f32, false);
        }
    }

    fn status(&self, robot: &Robot) -> u32 {
        let mut state = vec![0.0; 2 * robot.nv()];
        self.coordinates(robot, &mut state);
        let whole = state.iter().all(|x| x.abs() <= LARGEST);
        if whole { 0 } else { BROKEN }
    }

    /// Whether the floor pushed at the robot in the latest pass.
    pub fn touches(&self) -> bool {
        let mut points = self
            .narrow_phase
            .contact_pairs()
            .flat_map(|pair| pair.manifolds())
            .flat_map(|manifold| &manifold.points);
        points.any(|point| point.data.impulse > 0.0)
    }

    /// Whether a joint is beyond its limits.
    pub fn beyond_limits(&self) -> bool {
        robot_of(&self.joints, self.robot).links().any(|link| {
            let joint = &link.joint.data;
            let coords = link.joint.coords();
            let limited = |axis: &usize| joint.limit_axes.bits() >> axis & 1 == 1;
            (0..6).filter(limited).any(|axis| {
                let limits = &joint.limits[axis];
                coords[axis] < limits.min || coords[axis] > limits.max
            })
        })
    }
}

fn robot_of(joints: &MultibodyJointSet, index: MultibodyIndex) -> &Multibody {
    joints.get_multibody(index).expect("a world has its robot")
}

fn link_of(robot: &Multibody, link: usize) -> &MultibodyLink {
    robot.link(link).expect("a link a body")
}
