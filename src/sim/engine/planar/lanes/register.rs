//! Float32 lanes in a SIMD register, written once; an instruction set gives its intrinsics by name.

/// Lanes `$type` and their mask `$mask`. An intrinsic finds its operands in `$a`, `$b` and `$c`.
macro_rules! register {
    (
        $(#[$doc:meta])* $type:ident: $lanes:literal lanes of $register:ty, with $features:literal;
        $(#[$mask_doc:meta])* $mask:ident: $bits:ty;
        of $a:ident, $b:ident, $c:ident:
        splat $splat:expr; neg $neg:expr; abs $abs:expr; sqrt $sqrt:expr;
        add $add:expr; sub $sub:expr; mul $mul:expr; div $div:expr; min $min:expr; max $max:expr;
        mul_add $mul_add:expr; mul_sub_from $mul_sub_from:expr;
        lt $lt:expr; select $select:expr;
        round $round:expr; rotate $rotate:expr;
        mask $from_bits:expr; bits $to_bits:expr;
        and $and:expr; or $or:expr; xor $xor:expr; not $not:expr;
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $type($register);

        $(#[$mask_doc])*
        #[derive(Clone, Copy)]
        pub struct $mask($bits);

        register!(@binary $type, Add, add, $a, $b, $add);
        register!(@binary $type, Sub, sub, $a, $b, $sub);
        register!(@binary $type, Mul, mul, $a, $b, $mul);
        register!(@binary $type, Div, div, $a, $b, $div);
        register!(@unary $type, Neg, neg, $a, $neg);
        register!(@binary $mask, BitAnd, bitand, $a, $b, $and);
        register!(@binary $mask, BitOr, bitor, $a, $b, $or);
        register!(@binary $mask, BitXor, bitxor, $a, $b, $xor);
        register!(@unary $mask, Not, not, $a, $not);

        impl $mask {
            /// A bit a lane.
            #[inline(always)]
            fn bits(self) -> u32 {
                let $a = self.0;
                // SAFETY: a value of this type exists only where its instructions were detected.
                unsafe { $to_bits }
            }
        }

        impl Mask for $mask {
            #[inline(always)]
            fn none() -> Self {
                Self::from_fn(|_| false)
            }
            #[inline(always)]
            fn from_fn(mut f: impl FnMut(usize) -> bool) -> Self {
                let $a = (0..$lanes).fold(0, |bits, lane| bits | (u32::from(f(lane)) << lane));
                // SAFETY: a kernel on these lanes runs only where the instructions were detected.
                Self(unsafe { $from_bits })
            }
            #[inline(always)]
            fn any(self) -> bool {
                self.bits() != 0
            }
            #[inline(always)]
            fn test(self, lane: usize) -> bool {
                (self.bits() >> lane) & 1 == 1
            }
        }

        impl Param<$type> for f32 {
            #[inline(always)]
            fn lanes(self) -> $type {
                let $a = self;
                // SAFETY: a kernel on these lanes runs only where the instructions were detected.
                $type(unsafe { $splat })
            }
        }

        impl $type {
            #[inline(always)]
            fn array(self) -> [f32; $lanes] {
                // SAFETY: a register and an array of as many plain numbers.
                unsafe { std::mem::transmute(self.0) }
            }
            #[inline(always)]
            fn from_array(array: [f32; $lanes]) -> Self {
                // SAFETY: a register and an array of as many plain numbers.
                Self(unsafe { std::mem::transmute::<[f32; $lanes], $register>(array) })
            }
        }

        impl Real for $type {
            type Scalar = f32;
            type Mask = $mask;
            const LANES: usize = $lanes;
            const STEP_TOLERANCE: f64 = f32::STEP_TOLERANCE;
            #[inline(always)]
            fn splat(x: f64) -> Self {
                (x as f32).lanes()
            }
            #[inline(always)]
            fn scalar(x: f64) -> f32 {
                x as f32
            }
            #[inline(always)]
            fn get(self, lane: usize) -> f64 {
                f64::from(self.array()[lane])
            }
            #[inline(always)]
            fn set(&mut self, lane: usize, x: f64) {
                // SAFETY: the register's memory is an array of as many numbers, aligned more strictly.
                let array = unsafe { &mut *std::ptr::from_mut(self).cast::<[f32; $lanes]>() };
                array[lane] = x as f32;
            }
            register!(@method mul_add, $a $b $c, $mul_add);
            register!(@method mul_sub_from, $a $b $c, $mul_sub_from);
            register!(@method abs, $a, $abs);
            register!(@method sqrt, $a, $sqrt);
            register!(@method min, $a $b, $min);
            register!(@method max, $a $b, $max);
            #[inline(always)]
            fn lt(self, other: Self) -> $mask {
                let ($a, $b) = (self.0, other.0);
                // SAFETY: a value of this type exists only where its instructions were detected.
                $mask(unsafe { $lt })
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                let ($a, $b, $c) = (mask.0, yes.0, no.0);
                // SAFETY: a value of this type exists only where its instructions were detected.
                Self(unsafe { $select })
            }
            #[inline(always)]
            fn sin_cos(self) -> (Self, Self) {
                real::sin_cos(self)
            }
            #[inline(always)]
            fn powf(self, p: Self) -> Self {
                let (x, p) = (self.array(), p.array());
                Self::from_array(std::array::from_fn(|lane| x[lane].powf(p[lane])))
            }
            #[inline(always)]
            fn vectorize<K: LaneKernel>(kernel: K) {
                #[target_feature(enable = $features)]
                unsafe fn vectorized<K: LaneKernel>(kernel: K) {
                    kernel.run();
                }
                // SAFETY: a kernel on these lanes runs only where the instructions were detected.
                unsafe { vectorized(kernel) }
            }
        }

        impl Quadrant for $type {
            register!(@method round, $a, $round);
            #[inline(always)]
            fn rotate(self, s: Self, c: Self) -> (Self, Self) {
                let ($a, $b, $c) = (self.0, s.0, c.0);
                // SAFETY: a value of this type exists only where its instructions were detected.
                let (sin, cos) = unsafe { $rotate };
                (Self(sin), Self(cos))
            }
        }
    };
    (@unary $type:ident, $trait:ident, $method:ident, $a:ident, $result:expr) => {
        impl std::ops::$trait for $type {
            type Output = Self;
            register!(@method $method, $a, $result);
        }
    };
    (@binary $type:ident, $trait:ident, $method:ident, $a:ident, $b:ident, $result:expr) => {
        impl std::ops::$trait for $type {
            type Output = Self;
            register!(@method $method, $a $b, $result);
        }
    };
    (@method $method:ident, $a:ident $($other:ident)*, $result:expr) => {
        #[inline(always)]
        fn $method(self, $($other: Self),*) -> Self {
            let ($a, $($other),*) = (self.0, $($other.0),*);
            // SAFETY: a value of this type exists only where its instructions were detected.
            Self(unsafe { $result })
        }
    };
}
pub(super) use register;
