//! NumPy arrays that lie in an object's own memory, without a copy.

use h2oplus::env::{StepBatch, StepTerms};
use numpy::ndarray::{ArrayView, Dimension, IntoDimension};
use numpy::{Element, PyArray};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Numbers of a [`StepTerms`].
const TERMS: usize = size_of::<StepTerms>() / size_of::<f64>();

/// Where the numbers of a vector's step lie. Whoever owns them keeps them at their place as long as it lives.
pub struct BatchPlace {
    obs: *const f32,
    next_obs: *const f32,
    reward: *const f32,
    terminated: *const bool,
    truncated: *const bool,
    /// `[n]` or none.
    terms: Option<*const StepTerms>,
    num_envs: usize,
    obs_dim: usize,
}

impl BatchPlace {
    /// That of `batch`.
    pub fn of(batch: &StepBatch) -> Self {
        let num_envs = batch.reward.len();
        Self {
            obs: batch.obs.as_ptr(),
            next_obs: batch.next_obs.as_ptr(),
            reward: batch.reward.as_ptr(),
            terminated: batch.terminated.as_ptr(),
            truncated: batch.truncated.as_ptr(),
            terms: (!batch.terms.is_empty()).then_some(batch.terms.as_ptr()),
            num_envs,
            obs_dim: batch.obs.len() / num_envs.max(1),
        }
    }

    /// Arrays by name, each of which keeps `owner` alive.
    ///
    /// # Safety
    /// The numbers stay where they are as long as `owner` lives, and nobody else writes to them while Python reads.
    pub unsafe fn arrays<'py>(&self, owner: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let arrays = PyDict::new(owner.py());
        let (n, wide) = (self.num_envs, (self.num_envs, self.obs_dim));
        // SAFETY: the caller's promise, for arrays of exactly these shapes.
        unsafe {
            arrays.set_item("obs", view(owner, self.obs, wide))?;
            arrays.set_item("next_obs", view(owner, self.next_obs, wide))?;
            arrays.set_item("reward", view(owner, self.reward, n))?;
            arrays.set_item("terminated", view(owner, self.terminated, n))?;
            arrays.set_item("truncated", view(owner, self.truncated, n))?;
            if let Some(terms) = self.terms {
                arrays.set_item("terms", view(owner, terms.cast::<f64>(), (n, TERMS)))?;
            }
        }
        Ok(arrays)
    }
}

/// `shape` numbers at `first`, as an array that keeps `owner` alive.
///
/// # Safety
/// So many numbers lie there as long as `owner` lives.
unsafe fn view<'py, T: Element, D: Dimension>(
    owner: &Bound<'py, PyAny>,
    first: *const T,
    shape: impl IntoDimension<Dim = D>,
) -> Bound<'py, PyArray<T, D>> {
    // SAFETY: the caller's promise; the array's base object is `owner`.
    unsafe {
        let view = ArrayView::from_shape_ptr(shape.into_dimension(), first);
        PyArray::borrow_from_array(&view, owner.clone())
    }
}
