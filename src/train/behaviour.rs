//! Behaviour policies: snapshots that `collect` kept while it trained SAC on the real task, and the
//! data sets made by rolling them out. The shipped ones stand in for D4RL's `medium` and
//! `medium-replay`, which were made the same way: one policy, and all policies up to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::evaluate::{STEADY, broke};
use crate::data::{BehaviourPolicy, Dataset, DenseLayer, from_layers, to_layers};
use crate::engine::PlanarVecEnv;
use crate::engine::planar::Arithmetic;
use crate::env::status::BROKEN;
use crate::env::{Dynamics, EnvKey, EnvSpec, Task, VecEnv};
use crate::error::{Error, Result};
use crate::model::GapSet;
use crate::nn::Act;
use crate::policy::{ActionDistribution, Policy};
use crate::rng::{Stream, fill_normal, fill_unit, seed_of};

/// Which of the shipped recipes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// The last snapshot alone.
    Medium,
    /// Every snapshot, an equal share of rows each, in the order of training.
    MediumReplay,
}

impl Quality {
    /// `medium` or `medium-replay`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "medium" => Some(Self::Medium),
            "medium-replay" => Some(Self::MediumReplay),
            _ => None,
        }
    }
}

/// A policy while it was being trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Updates done.
    pub updates: u64,
    /// Mean return of its deterministic actions then.
    pub eval_return: f64,
    /// Its weights.
    pub policy: Policy,
}

impl Snapshot {
    /// As a data set says it.
    pub fn behaviour(&self) -> BehaviourPolicy {
        BehaviourPolicy {
            algorithm: "SAC".into(),
            iteration: self.updates as i32,
            policy: self.policy.clone(),
        }
    }
}

/// Snapshots of one training run, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behaviour {
    /// At least one.
    pub snapshots: Vec<Snapshot>,
}

/// What a file says of its snapshots, as JSON under [`ABOUT`] in its metadata.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    updates: Vec<u64>,
    /// `null` where there was no evaluation.
    returns: Vec<Option<f64>>,
    distribution: String,
}

const ABOUT: &str = "h2oplus";

impl About {
    /// As files before this version held it: a key each.
    fn of_three_keys<'a>(text: impl Fn(&str) -> Option<&'a String>, place: &str) -> Result<Self> {
        let due =
            |key: &str| text(key).ok_or_else(|| damaged(place, format!("its `{key}` are missing")));
        // Files from before there were two distributions hold tanh-Gaussians.
        let default = || ActionDistribution::default().name().to_owned();
        Ok(Self {
            updates: serde_json::from_str(due("updates")?).map_err(|e| damaged(place, e))?,
            returns: serde_json::from_str(due("returns")?).map_err(|e| damaged(place, e))?,
            distribution: text("distribution").map_or_else(default, Clone::clone),
        })
    }
}

const SHIPPED: [(&str, &[u8]); 2] = [
    (
        "halfcheetah",
        include_bytes!("../../assets/behaviour/halfcheetah-v2.safetensors"),
    ),
    (
        "walker2d",
        include_bytes!("../../assets/behaviour/walker2d-v2.safetensors"),
    ),
];

impl Behaviour {
    /// The shipped snapshots for `task`'s robot.
    pub fn shipped(task: &Task) -> Result<Self> {
        let robot = task
            .name
            .rsplit_once('-')
            .map_or(task.name.as_str(), |(robot, _)| robot);
        match SHIPPED.iter().find(|(name, _)| *name == robot) {
            Some((name, bytes)) => Self::parse(bytes, &format!("shipped behaviour of {name}")),
            None => Err(Error::input(
                format!("task {}", task.name),
                "no behaviour snapshots are shipped for this robot",
                "give a data file with `data FILE` (`h2oplus collect` makes one), or `data random`",
            )),
        }
    }

