// Contacts between limbs: capsule against capsule, without friction (DYNAMICS.md 4.4).
#define_import_path shared::pair
#import shared::topology::{NB, PAIRS, PARENT, ROW, DEPTH, CAPSULE_BODY, PAIR_FIRST, PAIR_SECOND, LEVER_FROM, LEVER_BODY, LEVER_SIGN}
#import shared::parameters::{parameter, CAPSULE_X, CAPSULE_Z, CAPSULE_HALF_X, CAPSULE_HALF_Z, CAPSULE_INV_HALF2}
#import shared::parameters::{CAPSULE_RADIUS, CAPSULE_REACH, PAIR_INV_SCALE, SPRING, DAMPER, MARGIN}
#import shared::contact::{impedance, efc_D, NEVER, PAIR}
#import shared::kinematics::rotate
#import shared::work::{qvel, qacc, sine, cosine, rx, rz, grad, qLD, pair_xanchor_x, pair_xanchor_z}
#import shared::work::{pair_efc_J, pair_efc_D, pair_efc_aref, pressed, active_pairs, now_pairs}

// u x w, about +y reversed.
fn turn(u: vec2<f32>, w: vec2<f32>) -> f32 {
    return fma(-u.y, w.x, u.x * w.y);
}

// Of the segment through 0 with end `half`, the point nearest to `p`.
fn on_segment(p: vec2<f32>, half_axis: vec2<f32>, inv_half: f32) -> vec2<f32> {
    return clamp(dot(p, half_axis) * inv_half, -1.0, 1.0) * half_axis;
}

// Nearest points of two segments: from A's middle to A's point, from there to B's.
struct Nearest {
    on_a: vec2<f32>,
    gap: vec2<f32>,
}

fn nearer(best: Nearest, on_a: vec2<f32>, gap: vec2<f32>) -> Nearest {
    let closer = dot(gap, gap) < dot(best.gap, best.gap);
    return Nearest(select(best.on_a, on_a, closer), select(best.gap, gap, closer));
}

// Unless two segments cross, an end of one of them is among their nearest points: the smallest of
// four distances.
fn nearest(between: vec2<f32>, a: vec2<f32>, b: vec2<f32>, inv_a: f32, inv_b: f32) -> Nearest {
    var best = Nearest(vec2(0.0), vec2(1e18));
    for (var end = 0u; end < 2u; end++) {
        let side = 1.0 - 2.0 * f32(end);
        let end_b = between + side * b;
        let near_a = on_segment(end_b, a, inv_a);
        best = nearer(best, near_a, end_b - near_a);
        let end_a = side * a;
        best = nearer(best, end_a, between + on_segment(end_a - between, b, inv_b) - end_a);
    }
    return best;
}

// Do the segments properly cross? Then no direction presses them apart, and there is no row.
fn crossing(between: vec2<f32>, a: vec2<f32>, b: vec2<f32>) -> bool {
    let whole = abs(turn(a, b));
    return abs(turn(a, between)) < whole && abs(turn(b, between)) < whole;
}

