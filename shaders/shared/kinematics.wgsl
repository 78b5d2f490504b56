// Where the bodies are, how anchors move, and how wrenches become generalised forces
// (DYNAMICS.md 3). World x of the root never enters: all offsets are between anchors.
#define_import_path shared::kinematics
#import shared::topology::{NB, NV, PARENT}
#import shared::parameters::{parameter, Z0, OFFSET_X, OFFSET_Z, MOMENT_X, MOMENT_Z}
#import shared::math::sin_cos
#import shared::work::{qpos, sine, cosine, rx, rz, height, hx, hz}
#import shared::work::{cvel_x, cvel_z, cvel_w, cfrc_int_x, cfrc_int_z, cfrc_int_w}

// A vector of a body's frame in world axes; `turn` is the sine and cosine of the body's angle.
fn rotate(turn: vec2<f32>, u: vec2<f32>) -> vec2<f32> {
    return vec2(fma(turn.y, u.x, turn.x * u.y), fma(-turn.x, u.x, turn.y * u.y));
}

// Rotations, offsets between anchors, anchor heights and first mass moments at `qpos`.
fn kinematics() {
    var angle: array<f32, NB>;
    angle[0] = qpos[2];
    for (var b = 1u; b < NB; b++) {
        let p = PARENT[b];
        angle[b] = angle[p] + qpos[b + 2u];
    }
    for (var b = 0u; b < NB; b++) {
        let turn = sin_cos(angle[b]);
        sine[b] = turn.x;
        cosine[b] = turn.y;
        let h = rotate(turn, vec2(parameter(MOMENT_X + b), parameter(MOMENT_Z + b)));
        hx[b] = h.x;
        hz[b] = h.y;
    }
    height[0] = qpos[1] + parameter(Z0);
    for (var b = 1u; b < NB; b++) {
        let p = PARENT[b];
        let r = rotate(vec2(sine[p], cosine[p]), vec2(parameter(OFFSET_X + b), parameter(OFFSET_Z + b)));
        rx[b] = r.x;
        rz[b] = r.y;
        height[b] = height[p] + r.y;
    }
}

// J u for the anchors of all bodies (velocities if `u` is a velocity).
fn anchors(u: ptr<private, array<f32, NV>>) {
    cvel_x[0] = (*u)[0];
    cvel_z[0] = (*u)[1];
    cvel_w[0] = (*u)[2];
    for (var b = 1u; b < NB; b++) {
        let p = PARENT[b];
        let w = cvel_w[p];
        cvel_x[b] = fma(w, rz[b], cvel_x[p]);
        cvel_z[b] = fma(-w, rx[b], cvel_z[p]);
        cvel_w[b] = w + (*u)[b + 2u];
    }
}

// J' of the wrenches at the anchors, which it sums towards the root.
fn project(g: ptr<private, array<f32, NV>>) {
    for (var n = 0u; n < NB - 1u; n++) {
        let b = NB - 1u - n;
        let p = PARENT[b];
        let fx = cfrc_int_x[b];
        let fz = cfrc_int_z[b];
        let w = cfrc_int_w[b];
        (*g)[b + 2u] = w;
        cfrc_int_x[p] += fx;
        cfrc_int_z[p] += fz;
        cfrc_int_w[p] = fma(-rx[b], fz, fma(rz[b], fx, cfrc_int_w[p] + w));
    }
    (*g)[0] = cfrc_int_x[0];
    (*g)[1] = cfrc_int_z[0];
    (*g)[2] = cfrc_int_w[0];
}
