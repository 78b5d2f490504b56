// Constraint rows: floor contacts and joint limits (physics-spec 4).
#define_import_path shared::contact
#import shared::topology::{NP, NL, POINT_BODY, LIMITED}
#import shared::parameters::{parameter, DMIN, DMAX, DRANGE, INV_WIDTH, MIDPOINT, BELOW, BEYOND, POWER}
#import shared::parameters::{SPRING, DAMPER, MARGIN, LOWER, UPPER, LIMIT_INV_SCALE}
#import shared::parameters::{POINT_X, POINT_Z, RADIUS, POINT_INV_SCALE}
#import shared::kinematics::rotate
#import shared::work::{q, v, sine, cosine, height, anchor_x, anchor_z, anchor_w}
#import shared::work::{contact_x, contact_z, contact_weight, reference_t, reference_n, touching}
#import shared::work::{limit_side, limit_weight, limit_reference, exceeded}

// The kinds of rows, which have an impedance curve each.
const CONTACT = 0u;
const LIMIT = 1u;
const PAIR = 2u;
// Reference acceleration of a row that is not there: its residual is then positive whatever the
// acceleration, so the row is never active.
const NEVER = -1e30f;

// Impedance d(y) of rows of `kind`; y = distance - margin < 0.
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

// D = d / ((1 - d) rk).
fn weight(d: f32, inv_scale: f32) -> f32 {
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
        let distance = height[b] + e.y - parameter(RADIUS + i);
        let y = distance - parameter(MARGIN + CONTACT);
        contact_weight[i] = 0.0;
        reference_t[i] = 0.0;
        reference_n[i] = NEVER;
        contact_x[i] = e.x;
        // The contact point lies half-way into the penetration.
        contact_z[i] = fma(0.5, distance, -height[b]);
        if (y < 0.0) {
            touching[word] |= 1u << bit;
            let d = impedance(CONTACT, y);
            let spring = d * parameter(SPRING + CONTACT) * y;
            let vt = fma(anchor_w[b], contact_z[i], anchor_x[b]);
            let vn = fma(-anchor_w[b], e.x, anchor_z[b]);
            let damper = parameter(DAMPER + CONTACT);
            contact_weight[i] = weight(d, parameter(POINT_INV_SCALE + i));
            reference_t[i] = -(damper * vt);
            reference_n[i] = -fma(damper, vn, spring);
        }
    }
}

// Exceeded joint limits. At most one side of a joint can be.
fn limit_rows() {
    exceeded = 0u;
    for (var n = 0u; n < NL; n++) {
        let i = LIMITED[n];
        let low = q[i] - parameter(LOWER + i);
        let high = parameter(UPPER + i) - q[i];
        let y = min(low, high);
        let side = select(-1.0, 1.0, low < high);
        limit_side[i] = side;
        limit_weight[i] = 0.0;
        limit_reference[i] = NEVER;
        if (y < 0.0) {
            exceeded |= 1u << i;
            let d = impedance(LIMIT, y);
            let spring = d * parameter(SPRING + LIMIT) * y;
            limit_weight[i] = weight(d, parameter(LIMIT_INV_SCALE + i));
            limit_reference[i] = -fma(parameter(DAMPER + LIMIT), side * v[i], spring);
        }
    }
}
