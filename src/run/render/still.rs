//! One robot at one moment, as the pixels of a picture.

use super::picture::alone;
use super::roll::Camera;
use super::{Track, TrackEnd};
use crate::env::{ParamRow, Task};
use crate::error::Result;

/// The robot of `task` that has the parameters `row` at `qpos` (`[nv]`): red, green and blue, `[height, width, 3]`.
///
/// # Errors
/// Where there can be no such picture.
pub fn pixels(
    task: &Task,
    row: &ParamRow,
    qpos: &[f64],
    [width, height]: [u32; 2],
) -> Result<Vec<u8>> {
    let model = &row.model;
    let mut camera = Camera::new(model, false)?;
    let standing: Vec<f64> = model.dofs.iter().map(|dof| dof.qpos0).collect();
    let controls = vec![0.0; model.nu()];
    let mut frame = |qpos: &[f64]| camera.frame(qpos, &vec![0.0; qpos.len()], &controls, 0.0);
    // The scale is that of the standing robot, whatever its present state.
    let frames = vec![frame(&standing), frame(qpos)];
    let track = Track {
        name: task.name.clone(),
        gap: row.gap.to_string(),
        limbs: row.gap.edit(&task.spec)?.0.limbs()?,
        weight: camera.weight(),
        frames,
        end: TrackEnd::Cut,
    };
    let picture = alone(&track, [width, height])?;
    let opaque = picture.pixels().iter();
    Ok(opaque
        .flat_map(|p| [p.red(), p.green(), p.blue()])
        .collect())
}