    /// Reads a file that [`save`](Self::save) wrote.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = crate::text::bytes(path)?;
        Self::parse(&bytes, &path.display().to_string())
    }

    /// Half precision: 11 bits of mantissa change an action by less than its exploration noise by
    /// three orders of magnitude.
    pub fn save(&self, path: &Path) -> Result<()> {
        for snapshot in &self.snapshots {
            check_layers(&snapshot.policy).map_err(|problem| {
                let problem = format!("the policy cannot be written: {problem}");
                Error::input(path.display(), problem, "train with lower learning rates")
            })?;
        }
        let all: Vec<_> = (self.snapshots.iter())
            .map(|snapshot| to_layers(&snapshot.policy))
            .collect();
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for (k, (name, layer)) in all.first().into_iter().flatten().enumerate() {
            let same = all.iter().map(|layers| &layers[k].1);
            let weights = same.clone().flat_map(|l| &l.weight);
            let shape = vec![all.len(), layer.outputs, layer.inputs];
            tensors.push((format!("{name}.weight"), shape, halves(weights)));
            let shape = vec![all.len(), layer.outputs];
            let biases = same.flat_map(|l| &l.bias);
            tensors.push((format!("{name}.bias"), shape, halves(biases)));
        }
        let damaged = |e: safetensors::SafeTensorError| damaged(&path.display().to_string(), e);
        let views = tensors
            .iter()
            .map(|(name, shape, data)| {
                Ok((
                    name.as_str(),
                    TensorView::new(Dtype::F16, shape.clone(), data)?,
                ))
            })
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(damaged)?;
        let distribution = self.snapshots.first().map(|s| s.policy.distribution);
        let distribution = distribution.unwrap_or_default();
        let updates: Vec<u64> = self.snapshots.iter().map(|s| s.updates).collect();
        let returns = self.snapshots.iter().map(|s| s.eval_return);
        let returns = returns.map(|r| Some(r).filter(|r| r.is_finite())).collect();
        // One key: the order of several would differ from run to run.
        let about = About {
            updates,
            returns,
            distribution: distribution.name().to_string(),
        };
        let about = serde_json::to_string(&about).expect("plain numbers and strings are JSON");
        let meta = HashMap::from([(ABOUT.to_string(), about)]);
        let bytes = safetensors::serialize(views, Some(meta)).map_err(damaged)?;
        super::run_folder::write(path, &bytes)
    }

    fn parse(bytes: &[u8], place: &str) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(place, e))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(place, e))?;
        let text = |key: &str| header.metadata().as_ref().and_then(|m| m.get(key));
        let about = match text(ABOUT) {
            Some(about) => serde_json::from_str(about).map_err(|e| damaged(place, e))?,
            None => About::of_three_keys(text, place)?,
        };
        let About {
            updates,
            returns,
            distribution,
        } = about;
        let distribution = ActionDistribution::parse(&distribution)
            .ok_or_else(|| damaged(place, "its `distribution` has no known name"))?;
        let n = updates.len();
        if n == 0 || returns.len() != n {
            return Err(damaged(place, "it holds no snapshot"));
        }
        let layer = |name: &str, k: usize| -> Result<DenseLayer> {
            let get = |part: &str| {
                file.tensor(&format!("{name}.{part}"))
                    .map_err(|e| damaged(place, e))
            };
            let (w, b) = (get("weight")?, get("bias")?);
            let &[wn, outputs, inputs] = w.shape() else {
                return Err(damaged(
                    place,
                    format!("`{name}.weight` has shape {:?}", w.shape()),
                ));
            };
            if wn != n || b.shape() != [n, outputs] || w.dtype() != Dtype::F16 {
                return Err(damaged(
                    place,
                    format!("`{name}` has the wrong shape or type"),
                ));
            }
            let part = |data: &[u8], len: usize| -> Vec<f32> {
                let data = &data[2 * k * len..2 * (k + 1) * len];
                data.chunks_exact(2)
                    .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                    .collect()
            };
            Ok(DenseLayer {
                inputs,
                outputs,
                weight: part(w.data(), outputs * inputs),
                bias: part(b.data(), outputs),
            })
        };
        let depth = (0..)
            .take_while(|i| file.tensor(&format!("fc{i}.weight")).is_ok())
            .count();
        let snapshot = |k: usize| {
            let hidden = (0..depth).map(|i| layer(&format!("fc{i}"), k));
            let hidden = hidden.collect::<Result<_>>()?;
            let heads = [layer("last_fc", k)?, layer("last_fc_log_std", k)?];
            let snapshot = Snapshot {
                updates: updates[k],
                eval_return: returns[k].unwrap_or(f64::NAN),
                policy: from_layers(hidden, heads, distribution).map_err(|e| damaged(place, e))?,
            };
            check_layers(&snapshot.policy).map_err(|problem| damaged(place, problem))?;
            Ok(snapshot)
        };
        Ok(Self {
            snapshots: (0..n).map(snapshot).collect::<Result<_>>()?,
        })
    }

    /// Rolls the snapshots out (sampled actions) on `task` in `domain`: `rows` transitions, each with
    /// the strengths of the gaps that it was made under.
    pub fn roll_out(
        &self,
        task: &Task,
        domain: &GapSet,
        quality: Quality,
        rows: usize,
        seed: u64,
    ) -> Result<Dataset> {
        let used = match quality {
            Quality::Medium => &self.snapshots[self.snapshots.len() - 1..],
            Quality::MediumReplay => &self.snapshots[..],
        };
        let mut all = RolledOut::default();
        for (k, snapshot) in used.iter().enumerate() {
            // Shares differ by one row at most and add up to `rows`.
            let share = rows * (k + 1) / used.len() - rows * k / used.len();
            if share > 0 {
                let seed = seed_of(seed, Stream::Data, k as u32);
                let actor = Actor::Policy(&snapshot.policy);
                all.add(stream(task, domain, &actor, share, seed)?);
            }
        }
        let mut data = all.sound(task)?;
        data.source = format!("rolled out on {} from {} snapshots", task.name, used.len());
        data.policy = used.last().map(Snapshot::behaviour);
        Ok(data)
    }
}

