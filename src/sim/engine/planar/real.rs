//! The scalar that the kernel is written in: one number, or one number per environment.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

/// One bit per lane.
pub trait Mask:
    Copy
    + Send
    + Sync
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Not<Output = Self>
{
    /// No lane.
    fn none() -> Self;
    /// The lanes for which `f` holds.
    fn from_fn(f: impl FnMut(usize) -> bool) -> Self;
    /// Is a lane set?
    fn any(self) -> bool;
    /// Is lane `lane` set?
    fn test(self, lane: usize) -> bool;
}

/// A parameter as it is stored: one value for all lanes, or one a lane.
pub trait Param<R>: Copy + Send + Sync {
    /// The value in every lane.
    fn lanes(self) -> R;
}

/// A number per lane. Operations round alike in every implementation (fused multiply-adds are
/// fused everywhere), so a float32 environment has the same bits on 1, 8 and 16 lanes.
pub trait Real:
    Copy
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Param<Self>
{
    /// A lane's number.
    type Scalar: Param<Self>;
    /// Result of a comparison.
    type Mask: Mask;
    /// Environments in one value.
    const LANES: usize;
    /// The solver also stops once a step is below this share of max(1, |qacc|); 0 = never
    /// (DYNAMICS.md 5: float32 rounding can make the active set chatter).
    const STEP_TOLERANCE: f64;

    /// `x`, rounded, in every lane.
    fn splat(x: f64) -> Self;
    /// `x` rounded to a lane's number.
    fn scalar(x: f64) -> Self::Scalar;
    /// Lane `lane`.
    fn get(self, lane: usize) -> f64;
    /// Replaces lane `lane` by `x`, rounded.
    fn set(&mut self, lane: usize, x: f64);
    /// self × b + c, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// c − self × b, rounded once.
    fn mul_sub_from(self, b: Self, c: Self) -> Self;
    /// Magnitude.
    fn abs(self) -> Self;
    /// Smaller number; the second where one is NaN.
    fn min(self, other: Self) -> Self;
    /// Larger number; the second where one is NaN.
    fn max(self, other: Self) -> Self;
    /// Square root, rounded to nearest.
    fn sqrt(self) -> Self;
    /// self < other.
    fn lt(self, other: Self) -> Self::Mask;
    /// `yes` where the mask is set, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// Sine and cosine, rad.
    fn sin_cos(self) -> (Self, Self);
    /// self to the power `p`, lane by lane (slow, and only for unusual `solimp`).
    fn powf(self, p: Self) -> Self;
    /// Runs `kernel` in a function compiled for the instructions that this type needs.
    fn vectorize<K: LaneKernel>(kernel: K);
}

/// Code to be compiled for a lane type's instructions. `run` must be `#[inline(always)]`, and so
/// must everything it calls: what is not inlined would be compiled for the baseline processor.
pub trait LaneKernel {
    /// Does the work.
    fn run(self);
}

impl<R: Real> Param<R> for R {
    #[inline(always)]
    fn lanes(self) -> R {
        self
    }
}

/// What [`sin_cos`] needs beside arithmetic.
pub trait Quadrant: Real {
    /// Nearest integer, ties to even.
    fn round(self) -> Self;
    /// (sin, cos) of r + jπ/2 from s = sin r, c = cos r and the whole number j = `self`.
    fn rotate(self, s: Self, c: Self) -> (Self, Self);
}

/// Sine and cosine in float32: absolute error below 9e-8 for |x| ≤ 200 (DYNAMICS.md 9.4).
#[inline(always)]
pub fn sin_cos<R: Quadrant>(x: R) -> (R, R) {
    let c = |v: f64| R::splat(v);
    let j = (x * c(std::f64::consts::FRAC_2_PI)).round();
    // Cody–Waite: π/2 in three parts, subtracted in this order.
    let r = j.mul_sub_from(c(1.5703125), x);
    let r = j.mul_sub_from(c(4.837_512_969_970_703e-4), r);
    let r = j.mul_sub_from(c(7.549_789_954_891_882e-8), r);
    let z = r * r;
    let s = z.mul_add(c(-1.951_529_589_1e-4), c(8.332_160_873_6e-3));
    let s = z.mul_add(s, c(-1.666_665_461_1e-1));
    let s = (r * z).mul_add(s, r);
    let k = z.mul_add(c(2.443_315_711_809_948e-5), c(-1.388_731_625_493_765e-3));
    let k = z.mul_add(k, c(4.166_664_568_298_827e-2));
    let k = (z * z).mul_add(k, z.mul_sub_from(c(0.5), c(1.0)));
    j.rotate(s, k)
}
