//! The stages' results one by one, as other engines of the same equations must give them.

use crate::engine::planar::batch::tables;
use crate::engine::planar::contact::{contact_rows, limit_rows};
use crate::engine::planar::inertia::{factor, inertia, solve};
use crate::engine::planar::kinematics::{anchors, kinematics};
use crate::engine::planar::pair::pair_rows;
use crate::engine::planar::real::{Mask, Real};
use crate::engine::planar::roll::roll_rows;
use crate::engine::planar::smooth::smooth_force;
use crate::engine::planar::solver::{acceleration, gradient};
use crate::engine::planar::topology::{LimbPair, MAX_DOFS};
use crate::engine::planar::work::Work;
use crate::error::Result;
use crate::model::Model;

/// Every stage of `model` at position `qpos`, velocity `qvel`, controls `ctrl` and warm start 0, in
/// float64: name and numbers, hinges about +y. Rows that are not there are 0.
///
/// # Errors
/// Where the model exceeds the kernel's limits.
pub fn stages(
    model: &Model,
    qpos: &[f64],
    qvel: &[f64],
    ctrl: &[f64],
) -> Result<Vec<(&'static str, Vec<f64>)>> {
    let (t, tables) = tables(&[model], 1)?;
    let (t, m) = (&t, &tables[0].shared::<f64>());
    let (nb, nv, np) = (t.nb, t.nv(), t.point_body.len());
    let entries = t.row[nv - 1] + t.depth[nv - 1] + 1;
    let turned = |part: &[f64]| -> [f64; MAX_DOFS] {
        std::array::from_fn(|i| part.get(i).map_or(0.0, |x| t.sign[i] * x))
    };
    let (qpos, qvel) = (turned(qpos), turned(qvel));
    let mut qacc = [0.0; MAX_DOFS];
    let k = &mut *Work::<f64>::poisoned();
    k.qfrc_actuator = [0.0; MAX_DOFS];
    for (n, &i) in t.motor_dof.iter().enumerate() {
        k.qfrc_actuator[i] += m.gear[n] * ctrl[n].max(m.ctrl_lower[n]).min(m.ctrl_upper[n]);
    }
    kinematics(t, m, &qpos, k);
    anchors(t, &k.rx, &k.rz, &qvel, &mut k.cvel);
    smooth_force(t, m, &qpos, &qvel, k);
    contact_rows(t, m, k);
    limit_rows(t, m, &qpos, &qvel, k);
    roll_rows(m, k);
    pair_rows(t, m, &qvel, k);
    let mut out = vec![
        ("qfrc_actuator", k.qfrc_actuator[..nv].to_vec()),
        ("sine", k.sine[..nb].to_vec()),
        ("cosine", k.cosine[..nb].to_vec()),
        ("rx", k.rx[1..nb].to_vec()),
        ("rz", k.rz[1..nb].to_vec()),
        ("height", k.height[..nb].to_vec()),
        ("hx", k.hx[..nb].to_vec()),
        ("hz", k.hz[..nb].to_vec()),
        ("cvel_x", k.cvel.x[..nb].to_vec()),
        ("cvel_z", k.cvel.z[..nb].to_vec()),
        ("cvel_w", k.cvel.w[..nb].to_vec()),
        ("qfrc_smooth", k.qfrc_smooth[..nv].to_vec()),
    ];
    let c = &k.contacts;
    for (name, numbers) in [
        ("contact_efc_D", &c.efc_D),
        ("contact_x", &c.x),
        ("contact_z", &c.z),
        ("contact_efc_aref_t", &c.efc_aref_t),
        ("contact_efc_aref_n", &c.efc_aref_n),
        ("roll_efc_aref", &k.rolls.efc_aref),
    ] {
        let mut by_point = vec![0.0; np];
        let unrolled = name == "roll_efc_aref" && !t.rolls;
        for n in (0..c.len).filter(|_| !unrolled) {
            by_point[c.point[n]] = numbers[n];
        }
        out.push((name, by_point));
    }
    let l = &k.limits;
    for (name, numbers) in [
        ("limit_efc_D", &l.efc_D),
        ("limit_efc_J", &l.efc_J),
        ("limit_efc_aref", &l.efc_aref),
    ] {
        let row = |i: &usize| {
            (0..l.len)
                .find(|&n| l.dof[n] == *i)
                .map_or(0.0, |n| numbers[n])
        };
        out.push((name, t.limited.iter().map(row).collect()));
    }
    let p = &k.pairs;
    let entry = |i: usize| (0..p.len).find(|&n| p.pair[n] == i);
    for (name, numbers) in [("pair_efc_D", &p.efc_D), ("pair_efc_aref", &p.efc_aref)] {
        let row = |i| entry(i).map_or(0.0, |n| numbers[n]);
        out.push((name, (0..t.pairs.len()).map(row).collect()));
    }
    let arms = |(i, pair): (usize, &LimbPair)| {
        let len = pair.levers.len();
        entry(i).map_or(vec![0.0; len], |n| p.efc_J[n][..len].to_vec())
    };
    out.push((
        "pair_efc_J",
        t.pairs.iter().enumerate().flat_map(arms).collect(),
    ));
    // Robots whose limbs never touch have no pairs, and the general code does for them too.
    gradient::<true, _, _>(t, m, &qacc, k);
    out.push(("grad", k.grad[..nv].to_vec()));
    inertia::<true, _, _, _>(t, m, &m.armature, true, k);
    out.push(("qM", k.qLD[..entries].to_vec()));
    factor(t, &mut k.qLD);
    out.push(("qLD", k.qLD[..entries].to_vec()));
    solve(t, &k.qLD, &mut k.grad);
    out.push(("Mgrad", k.grad[..nv].to_vec()));
    acceleration::<true, _, _>(
        t,
        m,
        &qpos,
        &qvel,
        &mut qacc,
        <f64 as Real>::Mask::none(),
        k,
    );
    out.push(("qacc", qacc[..nv].to_vec()));
    Ok(out)
}
