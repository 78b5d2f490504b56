//! Files of snapshots: tensors of all of them by layer, in half precision and PyTorch's layout.

use std::collections::HashMap;
use std::path::Path;

use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::{Behaviour, Snapshot, TRAINED_BY};
use crate::data::{DenseLayer, from_layers, to_layers};
use crate::error::{Error, Result};
use crate::policy::{ActionDistribution, Policy};
use crate::run::record::run_folder;

/// What a file says of its snapshots, as JSON under [`ABOUT`] in its metadata.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    updates: Vec<u64>,
    /// `null` where there was no evaluation.
    returns: Vec<Option<f64>>,
    distribution: String,
}

const ABOUT: &str = "h2oplus";

impl About {
    /// As files before this version held it: a key each.
    fn of_three_keys<'a>(text: impl Fn(&str) -> Option<&'a String>, place: &str) -> Result<Self> {
        let due =
            |key: &str| text(key).ok_or_else(|| damaged(place, format!("its `{key}` are missing")));
        // Files from before there were two distributions hold tanh-Gaussians.
        let default = || ActionDistribution::default().name().to_owned();
        Ok(Self {
            updates: serde_json::from_str(due("updates")?).map_err(|e| damaged(place, e))?,
            returns: serde_json::from_str(due("returns")?).map_err(|e| damaged(place, e))?,
            distribution: text("distribution").map_or_else(default, Clone::clone),
        })
    }
}
impl Behaviour {
    /// Reads a file that [`save`](Self::save) wrote.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = crate::text::bytes(path)?;
        Self::parse(&bytes, &path.display().to_string())
    }

    /// Half precision: 11 bits of mantissa change an action by less than its exploration noise by
    /// three orders of magnitude.
    pub fn save(&self, path: &Path) -> Result<()> {
        for snapshot in &self.snapshots {
            check_layers(&snapshot.policy).map_err(|problem| {
                let problem = format!("the policy cannot be written: {problem}");
                Error::input(path.display(), problem, "train with lower learning rates")
            })?;
        }
        let all: Vec<_> = (self.snapshots.iter())
            .map(|snapshot| to_layers(&snapshot.policy))
            .collect();
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for (k, (name, layer)) in all.first().into_iter().flatten().enumerate() {
            let same = all.iter().map(|layers| &layers[k].1);
            let weights = same.clone().flat_map(|l| &l.weight);
            let shape = vec![all.len(), layer.outputs, layer.inputs];
            tensors.push((format!("{name}.weight"), shape, halves(weights)));
            let shape = vec![all.len(), layer.outputs];
            let biases = same.flat_map(|l| &l.bias);
            tensors.push((format!("{name}.bias"), shape, halves(biases)));
        }
        let damaged = |e: safetensors::SafeTensorError| damaged(&path.display().to_string(), e);
        let views = tensors
            .iter()
            .map(|(name, shape, data)| {
                Ok((
                    name.as_str(),
                    TensorView::new(Dtype::F16, shape.clone(), data)?,
                ))
            })
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(damaged)?;
        let distribution = self.snapshots.first().map(|s| s.policy.distribution);
        let distribution = distribution.unwrap_or_default();
        let updates: Vec<u64> = self.snapshots.iter().map(|s| s.updates).collect();
        let returns = self.snapshots.iter().map(|s| s.eval_return);
        let returns = returns.map(|r| Some(r).filter(|r| r.is_finite())).collect();
        // One key: the order of several would differ from run to run.
        let about = About {
            updates,
            returns,
            distribution: distribution.name().to_string(),
        };
        let about = serde_json::to_string(&about).expect("plain numbers and strings are JSON");
        let meta = HashMap::from([(ABOUT.to_string(), about)]);
        let bytes = safetensors::serialize(views, Some(meta)).map_err(damaged)?;
        run_folder::write(path, &bytes)
    }

    pub(super) fn parse(bytes: &[u8], place: &str) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(place, e))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(place, e))?;
        let text = |key: &str| header.metadata().as_ref().and_then(|m| m.get(key));
        let about = match text(ABOUT) {
            Some(about) => serde_json::from_str(about).map_err(|e| damaged(place, e))?,
            None => About::of_three_keys(text, place)?,
        };
        let About {
            updates,
            returns,
            distribution,
        } = about;
        let distribution = ActionDistribution::parse(&distribution)
            .ok_or_else(|| damaged(place, "its `distribution` has no known name"))?;
        let n = updates.len();
        if n == 0 || returns.len() != n {
            return Err(damaged(place, "it holds no snapshot"));
        }
        let layer = |name: &str, k: usize| -> Result<DenseLayer> {
            let get = |part: &str| {
                file.tensor(&format!("{name}.{part}"))
                    .map_err(|e| damaged(place, e))
            };
            let (w, b) = (get("weight")?, get("bias")?);
            let &[wn, outputs, inputs] = w.shape() else {
                return Err(damaged(
                    place,
                    format!("`{name}.weight` has shape {:?}", w.shape()),
                ));
            };
            if wn != n || b.shape() != [n, outputs] || w.dtype() != Dtype::F16 {
                return Err(damaged(
                    place,
                    format!("`{name}` has the wrong shape or type"),
                ));
            }
            let part = |data: &[u8], len: usize| -> Vec<f32> {
                let data = &data[2 * k * len..2 * (k + 1) * len];
                data.chunks_exact(2)
                    .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                    .collect()
            };
            Ok(DenseLayer {
                inputs,
                outputs,
                weight: part(w.data(), outputs * inputs),
                bias: part(b.data(), outputs),
            })
        };
        let depth = (0..)
            .take_while(|i| file.tensor(&format!("fc{i}.weight")).is_ok())
            .count();
        let snapshot = |k: usize| {
            let hidden = (0..depth).map(|i| layer(&format!("fc{i}"), k));
            let hidden = hidden.collect::<Result<_>>()?;
            let heads = [layer("last_fc", k)?, layer("last_fc_log_std", k)?];
            let snapshot = Snapshot {
                algorithm: TRAINED_BY.into(),
                updates: updates[k],
                eval_return: returns[k].unwrap_or(f64::NAN),
                policy: from_layers(hidden, heads, distribution).map_err(|e| damaged(place, e))?,
            };
            check_layers(&snapshot.policy).map_err(|problem| damaged(place, problem))?;
            Ok(snapshot)
        };
        Ok(Self {
            snapshots: (0..n).map(snapshot).collect::<Result<_>>()?,
        })
    }
}