/// `rows` transitions of `task` in `domain` under actions drawn evenly from [-1, 1]: data for a robot
/// that no policy masters yet.
///
/// # Errors
/// As [`Dynamics::draw`].
pub fn random_data(task: &Task, domain: &GapSet, rows: usize, seed: u64) -> Result<Dataset> {
    let seed = seed_of(seed, Stream::Data, u32::MAX);
    let mut data = stream(task, domain, &Actor::Random, rows, seed)?.sound(task)?;
    data.source = format!("random actions on {}", task.name);
    Ok(data)
}

/// Episodes that were made.
#[derive(Default)]
struct RolledOut {
    /// Rows of the sound episodes.
    parts: Vec<Dataset>,
    /// Episodes in which the robot broke; their rows are left out.
    broken: usize,
    /// Episodes, broken ones included.
    episodes: usize,
}

impl RolledOut {
    fn add(&mut self, more: Self) {
        self.parts.extend(more.parts);
        self.broken += more.broken;
        self.episodes += more.episodes;
    }

    /// The rows, with a note where some are left out.
    ///
    /// # Errors
    /// Where every episode broke.
    fn sound(self, task: &Task) -> Result<Dataset> {
        let broke = broke(self.broken, self.episodes);
        if self.parts.is_empty() && self.broken > 0 {
            return Err(Error::input(&task.name, broke, STEADY));
        }
        let mut data = Dataset::concat(&self.parts)?;
        if self.broken > 0 {
            let note = format!("{}: {broke}; their rows are left out; {STEADY}", task.name);
            data.notes.push(note);
        }
        Ok(data)
    }
}

/// Who chooses the actions.
enum Actor<'a> {
    /// Samples of a policy.
    Policy(&'a Policy),
    /// Chance alone.
    Random,
}

impl Actor<'_> {
    /// Actions `[n, act_dim]` at `obs` in step `t`.
    fn act(&self, obs: &[f32], (n, act_dim): (usize, usize), seed: u64, t: usize) -> Vec<f32> {
        let mut draws = vec![0.0; n * act_dim];
        for (e, row) in draws.chunks_mut(act_dim).enumerate() {
            match self {
                Self::Policy(_) => fill_normal(row, seed, e as u32, t as u32, Stream::Policy),
                Self::Random => {
                    fill_unit(row, seed, e as u32, t as u32, Stream::Action);
                    row.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
                }
            }
        }
        match self {
            Self::Policy(policy) => policy.act(obs, Some(&draws)),
            Self::Random => draws,
        }
    }
}

