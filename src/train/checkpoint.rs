//! Checkpoints: one safetensors file that holds everything a run's future depends on.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::run_folder::write;
use crate::error::{Error, Result};

/// Named tensors plus a JSON document, in one file.
#[derive(Default)]
pub struct Checkpoint {
    /// Agent's tensors and the replay's rows.
    pub tensors: HashMap<String, Tensor>,
    /// Opaque blocks: snapshots of the environments.
    pub bytes: HashMap<String, Vec<u8>>,
    /// Counters and what else is small.
    pub json: serde_json::Value,
}

const BYTES_PREFIX: &str = "bytes.";
const JSON_KEY: &str = "h2oplus";

impl Checkpoint {
    /// `checkpoints/step_<updates>.safetensors`, written under a temporary name and renamed.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut blocks: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for (name, tensor) in &self.tensors {
            let (dtype, data) = host_bytes(tensor)?;
            blocks.push((name.clone(), dtype, tensor.dims().to_vec(), data));
        }
        for (name, data) in &self.bytes {
            let name = format!("{BYTES_PREFIX}{name}");
            blocks.push((name, Dtype::U8, vec![data.len()], data.clone()));
        }
        // The same state must give the same bytes.
        blocks.sort_by(|a, b| a.0.cmp(&b.0));
        let views = blocks
            .iter()
            .map(|(name, dtype, shape, data)| {
                let view = TensorView::new(*dtype, shape.clone(), data);
                Ok((name.as_str(), view.map_err(|e| damaged(path, e))?))
            })
            .collect::<Result<Vec<_>>>()?;
        let meta = HashMap::from([(JSON_KEY.to_string(), self.json.to_string())]);
        let bytes = safetensors::serialize(views, Some(meta)).map_err(|e| damaged(path, e))?;
        write(path, &bytes)
    }

    /// Reads a checkpoint; a damaged one gives one clear error.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let data = crate::text::bytes(path)?;
        let (_, header) = SafeTensors::read_metadata(&data).map_err(|e| damaged(path, e))?;
        let file = SafeTensors::deserialize(&data).map_err(|e| damaged(path, e))?;
        let json = header.metadata().as_ref().and_then(|m| m.get(JSON_KEY));
        let json = json.ok_or_else(|| damaged(path, "the run's counters are missing"))?;
        let mut out = Self {
            json: serde_json::from_str(json).map_err(|e| damaged(path, e))?,
            ..Self::default()
        };
        for (name, view) in file.tensors() {
            if let Some(name) = name.strip_prefix(BYTES_PREFIX) {
                out.bytes.insert(name.to_string(), view.data().to_vec());
            } else {
                let dtype = match view.dtype() {
                    Dtype::F32 => candle_core::DType::F32,
                    Dtype::F64 => candle_core::DType::F64,
                    Dtype::U32 => candle_core::DType::U32,
                    Dtype::I64 => candle_core::DType::I64,
                    other => return Err(damaged(path, format!("`{name}` has type {other:?}"))),
                };
                let t = Tensor::from_raw_buffer(view.data(), dtype, view.shape(), device)?;
                out.tensors.insert(name, t);
            }
        }
        Ok(out)
    }

    /// The agent's part of the tensors.
    pub fn agent(&self) -> HashMap<String, Tensor> {
        let own = |(name, t): (&String, &Tensor)| {
            Some((name.strip_prefix("agent.")?.to_string(), t.clone()))
        };
        self.tensors.iter().filter_map(own).collect()
    }

    /// The newest checkpoint in `folder`.
    pub fn newest(folder: &Path) -> Result<PathBuf> {
        let all = list(folder)?;
        all.into_iter()
            .next_back()
            .map(|(_, path)| path)
            .ok_or_else(|| {
                Error::input(
                    folder.display(),
                    "holds no checkpoint: the run ended before its first one",
                    "start the run anew",
                )
            })
    }

    /// Removes all but the newest `keep` checkpoints.
    pub fn prune(folder: &Path, keep: usize) -> Result<()> {
        let all = list(folder)?;
        for (_, path) in all.iter().take(all.len().saturating_sub(keep)) {
            fs::remove_file(path).map_err(Error::io(path))?;
        }
        Ok(())
    }

    /// The updates that the checkpoint at `path` was written after, from its name.
    pub fn updates(path: &Path) -> u64 {
        step_of(path).unwrap_or(0)
    }

    /// The name of the checkpoint after `updates` updates.
    pub fn name(updates: u64) -> String {
        format!("step_{updates}.safetensors")
    }
}

