//! Checkpoints: one safetensors file that holds everything a run's future depends on.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::inputs::Input;
use super::run_folder::write;
use super::seal;
use crate::error::{Error, Result};
use crate::run::train::evaluate::Episodes;

/// What this program writes and reads. Files without a number are of format 2.
pub const FORMAT: u64 = 4;

/// Named tensors plus a header, in one file.
#[derive(Default)]
pub struct Checkpoint {
    /// Agent's tensors and the replay's rows.
    pub tensors: HashMap<String, Tensor>,
    /// Opaque blocks: snapshots of the environments.
    pub bytes: HashMap<String, Vec<u8>>,
    /// Counters and what else is small.
    pub header: Header,
}

/// What a checkpoint says of itself, as JSON among the file's metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// SHA-256 over the whole file, see [`seal`]. It stands first, so that it is found first.
    pub digest: String,
    /// [`FORMAT`].
    pub format: u64,
    /// Updates done; the file's name holds it too.
    pub updates: u64,
    /// Rounds of simulator steps done.
    pub cycles: u64,
    /// Rows that each member's replay has been given.
    pub replay_pushed: u64,
    /// Lines of `metrics.jsonl` by then.
    pub metrics_lines: u64,
    /// Seconds of work by then.
    pub seconds: f64,
    /// Latest evaluation, by member; empty where it is still to be made.
    pub latest: Vec<Episodes>,
    /// Names of the members.
    pub members: Vec<String>,
    /// The run's `config.toml` by then.
    pub config: String,
    /// The files that the run is made from.
    pub inputs: Vec<Input>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            digest: seal::blank(),
            format: FORMAT,
            updates: 0,
            cycles: 0,
            replay_pushed: 0,
            metrics_lines: 0,
            seconds: 0.0,
            latest: Vec::new(),
            members: Vec::new(),
            config: String::new(),
            inputs: Vec::new(),
        }
    }
}

/// Why a checkpoint was not read.
#[derive(Debug)]
pub enum Refusal {
    /// Its contents are not what was written; an earlier one may do.
    Damaged(Error),
    /// It is of another format, or was not read at all.
    Other(Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Damaged(error) | Refusal::Other(error) => error,
        }
    }
}

const BYTES_PREFIX: &str = "bytes.";
const JSON_KEY: &str = "h2oplus";

