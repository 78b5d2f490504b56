// Time steps: Euler with implicit damping, Runge-Kutta, and the physics of an env step (DYNAMICS.md 6).
#define_import_path shared::integrate
#import shared::topology::{NV, NU, MOTOR_DOF, FRAMES}
#import shared::parameters::{parameter, TIMESTEP, DAMPED_ARMATURE, DAMPING, GEAR, CTRL_LOWER, CTRL_UPPER}
#import shared::inertia::{inertia, factor, solve}
#import shared::solver::acceleration
#import shared::work::{qpos, qvel, qacc, qfrc_actuator, Mgrad}
#ifdef TRACE_ROWS
#import shared::trace::record
#endif

// Way along x since the env step began, m: summed apart from x, whose float32 is too coarse for a
// velocity once it is large (DYNAMICS.md 9.3).
var<private> dx: f32;
// Whether every acceleration of the env step converged.
var<private> converged: bool;
// Controls by motor.
var<private> ctrl: array<f32, NU>;

// Torques of the controls `ctrl`, which are clamped to the motors' ranges.
fn motors() {
    for (var i = 0u; i < NV; i++) {
        qfrc_actuator[i] = 0.0;
    }
    for (var n = 0u; n < NU; n++) {
        let i = MOTOR_DOF[n];
        let held = min(max(ctrl[n], parameter(CTRL_LOWER + n)), parameter(CTRL_UPPER + n));
        qfrc_actuator[i] = fma(parameter(GEAR + n), held, qfrc_actuator[i]);
    }
}

// `frames` physics steps with the controls `ctrl`, from and to (qpos, qvel) and the warm start qacc.
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
var<private> start_qpos: array<f32, NV>;
var<private> start_qvel: array<f32, NV>;
var<private> sum_qvel: array<f32, NV>;
var<private> sum_qacc: array<f32, NV>;

fn physics_step() {
    let h = parameter(TIMESTEP);
    start_qpos = qpos;
    start_qvel = qvel;
    for (var i = 0u; i < NV; i++) {
        sum_qvel[i] = 0.0;
        sum_qacc[i] = 0.0;
    }
    var stage = 0u;
    loop {
        // Each evaluation starts from the previous one's acceleration.
        evaluate();
        // The classic tableau: weight in the sums, and how far from the start the next stage lies.
        let share = h / select(6.0, 3.0, stage == 1u || stage == 2u);
        let reach = h * select(1.0, 0.5, stage < 2u);
        for (var i = 0u; i < NV; i++) {
            sum_qvel[i] = fma(share, qvel[i], sum_qvel[i]);
            sum_qacc[i] = fma(share, qacc[i], sum_qacc[i]);
            qpos[i] = fma(reach, qvel[i], start_qpos[i]);
            qvel[i] = fma(reach, qacc[i], start_qvel[i]);
        }
        stage++;
        if (stage == 4u) {
            break;
        }
    }
    for (var i = 0u; i < NV; i++) {
        qpos[i] = start_qpos[i] + sum_qvel[i];
        qvel[i] = start_qvel[i] + sum_qacc[i];
    }
    dx += sum_qvel[0];
}
#else
// Semi-implicit Euler; joint damping is implicit, in the velocity update alone.
fn physics_step() {
    evaluate();
    let h = parameter(TIMESTEP);
    inertia(DAMPED_ARMATURE, false);
    factor();
    for (var i = 0u; i < NV; i++) {
        Mgrad[i] = h * parameter(DAMPING + i) * qacc[i];
    }
    let unused = solve(&Mgrad);
    for (var i = 0u; i < NV; i++) {
        qvel[i] = fma(h, qacc[i] - Mgrad[i], qvel[i]);
        qpos[i] = fma(h, qvel[i], qpos[i]);
    }
    dx = fma(h, qvel[0], dx);
}
#endif
