//! D4RL v2 files: one HDF5 file, one row a step, episodes one after the other.
//!
//! Layout as in Fu et al., *D4RL: Datasets for Deep Data-Driven Reinforcement Learning* (2020), as
//! the published v2 files have it; Booleans are an enumeration over `int8`, as h5py stores them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use hdf5_pure::{FileBuilder, GroupBuilder};

use super::hdf5::{GZIP_LEVEL, H5File, boolean};
use super::{BehaviourPolicy, Dataset, DenseLayer, Distribution, replace_file};
use crate::error::{Error, Result};

/// Step limit of D4RL's locomotion tasks, by which episodes are cut in files without `timeouts`.
const EPISODE_STEPS: usize = 1000;

/// Uncompressed bytes of a chunk: large enough to compress well, small enough to read in part.
const CHUNK_BYTES: usize = 64 * 1024;

/// Read a D4RL file.
///
/// Older files lack some columns:
/// - no `timeouts`: a row whose `next_observations` is not the next row's observation ends an
///   episode; without that column too, so does every 1000th step. So does the last row.
/// - no `next_observations`: the next row's observation inside an episode. The last row of an
///   episode is dropped, its successor being unknown, unless it is terminal: it then keeps its own
///   observation in that place, which no bootstrap reads.
///
/// Policies other than ReLU with a tanh-Gaussian head are left out.
///
/// # Errors
/// [`Error::Input`] or [`Error::Io`], naming the file and the array.
pub fn read(path: impl AsRef<Path>) -> Result<Dataset> {
    let path = path.as_ref();
    let file = H5File::open(path)?;
    // All extents are compared before any value is read.
    let rewards = file.get("rewards")?;
    let n = rewards.vector()?;
    let observations = file.get("observations")?;
    let (_, obs_dim) = observations.matrix()?;
    let observations = observations.expect(&[n, obs_dim])?;
    let actions = file.get("actions")?;
    let (_, act_dim) = actions.matrix()?;
    let actions = actions.expect(&[n, act_dim])?;
    let next = file
        .find("next_observations")?
        .map(|a| a.expect(&[n, obs_dim]))
        .transpose()?;
    let terminals = file.get("terminals")?.expect(&[n])?;
    let timeouts = file.find("timeouts")?.map(|a| a.expect(&[n])).transpose()?;

    let mut data = Dataset {
        source: path.display().to_string(),
        obs_dim,
        act_dim,
        observations: observations.floats()?,
        actions: actions.floats()?,
        rewards: rewards.floats()?,
        terminals: terminals.flags()?,
        qpos: read_info(&file, "infos/qpos", n)?,
        qvel: read_info(&file, "infos/qvel", n)?,
        action_log_probs: match file.find("infos/action_log_probs")? {
            Some(array) => Some(array.expect(&[n])?.floats()?),
            None => None,
        },
        gap: read_gap(&file, n)?,
        policy: read_policy(&file)?,
        ..Dataset::default()
    };
    let next = next.map(|a| a.floats()).transpose()?;
    data.timeouts = match timeouts {
        Some(array) => array.flags()?,
        None => infer_timeouts(&data, next.as_deref()),
    };
    match next {
        Some(next) => data.next_observations = next,
        None => derive_successors(&mut data),
    }
    data.validate()?;
    Ok(data)
}

fn read_info(file: &H5File, name: &str, n: usize) -> Result<Option<Vec<f32>>> {
    let Some(array) = file.find(name)? else {
        return Ok(None);
    };
    let (_, width) = array.matrix()?;
    array.expect(&[n, width])?.floats().map(Some)
}

fn read_gap(file: &H5File, n: usize) -> Result<BTreeMap<String, Vec<f64>>> {
    let read = |name: String| {
        let strengths = file.get(&format!("infos/gap/{name}"))?.expect(&[n])?;
        Ok((name, strengths.doubles()?))
    };
    file.arrays("infos/gap")?.into_iter().map(read).collect()
}

