//! Minari folders: `data/main_data.hdf5` with one group an episode, and `data/metadata.json`.
//!
//! An episode of `T` steps holds `T + 1` observations, so a successor is the next row of the same
//! array. `infos` have a row for each observation too, the last of which nothing is known of (NaN). The behaviour
//! policy has no place: it is neither read nor written. Minari stores `float64` observations and rewards, which are
//! rounded to `f32`. Combined data sets hold links into the files of their parts, which are followed.

use std::collections::{BTreeSet, HashSet};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::atomic::make_folder_of;
use super::hdf5::{H5File, H5Writer, Values, refused};
use super::{Dataset, replace_file};
use crate::error::{Error, Result};

const MAIN_FILE: &str = "main_data.hdf5";
const METADATA_FILE: &str = "metadata.json";

/// The oldest version whose layout [`write`] follows: Minari refuses data newer than itself.
const MINARI_VERSION: &str = "0.5.0";

/// Bytes of a chunk before it is packed: most episodes are one.
const CHUNK_BYTES: usize = 1024 * 1024;

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
    let metadata = read_metadata(&main.with_file_name(METADATA_FILE))?;
    let episodes = count_episodes(&file, &main, metadata.as_ref())?;
    let mut data = Dataset {
        source: path.display().to_string(),
        environment: metadata.as_ref().and_then(environment),
        ..Dataset::default()
    };
    for episode in 0..episodes {
        let (name, before) = (format!("episode_{episode}"), data.len());
        read_episode(&file, &name, &mut data)?;
        read_infos(&file, &name, &mut data, before);
    }
    data.drop_faulty_extras();
    data.validate()?;
    Ok(data)
}

fn main_file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    for folder in [path.join("data"), path.to_path_buf()] {
        if let Err(error) = std::fs::read_dir(&folder)
            && error.kind() == ErrorKind::PermissionDenied
        {
            return Err(refused(folder.display(), &error));
        }
        let main = folder.join(MAIN_FILE);
        if main.is_file() {
            return Ok(main);
        }
        let metadata = read_metadata(&folder.join(METADATA_FILE))?;
        if let Some(format) = metadata.as_ref().and_then(|m| m["data_format"].as_str())
            && format != "hdf5"
        {
            return Err(Error::input(
                path.display(),
                format!("a Minari data set stored as {format}; only HDF5 is read"),
                "make it with data_format=\"hdf5\" (DataCollector, create_dataset_from_buffers), or copy \
                 its episodes with Minari into a data set of that format",
            ));
        }
    }
    Err(Error::input(
        path.display(),
        format!("no data/{MAIN_FILE} in this folder"),
        "name a Minari folder or a D4RL file",
    ))
}

/// The metadata, where there is such a file.
fn read_metadata(path: &Path) -> Result<Option<Value>> {
    if !path.is_file() {
        return Ok(None);
    }
    let again = "copy or download the data set again";
    let bytes = std::fs::read(path).map_err(|e| Error::input(path.display(), e, again))?;
    let metadata = serde_json::from_slice(&bytes);
    metadata
        .map(Some)
        .map_err(|e| Error::input(path.display(), format!("no JSON: {e}"), again))
}

/// The Gymnasium id of the environment that was recorded (`HalfCheetah-v5`): JSON within JSON.
fn environment(metadata: &Value) -> Option<String> {
    let spec: Value = serde_json::from_str(metadata["env_spec"].as_str()?).ok()?;
    spec["id"].as_str().map(str::to_owned)
}