/// Refuses layers that do not follow one another, and weights that half precision does not hold.
fn check_layers(policy: &Policy) -> std::result::Result<(), String> {
    let heads = policy.act_dim();
    let mut width = policy.obs_dim();
    if width == 0 || heads == 0 {
        return Err("its policy has no observations, or no actions".into());
    }
    for (name, layer) in to_layers(policy) {
        let head = name.starts_with("last_fc");
        let outputs = if head { heads } else { layer.outputs };
        if (layer.inputs, layer.outputs) != (width, outputs) || outputs == 0 {
            let (i, o) = (layer.inputs, layer.outputs);
            return Err(format!(
                "`{name}` is a layer of {i} → {o}, which does not fit {width} inputs and {heads} actions"
            ));
        }
        let held = |x: &f32| f16::from_f32(*x).is_finite();
        if !(layer.weight.iter().all(held) && layer.bias.iter().all(held)) {
            return Err(format!("`{name}` holds numbers that are not finite"));
        }
        if !head {
            width = outputs;
        }
    }
    Ok(())
}

fn halves<'a>(values: impl Iterator<Item = &'a f32>) -> Vec<u8> {
    values
        .flat_map(|v| f16::from_f32(*v).to_le_bytes())
        .collect()
}

fn damaged(place: &str, problem: impl ToString) -> Error {
    Error::input(
        place,
        format!("is no file of behaviour snapshots: {}", problem.to_string()),
        "make one with `h2oplus collect`",
    )
}
