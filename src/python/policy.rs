//! Policies: from arrays, from files and runs; acting on the processor.

use std::path::PathBuf;

use h2oplus::data::Dataset;
use h2oplus::error::{Error, Result};
use h2oplus::net::Act;
use h2oplus::policy::{ActionDistribution, Policy, PolicyLayer};
use h2oplus::run::data::behaviour::Behaviour;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::fault::raised;

/// Rows that a thread takes through the network at once.
const ROWS: usize = 64;

/// What is said of a policy without a spread: it has actions alone.
const DETERMINISTIC: &str = "deterministic";

/// ReLU layers, the last of which gives mean and log-std of an action side by side.
#[pyclass(module = "h2oplus._core", name = "Policy", frozen)]
pub struct PyPolicy {
    pub policy: Policy,
    /// It has no spread: log-std is nothing of its own.
    pub deterministic: bool,
}

type Layer<'py> = (Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<f32>>);

#[pymethods]
impl PyPolicy {
    #[new]
    fn new(
        layers: Vec<(PyReadonlyArray2<'_, f32>, PyReadonlyArray1<'_, f32>)>,
        distribution: &str,
    ) -> PyResult<Self> {
        let deterministic = distribution == DETERMINISTIC;
        let known = ActionDistribution::parse(distribution);
        let distribution = known.or(deterministic.then(ActionDistribution::default));
        let wrong = |place: String, problem: String, help: &str| {
            Err(raised(Error::input(place, problem, help)))
        };
        let Some(distribution) = distribution else {
            let problem = "there is none of this name".to_owned();
            let help = "take tanh_gaussian, clipped_gaussian or deterministic";
            return wrong("distribution".to_owned(), problem, help);
        };
        let mut policy = Policy {
            layers: Vec::new(),
            distribution,
        };
        let last = layers.len().saturating_sub(1);
        for (k, (weight, bias)) in layers.iter().enumerate() {
            let (weight, bias) = (weight.as_array(), bias.as_array());
            let (outputs, inputs) = weight.dim();
            let before = policy.layers.last().map_or(inputs, |l| l.outputs);
            if inputs != before || bias.len() != outputs || outputs * inputs == 0 {
                let problem = format!(
                    "weight [{outputs}, {inputs}] and bias [{}] after {before} outputs",
                    bias.len()
                );
                let help =
                    "give weight [outputs, inputs] and bias [outputs], as torch.nn.Linear has them";
                return wrong(format!("layer {k}"), problem, help);
            }
            if weight.iter().chain(bias).any(|x| !x.is_finite()) {
                let problem = "a number is not finite".to_owned();
                return wrong(format!("layer {k}"), problem, "give finite numbers");
            }
            // What one input adds to all outputs lies side by side; without a spread, log-std is 0, and unused.
            let widened = outputs * (1 + usize::from(deterministic && k == last));
            let zeros = vec![0.0; widened - outputs];
            let columns = weight.columns().into_iter();
            policy.layers.push(PolicyLayer {
                inputs,
                outputs: widened,
                weight: columns
                    .flat_map(|column| column.iter().chain(&zeros).copied().collect::<Vec<_>>())
                    .collect(),
                bias: bias.iter().chain(&zeros).copied().collect(),
            });
        }
        match policy.layers.last() {
            Some(last) if last.outputs % 2 == 0 => Ok(Self {
                policy,
                deterministic,
            }),
            last => {
                let problem = match last {
                    None => "there are none".to_owned(),
                    Some(last) => format!("the last has {} outputs", last.outputs),
                };
                let help = "let the last give mean and log-std side by side, or say distribution=\"deterministic\"";
                wrong("layers".to_owned(), problem, help)
            }
        }
    }

    /// Weight `[outputs, inputs]` and bias `[outputs]` of each layer; the last gives mean and log-std side by side.
    #[getter]
    fn layers<'py>(&self, py: Python<'py>) -> PyResult<Vec<Layer<'py>>> {
        let layer = |l: &PolicyLayer| {
            let weight = PyArray1::from_slice(py, &l.weight).reshape([l.inputs, l.outputs])?;
            let weight = weight.transpose()?;
            Ok((weight, PyArray1::from_slice(py, &l.bias)))
        };
        self.policy.layers.iter().map(layer).collect()
    }

    #[getter]
    fn distribution(&self) -> &'static str {
        match self.deterministic {
            true => DETERMINISTIC,
            false => self.policy.distribution.name(),
        }
    }

    #[getter]
    fn obs_dim(&self) -> usize {
        self.policy.obs_dim()
    }

    #[getter]
    fn act_dim(&self) -> usize {
        self.policy.act_dim()
    }

    /// Actions `[n, act_dim]` for `obs` `[n, obs_dim]`: samples where `noise`, standard normals `[n, act_dim]`, is
    /// given.
    fn act<'py>(
        &self,
        py: Python<'py>,
        obs: PyReadonlyArray2<'_, f32>,
        noise: Option<PyReadonlyArray2<'_, f32>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (n, width) = obs.as_array().dim();
        let wanted = (n, self.act_dim());
        let shape = noise.as_ref().map_or(wanted, |n| n.as_array().dim());
        if width != self.obs_dim() || shape != wanted {
            let problem = format!("observations [{n}, {width}], noise {shape:?}");
            let help = format!("give [n, {}] and [n, {}]", self.obs_dim(), self.act_dim());
            return Err(raised(Error::input("policy", problem, help)));
        }
        let obs = obs.as_slice()?;
        let noise = noise.as_ref().map(|n| n.as_slice()).transpose()?;
        let actions = py.detach(|| self.policy.act(obs, noise));
        PyArray1::from_vec(py, actions).reshape([n, self.act_dim()])
    }
}

/// Actions `[n, A]` of `policy` for `obs` `[n, S]` into `actions`, over all threads; samples where there is `noise`.
pub fn act_into(policy: &Policy, obs: &[f32], noise: Option<&[f32]>, actions: &mut [f32]) {
    let (s, a) = (policy.obs_dim(), policy.act_dim());
    let rows = obs
        .par_chunks(ROWS * s)
        .zip(actions.par_chunks_mut(ROWS * a));
    rows.enumerate().for_each(|(k, (obs, actions))| {
        let noise = noise.map(|noise| &noise[k * ROWS * a..][..actions.len()]);
        actions.copy_from_slice(&policy.act(obs, noise));
    });
}

/// The policies in `path`: of a run or a checkpoint of one member, of a file of snapshots, oldest first, or the one
/// that acted in a data set.
#[pyfunction]
pub fn load_policies(py: Python<'_>, path: PathBuf) -> PyResult<Vec<PyPolicy>> {
    let load = || -> Result<Vec<Policy>> {
        let snapshots = path.extension().is_some_and(|e| e == "safetensors");
        if path.is_dir() || snapshots {
            let all = Behaviour::open(&path)?.snapshots;
            return Ok(all.into_iter().map(|s| s.policy).collect());
        }
        match Dataset::read(&path)?.policy {
            Some(from) => Ok(vec![from.policy]),
            None => Err(Error::input(
                path.display(),
                "carries no behaviour policy",
                "give a run folder, a checkpoint, or a data file that has one",
            )),
        }
    };
    let policies = py.detach(load).map_err(raised)?;
    let own = |policy| PyPolicy {
        policy,
        deterministic: false,
    };
    Ok(policies.into_iter().map(own).collect())
}