impl Checkpoint {
    /// Writes it, sealed, under a temporary name, and renames that. The same state gives the same bytes.
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
        blocks.sort_by(|a, b| a.0.cmp(&b.0));
        let unwritable =
            |e: &dyn std::fmt::Display| Error::input(path.display(), e, "report this as a bug");
        let views = blocks
            .iter()
            .map(|(name, dtype, shape, data)| {
                let view = TensorView::new(*dtype, shape.clone(), data);
                Ok((name.as_str(), view.map_err(|e| unwritable(&e))?))
            })
            .collect::<Result<Vec<_>>>()?;
        let header = serde_json::to_string(&self.header).map_err(|e| unwritable(&e))?;
        let meta = HashMap::from([(JSON_KEY.to_string(), header)]);
        let mut bytes = safetensors::serialize(views, Some(meta)).map_err(|e| unwritable(&e))?;
        if !seal::seal(&mut bytes) {
            return Err(unwritable(&"the header has no place for a digest"));
        }
        write(path, &bytes)
    }

    /// Reads a checkpoint, and compares its digest and its name with what it holds.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn load(path: &Path, device: &Device) -> std::result::Result<Self, Refusal> {
        let data = crate::text::bytes(path).map_err(Refusal::Other)?;
        let damaged = |problem: &dyn std::fmt::Display| Refusal::Damaged(damaged(path, problem));
        let (_, head) = SafeTensors::read_metadata(&data).map_err(|e| damaged(&e))?;
        let file = SafeTensors::deserialize(&data).map_err(|e| damaged(&e))?;
        let header = head.metadata().as_ref().and_then(|m| m.get(JSON_KEY));
        let header = header.ok_or_else(|| damaged(&"the run's counters are missing"))?;
        let json: serde_json::Value = serde_json::from_str(header).map_err(|e| damaged(&e))?;
        let sound = seal::holds(&data);
        if sound == Some(false) {
            let problem = "its contents are not those that were written (their digest differs)";
            return Err(damaged(&problem));
        }
        let format = json
            .get("format")
            .map_or(Some(2), serde_json::Value::as_u64);
        match format {
            Some(FORMAT) if sound.is_some() => {}
            Some(format) if format != FORMAT => return Err(other_format(path, format)),
            _ => return Err(damaged(&"its digest or its format is missing")),
        }
        let mut out = Self {
            header: serde_json::from_value(json).map_err(|e| damaged(&e))?,
            ..Self::default()
        };
        if super::checkpoints::step_of(path).is_some_and(|step| step != out.header.updates) {
            let updates = out.header.updates;
            return Err(damaged(&format!(
                "it was written after {updates} updates, which is not what its name says"
            )));
        }
        for (name, view) in file.tensors() {
            if let Some(name) = name.strip_prefix(BYTES_PREFIX) {
                out.bytes.insert(name.to_string(), view.data().to_vec());
            } else {
                let dtype = match view.dtype() {
                    Dtype::F32 => candle_core::DType::F32,
                    Dtype::F64 => candle_core::DType::F64,
                    Dtype::U32 => candle_core::DType::U32,
                    Dtype::I64 => candle_core::DType::I64,
                    other => return Err(damaged(&format!("`{name}` has type {other:?}"))),
                };
                let t = Tensor::from_raw_buffer(view.data(), dtype, view.shape(), device);
                out.tensors
                    .insert(name, t.map_err(|e| Refusal::Other(e.into()))?);
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
}

fn other_format(path: &Path, format: u64) -> Refusal {
    let (age, help) = match format < FORMAT {
        true => (
            "an earlier",
            "the version that wrote it (meta.json names it)",
        ),
        false => ("a later", "a version as new as the one that wrote it"),
    };
    Refusal::Other(Error::input(
        path.display(),
        format!(
            "is of checkpoint format {format}, of {age} version; this version reads format {FORMAT}"
        ),
        format!("go on with {help}, or start the run anew"),
    ))
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
        "use an earlier one (checkpoints/ keeps the last two), or start the run anew",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sample() -> Checkpoint {
        let t = Tensor::from_vec(vec![1f32, f32::MIN_POSITIVE, -3.5], (3, 1), &Device::Cpu);
        Checkpoint {
            tensors: HashMap::from([("theta".into(), t.unwrap())]),
            bytes: HashMap::from([("env".into(), vec![1, 2, 255])]),
            header: Header {
                updates: 7,
                members: vec![r#"seed 0 "digest":"x"#.into()],
                ..Header::default()
            },
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
        let digest = back.header.digest.clone();
        assert_ne!(digest, seal::blank());
        let header = Header {
            digest,
            ..sample().header
        };
        assert_eq!(back.header, header);
        assert_eq!(back.bytes, sample().bytes);
        let theta = |c: &Checkpoint| c.tensors["theta"].to_vec2::<f32>().unwrap();
        assert_eq!(theta(&back), theta(&sample()));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c");
        sample().save(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        let refused = |bytes: &[u8], what: &str| {
            fs::write(&path, bytes).unwrap();
            let refusal = Checkpoint::load(&path, &Device::Cpu).err();
            assert!(
                matches!(refusal, Some(Refusal::Damaged(_))),
                "{what}: {refusal:?}"
            );
        };
        for n in 0..whole.len() {
            refused(&whole[..n], &format!("{n} bytes"));
            let mut flipped = whole.clone();
            flipped[n] ^= 1 << (n % 8);
            refused(&flipped, &format!("byte {n} flipped"));
        }
    }

    #[test]
    fn another_format_and_another_name_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("step_7.safetensors");
        for (format, words) in [
            (FORMAT - 1, "an earlier version"),
            (FORMAT + 1, "a later version"),
        ] {
            let mut other = sample();
            other.header.format = format;
            other.save(&path).unwrap();
            let refusal = Checkpoint::load(&path, &Device::Cpu).err().unwrap();
            assert!(matches!(refusal, Refusal::Other(_)), "{refusal:?}");
            let text = Error::from(refusal).to_string();
            let number = format!("format {format}");
            assert!(text.contains(words) && text.contains(&number), "{text}");
        }
        sample().save(&path).unwrap();
        assert!(Checkpoint::load(&path, &Device::Cpu).is_ok());
        let renamed = dir.path().join("step_8.safetensors");
        fs::rename(&path, &renamed).unwrap();
        let refusal = Checkpoint::load(&renamed, &Device::Cpu).err().unwrap();
        assert!(Error::from(refusal).to_string().contains("after 7 updates"));
    }
}
