//! What a data set says of a robot's steps and the replay does not: its state before each, the dynamics that it had,
//! and how it came out.

use std::collections::HashMap;

use crate::env::VecEnv;
use crate::env::status::BROKEN;
use crate::error::Result;

/// The step limit cut the episode here.
const CUT: u8 = 1;
/// The robot broke here.
const BROKE: u8 = 2;

/// Of every step since a run began, in the order in which they were made: the environments in turn, step by step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct States {
    /// `[steps, envs, nv]`, as float32.
    qpos: Vec<f32>,
    /// `[steps, envs, nv]`.
    qvel: Vec<f32>,
    /// Parameter row, `[steps, envs]`.
    row: Vec<u32>,
    /// [`CUT`] and [`BROKE`], `[steps, envs]`.
    flags: Vec<u8>,
}

impl States {
    /// Takes the states that `env` is about to leave.
    ///
    /// # Errors
    /// Where its device fails.
    pub fn before(&mut self, env: &dyn VecEnv) -> Result<()> {
        self.qpos.extend(env.qpos()?);
        self.qvel.extend(env.qvel()?);
        self.row.extend(env.param_row());
        Ok(())
    }

    /// Takes how that step came out: `truncated` and the bits of [`status`](crate::env::status), `[envs]` each.
    pub fn after(&mut self, truncated: &[bool], status: &[u32]) {
        let flag = |(&cut, status): (&bool, &u32)| {
            (if cut { CUT } else { 0 }) | if status & BROKEN != 0 { BROKE } else { 0 }
        };
        self.flags.extend(truncated.iter().zip(status).map(flag));
    }

    /// Steps of single environments.
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    /// `qpos` and `qvel` before step `n`, `[nv]` each.
    pub fn state(&self, n: usize) -> [&[f32]; 2] {
        let nv = self.qpos.len() / self.len().max(1);
        [&self.qpos, &self.qvel].map(|all| &all[n * nv..][..nv])
    }

    /// Parameter row in step `n`.
    pub fn row(&self, n: usize) -> u32 {
        self.row[n]
    }

    /// Whether the step limit cut the episode in step `n`.
    pub fn cut(&self, n: usize) -> bool {
        self.flags[n] & CUT != 0
    }

    /// Whether the robot broke in step `n`.
    pub fn broke(&self, n: usize) -> bool {
        self.flags[n] & BROKE != 0
    }

    /// Puts it beside what else a checkpoint holds.
    pub fn save(&self, bytes: &mut HashMap<String, Vec<u8>>) {
        let mut put = |name: &str, data: &[u8]| bytes.insert(format!("states.{name}"), data.into());
        put("qpos", bytemuck::cast_slice(&self.qpos));
        put("qvel", bytemuck::cast_slice(&self.qvel));
        put("row", bytemuck::cast_slice(&self.row));
        put("flags", &self.flags);
    }

    /// What [`save`](Self::save) left, if anything; the sizes of its arrays, `[qpos, qvel, row, flags]`, are the
    /// caller's to compare.
    pub fn load(bytes: &HashMap<String, Vec<u8>>) -> Option<Self> {
        let get = |name: &str| bytes.get(&format!("states.{name}"));
        let floats = |name| Some(words(get(name)?).map(f32::from_le_bytes).collect());
        Some(Self {
            qpos: floats("qpos")?,
            qvel: floats("qvel")?,
            row: words(get("row")?).map(u32::from_le_bytes).collect(),
            flags: get("flags")?.clone(),
        })
    }

    /// Whether it holds `n` steps of robots with `nv` velocities and no parameter row beyond `rows`.
    pub fn fits(&self, n: usize, nv: usize, rows: usize) -> bool {
        let lengths = [
            self.qpos.len(),
            self.qvel.len(),
            self.row.len(),
            self.flags.len(),
        ];
        lengths == [n * nv, n * nv, n, n] && self.row.iter().all(|&row| (row as usize) < rows)
    }
}

/// Bytes by four.
fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.as_chunks().0.iter().copied()
}
