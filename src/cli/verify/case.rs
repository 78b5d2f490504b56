//! A recorded case: a safetensors file with parameters before, batches and draws of each update, parameters after it.
//!
//! The error of a number x against its reference r is |x − r| / max(|r|, ‖r‖∞/10), ‖r‖∞ being the largest magnitude
//! in r's tensor: relative for every number within a factor ten of the tensor's largest, and relative to a tenth of
//! that for smaller ones, whose last digits are rounding of sums that cancel.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Device;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde_json::Value;

use super::published;
use crate::error::{Error, Result};
use crate::method::{Agent, Method, Recorded, build};

/// Largest error that passes.
pub const TOLERANCE: f64 = 1e-4;

/// The largest error of a case, and where it stood.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// The error.
    pub error: f64,
    /// `update N, parameter[index]`.
    pub parameter: String,
}

impl Worst {
    /// Whether it is within [`TOLERANCE`].
    pub fn passes(&self) -> bool {
        self.error <= TOLERANCE
    }
}

/// A recorded case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Settings in the published code's names.
    pub settings: serde_json::Map<String, Value>,
    place: String,
    dims: [usize; 2],
    hidden: Vec<usize>,
    updates: usize,
    tensors: HashMap<String, Vec<f32>>,
}

impl Case {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = crate::text::bytes(path)?;
        let place = path.display().to_string();
        let bad = |problem: String| {
            Error::input(
                &place,
                problem,
                "record the case again, or copy the file whole",
            )
        };
        let (_, header) = SafeTensors::read_metadata(&bytes)
            .map_err(|e| bad(format!("not a safetensors file: {e}")))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(format!("damaged: {e}")))?;
        let text = header.metadata().clone().unwrap_or_default();
        let json = |key: &str| -> Result<Value> {
            let text = text
                .get(key)
                .ok_or_else(|| bad(format!("its metadata has no `{key}`")))?;
            serde_json::from_str(text).map_err(|e| bad(format!("metadata `{key}`: {e}")))
        };
        let mut tensors = HashMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(bad(format!("tensor {name} is {:?}, not F32", view.dtype())));
            }
            let values: Vec<f32> = view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            if let Some(n) = values.iter().position(|v| !v.is_finite()) {
                return Err(bad(format!("{name}[{n}] is not finite")));
            }
            tensors.insert(name, values);
        }
        let (shapes, settings, updates) = (json("shapes")?, json("settings")?, json("updates")?);
        let recorded = tensors.values().map(Vec::len).sum();
        let width = |value: &Value, what: &str| {
            let n = value.as_u64().and_then(|n| usize::try_from(n).ok());
            // The weights of a layer are in the file: no width is larger than all of them.
            n.filter(|n| (1..=recorded).contains(n)).ok_or_else(|| {
                let problem = format!("metadata `shapes.{what}` is no width of recorded layers");
                bad(format!("{problem}: {value}"))
            })
        };
        let dims = [width(&shapes["obs"], "obs")?, width(&shapes["act"], "act")?];
        let hidden = shapes["hidden"].as_array().map_or(&[][..], Vec::as_slice);
        let hidden = hidden.iter().map(|n| width(n, "hidden"));
        let hidden = hidden.collect::<Result<Vec<usize>>>()?;
        let layers = dims[..1].iter().chain(&hidden).zip(&hidden);
        let weights = layers.map(|(inputs, outputs)| inputs.saturating_mul(*outputs));
        if weights.fold(0, usize::saturating_add) > recorded {
            let problem = "metadata `shapes` says more weights than were recorded";
            return Err(bad(problem.into()));
        }
        let need = |found: Option<_>, what: &str| {
            found.ok_or_else(|| bad(format!("metadata has no `{what}`")))
        };
        Ok(Self {
            name: need(text.get("case").cloned(), "case")?,
            settings: settings
                .as_object()
                .cloned()
                .ok_or_else(|| bad("metadata `settings` is no object".into()))?,
            dims,
            hidden,
            updates: updates.as_array().map_or(0, Vec::len),
            tensors,
            place,
        })
    }

    /// A fresh agent with the case's settings and parameters; none for a method that is not built.
    pub fn agent(&self) -> Result<Option<Agent>> {
        let Some(method) = published::method(&self.name) else {
            return Ok(None);
        };
        let mut table = published::settings(&self.settings);
        let hidden: Vec<_> = self.hidden.iter().map(|h| *h as i64).collect();
        table.insert("hidden".into(), hidden.into());
        for (n, key) in published::batches(method).iter().enumerate() {
            let rows = self.tensor(&format!("update0.batch{n}.rewards"))?.len();
            table.insert((*key).into(), (rows as i64).into());
        }
        // The published code trains the classifiers even where it does not use them.
        if Method::named(method)?.setting("ratio_train").is_some() {
            table.insert("ratio_train".into(), "always".into());
        }
        let [obs, act] = self.dims;
        let agent = build(method, &table, obs, act, &[0], &Device::Cpu);
        let mut agent = agent.map_err(|e| e.within(&self.place))?;
        agent.set_parameters(0, &self.snapshot("before"), &self.place)?;
        Ok(Some(agent))
    }

    /// Runs the recorded updates and compares after each.
    pub fn replay(&self, agent: &mut Agent) -> Result<Worst> {
        let mut worst = Worst {
            error: 0.0,
            parameter: String::from("nothing compared"),
        };
        for update in 0..self.updates {
            let done = agent.update_recorded(&self.recorded(update)?);
            done.map_err(|e| e.within(&self.place))?;
            let after = self.snapshot(&format!("after{update}"));
            for (name, values) in agent.parameters(0)? {
                let Some(reference) = after.get(&name).filter(|r| r.len() == values.len()) else {
                    let problem = format!("after{update} lacks {name}, or it has another size");
                    return Err(Error::input(&self.place, problem, "record the case again"));
                };
                let floor = reference.iter().fold(0f32, |m, r| m.max(r.abs())) / 10.0;
                for (n, (x, r)) in values.iter().zip(reference).enumerate() {
                    let scale = f64::from(r.abs().max(floor).max(f32::MIN_POSITIVE));
                    let error = (f64::from(*x) - f64::from(*r)).abs() / scale;
                    // A NaN is the worst of all.
                    if error.is_nan() || error > worst.error {
                        worst = Worst {
                            error: if error.is_nan() { f64::INFINITY } else { error },
                            parameter: format!("update {}, {name}[{n}]", update + 1),
                        };
                    }
                }
            }
        }
        Ok(worst)
    }

    /// Batches and draws of update `update`, in this crate's layout.
    pub fn recorded(&self, update: usize) -> Result<Recorded> {
        let [obs, act] = self.dims;
        let fields = |batch: usize, full: bool| -> Result<Vec<f32>> {
            let part = |field: &str| self.tensor(&format!("update{update}.batch{batch}.{field}"));
            let (s, a, s2) = (
                part("observations")?,
                part("actions")?,
                part("next_observations")?,
            );
            let (r, d) = if full {
                (part("rewards")?, part("dones")?)
            } else {
                (&[][..], &[][..])
            };
            let columns = [
                (s, obs),
                (a, act),
                (s2, obs),
                (r, usize::from(full)),
                (d, usize::from(full)),
            ];
            self.interleave(s.len() / obs, &columns)
        };
        let draw = |n: usize| self.tensor(&format!("update{update}.draw{n}"));
        let mut recorded = Recorded::default();
        // The classifiers' normals, of their real and of their simulated rows, from draw `first` on.
        let ratio_noise = |first: usize| -> Result<Vec<f32>> {
            let half = |n: usize| {
                let (s, a, s2) = (draw(n)?, draw(n + 1)?, draw(n + 2)?);
                self.interleave(s.len() / obs, &[(s, obs), (a, act), (s2, obs)])
            };
            Ok([half(first)?, half(first + 3)?].concat())
        };
        let method = published::method(&self.name);
        match method {
            Some("sac") => {
                recorded.batch = fields(0, true)?;
                recorded.noise = [draw(0)?, draw(1)?].concat();
            }
            Some("cql") => {
                recorded.batch = fields(0, true)?;
                recorded.noise = [draw(0)?, draw(1)?].concat();
                recorded.uniforms = draw(2)?.to_vec();
                recorded.candidates = [draw(3)?, draw(4)?].concat();
            }
            Some("sac-bc" | "par-bc" | "sac-cql" | "dara") => {
                recorded.batch = [fields(0, true)?, fields(1, true)?].concat();
                match method {
                    Some("dara") => {
                        recorded.ratio = [fields(2, false)?, fields(3, false)?].concat();
                        recorded.ratio_noise = ratio_noise(0)?;
                    }
                    Some("sac-cql") => {
                        recorded.noise = [draw(0)?, draw(1)?].concat();
                        recorded.uniforms = draw(2)?.to_vec();
                        recorded.candidates = [draw(3)?, draw(4)?].concat();
                    }
                    _ => {
                        recorded.noise = [draw(0)?, draw(1)?].concat();
                        recorded.cloning = draw(2)?.to_vec();
                        if method == Some("par-bc") {
                            recorded.ratio = fields(2, false)?;
                        }
                    }
                }
            }
            Some("iql") => recorded.batch = fields(0, true)?,
            Some("td3bc") => {
                recorded.batch = fields(0, true)?;
                recorded.target_noise = draw(0)?.to_vec();
            }
            Some("darc") => {
                recorded.batch = fields(0, true)?;
                recorded.ratio = [fields(1, false)?, fields(2, false)?].concat();
                recorded.ratio_noise = ratio_noise(1)?;
                recorded.noise = [draw(0)?, draw(7)?].concat();
            }
            _ => {
                recorded.batch = [fields(0, true)?, fields(1, true)?].concat();
                recorded.ratio = [fields(2, false)?, fields(3, false)?].concat();
                recorded.ratio_noise = ratio_noise(0)?;
                recorded.noise = [draw(6)?, draw(7)?, draw(8)?].concat();
                if method == Some("h2o") {
                    recorded.next_states = draw(9)?.to_vec();
                    recorded.spread = self.tensor("state_std")?.to_vec();
                }
            }
        }
        Ok(recorded)
    }

    fn interleave(&self, rows: usize, columns: &[(&[f32], usize)]) -> Result<Vec<f32>> {
        if columns
            .iter()
            .any(|(values, width)| values.len() != rows * width)
        {
            return Err(Error::input(
                &self.place,
                "a batch's fields differ in length",
                "record the case again",
            ));
        }
        let row = |n: usize| {
            columns
                .iter()
                .flat_map(move |(values, width)| &values[n * width..(n + 1) * width])
        };
        Ok((0..rows).flat_map(row).copied().collect())
    }

    fn tensor(&self, name: &str) -> Result<&[f32]> {
        let found = self.tensors.get(name).map(Vec::as_slice);
        found.ok_or_else(|| {
            Error::input(
                &self.place,
                format!("tensor {name} is missing"),
                "record the case again",
            )
        })
    }

    /// Parameters `<prefix>.…` under this crate's names.
    fn snapshot(&self, prefix: &str) -> HashMap<String, Vec<f32>> {
        let under = |name: &str| {
            name.strip_prefix(prefix)?
                .strip_prefix('.')
                .map(published::parameter)
        };
        self.tensors
            .iter()
            .filter_map(|(name, values)| Some((under(name)?, values.clone())))
            .collect()
    }
}
