//! Reading: the columns that training needs, and what else a file may carry.

use std::path::Path;

use super::super::Dataset;
use super::super::ends::EpisodeRules;
use super::super::hdf5::H5File;
use super::super::validate::left_out;
use super::policy;
use crate::error::Result;

/// [`read_as`] of no task in particular.
///
/// # Errors
/// As [`read_as`].
pub fn read(path: impl AsRef<Path>) -> Result<Dataset> {
    read_as(path, &EpisodeRules::default())
}

/// Read a D4RL file.
///
/// Older files lack some columns, and recorders forget some flags:
/// - an end of an episode that `timeouts` does not mark, or a file without `timeouts`: a row whose
///   `next_observations` is not the next row's observation ends an episode, and so does the step
///   limit of `rules` (without both columns, every 1000th step).
/// - no `next_observations`: the next row's observation inside an episode. The last row of an
///   episode is dropped, its successor being unknown, unless it is terminal: it then keeps its own
///   observation in that place, which no bootstrap reads.
///
/// What training does not use never stops a file: `infos` and policies that cannot be read are left
/// out, and [`Dataset::notes`] says so. Policies other than ReLU with a Gaussian head are left out.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input), naming the file and the array.
pub fn read_as(path: impl AsRef<Path>, rules: &EpisodeRules) -> Result<Dataset> {
    let path = path.as_ref();
    let file = H5File::open(path)?;
    // All extents are compared before any value is read.
    let mut rewards = file.get("rewards")?;
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

    let mut notes = Vec::new();
    let mut data = Dataset {
        source: path.display().to_string(),
        obs_dim,
        act_dim,
        observations: observations.floats()?,
        actions: actions.floats()?,
        rewards: rewards.floats()?,
        terminals: terminals.flags(&mut notes)?,
        ..Dataset::default()
    };
    let next = next.map(|a| a.floats()).transpose()?;
    let marked = timeouts.is_some();
    data.timeouts = match timeouts {
        Some(array) => array.flags(&mut notes)?,
        None => vec![false; n],
    };
    data.notes = notes;
    read_extras(&file, &mut data);
    data.finish(next, marked, rules)?;
    Ok(data)
}

/// What training does not use: read if it can be, else left out with a note.
fn read_extras(file: &H5File, data: &mut Dataset) {
    let n = data.len();
    let mut notes = std::mem::take(&mut data.notes);
    data.qpos = optional(&mut notes, read_info(file, "infos/qpos", n, true));
    data.qvel = optional(&mut notes, read_info(file, "infos/qvel", n, true));
    let log_probs = read_info(file, "infos/action_log_probs", n, false);
    data.action_log_probs = optional(&mut notes, log_probs);
    for name in file.names("infos/gap").unwrap_or_default() {
        let array = file.get(&format!("infos/gap/{name}"));
        let strengths = array.and_then(|a| a.expect(&[n])?.doubles()).map(Some);
        if let Some(strengths) = optional(&mut notes, strengths) {
            data.gap.insert(name, strengths);
        }
    }
    let environment = file.find("metadata/environment");
    let environment = environment.and_then(|a| a.map(|array| array.text()).transpose());
    data.environment = optional(&mut notes, environment);
    data.policy = optional(&mut notes, policy::read(file));
    data.notes = notes;
    data.drop_faulty_extras();
}

fn optional<T>(notes: &mut Vec<String>, read: Result<Option<T>>) -> Option<T> {
    read.unwrap_or_else(|error| {
        notes.push(left_out(&error));
        None
    })
}

fn read_info(file: &H5File, name: &str, n: usize, wide: bool) -> Result<Option<Vec<f32>>> {
    let Some(array) = file.find(name)? else {
        return Ok(None);
    };
    let array = if wide {
        let (_, width) = array.matrix()?;
        array.expect(&[n, width])?
    } else {
        array.expect(&[n])?
    };
    array.floats().map(Some)
}