fn infer_timeouts(data: &Dataset, next: Option<&[f32]>) -> Vec<bool> {
    let (n, dim) = (data.len(), data.obs_dim);
    let mut steps = 0;
    (0..n)
        .map(|row| {
            steps += 1;
            let ends = row + 1 == n
                || match next {
                    Some(next) => {
                        next[row * dim..(row + 1) * dim]
                            != data.observations[(row + 1) * dim..(row + 2) * dim]
                    }
                    None => steps == EPISODE_STEPS,
                };
            if ends || data.terminals[row] {
                steps = 0;
            }
            ends && !data.terminals[row]
        })
        .collect()
}

fn derive_successors(data: &mut Dataset) {
    let (n, dim) = (data.len(), data.obs_dim);
    let ends: Vec<bool> = (0..n)
        .map(|row| row + 1 == n || data.timeouts[row] || data.terminals[row])
        .collect();
    let observation = |row: usize| &data.observations[row * dim..(row + 1) * dim];
    let successor = |row: usize| observation(if ends[row] { row } else { row + 1 });
    data.next_observations = (0..n).flat_map(successor).copied().collect();

    let keep: Vec<bool> = (0..n)
        .map(|row| data.terminals[row] || !ends[row])
        .collect();
    // The row before a dropped one now ends its episode.
    for row in (1..n).filter(|&row| !keep[row] && !ends[row - 1]) {
        data.timeouts[row - 1] = true;
    }
    data.retain_rows(|row| keep[row]);
}

fn read_policy(file: &H5File) -> Result<Option<BehaviourPolicy>> {
    let text = |name| file.find(name)?.map(|array| array.text()).transpose();
    let distribution = text("metadata/policy/output_distribution")?;
    let distribution = distribution.as_deref().and_then(Distribution::parse);
    let (Some(distribution), Some("relu")) = (
        distribution,
        text("metadata/policy/nonlinearity")?.as_deref(),
    ) else {
        return Ok(None);
    };
    let mut hidden = Vec::new();
    while let Some(layer) = read_layer(file, &format!("fc{}", hidden.len()))? {
        hidden.push(layer);
    }
    let (Some(mean), Some(log_std)) = (
        read_layer(file, "last_fc")?,
        read_layer(file, "last_fc_log_std")?,
    ) else {
        return Ok(None);
    };
    let iteration = file
        .find("metadata/iteration")?
        .map(|array| array.integer())
        .transpose()?;
    Ok(Some(BehaviourPolicy {
        algorithm: text("metadata/algorithm")?.unwrap_or_default(),
        iteration: iteration
            .and_then(|k| i32::try_from(k).ok())
            .unwrap_or_default(),
        hidden,
        mean,
        log_std,
        distribution,
    }))
}

fn read_layer(file: &H5File, name: &str) -> Result<Option<DenseLayer>> {
    let Some(weight) = file.find(&format!("metadata/policy/{name}/weight"))? else {
        return Ok(None);
    };
    let (outputs, inputs) = weight.matrix()?;
    let bias = file
        .get(&format!("metadata/policy/{name}/bias"))?
        .expect(&[outputs])?;
    Ok(Some(DenseLayer {
        inputs,
        outputs,
        weight: weight.floats()?,
        bias: bias.floats()?,
    }))
}

/// Write a D4RL v2 file, gzip-compressed, through a temporary name.
///
/// # Errors
/// [`Error::Input`] if the data set does not pass [`Dataset::validate`]; [`Error::Io`].
pub fn write(path: impl AsRef<Path>, data: &Dataset) -> Result<()> {
    let path = path.as_ref();
    data.validate()?;
    let image = build(data)
        .map_err(hdf5_pure::Error::from)
        .and_then(FileBuilder::finish);
    // The columns were checked above: what is left is a limit of the format itself.
    let image = image.map_err(|error| {
        Error::input(
            path.display(),
            format!("no HDF5 file: {error}"),
            "write fewer rows",
        )
    })?;
    replace_file(path, |out| out.write_all(&image).map_err(Error::io(path)))
}

type Built<T> = std::result::Result<T, hdf5_pure::FormatError>;

