//! How a MuJoCo physics step is taken with Rapier's steps.

use crate::model::Integrator;

/// A call of Rapier's pipeline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    /// Whether Coriolis forces enter at the end's velocity, as Rapier takes them when left alone.
    pub implicit_coriolis: bool,
    /// Whether damping does.
    pub implicit_damping: bool,
}

/// MuJoCo's Euler: Rapier's positions follow the new velocity too, so one pass is the same step.
const EULER: [Pass; 1] = [Pass {
    implicit_coriolis: false,
    implicit_damping: true,
}];

/// In place of Runge–Kutta, whose stages Rapier has no door for: quarter steps, explicit in velocity
/// and implicit in turn, so that most of their errors of first order cancel. What is left is Rapier's:
/// its derivative of the Coriolis forces is not exact.
const RK4: [Pass; 4] = [EXPLICIT, IMPLICIT, EXPLICIT, IMPLICIT];
const EXPLICIT: Pass = Pass {
    implicit_coriolis: false,
    implicit_damping: false,
};
const IMPLICIT: Pass = Pass {
    implicit_coriolis: true,
    implicit_damping: true,
};

/// The passes of a physics step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheme {
    pub passes: &'static [Pass],
    /// Duration of a pass, s.
    pub dt: f64,
    /// How long Rapier's positions run ahead of the robot's, s: half a pass makes its kick and drift a
    /// leapfrog, which is of second order.
    pub ahead: f64,
}

impl Scheme {
    pub fn new(integrator: Integrator, timestep: f64) -> Self {
        match integrator {
            Integrator::Euler => Self {
                passes: &EULER,
                dt: timestep,
                ahead: 0.0,
            },
            Integrator::Rk4 => Self {
                passes: &RK4,
                dt: 0.25 * timestep,
                ahead: 0.125 * timestep,
            },
        }
    }
}