/// `rows` transitions of one actor: environments side by side, each a stream of at most
/// 1,000 steps (whole episodes where none ends early); the last row of a stream is a time-out.
/// Episodes in which the robot breaks are left out.
fn stream(
    task: &Task,
    domain: &GapSet,
    actor: &Actor<'_>,
    rows: usize,
    seed: u64,
) -> Result<RolledOut> {
    let steps = task.max_episode_steps;
    let n = rows.div_ceil(steps);
    let dynamics = Dynamics::draw(task, domain, seed, n)?;
    let names: BTreeSet<String> = (dynamics.rows.iter())
        .flat_map(|row| row.gap.strengths().map(|(name, _)| name.to_owned()))
        .collect();
    let strengths: Vec<BTreeMap<&str, f64>> = (dynamics.rows.iter())
        .map(|row| row.gap.strengths().collect())
        .collect();
    let keys = EnvKey::population(&[seed], n);
    let with = Arithmetic::default();
    let mut env = PlanarVecEnv::new(EnvSpec::new(task, dynamics.clone(), keys), with)?;
    let (s, a) = (env.obs_dim(), env.act_dim());
    let mut parts = vec![
        Dataset {
            obs_dim: s,
            act_dim: a,
            ..Dataset::default()
        };
        n
    ];
    for part in &mut parts {
        (part.qpos, part.qvel) = (Some(Vec::new()), Some(Vec::new()));
    }
    let (mut broken, mut sound, mut began) = (0, 0, vec![0; n]);
    let mut obs = env.reset()?.to_vec();
    for t in 0..steps.min(rows) {
        super::stop::check()?;
        let (qpos, qvel, row) = (env.qpos()?, env.qvel()?, env.param_row().to_vec());
        let nv = qpos.len() / n;
        let actions = actor.act(&obs, (n, a), seed, t);
        let mut controls = actions.clone();
        task.scale.to_controls(&mut controls);
        let batch = env.step(&actions)?.clone();
        for (e, part) in parts.iter_mut().enumerate() {
            // The last environment runs for what is left of `rows`.
            let length = steps.min(rows - e * steps);
            if t >= length {
                continue;
            }
            part.observations.extend(&obs[e * s..][..s]);
            part.actions.extend(&controls[e * a..][..a]);
            part.next_observations.extend(&batch.next_obs[e * s..][..s]);
            part.rewards.push(batch.reward[e]);
            for name in &names {
                let strength = strengths[row[e] as usize].get(name.as_str());
                let column = part.gap.entry(name.clone()).or_default();
                column.push(strength.copied().unwrap_or(f64::NAN));
            }
            part.terminals.push(batch.terminated[e]);
            let cut = batch.truncated[e] || t + 1 == length;
            part.timeouts.push(cut && !batch.terminated[e]);
            part.qpos
                .get_or_insert_default()
                .extend(&qpos[e * nv..][..nv]);
            part.qvel
                .get_or_insert_default()
                .extend(&qvel[e * nv..][..nv]);
            let ends = batch.terminated[e] || cut;
            if env.status()[e] & BROKEN != 0 {
                broken += 1;
                let sound = began[e];
                part.retain_rows(|row| row < sound);
            } else {
                sound += usize::from(ends);
            }
            if ends {
                began[e] = part.len();
            }
        }
        obs.copy_from_slice(&batch.obs);
    }
    parts.retain(|part| !part.is_empty());
    Ok(RolledOut {
        parts,
        broken,
        episodes: broken + sound,
    })
}

/// Refuses layers that do not follow one another, and weights that half precision does not hold.
fn check_layers(policy: &Policy) -> std::result::Result<(), String> {
    let heads = policy.act_dim();
    let mut width = policy.obs_dim();
    if width == 0 || heads == 0 {
        return Err("its policy has no observations, or no actions".into());
    }
    for (name, layer) in to_layers(policy) {
        let head = name.starts_with("last_fc");
        let outputs = if head { heads } else { layer.outputs };
        if (layer.inputs, layer.outputs) != (width, outputs) || outputs == 0 {
            let (i, o) = (layer.inputs, layer.outputs);
            return Err(format!(
                "`{name}` is a layer of {i} → {o}, which does not fit {width} inputs and {heads} actions"
            ));
        }
        let held = |x: &f32| f16::from_f32(*x).is_finite();
        if !(layer.weight.iter().all(held) && layer.bias.iter().all(held)) {
            return Err(format!("`{name}` holds numbers that are not finite"));
        }
        if !head {
            width = outputs;
        }
    }
    Ok(())
}

fn halves<'a>(values: impl Iterator<Item = &'a f32>) -> Vec<u8> {
    values
        .flat_map(|v| f16::from_f32(*v).to_le_bytes())
        .collect()
}

fn damaged(place: &str, problem: impl ToString) -> Error {
    Error::input(
        place,
        format!("is no file of behaviour snapshots: {}", problem.to_string()),
        "make one with `h2oplus collect`",
    )
}
