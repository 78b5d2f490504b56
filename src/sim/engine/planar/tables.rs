//! The numbers of a model as the kernel reads them: one parameter row.

use crate::engine::planar::real::Real;
use crate::engine::planar::topology::{
    MAX_BODIES, MAX_CAPSULES, MAX_DOFS, MAX_PAIRS, MAX_POINTS, Topology,
};
use crate::model::{Model, Softness};
use std::array::from_fn;

/// Index of floor contacts among the kinds of constraint rows.
pub const CONTACT: usize = 0;
/// Index of joint limits.
pub const LIMIT: usize = 1;
/// Index of contacts between limbs.
pub const PAIR: usize = 2;
/// Kinds of constraint rows.
const KINDS: usize = 3;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $len:expr,)*) => {
        /// A parameter row. `X` is a number that all lanes share, or a register with one a lane.
        #[derive(Clone, Debug)]
        pub struct Tables<X> {
            $($(#[$doc])* pub $name: [X; $len],)*
            /// Every impedance curve has power 2.
            pub quadratic: bool,
        }

        impl Tables<f64> {
            /// The row, rounded, for lanes that share it.
            pub fn shared<R: Real>(&self) -> Tables<R::Scalar> {
                Tables { $($name: self.$name.map(R::scalar),)* quadratic: self.quadratic }
            }

            /// Name and numbers of each field, in order.
            pub fn fields(&self) -> Vec<(&'static str, &[f64])> {
                vec![$((stringify!($name), &self.$name[..]),)*]
            }

            /// One row a lane, rounded.
            pub fn mixed<R: Real>(rows: &[&Self]) -> Tables<R> {
                Tables {
                    $($name: columns(rows, &|row, i| row.$name[i]),)*
                    quadratic: rows.iter().all(|row| row.quadratic),
                }
            }
        }

        impl<R: Real> Tables<R> {
            /// Gives lane `lane` another row, rounded as [`mixed`](Tables::mixed) rounds it. A curve
            /// of another power stays accounted for when it has left, which costs time, not bits.
            pub fn set_lane(&mut self, lane: usize, row: &Tables<f64>) {
                $(set_column(&mut self.$name, lane, &row.$name);)*
                self.quadratic &= row.quadratic;
            }
        }
    };
}

/// `number(row, i)` of every row in its lane, for each i.
#[inline(never)]
fn columns<R: Real, const N: usize>(
    rows: &[&Tables<f64>],
    number: &dyn Fn(&Tables<f64>, usize) -> f64,
) -> [R; N] {
    let mut columns = [R::splat(0.0); N];
    for (i, column) in columns.iter_mut().enumerate() {
        for (lane, row) in rows.iter().enumerate() {
            column.set(lane, number(row, i));
        }
    }
    columns
}

/// `numbers` into lane `lane`.
#[inline(never)]
fn set_column<R: Real>(column: &mut [R], lane: usize, numbers: &[f64]) {
    for (x, number) in column.iter_mut().zip(numbers) {
        x.set(lane, *number);
    }
}

tables! {
    /// Physics step, s.
    timestep: 1,
    /// Downward acceleration, m/s².
    gravity: 1,
    /// Height of the root anchor at `qpos[1]` = 0, m.
    z0: 1,
    /// Parent's anchor → own anchor in the parent's frame, m.
    offset_x: MAX_BODIES,
    /// See `offset_x`.
    offset_z: MAX_BODIES,
    /// kg.
    mass: MAX_BODIES,
    /// Mass × (anchor → centre of mass), kg m.
    moment_x: MAX_BODIES,
    /// See `moment_x`.
    moment_z: MAX_BODIES,
    /// Inertia about the own anchor, kg m².
    inertia: MAX_BODIES,
    /// kg m².
    armature: MAX_DOFS,
    /// Armature + timestep × damping: the diagonal of implicit damping.
    damped_armature: MAX_DOFS,
    /// N m s/rad.
    damping: MAX_DOFS,
    /// N m/rad.
    stiffness: MAX_DOFS,
    /// rad.
    springref: MAX_DOFS,
    /// Lower joint limits, rad.
    lower: MAX_DOFS,
    /// Upper joint limits, rad.
    upper: MAX_DOFS,
    /// 1 / row scale of the joint limits.
    limit_inv_scale: MAX_DOFS,
    /// Torque per unit of control, by motor.
    gear: MAX_DOFS,
    /// Smallest control, by motor.
    ctrl_lower: MAX_DOFS,
    /// Largest control, by motor.
    ctrl_upper: MAX_DOFS,
    /// Anchor → centre of the sphere, m.
    point_x: MAX_POINTS,
    /// See `point_x`.
    point_z: MAX_POINTS,
    /// m.
    radius: MAX_POINTS,
    /// Sliding friction.
    friction: MAX_POINTS,
    /// Rolling friction, m.
    rolling_friction: MAX_POINTS,
    /// 1 / row scale of the contact.
    point_inv_scale: MAX_POINTS,
    /// Anchor → middle of the capsule's centre line, m.
    capsule_x: MAX_CAPSULES,
    /// See `capsule_x`.
    capsule_z: MAX_CAPSULES,
    /// Middle → end of the centre line, m.
    capsule_half_x: MAX_CAPSULES,
    /// See `capsule_half_x`.
    capsule_half_z: MAX_CAPSULES,
    /// 1 / (half-length)², 1/m²; 0 of a sphere, whose nearest point is its middle.
    capsule_inv_half2: MAX_CAPSULES,
    /// m.
    capsule_radius: MAX_CAPSULES,
    /// Middle → farthest point, m: beyond two of these nothing can touch.
    capsule_reach: MAX_CAPSULES,
    /// 1 / row scale of the contact between two limbs.
    pair_inv_scale: MAX_PAIRS,
    /// Impedance at distance 0, by kind of row (`CONTACT`, `LIMIT`, `PAIR`), and so below.
    dmin: KINDS,
    /// Impedance at `width` and beyond.
    dmax: KINDS,
    /// dmax − dmin.
    drange: KINDS,
    /// 1 / width, 1/m.
    inv_width: KINDS,
    /// Where the curve's two halves meet.
    midpoint: KINDS,
    /// 1 / midpoint^(power − 1).
    below: KINDS,
    /// 1 / (1 − midpoint)^(power − 1).
    beyond: KINDS,
    /// Power of the curve.
    power: KINDS,
    /// K, 1/s².
    spring: KINDS,
    /// B, 1/s.
    damper: KINDS,
    /// Distance at which the row appears, m.
    margin: KINDS,
}

impl Tables<f64> {
    /// The row of `model`, whose shape is `topology`.
    pub fn new(model: &Model, topology: &Topology) -> Self {
        let bodies = &model.bodies;
        let dofs = &model.dofs;
        let body =
            |f: &dyn Fn(usize) -> f64| from_fn(|b| if b < bodies.len() { f(b) } else { 0.0 });
        let dof = |f: &dyn Fn(usize) -> f64| from_fn(|i| if i < dofs.len() { f(i) } else { 0.0 });
        let motors = &model.actuators;
        let motor =
            |f: &dyn Fn(usize) -> f64| from_fn(|i| if i < motors.len() { f(i) } else { 0.0 });
        let point = |f: &dyn Fn(&crate::model::ContactPoint) -> f64| {
            from_fn(|i| {
                topology
                    .point_order
                    .get(i)
                    .map_or(0.0, |&i| f(&model.points[i]))
            })
        };
        let capsules = &model.capsules;
        let capsule =
            |f: &dyn Fn(&crate::model::Capsule) -> f64| from_fn(|c| capsules.get(c).map_or(0.0, f));
        let half = |c: &crate::model::Capsule| c.half_axis[0].hypot(c.half_axis[1]);
        let sign = &topology.sign;
        // A hinge about −y is turned round: angle, limits, spring and torque change sign.
        let range = |i: usize| {
            let [lo, hi] = dofs[i].range.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
            if sign[i] < 0.0 { [-hi, -lo] } else { [lo, hi] }
        };
        let kinds: [_; KINDS] = [&model.contact, &model.limit, &model.pair].map(Curve::new);
        let kind = |f: &dyn Fn(&Curve) -> f64| from_fn(|i| f(&kinds[i]));
        Self {
            timestep: [model.timestep],
            gravity: [model.gravity],
            z0: [model.z0],
            offset_x: body(&|b| bodies[b].offset[0]),
            offset_z: body(&|b| bodies[b].offset[1]),
            mass: body(&|b| bodies[b].mass),
            moment_x: body(&|b| bodies[b].mass * bodies[b].com[0]),
            moment_z: body(&|b| bodies[b].mass * bodies[b].com[1]),
            inertia: body(&|b| {
                let [x, z] = bodies[b].com;
                bodies[b].inertia + bodies[b].mass * (x * x + z * z)
            }),
            armature: dof(&|i| dofs[i].armature),
            damped_armature: dof(&|i| dofs[i].armature + model.timestep * dofs[i].damping),
            damping: dof(&|i| dofs[i].damping),
            stiffness: dof(&|i| dofs[i].stiffness),
            springref: dof(&|i| sign[i] * dofs[i].springref),
            lower: dof(&|i| range(i)[0]),
            upper: dof(&|i| range(i)[1]),
            limit_inv_scale: dof(&|i| 1.0 / dofs[i].invweight),
            gear: motor(&|i| sign[motors[i].dof] * motors[i].gear),
            ctrl_lower: motor(&|i| motors[i].ctrlrange[0]),
            ctrl_upper: motor(&|i| motors[i].ctrlrange[1]),
            point_x: point(&|p| p.offset[0]),
            point_z: point(&|p| p.offset[1]),
            radius: point(&|p| p.radius),
            friction: point(&|p| p.friction),
            rolling_friction: point(&|p| p.rolling),
            point_inv_scale: point(&|p| 1.0 / p.row_scale),
            capsule_x: capsule(&|c| c.centre[0]),
            capsule_z: capsule(&|c| c.centre[1]),
            capsule_half_x: capsule(&|c| c.half_axis[0]),
            capsule_half_z: capsule(&|c| c.half_axis[1]),
            capsule_inv_half2: capsule(&|c| match half(c) {
                0.0 => 0.0,
                half => half.powi(-2),
            }),
            capsule_radius: capsule(&|c| c.radius),
            capsule_reach: capsule(&|c| half(c) + c.radius),
            pair_inv_scale: from_fn(|i| model.pairs.get(i).map_or(0.0, |p| 1.0 / p.row_scale)),
            dmin: kind(&|c| c.dmin),
            dmax: kind(&|c| c.dmax),
            drange: kind(&|c| c.dmax - c.dmin),
            inv_width: kind(&|c| c.inv_width),
            midpoint: kind(&|c| c.midpoint),
            below: kind(&|c| c.midpoint.powf(1.0 - c.power)),
            beyond: kind(&|c| (1.0 - c.midpoint).powf(1.0 - c.power)),
            power: kind(&|c| c.power),
            spring: kind(&|c| c.spring),
            damper: kind(&|c| c.damper),
            margin: kind(&|c| c.margin),
            quadratic: kinds.iter().all(|c| c.power == 2.0),
        }
    }
}

/// An impedance curve; a flat one has dmin = dmax.
struct Curve {
    dmin: f64,
    dmax: f64,
    inv_width: f64,
    midpoint: f64,
    power: f64,
    spring: f64,
    damper: f64,
    margin: f64,
}

impl Curve {
    fn new(soft: &Softness) -> Self {
        let [dmin, dmax, width, midpoint, power] = soft.solimp;
        let flat = dmin == dmax || width <= 1e-15;
        let mean = 0.5 * (dmin + dmax);
        Self {
            dmin: if flat { mean } else { dmin },
            dmax: if flat { mean } else { dmax },
            inv_width: if flat { 1.0 } else { 1.0 / width },
            midpoint,
            power,
            spring: soft.stiffness,
            damper: soft.damping,
            margin: soft.margin,
        }
    }
}
