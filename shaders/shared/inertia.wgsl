// The mass matrix with the stiffness of active rows, and its LDL factor (DYNAMICS.md 5).
#define_import_path shared::inertia
#import shared::topology::{NB, NV, NL, PARENT, DEPTH, ROW, COLUMN, LIMITED, POINT_FIRST, CHAIN, CHAIN_FROM}
#import shared::parameters::{parameter, MASS, INERTIA, FRICTION}
#ifdef ROLLS
#import shared::topology::ROLLING
#import shared::roll::roll_stiffness
#endif
#ifdef LIMBS
#import shared::pair::pair_stiffness
#endif
#import shared::work::{rx, rz, hx, hz, qLD}
#import shared::work::{contact_x, contact_z, contact_efc_D, touching, active_plus, active_minus, active_normal}
#import shared::work::{limit_efc_D, active_limits}

// Lower triangle of `qM` + diag(parameters from `diagonal` on) into `qLD`, by composite inertias.
// With `rows` the active contacts add to their bodies' inertia, the active limits to the diagonal, and
// the contacts between limbs to the hinges between them.
fn inertia(diagonal: u32, rows: bool) {
    // Composite inertia at the anchors; the body's own `cinert` to begin with.
    var crb_xx: array<f32, NB>;
    var crb_xz: array<f32, NB>;
    var crb_zz: array<f32, NB>;
    var crb_xw: array<f32, NB>;
    var crb_zw: array<f32, NB>;
    var crb_ww: array<f32, NB>;
    for (var b = 0u; b < NB; b++) {
        crb_xx[b] = parameter(MASS + b);
        crb_xz[b] = 0.0;
        crb_zz[b] = crb_xx[b];
        crb_xw[b] = hz[b];
        crb_zw[b] = -hx[b];
        crb_ww[b] = parameter(INERTIA + b);
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
                    let plus = select(0.0, contact_efc_D[i], (active_plus[word] & (1u << bit)) != 0u);
                    let minus = select(0.0, contact_efc_D[i], (active_minus[word] & (1u << bit)) != 0u);
                    let normal = select(0.0, contact_efc_D[i], (active_normal[word] & (1u << bit)) != 0u);
                    let kxx = mu * mu * (plus + minus);
                    let kxz = mu * (plus - minus);
                    let kzz = fma(2.0, normal, plus + minus);
                    let kxw = fma(-kxz, contact_x[i], kxx * contact_z[i]);
                    let kzw = fma(-kzz, contact_x[i], kxz * contact_z[i]);
                    crb_xx[b] += kxx;
                    crb_xz[b] += kxz;
                    crb_zz[b] += kzz;
                    crb_xw[b] += kxw;
                    crb_zw[b] += kzw;
                    crb_ww[b] += fma(-kzw, contact_x[i], kxw * contact_z[i]);
#ifdef ROLLS
                    if (ROLLING[i] == 1u) {
                        let k = roll_stiffness(i);
                        crb_zz[b] += k.x;
                        crb_zw[b] += k.y;
                        crb_ww[b] += k.z;
                    }
#endif
                }
            }
        }
        if (b > 0u) {
            // Moved to the parent's anchor.
            let p = PARENT[b];
            let xv = fma(-rx[b], crb_xz[b], fma(crb_xx[b], rz[b], crb_xw[b]));
            let zv = fma(-rx[b], crb_zz[b], fma(crb_xz[b], rz[b], crb_zw[b]));
            crb_xx[p] += crb_xx[b];
            crb_xz[p] += crb_xz[b];
            crb_zz[p] += crb_zz[b];
            crb_xw[p] += xv;
            crb_zw[p] += zv;
            crb_ww[p] += fma(-rx[b], crb_zw[b] + zv, fma(rz[b], crb_xw[b] + xv, crb_ww[b]));
        }
        // The row of the body's hinge: its unit force carried from anchor to anchor up to the root.
        let row = ROW[b + 2u];
        let depth = DEPTH[b + 2u];
#ifdef FILL
        for (var k = 2u; k < depth; k++) {
            qLD[row + k] = 0.0;
        }
#endif
        var torque = crb_ww[b];
        qLD[row + depth] = torque;
        for (var k = CHAIN_FROM[b]; k < CHAIN_FROM[b + 1u]; k++) {
            let at = CHAIN[k];
            let entry = row + DEPTH[PARENT[at] + 2u];
            torque = fma(-rx[at], crb_zw[b], fma(rz[at], crb_xw[b], torque));
            qLD[entry] = torque;
        }
        qLD[row] = crb_xw[b];
        qLD[row + 1u] = crb_zw[b];
    }
    qLD[0] = crb_xx[0];
    qLD[1] = crb_xz[0];
    qLD[2] = crb_zz[0];
    for (var i = 0u; i < NV; i++) {
        let entry = ROW[i] + DEPTH[i];
        qLD[entry] += parameter(diagonal + i);
    }
    if (rows) {
        for (var n = 0u; n < NL; n++) {
            let i = LIMITED[n];
            let entry = ROW[i] + DEPTH[i];
            qLD[entry] += select(0.0, limit_efc_D[i], (active_limits & (1u << i)) != 0u);
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
        let inverse = 1.0 / qLD[row + depth];
        for (var k = 0u; k < depth; k++) {
            let entry = depth - 1u - k;
            let i = COLUMN[row + entry];
            let ancestor = ROW[i];
            let a = qLD[row + entry] * inverse;
            for (var j = 0u; j < entry + 1u; j++) {
                qLD[ancestor + j] = fma(-a, qLD[row + j], qLD[ancestor + j]);
            }
            qLD[row + entry] = a;
        }
        qLD[row + depth] = inverse;
    }
}

// u <- H^-1 u by the factor; returns u' H^-1 u of the u that came in.
fn solve(u: ptr<private, array<f32, NV>>) -> f32 {
    for (var n = 0u; n < NV; n++) {
        let r = NV - 1u - n;
        let row = ROW[r];
        for (var k = 0u; k < DEPTH[r]; k++) {
            let i = COLUMN[row + k];
            (*u)[i] = fma(-qLD[row + k], (*u)[r], (*u)[i]);
        }
    }
    var form = 0.0;
    for (var r = 0u; r < NV; r++) {
        let row = ROW[r];
        let depth = DEPTH[r];
        var y = (*u)[r] * qLD[row + depth];
        form = fma((*u)[r], y, form);
        for (var k = 0u; k < depth; k++) {
            let i = COLUMN[row + k];
            y = fma(-qLD[row + k], (*u)[i], y);
        }
        (*u)[r] = y;
    }
    return form;
}
