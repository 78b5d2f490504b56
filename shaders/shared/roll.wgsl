// Floor contacts of more than three dimensions, condim 4 and 6: the rows that they have beside those
// of sliding (DYNAMICS.md 4.6). A robot without them has no `ROLLS`.
#define_import_path shared::roll
#import shared::topology::{NP, POINT_BODY, ROLLING, SPARE_NORMALS}
#import shared::parameters::{parameter, ROLLING_FRICTION, DAMPER}
#import shared::contact::CONTACT
#import shared::work::{cvel_z, cvel_w, cfrc_int_z, cfrc_int_w}
#import shared::work::{contact_x, contact_efc_D, contact_efc_aref_n, touching, active_normal}
#import shared::work::{roll_efc_aref, active_roll_plus, active_roll_minus, now_roll_plus, now_roll_minus}

// Reference accelerations of rolling; needs the velocities in `cvel`.
fn roll_rows() {
    for (var i = 0u; i < NP; i++) {
        roll_efc_aref[i] = -(parameter(DAMPER + CONTACT) * cvel_w[POINT_BODY[i]]);
    }
}

// Active rows at the accelerations in `cvel`, after those of sliding, and their part of the wrenches.
fn roll_gradient() {
    now_roll_plus = vec2(0u);
    now_roll_minus = vec2(0u);
    for (var i = 0u; i < NP; i++) {
        let b = POINT_BODY[i];
        let word = i / 32u;
        let bit = i % 32u;
        if (ROLLING[i] == 1u && (touching[word] & (1u << bit)) != 0u) {
            let mu = parameter(ROLLING_FRICTION + i);
            let normal = fma(-cvel_w[b], contact_x[i], cvel_z[b]) - contact_efc_aref_n[i];
            let roll = mu * (cvel_w[b] - roll_efc_aref[i]);
            let plus = normal + roll;
            let minus = normal - roll;
            now_roll_plus[word] |= select(0u, 1u << bit, plus < 0.0);
            now_roll_minus[word] |= select(0u, 1u << bit, minus < 0.0);
            let pull_plus = min(plus, 0.0);
            let pull_minus = min(minus, 0.0);
            let up = contact_efc_D[i] * fma(SPARE_NORMALS[i], min(normal, 0.0), pull_plus + pull_minus);
            let about = contact_efc_D[i] * mu * (pull_plus - pull_minus);
            cfrc_int_z[b] += up;
            cfrc_int_w[b] = fma(-contact_x[i], up, cfrc_int_w[b] + about);
        }
    }
}

// Stiffness zz, zw, ww of the active rows of sphere `i`, which touches, moved to the anchor.
fn roll_stiffness(i: u32) -> vec3<f32> {
    let word = i / 32u;
    let bit = i % 32u;
    let mu = parameter(ROLLING_FRICTION + i);
    let plus = select(0.0, contact_efc_D[i], (active_roll_plus[word] & (1u << bit)) != 0u);
    let minus = select(0.0, contact_efc_D[i], (active_roll_minus[word] & (1u << bit)) != 0u);
    let normal = select(0.0, contact_efc_D[i], (active_normal[word] & (1u << bit)) != 0u);
    let sum = plus + minus;
    let skew = mu * (plus - minus);
    let zz = fma(SPARE_NORMALS[i], normal, sum);
    let zw = fma(-zz, contact_x[i], skew);
    return vec3(zz, zw, fma(-contact_x[i], zw + skew, mu * mu * sum));
}
