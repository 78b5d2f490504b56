//! Contacts between limbs: capsule against capsule, without friction (DYNAMICS.md 4.4).
//!
//! A contact presses the two capsules apart along the line between the nearest points of their
//! centre lines. Where those lines cross there is no such line, and no row: MuJoCo's normal then
//! points out of the plane. Only the hinges between the two bodies feel the row; above their common
//! ancestor its parts cancel, and are left out.
//!
//! Robots that neither have such pairs nor roll have a kernel of their own (`MORE` is false there): merely to
//! step over this code costs it a tenth of its speed.

use crate::engine::planar::contact::{NEVER, efc_D, impedance};
use crate::engine::planar::kinematics::rotate;
use crate::engine::planar::real::{Mask, Param, Real};
use crate::engine::planar::tables::{PAIR, Tables};
use crate::engine::planar::topology::Topology;
use crate::engine::planar::work::{Dofs, Pairs, Work};

/// World (x, z).
type V2<R> = (R, R);

#[inline(always)]
fn add<R: Real>(u: V2<R>, w: V2<R>) -> V2<R> {
    (u.0 + w.0, u.1 + w.1)
}

#[inline(always)]
fn sub<R: Real>(u: V2<R>, w: V2<R>) -> V2<R> {
    (u.0 - w.0, u.1 - w.1)
}

/// u + s w.
#[inline(always)]
fn along<R: Real>(u: V2<R>, s: R, w: V2<R>) -> V2<R> {
    (s.mul_add(w.0, u.0), s.mul_add(w.1, u.1))
}

#[inline(always)]
fn dot<R: Real>(u: V2<R>, w: V2<R>) -> R {
    u.0.mul_add(w.0, u.1 * w.1)
}

#[inline(always)]
fn cross<R: Real>(u: V2<R>, w: V2<R>) -> R {
    u.1.mul_sub_from(w.0, u.0 * w.1)
}

/// A capsule's centre line: from the root's anchor to its middle, from there to its end, and
/// 1 / (half-length)².
#[derive(Clone, Copy)]
struct Segment<R> {
    centre: V2<R>,
    half: V2<R>,
    inv_half2: R,
}

impl<R: Real> Segment<R> {
    /// The point nearest to `p`, both relative to the middle.
    #[inline(always)]
    fn nearest(&self, p: V2<R>) -> V2<R> {
        let one = R::splat(1.0);
        let s = (dot(p, self.half) * self.inv_half2).max(-one).min(one);
        (s * self.half.0, s * self.half.1)
    }
}

/// The nearest points of two segments.
struct Nearest<R: Real> {
    /// From A's middle to A's point.
    on_a: V2<R>,
    /// From A's point to B's.
    gap: V2<R>,
    /// |gap|².
    length2: R,
    /// Lanes in which the segments properly cross.
    crossing: R::Mask,
}

/// Unless two segments cross, an end of one of them is among their nearest points: the smallest of
/// four distances.
#[inline(always)]
fn nearest<R: Real>(a: &Segment<R>, b: &Segment<R>) -> Nearest<R> {
    let zero = (R::splat(0.0), R::splat(0.0));
    let between = sub(b.centre, a.centre);
    let turn = cross(a.half, b.half).abs();
    let crossing = cross(a.half, between).abs().lt(turn) & cross(b.half, between).abs().lt(turn);
    let mut best = Nearest {
        on_a: zero,
        gap: zero,
        length2: R::splat(f64::INFINITY),
        crossing,
    };
    for end in [1.0, -1.0] {
        let end = R::splat(end);
        let on_b = along(between, end, b.half);
        let on_a = a.nearest(on_b);
        best.offer(on_a, sub(on_b, on_a));
        let on_a = (end * a.half.0, end * a.half.1);
        let on_b = add(between, b.nearest(sub(on_a, between)));
        best.offer(on_a, sub(on_b, on_a));
    }
    best
}

impl<R: Real> Nearest<R> {
    /// Takes the points where they are nearer.
    #[inline(always)]
    fn offer(&mut self, on_a: V2<R>, gap: V2<R>) {
        let length2 = dot(gap, gap);
        let nearer = length2.lt(self.length2);
        let take = |new: R, old: R| R::select(nearer, new, old);
        self.on_a = (take(on_a.0, self.on_a.0), take(on_a.1, self.on_a.1));
        self.gap = (take(gap.0, self.gap.0), take(gap.1, self.gap.1));
        self.length2 = take(length2, self.length2);
    }
}