/// Episodes are numbered from 0 without a gap, and there are as many as the metadata says.
fn count_episodes(file: &H5File, main: &Path, metadata: Option<&Value>) -> Result<usize> {
    let names: HashSet<String> = file.names("/")?.into_iter().collect();
    let count = names
        .iter()
        .filter(|name| name.starts_with("episode_"))
        .count();
    if let Some(metadata) = metadata {
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
    if let Some(gap) = (0..count).find(|k| !names.contains(&format!("episode_{k}"))) {
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
    let mut rewards = get("rewards")?;
    let steps = rewards.vector()?;
    let (observations, actions) = (get("observations")?, get("actions")?);
    let (obs_dim, act_dim) = match data.obs_dim {
        0 => (observations.matrix()?.1, actions.matrix()?.1),
        _ => (data.obs_dim, data.act_dim),
    };
    let observations = observations.expect(&[steps.saturating_add(1), obs_dim])?;
    let actions = actions.expect(&[steps, act_dim])?;
    let terminations = get("terminations")?.expect(&[steps])?;
    let truncations = get("truncations")?.expect(&[steps])?;

    (data.obs_dim, data.act_dim) = (obs_dim, act_dim);
    let observations = observations.floats()?;
    data.observations.extend(&observations[..steps * obs_dim]);
    data.next_observations.extend(&observations[obs_dim..]);
    data.actions.extend(actions.floats()?);
    data.rewards.extend(rewards.floats()?);
    data.terminals.extend(terminations.flags(&mut data.notes)?);
    data.timeouts.extend(truncations.flags(&mut data.notes)?);
    if let (true, Some(false), Some(timeout)) =
        (steps > 0, data.terminals.last(), data.timeouts.last_mut())
    {
        *timeout = true;
    }
    Ok(())
}

/// Takes the infos of an episode, which begins at row `before`. A column that some episode lacks, or that cannot be
/// read there, is left out.
fn read_infos(file: &H5File, name: &str, data: &mut Dataset, before: usize) {
    let steps = data.len() - before;
    let get = |info: &str, whole: usize| {
        let array = file.find(&format!("{name}/infos/{info}")).ok()??;
        // There may be a row for the last successor.
        let values = array.doubles().ok()?;
        let width = match array.matrix() {
            Ok((_, width)) => width,
            Err(_) => 1,
        };
        let rows = values.len() / width.max(1);
        let fits = whole == before * width && (rows == steps || rows == steps + 1);
        fits.then(|| values[..steps * width].to_vec())
    };
    let columns = [
        ("qpos", &mut data.qpos),
        ("qvel", &mut data.qvel),
        ("action_log_probs", &mut data.action_log_probs),
    ];
    for (info, column) in columns {
        let whole = column.as_ref().map_or(0, Vec::len);
        if let Some(values) = get(info, whole) {
            let column = column.get_or_insert_default();
            column.extend(values.into_iter().map(|x| x as f32));
        } else if column.take().is_some() {
            data.notes.push(format!(
                "{name} has no infos/{info} like those before it; left out"
            ));
        }
    }
    let new = file.names(&format!("{name}/infos/gap")).unwrap_or_default();
    let gaps: BTreeSet<String> = data.gap.keys().cloned().chain(new).collect();
    for gap in gaps {
        let whole = data.gap.get(&gap).map_or(0, Vec::len);
        if let Some(values) = get(&format!("gap/{gap}"), whole) {
            data.gap.entry(gap).or_default().extend(values);
        } else if data.gap.remove(&gap).is_some() {
            data.notes.push(format!(
                "{name} has no infos/gap/{gap} like those before it; left out"
            ));
        }
    }
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
    let mut file = H5Writer::default();
    let mut episodes = 0;
    for (id, rows) in data.episodes().enumerate() {
        check_chain(data, rows.clone())?;
        write_episode(&mut file, data, id, rows)?;
        episodes = id + 1;
    }
    let image = file.finish(dir.display())?;
    let folder = dir.join("data");
    let main = folder.join(MAIN_FILE);
    make_folder_of(&main)?;
    replace_file(&main, |out| out.write_all(&image).map_err(Error::io(&main)))?;

    let mut metadata = json!({
        "total_episodes": episodes,
        "total_steps": data.len(),
        "data_format": "hdf5",
        "observation_space": box_space(data.obs_dim, "float64", "-Infinity", "Infinity"),
        "action_space": box_space(data.act_dim, "float32", "-1.0", "1.0"),
        "dataset_id": dataset_id(dir),
        "minari_version": MINARI_VERSION,
        "dataset_size": (image.len() as f64 / 1e5).round() / 10.0,
    });
    if let Some(id) = &data.environment {
        let spec = json!({ "id": id, "entry_point": null, "additional_wrappers": [] });
        metadata["env_spec"] = spec.to_string().into();
    }
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
    file: &mut H5Writer,
    data: &Dataset,
    id: usize,
    rows: std::ops::Range<usize>,
) -> Result<()> {
    let (obs, act, steps) = (data.obs_dim, data.act_dim, rows.len());
    let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
    let mut observations = wide(&data.observations[rows.start * obs..rows.end * obs]);
    observations.extend(wide(
        &data.next_observations[(rows.end - 1) * obs..rows.end * obs],
    ));
    // The collector marks an episode that the recording cut as truncated.
    let mut truncations = data.timeouts[rows.clone()].to_vec();
    truncations[steps - 1] |= !data.terminals[rows.end - 1];

    let group = format!("episode_{id}");
    file.attribute(&group, "id", id as i64)?;
    file.attribute(&group, "total_steps", steps as i64)?;
    let actions = &data.actions[rows.start * act..rows.end * act];
    let rewards = wide(&data.rewards[rows.clone()]);
    let terminations = &data.terminals[rows.clone()];
    let mut array = |name: &str, shape: &[usize], values: Values| {
        file.packed(&format!("{group}/{name}"), shape, CHUNK_BYTES, &values)
    };
    array(
        "observations",
        &[steps + 1, obs],
        Values::Double(&observations),
    )?;
    array("actions", &[steps, act], Values::Single(actions))?;
    array("rewards", &[steps], Values::Double(&rewards))?;
    array("terminations", &[steps], Values::Flags(terminations))?;
    array("truncations", &[steps], Values::Flags(&truncations))?;
    write_infos(&mut array, data, rows)
}

/// The infos of an episode: a row for each observation, NaN for the last.
fn write_infos(
    array: &mut impl FnMut(&str, &[usize], Values) -> Result<()>,
    data: &Dataset,
    rows: std::ops::Range<usize>,
) -> Result<()> {
    for (name, column, wide) in [
        ("qpos", &data.qpos, true),
        ("qvel", &data.qvel, true),
        ("action_log_probs", &data.action_log_probs, false),
    ] {
        let Some(column) = column else { continue };
        let width = column.len() / data.len();
        let mut values = column[rows.start * width..rows.end * width].to_vec();
        values.resize(values.len() + width, f32::NAN);
        let shape = [rows.len() + 1, width];
        let shape = if wide { &shape[..] } else { &shape[..1] };
        array(&format!("infos/{name}"), shape, Values::Single(&values))?;
    }
    for (name, strengths) in &data.gap {
        let mut values = strengths[rows.clone()].to_vec();
        values.push(f64::NAN);
        let shape = [values.len()];
        array(
            &format!("infos/gap/{name}"),
            &shape,
            Values::Double(&values),
        )?;
    }
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
