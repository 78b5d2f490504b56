//! Writing: everything a [`Dataset`] holds, in the published layout.

use std::io::Write;
use std::path::Path;

use super::super::atomic::make_folder_of;
use super::super::hdf5::{H5Writer, Values};
use super::super::{Dataset, replace_file};
use super::policy;
use crate::error::{Error, Result};

/// Bytes of a chunk before it is packed: large enough to pack well, small enough to read in part.
const CHUNK_BYTES: usize = 64 * 1024;

/// Write a D4RL v2 file, gzip-compressed, through a temporary name.
///
/// # Errors
/// [`Error::Input`] if the data set does not pass [`Dataset::validate`]; [`Error::Io`].
pub fn write(path: impl AsRef<Path>, data: &Dataset) -> Result<()> {
    let path = path.as_ref();
    data.validate()?;
    let image = build(data)?.finish(path.display())?;
    make_folder_of(path)?;
    replace_file(path, |out| out.write_all(&image).map_err(Error::io(path)))
}

fn build(data: &Dataset) -> Result<H5Writer> {
    let n = data.len();
    let mut file = H5Writer::default();
    let mut column = |name: &str, width: Option<usize>, values: Values| {
        let shape: Vec<usize> = [n].into_iter().chain(width).collect();
        file.packed(name, &shape, CHUNK_BYTES, &values)
    };
    let (obs, act) = (Some(data.obs_dim), Some(data.act_dim));
    column("actions", act, Values::Single(&data.actions))?;
    column("observations", obs, Values::Single(&data.observations))?;
    let next = &data.next_observations;
    column("next_observations", obs, Values::Single(next))?;
    column("rewards", None, Values::Single(&data.rewards))?;
    column("terminals", None, Values::Flags(&data.terminals))?;
    column("timeouts", None, Values::Flags(&data.timeouts))?;
    for (name, values) in [("infos/qpos", &data.qpos), ("infos/qvel", &data.qvel)] {
        if let Some(values) = values {
            column(name, Some(values.len() / n), Values::Single(values))?;
        }
    }
    if let Some(values) = &data.action_log_probs {
        column("infos/action_log_probs", None, Values::Single(values))?;
    }
    for (name, strengths) in &data.gap {
        let name = format!("infos/gap/{name}");
        column(&name, None, Values::Double(strengths))?;
    }
    if let Some(environment) = &data.environment {
        file.text("metadata/environment", environment)?;
    }
    if let Some(policy) = &data.policy {
        policy::write(&mut file, policy)?;
    }
    Ok(file)
}
