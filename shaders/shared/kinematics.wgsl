// Where the bodies are, how anchors move, and how wrenches become generalised forces
// (physics-spec 3). World x of the root never enters: all offsets are between anchors.
#define_import_path shared::kinematics
#import shared::topology::{NB, NV, PARENT}
#import shared::parameters::{parameter, Z0, OFFSET_X, OFFSET_Z, MOMENT_X, MOMENT_Z}
#import shared::math::sin_cos
#import shared::work::{q, sine, cosine, rx, rz, height, hx, hz}
#import shared::work::{anchor_x, anchor_z, anchor_w, wrench_x, wrench_z, wrench_w}

// A vector of a body's frame in world axes; `turn` is the sine and cosine of the body's angle.
fn rotate(turn: vec2<f32>, u: vec2<f32>) -> vec2<f32> {
    return vec2(fma(turn.y, u.x, turn.x * u.y), fma(-turn.x, u.x, turn.y * u.y));
}

// Rotations, offsets between anchors, anchor heights and first mass moments at `q`.
fn kinematics() {
    var angle: array<f32, NB>;
    angle[0] = q[2];
    for (var b = 1u; b < NB; b++) {
        let p = PARENT[b];
        angle[b] = angle[p] + q[b + 2u];
    }
    for (var b = 0u; b < NB; b++) {
        let turn = sin_cos(angle[b]);
        sine[b] = turn.x;
        cosine[b] = turn.y;
        let h = rotate(turn, vec2(parameter(MOMENT_X + b), parameter(MOMENT_Z + b)));
        hx[b] = h.x;
        hz[b] = h.y;
    }
    height[0] = q[1] + parameter(Z0);
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
    anchor_x[0] = (*u)[0];
    anchor_z[0] = (*u)[1];
    anchor_w[0] = (*u)[2];
    for (var b = 1u; b < NB; b++) {
        let p = PARENT[b];
        let w = anchor_w[p];
        anchor_x[b] = fma(w, rz[b], anchor_x[p]);
        anchor_z[b] = fma(-w, rx[b], anchor_z[p]);
        anchor_w[b] = w + (*u)[b + 2u];
    }
}

// J' of the wrenches at the anchors, which it sums towards the root.
fn project(g: ptr<private, array<f32, NV>>) {
    for (var n = 0u; n < NB - 1u; n++) {
        let b = NB - 1u - n;
        let p = PARENT[b];
        let fx = wrench_x[b];
        let fz = wrench_z[b];
        let w = wrench_w[b];
        (*g)[b + 2u] = w;
        wrench_x[p] += fx;
        wrench_z[p] += fz;
        wrench_w[p] = fma(-rx[b], fz, fma(rz[b], fx, wrench_w[p] + w));
    }
    (*g)[0] = wrench_x[0];
    (*g)[1] = wrench_z[0];
    (*g)[2] = wrench_w[0];
}
