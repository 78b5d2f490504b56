//! How far to go along a Newton step (DYNAMICS.md 5): a zero of the exact piecewise-linear slope.

use crate::engine::planar::kinematics::anchors;
use crate::engine::planar::pair::pair_product;
use crate::engine::planar::real::{Mask, Param, Real};
use crate::engine::planar::roll::roll_lines;
use crate::engine::planar::tables::Tables;
use crate::engine::planar::topology::{MAX_BODIES, Topology};
use crate::engine::planar::work::{Dofs, Spatial, Work};

/// Slope evaluations after the first.
const MOST_EVALUATIONS: usize = 3;
/// A slope below this share of the first one counts as zero.
const SLOPE_TOLERANCE: f64 = 1e-3;

/// Length in (0, 1] of the step −`k.grad` from `qacc`, whose residuals and anchor accelerations the
/// pass has left in `k`.
#[inline(always)]
pub fn line_search<const MORE: bool, R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    qacc: &Dofs<R>,
    k: &Work<R>,
) -> R {
    let (zero, one) = (R::splat(0.0), R::splat(1.0));
    let nan = R::splat(f64::NAN);
    let mut p = *qacc;
    for i in 0..t.nv() {
        p[i] = -k.grad[i];
    }
    let mut d = Spatial {
        x: [nan; MAX_BODIES],
        z: [nan; MAX_BODIES],
        w: [nan; MAX_BODIES],
    };
    anchors(t, &k.rx, &k.rz, &p, &mut d);
    let (mut slope, mut curve) = (zero, zero);
    for i in 0..t.nv() {
        let arm: R = m.armature[i].lanes();
        slope = (arm * qacc[i] - k.qfrc_smooth[i]).mul_add(p[i], slope);
        curve = (arm * p[i]).mul_add(p[i], curve);
    }
    slope = slope + metric(t, m, k, &k.cvel, &d);
    curve = curve + metric(t, m, k, &d, &d);
    let line = Line {
        topology: t,
        slope,
        curve,
        direction: &d,
        step: &p,
    };

    let (at_zero, _) = line.evaluate::<MORE>(k, zero);
    let enough = R::splat(SLOPE_TOLERANCE) * at_zero.abs();
    let (mut a, mut low, mut high) = (one, zero, one);
    let (mut s, mut c) = line.evaluate::<MORE>(k, a);
    let mut open = enough.lt(s);
    for _ in 0..MOST_EVALUATIONS {
        if !open.any() {
            break;
        }
        let beyond = zero.lt(s);
        high = R::select(beyond, a, high);
        low = R::select(beyond, low, a);
        let newton = a - s / c;
        let inside = low.lt(newton) & newton.lt(high);
        let next = R::select(inside, newton, R::splat(0.5) * (low + high));
        a = R::select(open, next, a);
        (s, c) = line.evaluate::<MORE>(k, a);
        open = open & enough.lt(s.abs());
    }
    a
}

/// uᵀ I w summed over the bodies, I their planar inertias about the anchors.
#[inline(always)]
fn metric<R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    k: &Work<R>,
    u: &Spatial<R>,
    w: &Spatial<R>,
) -> R {
    let mut sum = R::splat(0.0);
    for b in 0..t.nv() - 2 {
        let linear = u.x[b] * w.x[b] + u.z[b] * w.z[b];
        sum = m.mass[b].lanes().mul_add(linear, sum);
        sum = k.hz[b].mul_add(u.x[b] * w.w[b] + u.w[b] * w.x[b], sum);
        sum = k.hx[b].mul_sub_from(u.z[b] * w.w[b] + u.w[b] * w.z[b], sum);
        sum = (m.inertia[b].lanes() * u.w[b]).mul_add(w.w[b], sum);
    }
    sum
}

/// The objective along a step.
struct Line<'a, R> {
    topology: &'a Topology,
    slope: R,
    curve: R,
    direction: &'a Spatial<R>,
    step: &'a Dofs<R>,
}

impl<R: Real> Line<'_, R> {
    /// First and second derivative at length `a`.
    #[inline(always)]
    fn evaluate<const MORE: bool>(&self, k: &Work<R>, a: R) -> (R, R) {
        let two = R::splat(2.0);
        let mut sum = (a.mul_add(self.curve, self.slope), self.curve);
        let c = &k.contacts;
        for n in 0..c.len {
            let b = c.body[n];
            let d = self.direction;
            let dn = d.w[b].mul_sub_from(c.x[n], d.z[b]);
            let dt = c.friction[n] * d.w[b].mul_add(c.z[n], d.x[b]);
            let (rn, rt, efc_D) = (c.efc_Jaref_n[n], c.efc_Jaref_t[n], c.efc_D[n]);
            add_row(&mut sum, a, rn + rt, dn + dt, efc_D);
            add_row(&mut sum, a, rn - rt, dn - dt, efc_D);
            add_row(&mut sum, a, rn, dn, two * efc_D);
            if MORE && self.topology.rolls {
                for (j, dj, times) in
                    (roll_lines(self.topology, k, n, dn, d.w[b]).into_iter()).flatten()
                {
                    add_row(&mut sum, a, j, dj, times * efc_D);
                }
            }
        }
        let l = &k.limits;
        for n in 0..l.len {
            add_row(
                &mut sum,
                a,
                l.efc_Jaref[n],
                l.efc_J[n] * self.step[l.dof[n]],
                l.efc_D[n],
            );
        }
        if MORE {
            let pairs = &k.pairs;
            for n in 0..pairs.len {
                let dj = pair_product(self.topology, pairs, n, self.step);
                add_row(&mut sum, a, pairs.efc_Jaref[n], dj, pairs.efc_D[n]);
            }
        }
        sum
    }
}

/// Adds a row with residual `j` and its change `dj`, where it is active at length `a`.
#[inline(always)]
fn add_row<R: Real>(sum: &mut (R, R), a: R, j: R, dj: R, efc_D: R) {
    let zero = R::splat(0.0);
    let y = a.mul_add(dj, j);
    let pull = R::select(y.lt(zero), efc_D * dj, zero);
    *sum = (pull.mul_add(y, sum.0), pull.mul_add(dj, sum.1));
}
