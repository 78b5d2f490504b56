// Constraint rows: floor contacts and joint limits (DYNAMICS.md 4).
#define_import_path shared::contact
#import shared::topology::{NP, NL, POINT_BODY, LIMITED}
#import shared::parameters::{parameter, DMIN, DMAX, DRANGE, INV_WIDTH, MIDPOINT, BELOW, BEYOND, POWER}
#import shared::parameters::{SPRING, DAMPER, MARGIN, LOWER, UPPER, LIMIT_INV_SCALE}
#import shared::parameters::{POINT_X, POINT_Z, RADIUS, POINT_INV_SCALE}
#import shared::kinematics::rotate
#import shared::work::{qpos, qvel, sine, cosine, height, cvel_x, cvel_z, cvel_w}
#import shared::work::{contact_x, contact_z, contact_efc_D, contact_efc_aref_t, contact_efc_aref_n, touching}
#import shared::work::{limit_efc_J, limit_efc_D, limit_efc_aref, exceeded}

// The kinds of rows, which have an impedance curve each.
const CONTACT = 0u;
const LIMIT = 1u;
const PAIR = 2u;
// Reference acceleration of a row that is not there: its `efc_Jaref` is then positive whatever the
// acceleration, so the row is never active.
const NEVER = -1e30f;

// Impedance d(y) of rows of `kind`; y = efc_pos - margin < 0.
fn impedance(kind: u32, y: f32) -> f32 {
    let depth = abs(y) * parameter(INV_WIDTH + kind);
    let rest = 1.0 - depth;
#ifdef QUADRATIC
    let low = depth * depth;
    let high = rest * rest;
#else
    let p = parameter(POWER + kind);
    let low = pow(depth, p);
    let high = pow(max(rest, 0.0), p);
#endif
    let s = select(
        parameter(BELOW + kind) * low,
        fma(-parameter(BEYOND + kind), high, 1.0),
        depth > parameter(MIDPOINT + kind),
    );
    let d = fma(s, parameter(DRANGE + kind), parameter(DMIN + kind));
    return select(parameter(DMAX + kind), d, depth < 1.0);
}

// D = d / ((1 - d) rk): how hard a violated row pushes.
fn efc_D(d: f32, inv_scale: f32) -> f32 {
    return d * inv_scale / (1.0 - d);
}

// End spheres below the floor's margin.
fn contact_rows() {
    touching = vec2(0u);
    for (var i = 0u; i < NP; i++) {
        let b = POINT_BODY[i];
        let word = i / 32u;
        let bit = i % 32u;
        let e = rotate(vec2(sine[b], cosine[b]), vec2(parameter(POINT_X + i), parameter(POINT_Z + i)));
        let efc_pos = height[b] + e.y - parameter(RADIUS + i);
        let y = efc_pos - parameter(MARGIN + CONTACT);
        contact_efc_D[i] = 0.0;
        contact_efc_aref_t[i] = 0.0;
        contact_efc_aref_n[i] = NEVER;
        contact_x[i] = e.x;
        // The contact point lies half-way into the penetration.
        contact_z[i] = fma(0.5, efc_pos, -height[b]);
        if (y < 0.0) {
            touching[word] |= 1u << bit;
            let d = impedance(CONTACT, y);
            let spring = d * parameter(SPRING + CONTACT) * y;
            let efc_vel_t = fma(cvel_w[b], contact_z[i], cvel_x[b]);
            let efc_vel_n = fma(-cvel_w[b], e.x, cvel_z[b]);
            let damper = parameter(DAMPER + CONTACT);
            contact_efc_D[i] = efc_D(d, parameter(POINT_INV_SCALE + i));
            contact_efc_aref_t[i] = -(damper * efc_vel_t);
            contact_efc_aref_n[i] = -fma(damper, efc_vel_n, spring);
        }
    }
}

// Exceeded joint limits. At most one side of a joint can be.
fn limit_rows() {
    exceeded = 0u;
    for (var n = 0u; n < NL; n++) {
        let i = LIMITED[n];
        let low = qpos[i] - parameter(LOWER + i);
        let high = parameter(UPPER + i) - qpos[i];
        let efc_pos = min(low, high);
        let efc_J = select(-1.0, 1.0, low < high);
        limit_efc_J[i] = efc_J;
        limit_efc_D[i] = 0.0;
        limit_efc_aref[i] = NEVER;
        if (efc_pos < 0.0) {
            exceeded |= 1u << i;
            let d = impedance(LIMIT, efc_pos);
            let spring = d * parameter(SPRING + LIMIT) * efc_pos;
            limit_efc_D[i] = efc_D(d, parameter(LIMIT_INV_SCALE + i));
            limit_efc_aref[i] = -fma(parameter(DAMPER + LIMIT), efc_J * qvel[i], spring);
        }
    }
}
