//! Lines for the user, on stderr. A reader that has gone away, or a log file on a full disk, must
//! not end the work that the lines are about: what cannot be written is dropped.

use std::fmt::Arguments;
use std::io::Write;

/// Writes one line to stderr, as `eprintln!` does, but without a panic where that fails.
pub fn line(text: Arguments) {
    // Nobody is left to be told of the failure.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// [`line`](crate::log::line) of a format string and its arguments.
#[macro_export]
macro_rules! log {
    ($($text:tt)*) => {
        $crate::log::line(format_args!($($text)*))
    };
}