/// Pairs of capsules within their margin, into `k.pairs`. A pair is entered if any lane touches.
#[inline(always)]
pub fn pair_rows<R: Real, X: Param<R>>(
    t: &Topology,
    m: &Tables<X>,
    qvel: &Dofs<R>,
    k: &mut Work<R>,
) {
    k.pairs.len = 0;
    let zero = R::splat(0.0);
    (k.pairs.xanchor_x[0], k.pairs.xanchor_z[0]) = (zero, zero);
    for b in 1..t.nv() - 2 {
        let p = t.parent[b];
        k.pairs.xanchor_x[b] = k.pairs.xanchor_x[p] + k.rx[b];
        k.pairs.xanchor_z[b] = k.pairs.xanchor_z[p] + k.rz[b];
    }
    for (i, pair) in t.pairs.iter().enumerate() {
        let [a, b] = pair.capsules.map(|c| segment(t, m, k, c));
        let [ca, cb] = pair.capsules;
        let between = sub(b.centre, a.centre);
        let margin: R = m.margin[PAIR].lanes();
        let reach = m.capsule_reach[ca].lanes() + m.capsule_reach[cb].lanes() + margin;
        if !dot(between, between).lt(reach * reach).any() {
            continue;
        }
        let near = nearest(&a, &b);
        let length = near.length2.sqrt();
        let radius: R = m.capsule_radius[ca].lanes();
        let efc_pos = length - radius - m.capsule_radius[cb].lanes();
        let y = efc_pos - margin;
        let touches = y.lt(zero) & zero.lt(length) & !near.crossing;
        if !touches.any() {
            continue;
        }
        // Lanes that do not touch get a finite row that is never active.
        let scale = R::splat(1.0) / R::select(zero.lt(length), length, R::splat(1.0));
        let normal = (near.gap.0 * scale, near.gap.1 * scale);
        let depth = R::splat(0.5).mul_add(efc_pos, radius);
        let point = along(add(a.centre, near.on_a), depth, normal);

        let n = k.pairs.len;
        let rows = &mut k.pairs;
        let mut efc_vel = zero;
        for (j, lever) in pair.levers.iter().enumerate() {
            let arm = sub(
                point,
                (rows.xanchor_x[lever.body], rows.xanchor_z[lever.body]),
            );
            let torque = cross(normal, arm);
            let torque = if lever.first { -torque } else { torque };
            rows.efc_J[n][j] = torque;
            efc_vel = torque.mul_add(qvel[lever.body + 2], efc_vel);
        }
        let d = impedance(m, PAIR, y);
        let spring = d * m.spring[PAIR].lanes() * y;
        let damper: R = m.damper[PAIR].lanes();
        rows.pair[n] = i;
        rows.efc_D[n] = R::select(touches, efc_D(d, m.pair_inv_scale[i].lanes()), zero);
        rows.efc_aref[n] = R::select(touches, -damper.mul_add(efc_vel, spring), R::splat(NEVER));
        rows.len = n + 1;
    }
}

/// Of a pair that touches: the contact's point, half-way into the penetration, from the root's anchor on, and the normal
/// from its first capsule to its second.
pub fn touching_point(
    t: &Topology,
    m: &Tables<f64>,
    k: &Work<f64>,
    pair: usize,
) -> (V2<f64>, V2<f64>) {
    let [ca, cb] = t.pairs[pair].capsules;
    let [a, b] = [ca, cb].map(|c| segment(t, m, k, c));
    let near = nearest(&a, &b);
    let length = near.length2.sqrt();
    let normal = (near.gap.0 / length, near.gap.1 / length);
    let depth = 0.5 * (length + m.capsule_radius[ca] - m.capsule_radius[cb]);
    (along(add(a.centre, near.on_a), depth, normal), normal)
}

/// Centre line of capsule `c`.
#[inline(always)]
fn segment<R: Real, X: Param<R>>(t: &Topology, m: &Tables<X>, k: &Work<R>, c: usize) -> Segment<R> {
    let b = t.capsule_body[c];
    let middle = rotate(k, b, m.capsule_x[c].lanes(), m.capsule_z[c].lanes());
    Segment {
        centre: add((k.pairs.xanchor_x[b], k.pairs.xanchor_z[b]), middle),
        half: rotate(
            k,
            b,
            m.capsule_half_x[c].lanes(),
            m.capsule_half_z[c].lanes(),
        ),
        inv_half2: m.capsule_inv_half2[c].lanes(),
    }
}

/// J u of entry `n`.
#[inline(always)]
pub fn pair_product<R: Real>(t: &Topology, rows: &Pairs<R>, n: usize, u: &Dofs<R>) -> R {
    let levers = &t.pairs[rows.pair[n]].levers;
    let mut sum = R::splat(0.0);
    for (j, lever) in levers.iter().enumerate() {
        sum = rows.efc_J[n][j].mul_add(u[lever.body + 2], sum);
    }
    sum
}

/// Residuals and active rows at `qacc`; adds the rows' part to the gradient `k.grad`. Returns the
/// lanes whose active set differs from the previous pass's.
#[inline(always)]
pub fn pair_gradient<R: Real>(t: &Topology, qacc: &Dofs<R>, k: &mut Work<R>) -> R::Mask {
    let zero = R::splat(0.0);
    let mut changed = R::Mask::none();
    let rows = &mut k.pairs;
    for n in 0..rows.len {
        let efc_Jaref = pair_product(t, rows, n, qacc) - rows.efc_aref[n];
        let active = efc_Jaref.lt(zero);
        changed = changed | (active ^ rows.active[n]);
        (rows.active[n], rows.efc_Jaref[n]) = (active, efc_Jaref);
        // −`efc_force`.
        let push = rows.efc_D[n] * efc_Jaref.min(zero);
        for (j, lever) in t.pairs[rows.pair[n]].levers.iter().enumerate() {
            let i = lever.body + 2;
            k.grad[i] = push.mul_add(rows.efc_J[n][j], k.grad[i]);
        }
    }
    changed
}

/// Adds D JᵀJ of the active rows to the Hessian `k.qLD`. Any two hinges of a pair lie on one
/// branch of the factor's tree: [`Topology::above`] sees to it.
#[inline(always)]
pub fn pair_stiffness<R: Real>(t: &Topology, k: &mut Work<R>) {
    let zero = R::splat(0.0);
    let rows = &k.pairs;
    for n in 0..rows.len {
        let stiffness = R::select(rows.active[n], rows.efc_D[n], zero);
        let levers = &t.pairs[rows.pair[n]].levers;
        for (j, lever) in levers.iter().enumerate() {
            let scaled = stiffness * rows.efc_J[n][j];
            let row = t.row[lever.body + 2];
            // Sorted by body, so that the others so far lie above.
            for (other, above) in levers[..=j].iter().enumerate() {
                let entry = &mut k.qLD[row + t.depth[above.body + 2]];
                *entry = scaled.mul_add(rows.efc_J[n][other], *entry);
            }
        }
    }
}
