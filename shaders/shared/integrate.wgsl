// Time steps: Euler with implicit damping, Runge-Kutta, and the physics of an env step (physics-spec 6).
#define_import_path shared::integrate
#import shared::topology::{NV, NU, MOTOR_DOF, FRAMES}
#import shared::parameters::{parameter, TIMESTEP, DAMPED_ARMATURE, DAMPING, GEAR, CTRL_LOWER, CTRL_UPPER}
#import shared::inertia::{inertia, factor, solve}
#import shared::solver::acceleration
#import shared::work::{q, v, x, torque, direction}
#ifdef TRACE_ROWS
#import shared::trace::record
#endif

// Way along x since the env step began, m: summed apart from x, whose float32 is too coarse for a
// velocity once it is large (physics-spec 9.3).
var<private> dx: f32;
// Whether every acceleration of the env step converged.
var<private> converged: bool;
// Controls by motor.
var<private> ctrl: array<f32, NU>;

// Torques of the controls `ctrl`, which are clamped to the motors' ranges.
fn motors() {
    for (var i = 0u; i < NV; i++) {
        torque[i] = 0.0;
    }
    for (var n = 0u; n < NU; n++) {
        let i = MOTOR_DOF[n];
        let held = min(max(ctrl[n], parameter(CTRL_LOWER + n)), parameter(CTRL_UPPER + n));
        torque[i] = fma(parameter(GEAR + n), held, torque[i]);
    }
}

// `frames` physics steps with the controls `ctrl`, from and to (q, v) and the warm start x.
fn advance(frames: u32) {
    motors();
    dx = 0.0;
    converged = true;
    var frame = 0u;
    loop {
        physics_step();
        frame++;
        if (frame == frames) {
            break;
        }
    }
}

fn evaluate() {
    converged = acceleration() && converged;
#ifdef TRACE_ROWS
    record();
#endif
}

#ifdef RK4
// Start of the physics step, and the sums of the stages' derivatives.
var<private> start_q: array<f32, NV>;
var<private> start_v: array<f32, NV>;
var<private> sum_v: array<f32, NV>;
var<private> sum_a: array<f32, NV>;

fn physics_step() {
    let h = parameter(TIMESTEP);
    start_q = q;
    start_v = v;
    for (var i = 0u; i < NV; i++) {
        sum_v[i] = 0.0;
        sum_a[i] = 0.0;
    }
    var stage = 0u;
    loop {
        // Each evaluation starts from the previous one's acceleration.
        evaluate();
        // The classic tableau: weight in the sums, and how far from the start the next stage lies.
        let share = h / select(6.0, 3.0, stage == 1u || stage == 2u);
        let reach = h * select(1.0, 0.5, stage < 2u);
        for (var i = 0u; i < NV; i++) {
            sum_v[i] = fma(share, v[i], sum_v[i]);
            sum_a[i] = fma(share, x[i], sum_a[i]);
            q[i] = fma(reach, v[i], start_q[i]);
            v[i] = fma(reach, x[i], start_v[i]);
        }
        stage++;
        if (stage == 4u) {
            break;
        }
    }
    for (var i = 0u; i < NV; i++) {
        q[i] = start_q[i] + sum_v[i];
        v[i] = start_v[i] + sum_a[i];
    }
    dx += sum_v[0];
}
#else
// Semi-implicit Euler; joint damping is implicit, in the velocity update alone.
fn physics_step() {
    evaluate();
    let h = parameter(TIMESTEP);
    inertia(DAMPED_ARMATURE, false);
    factor();
    for (var i = 0u; i < NV; i++) {
        direction[i] = h * parameter(DAMPING + i) * x[i];
    }
    let unused = solve(&direction);
    for (var i = 0u; i < NV; i++) {
        v[i] = fma(h, x[i] - direction[i], v[i]);
        q[i] = fma(h, v[i], q[i]);
    }
    dx = fma(h, v[0], dx);
}
#endif