// Pairs of capsules within their margin.
fn pair_rows() {
    pressed = 0u;
    pair_xanchor_x[0] = 0.0;
    pair_xanchor_z[0] = 0.0;
    for (var b = 1u; b < NB; b++) {
        let p = PARENT[b];
        pair_xanchor_x[b] = pair_xanchor_x[p] + rx[b];
        pair_xanchor_z[b] = pair_xanchor_z[p] + rz[b];
    }
    for (var i = 0u; i < PAIRS; i++) {
        let ca = PAIR_FIRST[i];
        let cb = PAIR_SECOND[i];
        let ba = CAPSULE_BODY[ca];
        let bb = CAPSULE_BODY[cb];
        let turn_a = vec2(sine[ba], cosine[ba]);
        let turn_b = vec2(sine[bb], cosine[bb]);
        let centre_a = vec2(pair_xanchor_x[ba], pair_xanchor_z[ba])
            + rotate(turn_a, vec2(parameter(CAPSULE_X + ca), parameter(CAPSULE_Z + ca)));
        let centre_b = vec2(pair_xanchor_x[bb], pair_xanchor_z[bb])
            + rotate(turn_b, vec2(parameter(CAPSULE_X + cb), parameter(CAPSULE_Z + cb)));
        let margin = parameter(MARGIN + PAIR);
        let reach = parameter(CAPSULE_REACH + ca) + parameter(CAPSULE_REACH + cb) + margin;
        let between = centre_b - centre_a;
        pair_efc_D[i] = 0.0;
        pair_efc_aref[i] = NEVER;
        for (var l = LEVER_FROM[i]; l < LEVER_FROM[i + 1u]; l++) {
            pair_efc_J[l] = 0.0;
        }
        if (dot(between, between) < reach * reach) {
            let half_a = rotate(turn_a, vec2(parameter(CAPSULE_HALF_X + ca), parameter(CAPSULE_HALF_Z + ca)));
            let half_b = rotate(turn_b, vec2(parameter(CAPSULE_HALF_X + cb), parameter(CAPSULE_HALF_Z + cb)));
            let near = nearest(between, half_a, half_b, parameter(CAPSULE_INV_HALF2 + ca), parameter(CAPSULE_INV_HALF2 + cb));
            let apart = sqrt(dot(near.gap, near.gap));
            let radius = parameter(CAPSULE_RADIUS + ca);
            let efc_pos = apart - radius - parameter(CAPSULE_RADIUS + cb);
            let y = efc_pos - margin;
            if (y < 0.0 && apart > 0.0 && !crossing(between, half_a, half_b)) {
                pressed |= 1u << i;
                let normal = near.gap / apart;
                let point = centre_a + near.on_a + fma(0.5, efc_pos, radius) * normal;
                var efc_vel = 0.0;
                for (var l = LEVER_FROM[i]; l < LEVER_FROM[i + 1u]; l++) {
                    let b = LEVER_BODY[l];
                    let torque = LEVER_SIGN[l] * turn(normal, point - vec2(pair_xanchor_x[b], pair_xanchor_z[b]));
                    pair_efc_J[l] = torque;
                    efc_vel = fma(torque, qvel[b + 2u], efc_vel);
                }
                let d = impedance(PAIR, y);
                pair_efc_D[i] = efc_D(d, parameter(PAIR_INV_SCALE + i));
                pair_efc_aref[i] = -fma(parameter(DAMPER + PAIR), efc_vel, d * parameter(SPRING + PAIR) * y);
            }
        }
    }
}

// Active rows at `qacc`, and their part of the gradient `grad`.
fn pair_gradient() {
    now_pairs = 0u;
    for (var i = 0u; i < PAIRS; i++) {
        if ((pressed & (1u << i)) != 0u) {
            var efc_Jaref = -pair_efc_aref[i];
            for (var l = LEVER_FROM[i]; l < LEVER_FROM[i + 1u]; l++) {
                let b = LEVER_BODY[l];
                efc_Jaref = fma(pair_efc_J[l], qacc[b + 2u], efc_Jaref);
            }
            now_pairs |= select(0u, 1u << i, efc_Jaref < 0.0);
            // -efc_force.
            let push = pair_efc_D[i] * min(efc_Jaref, 0.0);
            for (var l = LEVER_FROM[i]; l < LEVER_FROM[i + 1u]; l++) {
                let b = LEVER_BODY[l];
                grad[b + 2u] = fma(push, pair_efc_J[l], grad[b + 2u]);
            }
        }
    }
}

// Adds D J'J of the active rows to the Hessian. Any two hinges of a pair lie on one branch of the
// factor's tree: `Topology::above` sees to it.
fn pair_stiffness() {
    for (var i = 0u; i < PAIRS; i++) {
        if ((active_pairs & (1u << i)) != 0u) {
            for (var l = LEVER_FROM[i]; l < LEVER_FROM[i + 1u]; l++) {
                let row = ROW[LEVER_BODY[l] + 2u];
                let scaled = pair_efc_D[i] * pair_efc_J[l];
                // Sorted by body, so that the others so far lie above.
                for (var k = LEVER_FROM[i]; k < l + 1u; k++) {
                    let entry = row + DEPTH[LEVER_BODY[k] + 2u];
                    qLD[entry] = fma(scaled, pair_efc_J[k], qLD[entry]);
                }
            }
        }
    }
}
