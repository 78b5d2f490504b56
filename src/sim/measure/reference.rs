//! Transitions that another engine recorded, and how far the planar kernel is from them.

use crate::engine::planar::{PlanarBatch, Precision, RowSet};
use crate::engine::wgsl::GpuBatch;
use crate::env::Task;
use crate::env::rules;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::measure::statistics::{Spread, distances, scale};
use crate::model::{Gap, Model};
use safetensors::{Dtype, SafeTensors};
use std::path::Path;
use std::sync::Arc;

/// A file of independent transitions, `n` rows. Its metadata `task` (a path from the file's folder to
/// a TOML file) and `gap` say what it was recorded from; without them its name does:
/// `<robot>-<version>-<gap>[@<states>].safetensors`.
///
/// Each starts with warm start 0 and holds the state after one physics step and after one env step.
pub struct Reference {
    /// What the file was recorded from.
    pub task: Task,
    /// And with which edit.
    pub gap: Gap,
    /// Number of transitions, n.
    pub len: usize,
    /// `[n, nv]`: at the start.
    pub qpos: Vec<f64>,
    /// `[n, nv]`.
    pub qvel: Vec<f64>,
    /// `[n, nu]`.
    pub action: Vec<f64>,
    /// `[n, nv]`: after one physics step.
    pub qpos_step: Vec<f64>,
    /// `[n, nv]`.
    pub qvel_step: Vec<f64>,
    /// `[n, nv]`: after one env step.
    pub qpos_env: Vec<f64>,
    /// `[n, nv]`.
    pub qvel_env: Vec<f64>,
    /// `[n]`.
    pub reward: Vec<f64>,
    /// `[n]`.
    pub terminated: Vec<bool>,
}

impl Reference {
    /// Reads `path`.
    ///
    /// # Errors
    /// Where the name does not give a task and a gap, or the file is damaged, lacks a tensor, has
    /// one of another shape or type, or one that is not finite.
    pub fn load(path: &Path) -> Result<Self> {
        let place = path.display();
        let bytes = crate::text::bytes(path)?;
        let stem = path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default();
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| {
            Error::input(
                &place,
                format!("not a whole safetensors file ({e})"),
                "fetch it again",
            )
        })?;
        let said = |key: &str| header.metadata().as_ref().and_then(|m| m.get(key));
        let folder = path.parent().unwrap_or(Path::new(""));
        let (task, gap) = match said("task") {
            Some(task) => {
                let task = Task::load(&folder.join(task).to_string_lossy())?;
                let gap = said("gap").map_or("none", String::as_str);
                (task.clone(), task.gap(gap).map_err(|e| e.within(&place))?)
            }
            None => named(&stem, &place.to_string())?,
        };
        let (model, _) = task.model(&gap).map_err(|e| e.within(&place))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| {
            Error::input(
                &place,
                format!("not a whole safetensors file ({e})"),
                "fetch it again",
            )
        })?;
        let tensors = Tensors {
            place: place.to_string(),
            file,
        };
        let len = tensors.rows("qpos")?;
        let (nv, nu) = (model.nv(), model.nu());
        Ok(Self {
            len,
            qpos: tensors.numbers("qpos", &[len, nv])?,
            qvel: tensors.numbers("qvel", &[len, nv])?,
            action: tensors.numbers("action", &[len, nu])?,
            qpos_step: tensors.numbers("qpos_step", &[len, nv])?,
            qvel_step: tensors.numbers("qvel_step", &[len, nv])?,
            qpos_env: tensors.numbers("qpos_env", &[len, nv])?,
            qvel_env: tensors.numbers("qvel_env", &[len, nv])?,
            reward: tensors.numbers("reward", &[len])?,
            terminated: tensors.flags("terminated", len)?,
            task,
            gap,
        })
    }
}

impl Reference {
    /// Position, velocity and action at each transition's start.
    fn starts(&self) -> impl Iterator<Item = [&[f64]; 3]> {
        let (nv, nu) = (self.qpos.len() / self.len, self.action.len() / self.len);
        let states = self.qpos.chunks(nv).zip(self.qvel.chunks(nv));
        let starts = states.zip(self.action.chunks(nu));
        starts.map(|((qpos, qvel), action)| [qpos, qvel, action])
    }
}

