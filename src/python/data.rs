//! Data sets as arrays.

use std::path::PathBuf;

use h2oplus::data::Dataset;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::fault::raised;

/// The columns of a data set by name: D4RL's HDF5, Minari's folder or safetensors.
#[pyfunction]
pub fn load_dataset(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let data = py.detach(|| Dataset::read(&path)).map_err(raised)?;
    let n = data.len();
    let fields = PyDict::new(py);
    let wide = |numbers: Vec<f32>| {
        let width = numbers.len() / n.max(1);
        PyArray1::from_vec(py, numbers).reshape([n, width])
    };
    fields.set_item("observations", wide(data.observations)?)?;
    fields.set_item("actions", wide(data.actions)?)?;
    fields.set_item("next_observations", wide(data.next_observations)?)?;
    fields.set_item("rewards", PyArray1::from_vec(py, data.rewards))?;
    fields.set_item("terminals", PyArray1::from_vec(py, data.terminals))?;
    fields.set_item("timeouts", PyArray1::from_vec(py, data.timeouts))?;
    fields.set_item("qpos", data.qpos.map(wide).transpose()?)?;
    fields.set_item("qvel", data.qvel.map(wide).transpose()?)?;
    let log_probs = data.action_log_probs;
    fields.set_item(
        "action_log_probs",
        log_probs.map(|x| PyArray1::from_vec(py, x)),
    )?;
    let gap = PyDict::new(py);
    for (name, strengths) in data.gap {
        gap.set_item(name, PyArray1::from_vec(py, strengths))?;
    }
    fields.set_item("gap", gap)?;
    fields.set_item("environment", data.environment)?;
    fields.set_item("source", data.source)?;
    fields.set_item("notes", data.notes)?;
    Ok(fields)
}
