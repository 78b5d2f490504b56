//! What a kernel's fields are in C: 32-bit words, which both languages lay out alike.

use std::ops::Range;

use super::Slot;
use crate::kernel::cuda::word;
use crate::rng::Stream;

/// A field of a kernel.
pub trait Field {
    /// Its type in C.
    const C: &'static str;
    /// Elements, where it is an array.
    const LEN: Option<usize> = None;
    /// Its words.
    const WORDS: usize;
    /// Appends them to `to`.
    fn words(&self, to: &mut Vec<u32>);
}

/// A [`Field`] that is one C value: its type's name and its words.
macro_rules! fields {
    ($($type:ty $(where $l:ident)?, $c:literal, $words:literal, |$x:ident| $value:expr;)+) => {$(
        impl$(<$l>)? $crate::kernel::Field for $type {
            const C: &'static str = $c;
            const WORDS: usize = $words;

            fn words(&self, to: &mut Vec<u32>) {
                let $x = self;
                let words: [u32; $words] = $value;
                to.extend(words);
            }
        }
    )+};
}
pub(crate) use fields;

fields! {
    usize, "unsigned", 1, |x| [word(*x)];
    u32, "unsigned", 1, |x| [*x];
    f32, "float", 1, |x| [x.to_bits()];
    bool, "unsigned", 1, |x| [u32::from(*x)];
    Stream, "unsigned", 1, |x| [*x as u32];
    u64, "Seed", 2, |x| [*x as u32, (*x >> 32) as u32];
    Range<usize>, "Span", 2, |x| [word(x.start), word(x.len())];
    Slot<L> where L, "unsigned", 1, |x| [word(x.offset())];
    Option<Slot<L>> where L, "Maybe", 2, |x| [u32::from(x.is_some()), word(x.map_or(0, Slot::offset))];
}

impl<T: Field, const N: usize> Field for [T; N] {
    const C: &'static str = T::C;
    const LEN: Option<usize> = Some(N);
    const WORDS: usize = N * T::WORDS;

    fn words(&self, to: &mut Vec<u32>) {
        self.iter().for_each(|x| x.words(to));
    }
}

/// `    unsigned rows;`
pub(crate) fn declared<T: Field>(name: &str) -> String {
    let len = T::LEN.map(|n| format!("[{n}]")).unwrap_or_default();
    format!("    {} {name}{len};\n", T::C)
}