/// Task and gap of a file without metadata, by the stem of its name.
fn named(stem: &str, place: &str) -> Result<(Task, Gap)> {
    let mut parts = stem.splitn(3, '-');
    let (Some(robot), Some(version), Some(gap)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Error::input(
            place,
            "neither its metadata nor its name says what the file was recorded from",
            "call it <robot>-<version>-<gap>.safetensors, as halfcheetah-v2-gravity.safetensors",
        ));
    };
    let task = Task::load(&format!("{robot}-{version}"))?;
    let gap = task.gap(gap.split_once('@').map_or(gap, |(gap, _)| gap))?;
    Ok((task, gap))
}

/// A file's tensors, read with messages that name the file and the tensor.
struct Tensors<'a> {
    place: String,
    file: SafeTensors<'a>,
}

impl Tensors<'_> {
    fn view(&self, name: &str) -> Result<safetensors::tensor::TensorView<'_>> {
        self.file.tensor(name).map_err(|_| {
            Error::input(
                &self.place,
                format!("no tensor {name:?}"),
                "record the file again",
            )
        })
    }

    fn rows(&self, name: &str) -> Result<usize> {
        match self.view(name)?.shape() {
            [n, ..] if *n > 0 => Ok(*n),
            shape => Err(self.misshapen(name, shape, "[n, …] with n > 0")),
        }
    }

    fn misshapen(&self, name: &str, is: &[usize], want: &str) -> Error {
        Error::input(
            &self.place,
            format!("tensor {name:?} has shape {is:?}, wanted {want}"),
            "record the file again with the robot that its name says",
        )
    }

    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<Vec<u8>> {
        let view = self.view(name)?;
        if view.shape() != shape {
            return Err(self.misshapen(name, view.shape(), &format!("{shape:?}")));
        }
        if view.dtype() != dtype {
            return Err(Error::input(
                &self.place,
                format!(
                    "tensor {name:?} has type {:?}, wanted {dtype:?}",
                    view.dtype()
                ),
                "record the file again",
            ));
        }
        Ok(view.data().to_vec())
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>> {
        let bytes = self.bytes(name, Dtype::F64, shape)?;
        let number = |b: &[u8]| f64::from_le_bytes(b.try_into().expect("chunks of 8"));
        let numbers: Vec<f64> = bytes.chunks(8).map(number).collect();
        match numbers.iter().position(|x| !x.is_finite()) {
            None => Ok(numbers),
            Some(i) => Err(Error::input(
                &self.place,
                format!("tensor {name:?} holds {} at number {i}", numbers[i]),
                "record the file again",
            )),
        }
    }

    fn flags(&self, name: &str, n: usize) -> Result<Vec<bool>> {
        Ok(self
            .bytes(name, Dtype::U8, &[n])?
            .iter()
            .map(|b| *b != 0)
            .collect())
    }
}

/// Errors against a [`Reference`].
pub struct Comparison {
    /// |Δqpos| after one physics step.
    pub qpos_step: Spread,
    /// |Δqvel| after one physics step.
    pub qvel_step: Spread,
    /// |Δqpos| after one env step.
    pub qpos_env: Spread,
    /// |Δqvel| after one env step.
    pub qvel_env: Spread,
    /// |Δqvel| / max(1, |qvel|) after one env step, each transition's, and how it comes about.
    pub scaled_qvel_env: Spread,
    /// Transitions whose scaled error is above [`OUTLIER`] although they had the same rows as the
    /// oracle at every evaluation.
    pub unexplained: Vec<usize>,
    /// Transitions whose scaled error is above [`OUTLIER`] in which rounding made or lost a row.
    pub explained: Vec<usize>,
    /// |Δreward|.
    pub reward: Spread,
    /// Transitions with the wrong termination.
    pub termination: usize,
}

/// A scaled error above this wants a row made or lost by rounding as its explanation
/// (DYNAMICS.md 8.2: none above 1e-4 without one).
pub const OUTLIER: f64 = 2e-4;

/// Steps every transition of `reference` with `model` in `precision` and measures the errors.
///
/// # Errors
/// As [`PlanarBatch::new`].
pub fn compare(reference: &Reference, model: &Model, precision: Precision) -> Result<Comparison> {
    compare_engine(reference, model, &|frames| {
        lanes(reference, model, precision, frames)
    })
}

