//! What a state is worth, by a value network that a run has kept.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::SafeTensors;

use crate::error::{Error, Result};
use crate::kernel::norm::EPSILON;

/// A layer: weights `[out, in]`, then what normalises it.
struct Layer {
    weight: Vec<f32>,
    bias: Vec<f32>,
    affine: Option<(Vec<f32>, Vec<f32>)>,
}

/// The network V of a member.
pub struct Judge {
    layers: Vec<Layer>,
    normed: bool,
    /// Mean and 1/σ of each number of a state, where it sees states on the data's scale.
    scale: Option<[Vec<f32>; 2]>,
}

impl Judge {
    /// V of member `member` in the file `path`; `normed`: whether its hidden layers are normalised. None where the
    /// method has no V.
    ///
    /// # Errors
    /// Where the file is damaged.
    pub fn read(path: &Path, member: usize, normed: bool) -> Result<Option<Self>> {
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(path, e))?;
        let mut named: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        let prefix = format!("member_{member}.vf.");
        for (name, tensor) in file.iter() {
            if let Some(name) = name.strip_prefix(&prefix) {
                named.insert(name.to_owned(), floats(tensor.data()));
            }
        }
        let mut layers = Vec::new();
        let mut width = None;
        for n in 0.. {
            let Some(weight) = named.remove(&format!("{n}.weight")) else {
                break;
            };
            let Some(bias) = named.remove(&format!("{n}.bias")) else {
                return Err(damaged(path, format!("{prefix}{n}.bias is missing")));
            };
            if bias.is_empty()
                || weight.len() % bias.len() != 0
                || width.is_some_and(|width| width * bias.len() != weight.len())
            {
                return Err(damaged(
                    path,
                    format!("{prefix}{n} does not fit the layer before it"),
                ));
            }
            width = Some(bias.len());
            let part = |name: &str| named.get(&format!("{n}.norm.{name}")).cloned();
            layers.push(Layer {
                affine: part("weight").zip(part("bias")),
                weight,
                bias,
            });
        }
        let scale = file.tensor(&format!("member_{member}.state_scale")).ok();
        let scale = scale.map(|scale| {
            let mut mean = floats(scale.data());
            let inverse = mean.split_off(mean.len() / 2);
            [mean, inverse]
        });
        let judge = Self {
            layers,
            normed,
            scale,
        };
        if judge.layers.is_empty() {
            return Ok(None);
        }
        let fits = |[mean, inverse]: &[Vec<f32>; 2]| {
            [mean, inverse]
                .iter()
                .all(|part| part.len() == judge.obs_dim())
        };
        if !judge.scale.as_ref().is_none_or(fits) {
            let problem = format!("member_{member}.state_scale does not fit {prefix}0");
            return Err(damaged(path, problem));
        }
        Ok(Some(judge))
    }

    /// Numbers of a state that it judges.
    pub fn obs_dim(&self) -> usize {
        self.layers[0].weight.len() / self.layers[0].bias.len()
    }

    /// V of `state`.
    pub fn value(&self, state: &[f32]) -> f32 {
        let mut x = match &self.scale {
            Some([mean, inverse]) => {
                let each = state.iter().zip(mean).zip(inverse);
                each.map(|((s, mean), inverse)| (s - mean) * inverse)
                    .collect()
            }
            None => state.to_vec(),
        };
        for (n, layer) in self.layers.iter().enumerate() {
            let rows = layer.weight.chunks_exact(x.len()).zip(&layer.bias);
            let mut y: Vec<f32> = rows
                .map(|(row, bias)| row.iter().zip(&x).map(|(w, x)| w * x).sum::<f32>() + bias)
                .collect();
            if n + 1 < self.layers.len() {
                if self.normed {
                    normalise(&mut y);
                }
                if let Some((gain, bias)) = &layer.affine {
                    let affine = y.iter_mut().zip(gain).zip(bias);
                    affine.for_each(|((y, gain), bias)| *y = *y * gain + bias);
                }
                y.iter_mut().for_each(|y| *y = y.max(0.0));
            }
            x = y;
        }
        x[0]
    }
}

#[cfg(test)]
impl Judge {
    /// V is the second of two numbers.
    pub fn second_of_two() -> Self {
        Self {
            layers: vec![Layer {
                weight: vec![0.0, 1.0],
                bias: vec![0.0],
                affine: None,
            }],
            normed: false,
            scale: None,
        }
    }
}

/// Layer normalisation, as the learner's.
fn normalise(y: &mut [f32]) {
    let n = y.len() as f32;
    let mean = y.iter().sum::<f32>() / n;
    y.iter_mut().for_each(|y| *y -= mean);
    let scale = 1.0 / (y.iter().map(|y| y * y).sum::<f32>() / n + EPSILON).sqrt();
    y.iter_mut().for_each(|y| *y *= scale);
}

/// The states, `[n, obs_dim]`, that `member` has kept in the file `path`.
///
/// # Errors
/// Where the file is damaged, or lacks them.
pub fn states(path: &Path, member: usize, obs_dim: usize) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(path, e))?;
    let rows = file
        .tensor(&format!("member_{member}.rows"))
        .map_err(|e| damaged(path, e))?;
    match *rows.shape() {
        [_, width] if width >= obs_dim => {
            let rows = floats(rows.data());
            Ok(rows
                .chunks_exact(width)
                .flat_map(|row| row[..obs_dim].to_vec())
                .collect())
        }
        _ => Err(damaged(
            path,
            format!("rows are of shape {:?}", rows.shape()),
        )),
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let words = bytes.chunks_exact(4);
    words
        .map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        .collect()
}

fn damaged(path: &Path, problem: impl ToString) -> Error {
    let help =
        "train the group anew: delete its status file and its run folder, and resume the suite";
    Error::input(path.display(), problem, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_network() {
        let mut judge = Judge {
            layers: vec![
                Layer {
                    weight: vec![1.0, 2.0, -1.0, 0.5],
                    bias: vec![0.0, 1.0],
                    affine: None,
                },
                Layer {
                    weight: vec![2.0, 3.0],
                    bias: vec![-1.0],
                    affine: None,
                },
            ],
            normed: false,
            scale: None,
        };
        // Hidden: relu([1·1 + 2·2, −1·1 + 0.5·2 + 1]) = [5, 1].
        assert_eq!(judge.value(&[1.0, 2.0]), 2.0 * 5.0 + 3.0 - 1.0);
        judge.normed = true;
        // [5, 1] normalised is [1, −1].
        assert!((judge.value(&[1.0, 2.0]) - 1.0).abs() < 1e-4);
        judge.normed = false;
        // (3 − 1)/2 and (−2 + 3)·2 are the state above.
        judge.scale = Some([vec![1.0, -3.0], vec![0.5, 2.0]]);
        assert_eq!(judge.value(&[3.0, -2.0]), 12.0);
    }
}