/// Checkpoints in `folder`, oldest first.
fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if let Some(step) = step_of(&path) {
            all.push((step, path));
        }
    }
    all.sort();
    Ok(all)
}

/// The k of `step_<k>.safetensors`.
fn step_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("step_")?
        .strip_suffix(".safetensors")?
        .parse()
        .ok()
}

fn host_bytes(tensor: &Tensor) -> Result<(Dtype, Vec<u8>)> {
    use candle_core::DType;
    let flat = tensor.flatten_all()?;
    Ok(match tensor.dtype() {
        DType::F32 => (
            Dtype::F32,
            bytemuck::cast_slice(&flat.to_vec1::<f32>()?).to_vec(),
        ),
        DType::F64 => (
            Dtype::F64,
            bytemuck::cast_slice(&flat.to_vec1::<f64>()?).to_vec(),
        ),
        DType::U32 => (
            Dtype::U32,
            bytemuck::cast_slice(&flat.to_vec1::<u32>()?).to_vec(),
        ),
        DType::I64 => (
            Dtype::I64,
            bytemuck::cast_slice(&flat.to_vec1::<i64>()?).to_vec(),
        ),
        other => {
            return Err(Error::input(
                "checkpoint",
                format!("tensors of type {other:?} are not saved"),
                "report this as a bug",
            ));
        }
    })
}

fn damaged(path: &Path, problem: impl ToString) -> Error {
    Error::input(
        path.display(),
        format!("is not a usable checkpoint: {}", problem.to_string()),
        "resume from an earlier one (checkpoints/ keeps the last two), or start anew",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        let t = Tensor::from_vec(vec![1f32, f32::MIN_POSITIVE, -3.5], (3, 1), &Device::Cpu);
        Checkpoint {
            tensors: HashMap::from([("theta".into(), t.unwrap())]),
            bytes: HashMap::from([("env".into(), vec![1, 2, 255])]),
            json: serde_json::json!({"updates": 7}),
        }
    }

    #[test]
    fn comes_back_as_it_was_and_bytes_are_reproducible() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        sample().save(&a).unwrap();
        sample().save(&b).unwrap();
        assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
        let back = Checkpoint::load(&a, &Device::Cpu).unwrap();
        assert_eq!(back.json, sample().json);
        assert_eq!(back.bytes, sample().bytes);
        let theta = |c: &Checkpoint| c.tensors["theta"].to_vec2::<f32>().unwrap();
        assert_eq!(theta(&back), theta(&sample()));
    }

    #[test]
    fn a_file_cut_short_is_refused_at_every_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c");
        sample().save(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for n in 0..whole.len() {
            fs::write(&path, &whole[..n]).unwrap();
            assert!(
                Checkpoint::load(&path, &Device::Cpu).is_err(),
                "{n} bytes were accepted"
            );
        }
    }

    #[test]
    fn prune_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        for step in [5, 100, 20] {
            sample()
                .save(&dir.path().join(Checkpoint::name(step)))
                .unwrap();
        }
        Checkpoint::prune(dir.path(), 2).unwrap();
        let left: Vec<u64> = list(dir.path())
            .unwrap()
            .into_iter()
            .map(|(s, _)| s)
            .collect();
        assert_eq!(left, [20, 100]);
    }
}
