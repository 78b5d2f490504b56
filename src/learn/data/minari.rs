//! Minari folders: `data/main_data.hdf5` with one group an episode, and `data/metadata.json`.
//!
//! An episode of `T` steps holds `T + 1` observations, so a successor is the next row of the same
//! array. `infos` and the behaviour policy have no place in our use of it: neither is read or
//! written. Minari stores `float64` observations and rewards, which are rounded to `f32`.

use std::io::Write;
use std::path::{Path, PathBuf};

use hdf5_pure::{AttrValue, DatasetBuilder, FileBuilder};
use serde_json::json;

use super::hdf5::{GZIP_LEVEL, H5File, boolean};
use super::{Dataset, replace_file};
use crate::error::{Error, Result};

const MAIN_FILE: &str = "main_data.hdf5";
const METADATA_FILE: &str = "metadata.json";

/// The oldest version whose layout [`write`] follows: Minari refuses data newer than itself.
const MINARI_VERSION: &str = "0.5.0";

/// Read a Minari data set: its folder, the `data` folder in it, or the `main_data.hdf5` in that.
///
/// An episode whose last step is neither terminated nor truncated was cut when the recording ended:
/// it gets a timeout there.
///
/// # Errors
/// [`Error::Input`] or [`Error::Io`], naming the file and the array.
pub fn read(path: impl AsRef<Path>) -> Result<Dataset> {
    let path = path.as_ref();
    let main = main_file(path)?;
    let file = H5File::open(&main)?;
    let episodes = count_episodes(&file, &main)?;
    let mut data = Dataset {
        source: path.display().to_string(),
        ..Dataset::default()
    };
    for episode in 0..episodes {
        read_episode(&file, &format!("episode_{episode}"), &mut data)?;
    }
    data.validate()?;
    Ok(data)
}

fn main_file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let places = [path.join("data").join(MAIN_FILE), path.join(MAIN_FILE)];
    places
        .into_iter()
        .find(|place| place.is_file())
        .ok_or_else(|| {
            Error::input(
                path.display(),
                format!("no data/{MAIN_FILE} in this folder"),
                "name a Minari folder or a D4RL file",
            )
        })
}

/// Episodes are numbered from 0 without a gap, and there are as many as the metadata says.
fn count_episodes(file: &H5File, main: &Path) -> Result<usize> {
    let groups = file.groups()?;
    let count = groups
        .iter()
        .filter(|name| name.starts_with("episode_"))
        .count();
    let metadata_path = main.with_file_name(METADATA_FILE);
    if metadata_path.is_file() {
        let text = crate::text::read(&metadata_path)?;
        let metadata: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
            Error::input(
                metadata_path.display(),
                error,
                "copy or download the data set again",
            )
        })?;
        let declared = metadata["total_episodes"].as_u64();
        if declared != Some(count as u64) {
            return Err(Error::input(
                main.display(),
                format!(
                    "{count} episodes where {METADATA_FILE} says {}",
                    metadata["total_episodes"]
                ),
                "copy or download the data set again",
            ));
        }
    }
    if let Some(gap) = (0..count).find(|k| !groups.contains(&format!("episode_{k}"))) {
        return Err(Error::input(
            main.display(),
            format!("episode_{gap} of {count} episodes is missing"),
            "copy or download the data set again",
        ));
    }
    Ok(count)
}

fn read_episode(file: &H5File, name: &str, data: &mut Dataset) -> Result<()> {
    let get = |array: &str| file.get(&format!("{name}/{array}"));
    let rewards = get("rewards")?;
    let steps = rewards.vector()?;
    let (observations, actions) = (get("observations")?, get("actions")?);
    let (obs_dim, act_dim) = match data.obs_dim {
        0 => (observations.matrix()?.1, actions.matrix()?.1),
        _ => (data.obs_dim, data.act_dim),
    };
    let observations = observations.expect(&[steps + 1, obs_dim])?;
    let actions = actions.expect(&[steps, act_dim])?;
    let terminations = get("terminations")?.expect(&[steps])?;
    let truncations = get("truncations")?.expect(&[steps])?;

    (data.obs_dim, data.act_dim) = (obs_dim, act_dim);
    let observations = observations.floats()?;
    data.observations.extend(&observations[..steps * obs_dim]);
    data.next_observations.extend(&observations[obs_dim..]);
    data.actions.extend(actions.floats()?);
    data.rewards.extend(rewards.floats()?);
    data.terminals.extend(terminations.flags()?);
    data.timeouts.extend(truncations.flags()?);
    if let (true, Some(false), Some(timeout)) =
        (steps > 0, data.terminals.last(), data.timeouts.last_mut())
    {
        *timeout = true;
    }
    Ok(())
}

