//! Safetensors files of transitions: every column a tensor under the name that it has in D4RL's files, in time order.
//!
//! What is no column (the environment, and how the policy acts) is JSON under one key of the file's metadata.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::atomic::make_folder_of;
use super::validate::left_out;
use super::{
    BehaviourPolicy, Dataset, DenseLayer, EpisodeRules, from_layers, replace_file, to_layers,
};
use crate::error::{Error, Result};
use crate::policy::ActionDistribution;

/// The key of [`About`].
const KEY: &str = "h2oplus";

/// What a file says beside its columns.
#[derive(Default, Serialize, Deserialize)]
struct About {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<AboutPolicy>,
}

/// What the layers of a policy do not say.
#[derive(Serialize, Deserialize)]
struct AboutPolicy {
    algorithm: String,
    iteration: i32,
    output_distribution: String,
}

/// A file's tensors.
struct Tensors<'a> {
    file: SafeTensors<'a>,
    place: String,
}

/// Read a file. Columns that it lacks, and ends of episodes that it does not mark, are made up for as in
/// [D4RL's files](super::d4rl::read_as).
///
/// # Errors
/// [`Error::Input`], naming the file and the tensor.
pub fn read_as(path: impl AsRef<Path>, rules: &EpisodeRules) -> Result<Dataset> {
    let path = path.as_ref();
    let bytes = crate::text::bytes(path)?;
    let place = path.display().to_string();
    let damaged = |problem: String| {
        let help = "name a file of transitions, such as `h2oplus data convert` writes";
        Error::input(
            &place,
            format!("is no file of transitions: {problem}"),
            help,
        )
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(e.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(e.to_string()))?;
    let about = header.metadata().as_ref().and_then(|all| all.get(KEY));
    let tensors = Tensors {
        file,
        place: place.clone(),
    };
    if tensors.find("rewards").is_none() {
        let names = tensors.file.names();
        let some: Vec<_> = names
            .iter()
            .take(3)
            .map(|name| format!("`{name}`"))
            .collect();
        let held = if some.is_empty() {
            "nothing".into()
        } else {
            some.join(", ")
        };
        return Err(damaged(format!("it holds {held}, but no `rewards`")));
    }
    let rewards = tensors.floats("rewards", &[0])?;
    let n = rewards.len();
    let [obs_dim, act_dim] = ["observations", "actions"].map(|name| tensors.width(name));
    let (obs_dim, act_dim) = (obs_dim?, act_dim?);
    let has = |name: &str| tensors.find(name).is_some();
    let next = match has("next_observations") {
        true => Some(tensors.floats("next_observations", &[n, obs_dim])?),
        false => None,
    };
    let marked = has("timeouts");
    let mut data = Dataset {
        source: place.clone(),
        obs_dim,
        act_dim,
        observations: tensors.floats("observations", &[n, obs_dim])?,
        actions: tensors.floats("actions", &[n, act_dim])?,
        rewards,
        terminals: tensors.flags("terminals", n)?,
        timeouts: match marked {
            true => tensors.flags("timeouts", n)?,
            false => vec![false; n],
        },
        ..Dataset::default()
    };
    // Another program's metadata may hold anything under that key.
    let about = about.and_then(|text| serde_json::from_str(text).ok());
    tensors.extras(&mut data, about.unwrap_or_default());
    data.finish(next, marked, rules)?;
    Ok(data)
}

impl Tensors<'_> {
    fn find(&self, name: &str) -> Option<TensorView<'_>> {
        self.file.tensor(name).ok()
    }

    fn get(&self, name: &str) -> Result<TensorView<'_>> {
        self.find(name).ok_or_else(|| {
            let help = "add that tensor; D4RL's names are used";
            Error::input(self.at(name), "there is no such tensor", help)
        })
    }

    fn at(&self, name: &str) -> String {
        format!("{}: {name}", self.place)
    }

    /// Columns of a matrix.
    fn width(&self, name: &str) -> Result<usize> {
        match self.get(name)?.shape() {
            &[_, width] => Ok(width),
            shape => {
                let problem = format!("a tensor of extents {shape:?} where a matrix is needed");
                Err(Error::input(self.at(name), problem, "store one row a step"))
            }
        }
    }

    /// All numbers of a tensor with these extents (one column may stand for a vector; a vector of 0 may have any
    /// length), each as `read` makes it of little-endian bytes.
    fn numbers<T>(&self, name: &str, shape: &[usize], read: fn(f64) -> T) -> Result<Vec<T>> {
        let tensor = self.get(name)?;
        let flat = match tensor.shape() {
            [n, 1] if shape.len() == 1 => vec![*n],
            shape => shape.to_vec(),
        };
        let any = shape == [0] && flat.len() == 1;
        if flat != shape && !any {
            let problem = format!("extents {:?} where {shape:?} are needed", tensor.shape());
            let help = "write the file again with tensors that agree in length";
            return Err(Error::input(self.at(name), problem, help));
        }
        let bytes = tensor.data();
        macro_rules! each {
            ($of:ty, $to:expr) => {{
                let (chunks, _) = bytes.as_chunks();
                let number =
                    |chunk: &[u8; size_of::<$of>()]| read($to(<$of>::from_le_bytes(*chunk)));
                chunks.iter().map(number).collect()
            }};
        }
        Ok(match tensor.dtype() {
            Dtype::F64 => each!(f64, f64::from),
            Dtype::F32 => each!(f32, f64::from),
            Dtype::F16 => each!(f16, f16::to_f64),
            Dtype::BF16 => each!(bf16, bf16::to_f64),
            Dtype::I64 => each!(i64, |x| x as f64),
            Dtype::I32 => each!(i32, f64::from),
            Dtype::U8 | Dtype::BOOL => each!(u8, f64::from),
            _ => {
                let problem = "numbers of a type that is not read";
                let help = "store them as F32, flags as BOOL";
                return Err(Error::input(self.at(name), problem, help));
            }
        })
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.numbers(name, shape, |x| x as f32)
    }

    fn flags(&self, name: &str, n: usize) -> Result<Vec<bool>> {
        let numbers = self.numbers(name, &[n], |x| x)?;
        match numbers.iter().position(|x| *x != 0.0 && *x != 1.0) {
            None => Ok(numbers.into_iter().map(|x| x == 1.0).collect()),
            Some(row) => Err(Error::input(
                format!("{}, row {row}", self.at(name)),
                format!("{} where 0 or 1 is needed", numbers[row]),
                "store flags as BOOL",
            )),
        }
    }

    /// What training does not use: read if it can be, else left out with a note.
    fn extras(&self, data: &mut Dataset, about: About) {
        let n = data.len();
        let mut notes = Vec::new();
        let mut optional = |name: &str, wide: bool| {
            self.find(name)?;
            let shape = match wide {
                true => self.width(name).map(|width| vec![n, width]),
                false => Ok(vec![n]),
            };
            let read = shape.and_then(|shape| self.floats(name, &shape));
            read.map_err(|e| notes.push(left_out(&e))).ok()
        };
        data.qpos = optional("infos/qpos", true);
        data.qvel = optional("infos/qvel", true);
        data.action_log_probs = optional("infos/action_log_probs", false);
        let mut gaps: Vec<_> = self.file.names();
        gaps.retain(|name| name.starts_with("infos/gap/"));
        gaps.sort_unstable();
        for name in gaps {
            match self.numbers(name, &[n], |x| x) {
                Ok(strengths) => {
                    let gap = name.trim_start_matches("infos/gap/").to_owned();
                    data.gap.insert(gap, strengths);
                }
                Err(e) => notes.push(left_out(&e)),
            }
        }
        data.environment = about.environment;
        data.policy = about.policy.and_then(|policy| {
            let read = self.policy(policy);
            read.map_err(|e| notes.push(left_out(&e))).ok()
        });
        data.notes = notes;
        data.drop_faulty_extras();
    }

    fn policy(&self, about: AboutPolicy) -> Result<BehaviourPolicy> {
        let refused = |problem: String| {
            let help = "store the policy that acted, or none";
            Error::input(self.at("metadata/policy"), problem, help)
        };
        let distribution = ActionDistribution::parse(&about.output_distribution)
            .ok_or_else(|| refused("its actions have no known distribution".into()))?;
        let layer = |name: &str| {
            let [weight, bias] =
                ["weight", "bias"].map(|of| format!("metadata/policy/{name}/{of}"));
            let &[outputs, inputs] = self.get(&weight)?.shape() else {
                return Err(refused(format!("`{name}` is no layer")));
            };
            Ok(DenseLayer {
                inputs,
                outputs,
                weight: self.floats(&weight, &[outputs, inputs])?,
                bias: self.floats(&bias, &[outputs])?,
            })
        };
        let depth = (0..)
            .take_while(|k| {
                self.find(&format!("metadata/policy/fc{k}/weight"))
                    .is_some()
            })
            .count();
        let hidden = (0..depth).map(|k| layer(&format!("fc{k}")));
        let hidden = hidden.collect::<Result<_>>()?;
        let heads = [layer("last_fc")?, layer("last_fc_log_std")?];
        Ok(BehaviourPolicy {
            algorithm: about.algorithm,
            iteration: about.iteration,
            policy: from_layers(hidden, heads, distribution).map_err(refused)?,
        })
    }
}