/// As [`compare`] on the GPU.
///
/// # Errors
/// As [`GpuBatch::new`], and where the device fails.
pub fn compare_gpu(reference: &Reference, model: &Model, gpu: &Arc<Gpu>) -> Result<Comparison> {
    compare_engine(reference, model, &|frames| {
        let mut batch = GpuBatch::new(gpu, std::slice::from_ref(model), reference.len)?;
        for (env, [qpos, qvel, action]) in reference.starts().enumerate() {
            batch.set_state(env, qpos, qvel);
            batch.set_ctrl(env, action);
        }
        batch.step(frames)?;
        Ok(After {
            qpos: batch.qpos(),
            qvel: batch.qvel(),
            dx: batch.dx(),
            rows: (0..reference.len).map(|env| batch.rows(env)).collect(),
        })
    })
}

/// Every transition's state after some physics steps, and the rows at each evaluation.
struct After {
    qpos: Vec<f64>,
    qvel: Vec<f64>,
    dx: Vec<f64>,
    rows: Vec<Vec<RowSet>>,
}

/// `after`: what an engine makes of the transitions' starts in so many physics steps.
fn compare_engine(
    reference: &Reference,
    model: &Model,
    after: &dyn Fn(usize) -> Result<After>,
) -> Result<Comparison> {
    let (nv, nu) = (model.nv(), model.nu());
    let frames = reference.task.frame_skip;
    let (step, end) = (after(1)?, after(frames)?);
    let oracle = lanes(reference, model, Precision::F64, frames)?;

    let qvel_error = distances(&end.qvel, &reference.qvel_env, nv);
    let scaled: Vec<f64> = qvel_error
        .iter()
        .zip(reference.qvel_env.chunks(nv))
        .map(|(e, row)| e / scale(row))
        .collect();
    let (mut explained, mut unexplained) = (Vec::new(), Vec::new());
    for (env, error) in scaled.iter().enumerate() {
        if error.is_nan() || *error > OUTLIER {
            let flipped = end.rows[env] != oracle.rows[env];
            if flipped {
                &mut explained
            } else {
                &mut unexplained
            }
            .push(env);
        }
    }
    let (mut reward, mut termination) = (Vec::new(), 0);
    let (qpos, qvel, dx) = (end.qpos, end.qvel, end.dx);
    for env in 0..reference.len {
        let action = &reference.action[env * nu..][..nu];
        let cost = reference.task.reward.control_cost * action.iter().map(|a| a * a).sum::<f64>();
        let (paid, over) = {
            let (qpos, qvel) = (&qpos[env * nv..][..nv], &qvel[env * nv..][..nv]);
            rules::reward(&reference.task, qpos, qvel, dx[env], cost)
        };
        reward.push((paid - reference.reward[env]).abs());
        termination += usize::from(over != reference.terminated[env]);
    }
    Ok(Comparison {
        qpos_step: Spread::of(&distances(&step.qpos, &reference.qpos_step, nv)),
        qvel_step: Spread::of(&distances(&step.qvel, &reference.qvel_step, nv)),
        qpos_env: Spread::of(&distances(&qpos, &reference.qpos_env, nv)),
        qvel_env: Spread::of(&qvel_error),
        scaled_qvel_env: Spread::of(&scaled),
        unexplained,
        explained,
        reward: Spread::of(&reward),
        termination,
    })
}

/// The CPU's lanes after `frames` physics steps from every transition's start.
fn lanes(
    reference: &Reference,
    model: &Model,
    precision: Precision,
    frames: usize,
) -> Result<After> {
    let mut batch = PlanarBatch::new(std::slice::from_ref(model), reference.len, precision)?;
    batch.trace_rows();
    for (env, [qpos, qvel, action]) in reference.starts().enumerate() {
        batch.set_state(env, qpos, qvel);
        batch.set_ctrl(env, action);
    }
    batch.step(frames);
    Ok(After {
        qpos: batch.qpos(),
        qvel: batch.qvel(),
        dx: batch.dx(),
        rows: (0..reference.len).map(|env| batch.rows(env)).collect(),
    })
}
