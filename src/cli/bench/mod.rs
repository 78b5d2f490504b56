//! `h2oplus bench`: what the machine gets out of the engine.

pub mod learn;