/// Write the folder `dir` with `data/main_data.hdf5` and `data/metadata.json`, each through a
/// temporary name. The data set's id is the folder's name, with `-v0` where it names no version.
///
/// # Errors
/// [`Error::Input`] if the data set does not pass [`Dataset::validate`], or if an observation inside
/// an episode is not the successor in the row before it, which this layout cannot hold;
/// [`Error::Io`].
pub fn write(dir: impl AsRef<Path>, data: &Dataset) -> Result<()> {
    let dir = dir.as_ref();
    data.validate()?;
    let mut builder = FileBuilder::new();
    let mut episodes = 0;
    for (id, rows) in data.episodes().enumerate() {
        check_chain(data, rows.clone())?;
        write_episode(&mut builder, data, id, rows).map_err(|error| {
            Error::input(
                dir.display(),
                format!("no HDF5 file: {error}"),
                "write fewer rows",
            )
        })?;
        episodes = id + 1;
    }
    let image = builder.finish().map_err(|error| {
        Error::input(
            dir.display(),
            format!("no HDF5 file: {error}"),
            "write fewer rows",
        )
    })?;
    let folder = dir.join("data");
    let main = folder.join(MAIN_FILE);
    replace_file(&main, |out| out.write_all(&image).map_err(Error::io(&main)))?;

    let metadata = json!({
        "total_episodes": episodes,
        "total_steps": data.len(),
        "data_format": "hdf5",
        "observation_space": box_space(data.obs_dim, "float64", "-Infinity", "Infinity"),
        "action_space": box_space(data.act_dim, "float32", "-1.0", "1.0"),
        "dataset_id": dataset_id(dir),
        "minari_version": MINARI_VERSION,
        "dataset_size": (image.len() as f64 / 1e5).round() / 10.0,
    });
    let path = folder.join(METADATA_FILE);
    replace_file(&path, |out| {
        writeln!(out, "{metadata}").map_err(Error::io(&path))
    })
}

fn check_chain(data: &Dataset, rows: std::ops::Range<usize>) -> Result<()> {
    let dim = data.obs_dim;
    let successor = |row: usize| &data.next_observations[row * dim..(row + 1) * dim];
    let observation = |row: usize| &data.observations[row * dim..(row + 1) * dim];
    match rows
        .clone()
        .skip(1)
        .find(|&row| successor(row - 1) != observation(row))
    {
        None => Ok(()),
        Some(row) => Err(Error::input(
            format!("{}: observations, row {row}", data.source),
            format!(
                "not the successor in row {}, though the episode goes on",
                row - 1
            ),
            "write a D4RL file, which holds each row's successor",
        )),
    }
}

fn write_episode(
    builder: &mut FileBuilder,
    data: &Dataset,
    id: usize,
    rows: std::ops::Range<usize>,
) -> std::result::Result<(), hdf5_pure::FormatError> {
    let (obs, act, steps) = (data.obs_dim, data.act_dim, rows.len());
    let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
    let mut observations = wide(&data.observations[rows.start * obs..rows.end * obs]);
    observations.extend(wide(
        &data.next_observations[(rows.end - 1) * obs..rows.end * obs],
    ));
    // The collector marks an episode that the recording cut as truncated.
    let mut truncations = data.timeouts[rows.clone()].to_vec();
    truncations[steps - 1] |= !data.terminals[rows.end - 1];

    let mut group = builder.create_group(&format!("episode_{id}"));
    group.set_attr("id", AttrValue::I64(id as i64));
    group.set_attr("total_steps", AttrValue::I64(steps as i64));
    let array = |dataset: &mut DatasetBuilder, shape: &[usize]| {
        let shape: Vec<u64> = shape.iter().map(|&extent| extent as u64).collect();
        dataset
            .with_shape(&shape)
            .with_chunks(&shape)
            .with_deflate(GZIP_LEVEL);
    };
    array(
        group
            .create_dataset("observations")
            .with_f64_data(&observations),
        &[steps + 1, obs],
    );
    array(
        group
            .create_dataset("actions")
            .with_f32_data(&data.actions[rows.start * act..rows.end * act]),
        &[steps, act],
    );
    array(
        group
            .create_dataset("rewards")
            .with_f64_data(&wide(&data.rewards[rows.clone()])),
        &[steps],
    );
    for (name, flags) in [
        ("terminations", &data.terminals[rows.clone()]),
        ("truncations", &truncations[..]),
    ] {
        let bytes = flags.iter().map(|&flag| u8::from(flag)).collect();
        array(
            group
                .create_dataset(name)
                .with_raw_data(boolean()?, bytes, steps as u64),
            &[steps],
        );
    }
    builder.add_group(group.finish());
    Ok(())
}

/// Minari's JSON text of a Gymnasium `Box`. The bounds are texts because JSON proper has no
/// infinity; Python's reader takes it.
fn box_space(dim: usize, dtype: &str, low: &str, high: &str) -> String {
    let all = |bound: &str| vec![bound; dim].join(", ");
    format!(
        r#"{{"type": "Box", "dtype": "{dtype}", "shape": [{dim}], "low": [{}], "high": [{}]}}"#,
        all(low),
        all(high)
    )
}

/// An id that Minari accepts: `[-_\w]+-v<number>`.
fn dataset_id(dir: &Path) -> String {
    let name = dir
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let versioned = name.rsplit_once("-v").is_some_and(|(stem, version)| {
        !stem.is_empty() && !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit())
    });
    match (versioned, name.is_empty()) {
        (true, _) => name,
        (false, true) => "data-v0".to_owned(),
        (false, false) => format!("{name}-v0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_version() {
        for (dir, id) in [
            ("halfcheetah-medium", "halfcheetah-medium-v0"),
            ("x/medium-v2", "medium-v2"),
            ("a b.c", "a_b_c-v0"),
            ("-v3", "-v3-v0"),
            ("/", "data-v0"),
        ] {
            assert_eq!(dataset_id(Path::new(dir)), id);
        }
    }
}
