//! `h2oplus verify`: against recorded references.

pub mod algorithms;
