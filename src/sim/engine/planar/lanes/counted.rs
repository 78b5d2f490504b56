//! A lane type that counts what it is asked to do: the arithmetic behind `bench sim`'s GFLOP/s.

use crate::engine::planar::real::{LaneKernel, Real};
use std::cell::Cell;
use std::ops::{Add, Div, Mul, Neg, Sub};

thread_local!(static FLOPS: Cell<u64> = const { Cell::new(0) });

/// Floating-point operations counted on this thread since the last call: one for each lane of an
/// addition, multiplication, division, root or comparison (selects, signs and magnitudes included), two
/// for a fused multiply-add.
pub fn take_flops() -> u64 {
    FLOPS.replace(0)
}

/// `R`, counted.
#[derive(Clone, Copy)]
pub struct Counted<R>(R);

#[inline(always)]
fn count<R: Real>(operations: usize, result: R) -> Counted<R> {
    FLOPS.set(FLOPS.get() + (operations * R::LANES) as u64);
    Counted(result)
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<R: Real> $trait for Counted<R> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                count(1, self.0.$method(other.0))
            }
        }
    };
}
operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<R: Real> Neg for Counted<R> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        count(1, -self.0)
    }
}

impl<R: Real> Real for Counted<R> {
    // Not R's: shared and mixed parameter rows are then one kernel, and less to compile.
    type Scalar = Self;
    type Mask = R::Mask;
    const LANES: usize = R::LANES;
    const STEP_TOLERANCE: f64 = R::STEP_TOLERANCE;
    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self(R::splat(x))
    }
    #[inline(always)]
    fn scalar(x: f64) -> Self {
        Self::splat(x)
    }
    #[inline(always)]
    fn get(self, lane: usize) -> f64 {
        self.0.get(lane)
    }
    #[inline(always)]
    fn set(&mut self, lane: usize, x: f64) {
        self.0.set(lane, x);
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        count(2, self.0.mul_add(b.0, c.0))
    }
    #[inline(always)]
    fn mul_sub_from(self, b: Self, c: Self) -> Self {
        count(2, self.0.mul_sub_from(b.0, c.0))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        count(1, self.0.abs())
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        count(1, self.0.min(other.0))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        count(1, self.0.max(other.0))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        count(1, self.0.sqrt())
    }
    #[inline(always)]
    fn lt(self, other: Self) -> Self::Mask {
        count(1, self.0).0.lt(other.0)
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        count(1, R::select(mask, yes.0, no.0))
    }
    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        // As many operations as the polynomials of `real::sin_cos` take.
        let (s, c) = count(30, self.0).0.sin_cos();
        (Self(s), Self(c))
    }
    #[inline(always)]
    fn powf(self, p: Self) -> Self {
        count(1, self.0.powf(p.0))
    }
    #[inline(always)]
    fn vectorize<K: LaneKernel>(kernel: K) {
        R::vectorize(kernel);
    }
}
