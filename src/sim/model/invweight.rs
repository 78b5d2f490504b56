//! Inverse weights at the reference pose: they scale how hard a constraint row pushes.

use super::Body;

/// MuJoCo's `dof_invweight0` and `body_invweight0[:, 0]`.
pub(super) struct InverseWeights {
    pub dofs: Vec<f64>,
    pub bodies: Vec<f64>,
}

/// With the joint-space inertia M (armature included) at zero angles: (M⁻¹)ᵢᵢ of a degree of freedom, and
/// trace(P M⁻¹ Pᵀ)/3 of a body, P the Jacobian of its centre of mass (MuJoCo divides by 3 although the
/// y row is zero). `None` when M is not positive definite.
pub(super) fn inverse_weights(bodies: &[Body], armature: &[f64]) -> Option<InverseWeights> {
    let nv = armature.len();
    let mut anchors: Vec<[f64; 2]> = Vec::new();
    let mut jacobians: Vec<[Vec<f64>; 2]> = Vec::new();
    let mut m = vec![vec![0.0; nv]; nv];
    for (i, &a) in armature.iter().enumerate() {
        m[i][i] = a;
    }
    for (b, body) in bodies.iter().enumerate() {
        let from = body.parent.map_or([0.0; 2], |p| anchors[p]);
        anchors.push([from[0] + body.offset[0], from[1] + body.offset[1]]);
        let com = [anchors[b][0] + body.com[0], anchors[b][1] + body.com[1]];
        let (mut jx, mut jz, mut spin) = (vec![0.0; nv], vec![0.0; nv], vec![0.0; nv]);
        (jx[0], jz[1]) = (1.0, 1.0);
        let mut next = Some(b);
        while let Some(k) = next {
            let (dof, sign) = (bodies[k].dof, bodies[k].sign);
            jx[dof] = sign * (com[1] - anchors[k][1]);
            jz[dof] = -sign * (com[0] - anchors[k][0]);
            spin[dof] = sign;
            next = bodies[k].parent;
        }
        for i in 0..nv {
            for j in 0..nv {
                m[i][j] +=
                    body.mass * (jx[i] * jx[j] + jz[i] * jz[j]) + body.inertia * spin[i] * spin[j];
            }
        }
        jacobians.push([jx, jz]);
    }
    let l = cholesky(m)?;
    // ‖L⁻¹ v‖² = vᵀ M⁻¹ v
    let weight = |v: &[f64]| forward(&l, v).iter().map(|y| y * y).sum::<f64>();
    let unit = |i: usize| {
        (0..nv)
            .map(|j| f64::from(u8::from(i == j)))
            .collect::<Vec<_>>()
    };
    Some(InverseWeights {
        dofs: (0..nv).map(|i| weight(&unit(i))).collect(),
        bodies: jacobians
            .iter()
            .map(|[jx, jz]| (weight(jx) + weight(jz)) / 3.0)
            .collect(),
    })
}

/// Lower L with L Lᵀ = `m`.
fn cholesky(mut m: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    for j in 0..m.len() {
        for i in j..m.len() {
            let dot: f64 = (0..j).map(|k| m[i][k] * m[j][k]).sum();
            m[i][j] -= dot;
            if i > j {
                m[i][j] /= m[j][j];
            } else if m[j][j] > 0.0 && m[j][j].is_finite() {
                m[j][j] = m[j][j].sqrt();
            } else {
                return None;
            }
        }
    }
    Some(m)
}

/// L⁻¹ v.
fn forward(l: &[Vec<f64>], v: &[f64]) -> Vec<f64> {
    let mut y = v.to_vec();
    for i in 0..y.len() {
        let dot: f64 = (0..i).map(|k| l[i][k] * y[k]).sum();
        y[i] = (y[i] - dot) / l[i][i];
    }
    y
}
