//! Lines for the user, on stderr. A reader that has gone away, or a log file on a full disk, must
//! not end the work that the lines are about: what cannot be written is dropped.

use std::collections::BTreeSet;
use std::fmt::Arguments;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Writes one line to stderr, as `eprintln!` does, but without a panic where that fails.
pub fn line(text: Arguments) {
    // Nobody is left to be told of the failure.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The same, but no more than once for the same text: work of many parts need not say it for each.
pub fn once(text: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // A thread that panicked while it held the set has left it whole.
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.insert(text.to_owned()) {
        line(format_args!("{text}"));
    }
}

/// [`line`](crate::log::line) of a format string and its arguments.
#[macro_export]
macro_rules! log {
    ($($text:tt)*) => {
        $crate::log::line(format_args!($($text)*))
    };
}
