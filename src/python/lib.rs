//! `h2oplus._core`: what the Python package takes from the program. It speaks NumPy; Gymnasium's words are
//! `h2oplus/_vector.py`'s.

mod command;
mod data;
mod fault;
mod policy;
mod pool;
mod robots;
mod rollout;
mod views;

use pyo3::prelude::*;

/// The compiled part.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::command::main;
    #[pymodule_export]
    use super::data::load_dataset;
    #[pymodule_export]
    use super::policy::{PyPolicy, load_policies};
    #[pymodule_export]
    use super::robots::Robots;
}