/// Write a file, through a temporary name. The same data set gives the same bytes.
///
/// # Errors
/// [`Error::Input`] if the data set does not pass [`Dataset::validate`]; [`Error::Io`].
pub fn write(path: impl AsRef<Path>, data: &Dataset) -> Result<()> {
    let path = path.as_ref();
    data.validate()?;
    let n = data.len();
    let flags = |flags: &[bool]| flags.iter().map(|&flag| u8::from(flag)).collect::<Vec<_>>();
    let (terminals, timeouts) = (flags(&data.terminals), flags(&data.timeouts));
    let layers = data.policy.as_ref().map(|p| to_layers(&p.policy));
    let layers = layers.unwrap_or_default();
    let mut all: Vec<(String, Dtype, Vec<usize>, &[u8])> = Vec::new();
    let mut add = |name: &str, dtype, shape: &[usize], bytes| {
        all.push((name.to_owned(), dtype, shape.to_vec(), bytes));
    };
    let matrices = [
        ("observations", Some(&data.observations)),
        ("actions", Some(&data.actions)),
        ("next_observations", Some(&data.next_observations)),
        ("infos/qpos", data.qpos.as_ref()),
        ("infos/qvel", data.qvel.as_ref()),
    ];
    for (name, values) in matrices {
        if let Some(values) = values {
            let bytes = bytemuck::cast_slice(values);
            add(name, Dtype::F32, &[n, values.len() / n], bytes);
        }
    }
    add(
        "rewards",
        Dtype::F32,
        &[n],
        bytemuck::cast_slice(&data.rewards),
    );
    add("terminals", Dtype::BOOL, &[n], &terminals);
    add("timeouts", Dtype::BOOL, &[n], &timeouts);
    if let Some(values) = &data.action_log_probs {
        let bytes = bytemuck::cast_slice(values);
        add("infos/action_log_probs", Dtype::F32, &[n], bytes);
    }
    for (name, strengths) in &data.gap {
        let bytes = bytemuck::cast_slice(strengths);
        add(&format!("infos/gap/{name}"), Dtype::F64, &[n], bytes);
    }
    for (name, layer) in &layers {
        let at = |of: &str| format!("metadata/policy/{name}/{of}");
        let shape = [layer.outputs, layer.inputs];
        add(
            &at("weight"),
            Dtype::F32,
            &shape,
            bytemuck::cast_slice(&layer.weight),
        );
        add(
            &at("bias"),
            Dtype::F32,
            &shape[..1],
            bytemuck::cast_slice(&layer.bias),
        );
    }
    let bytes = serialize(all, &About::of(data)).map_err(|problem| {
        Error::input(
            path.display(),
            format!("cannot be written: {problem}"),
            "report this as a bug",
        )
    })?;
    make_folder_of(path)?;
    replace_file(path, |out| out.write_all(&bytes).map_err(Error::io(path)))
}

/// The file's bytes.
fn serialize(
    all: Vec<(String, Dtype, Vec<usize>, &[u8])>,
    about: &About,
) -> std::result::Result<Vec<u8>, String> {
    let view = |(name, dtype, shape, bytes)| Ok((name, TensorView::new(dtype, shape, bytes)?));
    let views: std::result::Result<Vec<(String, _)>, safetensors::SafeTensorError> =
        all.into_iter().map(view).collect();
    let about = serde_json::to_string(about).map_err(|e| e.to_string())?;
    let about = HashMap::from([(KEY.to_owned(), about)]);
    let bytes = views.and_then(|views| safetensors::serialize(views, Some(about)));
    bytes.map_err(|e| e.to_string())
}

impl About {
    fn of(data: &Dataset) -> Self {
        let policy = data.policy.as_ref().map(|policy| AboutPolicy {
            algorithm: policy.algorithm.clone(),
            iteration: policy.iteration,
            output_distribution: policy.policy.distribution.name().to_owned(),
        });
        Self {
            environment: data.environment.clone(),
            policy,
        }
    }
}
