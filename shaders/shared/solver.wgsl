// The constrained acceleration: Newton on the active set of rows (DYNAMICS.md 5).
#define_import_path shared::solver
#import shared::topology::{NB, NV, NP, NL, POINT_BODY, LIMITED}
#import shared::parameters::{parameter, MASS, INERTIA, FRICTION, ARMATURE}
#import shared::kinematics::{kinematics, anchors, project}
#import shared::smooth::smooth_force
#import shared::contact::{contact_rows, limit_rows}
#ifdef ROLLS
#import shared::roll::{roll_rows, roll_gradient}
#import shared::work::{active_roll_plus, active_roll_minus, now_roll_plus, now_roll_minus}
#endif
#ifdef LIMBS
#import shared::pair::{pair_rows, pair_gradient}
#endif
#import shared::inertia::{inertia, factor, solve}
#import shared::line_search::{Search, search_from, overshoots, shorten}
#import shared::work::{qvel, qacc, qfrc_smooth, grad, Mgrad, hx, hz}
#import shared::work::{cvel_x, cvel_z, cvel_w, cfrc_int_x, cfrc_int_z, cfrc_int_w}
#import shared::work::{contact_x, contact_z, contact_efc_D, contact_efc_aref_t, contact_efc_aref_n, touching}
#import shared::work::{active_plus, active_minus, active_normal, active_pairs}
#import shared::work::{now_plus, now_minus, now_normal, now_limits, now_pairs}
#import shared::work::{limit_efc_J, limit_efc_D, limit_efc_aref, exceeded, active_limits}

// Full steps are taken before this pass; from it on a line search keeps the set from cycling.
const LINE_SEARCH_FROM = 4u;
// Passes after which an environment is left as it is.
const MOST_PASSES = 16u;
// The solver also stops once a step is below this share of max(1, |qacc|): float32 rounding can make
// the active set chatter.
const STEP_TOLERANCE = 2e-5;

// What does not depend on the acceleration: positions, smooth forces, rows at (qpos, qvel).
fn prepare() {
    kinematics();
    anchors(&qvel);
    smooth_force();
    contact_rows();
    limit_rows();
#ifdef ROLLS
    roll_rows();
#endif
#ifdef LIMBS
    pair_rows();
#endif
}

// Replaces the warm start `qacc` by the constrained acceleration at (qpos, qvel); whether it converged.
fn acceleration() -> bool {
    prepare();
    var pass_count = 0u;
    var done = false;
    var search: Search;
    loop {
        let changed = gradient();
        // A step taken at full length goes on trial at the next gradient.
        if (pass_count > LINE_SEARCH_FROM && overshoots(&search)) {
            let back = shorten(&search);
            for (var i = 0u; i < NV; i++) {
                qacc[i] = fma(back, Mgrad[i], qacc[i]);
            }
        } else {
            // Nothing changed since the last full step: the factor still holds, this step is the last.
            let last = pass_count > 0u && search.trials == 0u && !changed;
            if (!last) {
                remember_active();
                inertia(ARMATURE, true);
                factor();
            }
            Mgrad = grad;
            search = search_from(solve(&Mgrad));
            var largest = 0.0;
            var size = 1.0;
            for (var i = 0u; i < NV; i++) {
                qacc[i] -= Mgrad[i];
                largest = max(largest, abs(Mgrad[i]));
                size = max(size, abs(qacc[i]));
            }
            done = last || (pass_count > 0u && largest <= STEP_TOLERANCE * size);
            pass_count++;
        }
        if (done || pass_count == MOST_PASSES) {
            break;
        }
    }
    return done;
}

fn remember_active() {
    active_plus = now_plus;
    active_minus = now_minus;
    active_normal = now_normal;
#ifdef ROLLS
    active_roll_plus = now_roll_plus;
    active_roll_minus = now_roll_minus;
#endif
    active_limits = now_limits;
    active_pairs = now_pairs;
}

// Gradient of the objective at `qacc` into `grad`, from unassembled bodies and rows (float32 would
// lose digits in qM qacc). Whether the active set differs from the factor's.
fn gradient() -> bool {
    anchors(&qacc);
    now_plus = vec2(0u);
    now_minus = vec2(0u);
    now_normal = vec2(0u);
    now_limits = 0u;
    for (var b = 0u; b < NB; b++) {
        let mass = parameter(MASS + b);
        let spin = parameter(INERTIA + b) * cvel_w[b];
        cfrc_int_x[b] = fma(mass, cvel_x[b], hz[b] * cvel_w[b]);
        cfrc_int_z[b] = fma(-hx[b], cvel_w[b], mass * cvel_z[b]);
        cfrc_int_w[b] = fma(-hx[b], cvel_z[b], fma(hz[b], cvel_x[b], spin));
    }
    for (var i = 0u; i < NP; i++) {
        let b = POINT_BODY[i];
        let word = i / 32u;
        let bit = i % 32u;
        if ((touching[word] & (1u << bit)) != 0u) {
            let mu = parameter(FRICTION + i);
            let normal = fma(-cvel_w[b], contact_x[i], cvel_z[b]) - contact_efc_aref_n[i];
            let tangent = mu * (fma(cvel_w[b], contact_z[i], cvel_x[b]) - contact_efc_aref_t[i]);
            let plus = normal + tangent;
            let minus = normal - tangent;
            now_plus[word] |= select(0u, 1u << bit, plus < 0.0);
            now_minus[word] |= select(0u, 1u << bit, minus < 0.0);
            now_normal[word] |= select(0u, 1u << bit, normal < 0.0);
            let pull_plus = min(plus, 0.0);
            let pull_minus = min(minus, 0.0);
            let up = contact_efc_D[i] * fma(2.0, min(normal, 0.0), pull_plus + pull_minus);
            let along = contact_efc_D[i] * mu * (pull_plus - pull_minus);
            cfrc_int_x[b] += along;
            cfrc_int_z[b] += up;
            cfrc_int_w[b] = fma(-contact_x[i], up, fma(contact_z[i], along, cfrc_int_w[b]));
        }
    }
#ifdef ROLLS
    roll_gradient();
#endif
    project(&grad);
    for (var i = 0u; i < NV; i++) {
        grad[i] = fma(parameter(ARMATURE + i), qacc[i], grad[i]) - qfrc_smooth[i];
    }
    for (var n = 0u; n < NL; n++) {
        let i = LIMITED[n];
        if ((exceeded & (1u << i)) != 0u) {
            let efc_Jaref = fma(limit_efc_J[i], qacc[i], -limit_efc_aref[i]);
            now_limits |= select(0u, 1u << i, efc_Jaref < 0.0);
            grad[i] = fma(limit_efc_D[i] * min(efc_Jaref, 0.0), limit_efc_J[i], grad[i]);
        }
    }
#ifdef LIMBS
    pair_gradient();
#endif
#ifdef ROLLS
    if (any((now_roll_plus ^ active_roll_plus) != vec2(0u)) || any((now_roll_minus ^ active_roll_minus) != vec2(0u))) {
        return true;
    }
#endif
    return any((now_plus ^ active_plus) != vec2(0u))
        || any((now_minus ^ active_minus) != vec2(0u))
        || any((now_normal ^ active_normal) != vec2(0u))
        || now_limits != active_limits
        || now_pairs != active_pairs;
}