fn build(data: &Dataset) -> Built<FileBuilder> {
    let mut builder = FileBuilder::new();
    for (name, values) in [
        ("actions", &data.actions),
        ("observations", &data.observations),
        ("next_observations", &data.next_observations),
        ("rewards", &data.rewards),
    ] {
        floats(
            builder.create_dataset(name),
            values,
            data.len(),
            name != "rewards",
        );
    }
    for (name, values) in [("terminals", &data.terminals), ("timeouts", &data.timeouts)] {
        flags(builder.create_dataset(name), values)?;
    }
    let infos = [
        ("qpos", &data.qpos, true),
        ("qvel", &data.qvel, true),
        ("action_log_probs", &data.action_log_probs, false),
    ];
    if infos.iter().any(|(_, values, _)| values.is_some()) || !data.gap.is_empty() {
        let mut group = builder.create_group("infos");
        for (name, values, matrix) in infos {
            if let Some(values) = values {
                floats(group.create_dataset(name), values, data.len(), matrix);
            }
        }
        if !data.gap.is_empty() {
            let mut gap = group.create_group("gap");
            for (name, strengths) in &data.gap {
                let (rows, chunk) = (data.len(), CHUNK_BYTES / 8);
                gap.create_dataset(name)
                    .with_f64_data(strengths)
                    .with_shape(&[rows as u64])
                    .with_chunks(&[chunk.clamp(1, rows) as u64])
                    .with_deflate(GZIP_LEVEL);
            }
            group.add_group(gap.finish());
        }
        builder.add_group(group.finish());
    }
    if let Some(policy) = &data.policy {
        let mut metadata = builder.create_group("metadata");
        text(&mut metadata, "algorithm", &policy.algorithm)?;
        metadata
            .create_dataset("iteration")
            .with_i32_data(&[policy.iteration])
            .with_shape(&[]);
        let mut group = metadata.create_group("policy");
        for (k, hidden) in policy.hidden.iter().enumerate() {
            layer(&mut group, &format!("fc{k}"), hidden);
        }
        layer(&mut group, "last_fc", &policy.mean);
        layer(&mut group, "last_fc_log_std", &policy.log_std);
        text(&mut group, "nonlinearity", "relu")?;
        text(
            &mut group,
            "output_distribution",
            policy.distribution.name(),
        )?;
        metadata.add_group(group.finish());
        builder.add_group(metadata.finish());
    }
    Ok(builder)
}

fn floats(dataset: &mut hdf5_pure::DatasetBuilder, values: &[f32], rows: usize, matrix: bool) {
    let width = values.len() / rows;
    let chunk = (CHUNK_BYTES / (4 * width)).clamp(1, rows) as u64;
    let (rows, width) = (rows as u64, width as u64);
    dataset.with_f32_data(values).with_deflate(GZIP_LEVEL);
    if matrix {
        dataset
            .with_shape(&[rows, width])
            .with_chunks(&[chunk, width]);
    } else {
        dataset.with_shape(&[rows]).with_chunks(&[chunk]);
    }
}

fn flags(dataset: &mut hdf5_pure::DatasetBuilder, values: &[bool]) -> Built<()> {
    let bytes = values.iter().map(|&flag| u8::from(flag)).collect();
    dataset
        .with_raw_data(boolean()?, bytes, values.len() as u64)
        .with_chunks(&[values.len().min(CHUNK_BYTES) as u64])
        .with_deflate(GZIP_LEVEL);
    Ok(())
}

fn layer(group: &mut GroupBuilder, name: &str, layer: &DenseLayer) {
    let mut own = group.create_group(name);
    own.create_dataset("weight")
        .with_f32_data(&layer.weight)
        .with_shape(&[layer.outputs as u64, layer.inputs as u64]);
    own.create_dataset("bias").with_f32_data(&layer.bias);
    group.add_group(own.finish());
}

fn text(group: &mut GroupBuilder, name: &str, value: &str) -> Built<()> {
    group
        .create_dataset(name)
        .with_ascii_strings(&[value])?
        .with_shape(&[]);
    Ok(())
}
