// The mass matrix with the stiffness of active rows, and its LDL factor (physics-spec 5).
#define_import_path shared::inertia
#import shared::topology::{NB, NV, NL, PARENT, DEPTH, ROW, COLUMN, LIMITED, POINT_FIRST, CHAIN, CHAIN_FROM}
#import shared::parameters::{parameter, MASS, INERTIA, FRICTION}
#ifdef LIMBS
#import shared::pair::pair_stiffness
#endif
#import shared::work::{rx, rz, hx, hz, hessian}
#import shared::work::{contact_x, contact_z, contact_weight, touching, active_plus, active_minus, active_normal}
#import shared::work::{limit_weight, active_limits}

// Lower triangle of M + diag(parameters from `diagonal` on) into `hessian`, by composite inertias.
// With `rows` the active contacts add to their bodies' inertia, the active limits to the diagonal, and
// the contacts between limbs to the hinges between them.
fn inertia(diagonal: u32, rows: bool) {
    // Composite inertia at the anchors.
    var xx: array<f32, NB>;
    var xz: array<f32, NB>;
    var zz: array<f32, NB>;
    var xw: array<f32, NB>;
    var zw: array<f32, NB>;
    var ww: array<f32, NB>;
    for (var b = 0u; b < NB; b++) {
        xx[b] = parameter(MASS + b);
        xz[b] = 0.0;
        zz[b] = xx[b];
        xw[b] = hz[b];
        zw[b] = -hx[b];
        ww[b] = parameter(INERTIA + b);
    }
    for (var n = 0u; n < NB; n++) {
        let b = NB - 1u - n;
        if (rows) {
            // Each contact's 2x2 stiffness, moved to the anchor.
            for (var i = POINT_FIRST[b]; i < POINT_FIRST[b + 1u]; i++) {
                let word = i / 32u;
                let bit = i % 32u;
                if ((touching[word] & (1u << bit)) != 0u) {
                    let mu = parameter(FRICTION + i);
                    let plus = select(0.0, contact_weight[i], (active_plus[word] & (1u << bit)) != 0u);
                    let minus = select(0.0, contact_weight[i], (active_minus[word] & (1u << bit)) != 0u);
                    let normal = select(0.0, contact_weight[i], (active_normal[word] & (1u << bit)) != 0u);
                    let kxx = mu * mu * (plus + minus);
                    let kxz = mu * (plus - minus);
                    let kzz = fma(2.0, normal, plus + minus);
                    let kxw = fma(-kxz, contact_x[i], kxx * contact_z[i]);
                    let kzw = fma(-kzz, contact_x[i], kxz * contact_z[i]);
                    xx[b] += kxx;
                    xz[b] += kxz;
                    zz[b] += kzz;
                    xw[b] += kxw;
                    zw[b] += kzw;
                    ww[b] += fma(-kzw, contact_x[i], kxw * contact_z[i]);
                }
            }
        }
        if (b > 0u) {
            // Moved to the parent's anchor.
            let p = PARENT[b];
            let xv = fma(-rx[b], xz[b], fma(xx[b], rz[b], xw[b]));
            let zv = fma(-rx[b], zz[b], fma(xz[b], rz[b], zw[b]));
            xx[p] += xx[b];
            xz[p] += xz[b];
            zz[p] += zz[b];
            xw[p] += xv;
            zw[p] += zv;
            ww[p] += fma(-rx[b], zw[b] + zv, fma(rz[b], xw[b] + xv, ww[b]));
        }
        // The row of the body's hinge: its unit force carried from anchor to anchor up to the root.
        let row = ROW[b + 2u];
        let depth = DEPTH[b + 2u];
#ifdef FILL
        for (var k = 2u; k < depth; k++) {
            hessian[row + k] = 0.0;
        }
#endif
        var torque = ww[b];
        hessian[row + depth] = torque;
        for (var k = CHAIN_FROM[b]; k < CHAIN_FROM[b + 1u]; k++) {
            let at = CHAIN[k];
            let entry = row + DEPTH[PARENT[at] + 2u];
            torque = fma(-rx[at], zw[b], fma(rz[at], xw[b], torque));
            hessian[entry] = torque;
        }
        hessian[row] = xw[b];
        hessian[row + 1u] = zw[b];
    }
    hessian[0] = xx[0];
    hessian[1] = xz[0];
    hessian[2] = zz[0];
    for (var i = 0u; i < NV; i++) {
        let entry = ROW[i] + DEPTH[i];
        hessian[entry] += parameter(diagonal + i);
    }
    if (rows) {
        for (var n = 0u; n < NL; n++) {
            let i = LIMITED[n];
            let entry = ROW[i] + DEPTH[i];
            hessian[entry] += select(0.0, limit_weight[i], (active_limits & (1u << i)) != 0u);
        }
#ifdef LIMBS
        pair_stiffness();
#endif
    }
}

// H = L'DL in place, leaves first; ancestors only, so there is no fill-in. The diagonal holds 1/D.
fn factor() {
    for (var n = 0u; n < NV; n++) {
        let r = NV - 1u - n;
        let row = ROW[r];
        let depth = DEPTH[r];
        let inverse = 1.0 / hessian[row + depth];
        for (var k = 0u; k < depth; k++) {
            let entry = depth - 1u - k;
            let i = COLUMN[row + entry];
            let ancestor = ROW[i];
            let a = hessian[row + entry] * inverse;
            for (var j = 0u; j < entry + 1u; j++) {
                hessian[ancestor + j] = fma(-a, hessian[row + j], hessian[ancestor + j]);
            }
            hessian[row + entry] = a;
        }
        hessian[row + depth] = inverse;
    }
}

// u <- H^-1 u by the factor; returns u' H^-1 u of the u that came in.
fn solve(u: ptr<private, array<f32, NV>>) -> f32 {
    for (var n = 0u; n < NV; n++) {
        let r = NV - 1u - n;
        let row = ROW[r];
        for (var k = 0u; k < DEPTH[r]; k++) {
            let i = COLUMN[row + k];
            (*u)[i] = fma(-hessian[row + k], (*u)[r], (*u)[i]);
        }
    }
    var form = 0.0;
    for (var r = 0u; r < NV; r++) {
        let row = ROW[r];
        let depth = DEPTH[r];
        var y = (*u)[r] * hessian[row + depth];
        form = fma((*u)[r], y, form);
        for (var k = 0u; k < depth; k++) {
            let i = COLUMN[row + k];
            y = fma(-hessian[row + k], (*u)[i], y);
        }
        (*u)[r] = y;
    }
    return form;
}
