//! `h2oplus verify algorithms`: recorded updates of the published code, replayed.
//!
//! A case is a safetensors file: parameters before, batches and draws of each update, parameters after it. The
//! error of a number x against its reference r is |x − r| / max(|r|, ‖r‖∞/10), ‖r‖∞ being the largest magnitude
//! in r's tensor: relative for every number within a factor ten of the tensor's largest, and relative to a tenth of
//! that for smaller ones, whose last digits are rounding of sums that cancel.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use candle_core::Device;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde_json::Value;

use crate::algo::{Agent, Recorded, build};
use crate::cli::{Format, emit};
use crate::error::{Error, Result};

/// Largest error that passes.
pub const TOLERANCE: f64 = 1e-4;

/// Flags of `verify algorithms`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of recorded cases (*.safetensors)
    #[arg(long, default_value = "tests/reference/algorithms", value_name = "DIR")]
    reference: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Replays every case and prints a line for each.
pub fn run(args: Args) -> Result<ExitCode> {
    let mut outcomes = Vec::new();
    for path in cases(&args.reference)? {
        let case = Case::read(&path)?;
        let worst = case
            .agent()?
            .map(|mut agent| case.replay(agent.as_mut()))
            .transpose()?;
        outcomes.push((case.name, worst));
    }
    let failed = outcomes
        .iter()
        .any(|(_, w)| w.as_ref().is_some_and(|w| !w.passes()));
    let verdict = |worst: &Option<Worst>| match worst {
        None => "not built",
        Some(worst) if worst.passes() => "ok",
        Some(_) => "FAIL",
    };
    if args.format == Format::Json {
        let case = |(case, worst): &(String, Option<Worst>)| {
            serde_json::json!({
                "case": case,
                "verdict": verdict(worst),
                "tolerance": TOLERANCE,
                "error": worst.as_ref().map(|w| w.error),
                "parameter": worst.as_ref().map(|w| &w.parameter),
            })
        };
        let cases: Vec<Value> = outcomes.iter().map(case).collect();
        emit(&serde_json::json!({ "cases": cases, "ok": !failed }).to_string());
    } else {
        for (case, worst) in &outcomes {
            let detail = worst.as_ref().map_or(String::new(), |w| {
                format!(": worst relative error {:.1e} at {}", w.error, w.parameter)
            });
            emit(&format!("{} {case}{detail}", verdict(worst)));
        }
        if args.format == Format::Human {
            emit(&format!(
                "(error: |x − r| / max(|r|, largest |r| of the tensor / 10), after each update; \
                 tolerance {TOLERANCE:.0e})"
            ));
        }
    }
    Ok(ExitCode::from(u8::from(failed)))
}

fn cases(folder: &Path) -> Result<Vec<PathBuf>> {
    let mend = "name a folder of recorded cases with --reference";
    let entries = std::fs::read_dir(folder).map_err(|e| Error::input(folder.display(), e, mend))?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    paths.sort();
    if paths.is_empty() {
        return Err(Error::input(
            folder.display(),
            "holds no *.safetensors",
            mend,
        ));
    }
    Ok(paths)
}

/// The largest error of a case, and where it stood.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// The error.
    pub error: f64,
    /// `update N, parameter[index]`.
    pub parameter: String,
}

impl Worst {
    /// Whether it is within [`TOLERANCE`].
    pub fn passes(&self) -> bool {
        self.error <= TOLERANCE
    }
}

/// A recorded case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Settings in the published code's names.
    pub settings: serde_json::Map<String, Value>,
    place: String,
    dims: [usize; 2],
    hidden: Vec<usize>,
    updates: usize,
    tensors: HashMap<String, Vec<f32>>,
}

impl Case {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        let place = path.display().to_string();
        let bad = |problem: String| {
            Error::input(
                &place,
                problem,
                "record the case again, or copy the file whole",
            )
        };
        let (_, header) = SafeTensors::read_metadata(&bytes)
            .map_err(|e| bad(format!("not a safetensors file: {e}")))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(format!("damaged: {e}")))?;
        let text = header.metadata().clone().unwrap_or_default();
        let json = |key: &str| -> Result<Value> {
            let text = text
                .get(key)
                .ok_or_else(|| bad(format!("its metadata has no `{key}`")))?;
            serde_json::from_str(text).map_err(|e| bad(format!("metadata `{key}`: {e}")))
        };
        let mut tensors = HashMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(bad(format!("tensor {name} is {:?}, not F32", view.dtype())));
            }
            let values: Vec<f32> = view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            if let Some(n) = values.iter().position(|v| !v.is_finite()) {
                return Err(bad(format!("{name}[{n}] is not finite")));
            }
            tensors.insert(name, values);
        }
        let (shapes, settings, updates) = (json("shapes")?, json("settings")?, json("updates")?);
        let whole = |value: &Value| value.as_u64().map(|n| n as usize);
        let need = |found: Option<_>, what: &str| {
            found.ok_or_else(|| bad(format!("metadata has no `{what}`")))
        };
        Ok(Self {
            name: need(text.get("case").cloned(), "case")?,
            settings: settings
                .as_object()
                .cloned()
                .ok_or_else(|| bad("metadata `settings` is no object".into()))?,
            dims: [
                whole(&shapes["obs"]).ok_or_else(|| bad("metadata has no `shapes.obs`".into()))?,
                whole(&shapes["act"]).ok_or_else(|| bad("metadata has no `shapes.act`".into()))?,
            ],
            hidden: shapes["hidden"]
                .as_array()
                .map_or(Vec::new(), |h| h.iter().filter_map(whole).collect()),
            updates: updates.as_array().map_or(0, Vec::len),
            tensors,
            place,
        })
    }

    /// A fresh agent with the case's settings and parameters; none for a method that is not built.
    pub fn agent(&self) -> Result<Option<Box<dyn Agent>>> {
        let number = |key: &str| self.settings.get(key).and_then(Value::as_f64);
        let flag = |key: &str| self.settings.get(key).and_then(Value::as_bool);
        let mut table = toml::Table::new();
        let mut put = |key: &str, value: Option<toml::Value>| {
            table.extend(value.map(|v| (key.to_owned(), v)))
        };
        put(
            "hidden",
            Some(
                self.hidden
                    .iter()
                    .map(|h| *h as i64)
                    .collect::<Vec<_>>()
                    .into(),
            ),
        );
        for (ours, theirs) in [
            ("discount", "discount"),
            ("target_rate", "soft_target_update_rate"),
            ("policy_lr", "policy_lr"),
            ("alpha_lr", "policy_lr"),
            ("qf_lr", "qf_lr"),
            ("target_entropy", "target_entropy"),
        ] {
            put(ours, number(theirs).map(Into::into));
        }
        let rows = |batch: usize| {
            Ok::<_, Error>(
                (self.tensor(&format!("update0.batch{batch}.rewards"))?.len() as i64).into(),
            )
        };
        let method = match self.name.as_str() {
            "sac" => {
                put("batch", Some(rows(0)?));
                put("reward_scale", number("reward_scale").map(Into::into));
                let entropy = flag("backup_entropy").map(|on| if on { "entropy" } else { "none" });
                put("exploration", entropy.map(Into::into));
                "sac"
            }
            "iql" => {
                put("batch", Some(rows(0)?));
                for (ours, theirs) in [
                    ("tau", "expectile"),
                    ("beta", "beta"),
                    ("weight_max", "exp_advantage_max"),
                    ("policy_lr", "lr"),
                    ("qf_lr", "lr"),
                    ("vf_lr", "lr"),
                ] {
                    put(ours, number(theirs).map(Into::into));
                }
                let steps = number("max_steps").map(|n| (n as i64).into());
                put("policy_lr_updates", steps);
                "iql"
            }
            "darc" => {
                put("batch", Some(rows(0)?));
                put(
                    "ratio_batch",
                    number("batch_size").map(|n| (n as i64).into()),
                );
                put("reward_scale", number("reward_scale").map(Into::into));
                put(
                    "ratio_noise",
                    number("noise_std_discriminator").map(Into::into),
                );
                let entropy = flag("backup_entropy").map(|on| if on { "entropy" } else { "none" });
                put("exploration", entropy.map(Into::into));
                "darc"
            }
            "cql" => {
                put("batch", Some(rows(0)?));
                let entropy = flag("backup_entropy").map(|on| if on { "entropy" } else { "none" });
                put("exploration", entropy.map(Into::into));
                put("importance", flag("cql_importance_sample").map(Into::into));
                let actions = number("cql_n_actions").map(|n| (n as i64).into());
                put("penalty_actions", actions);
                for (ours, theirs) in [
                    ("penalty_weight", "cql_min_q_weight"),
                    ("penalty_temperature", "cql_temp"),
                ] {
                    put(ours, number(theirs).map(Into::into));
                }
                "cql"
            }
            "h2o" => {
                put("real_batch", Some(rows(0)?));
                put("sim_batch", Some(rows(1)?));
                let whole = |key: &str| number(key).map(|n| (n as i64).into());
                put("ratio_batch", whole("batch_size"));
                put("gap_samples", whole("sampling_n_next_states"));
                let entropy = flag("backup_entropy").map(|on| if on { "entropy" } else { "none" });
                put("exploration", entropy.map(Into::into));
                for (ours, theirs) in [
                    ("penalty_weight", "cql_min_q_weight"),
                    ("penalty_temperature", "cql_temp"),
                    ("gap_min", "sim_q_coeff_min"),
                    ("gap_max", "sim_q_coeff_max"),
                    ("gap_spread", "s_prime_std_ratio"),
                    ("ratio_noise", "noise_std_discriminator"),
                    ("ratio_min", "clip_dynamics_ratio_min"),
                    ("ratio_max", "clip_dynamics_ratio_max"),
                ] {
                    put(ours, number(theirs).map(Into::into));
                }
                "h2o"
            }
            name if name.starts_with("h2oplus") => {
                let sparse = flag("use_quantile_regression") == Some(false);
                put("value", sparse.then(|| "sparse".into()));
                put("real_batch", Some(rows(0)?));
                put("sim_batch", Some(rows(1)?));
                put(
                    "ratio_batch",
                    number("batch_size").map(|n| (n as i64).into()),
                );
                put("use_ratio", flag("use_td_target_ratio").map(Into::into));
                for (ours, theirs) in [
                    ("lambda", "exploit_coeff"),
                    ("tau", "quantile"),
                    ("value_alpha", "sparse_alpha"),
                    ("ratio_noise", "noise_std_discriminator"),
                    ("ratio_min", "clip_dynamics_ratio_min"),
                    ("ratio_max", "clip_dynamics_ratio_max"),
                ] {
                    put(ours, number(theirs).map(Into::into));
                }
                "h2oplus"
            }
            _ => return Ok(None),
        };
        let [obs, act] = self.dims;
        let mut agent = build(method, &table, obs, act, &[0], &Device::Cpu)?;
        agent.set_parameters(0, &self.snapshot("before"), &self.place)?;
        Ok(Some(agent))
    }

    /// Runs the recorded updates and compares after each.
    pub fn replay(&self, agent: &mut dyn Agent) -> Result<Worst> {
        let mut worst = Worst {
            error: 0.0,
            parameter: String::from("nothing compared"),
        };
        for update in 0..self.updates {
            agent.update_recorded(&self.recorded(update)?)?;
            let after = self.snapshot(&format!("after{update}"));
            for (name, values) in agent.parameters(0)? {
                let Some(reference) = after.get(&name).filter(|r| r.len() == values.len()) else {
                    let problem = format!("after{update} lacks {name}, or it has another size");
                    return Err(Error::input(&self.place, problem, "record the case again"));
                };
                let floor = reference.iter().fold(0f32, |m, r| m.max(r.abs())) / 10.0;
                for (n, (x, r)) in values.iter().zip(reference).enumerate() {
                    let scale = f64::from(r.abs().max(floor).max(f32::MIN_POSITIVE));
                    let error = (f64::from(*x) - f64::from(*r)).abs() / scale;
                    // A NaN is the worst of all.
                    if error.is_nan() || error > worst.error {
                        worst = Worst {
                            error: if error.is_nan() { f64::INFINITY } else { error },
                            parameter: format!("update {}, {name}[{n}]", update + 1),
                        };
                    }
                }
            }
        }
        Ok(worst)
    }

    /// Batches and draws of update `update`, in this crate's layout.
    pub fn recorded(&self, update: usize) -> Result<Recorded> {
        let [obs, act] = self.dims;
        let fields = |batch: usize, full: bool| -> Result<Vec<f32>> {
            let part = |field: &str| self.tensor(&format!("update{update}.batch{batch}.{field}"));
            let (s, a, s2) = (
                part("observations")?,
                part("actions")?,
                part("next_observations")?,
            );
            let (r, d) = if full {
                (part("rewards")?, part("dones")?)
            } else {
                (&[][..], &[][..])
            };
            let columns = [
                (s, obs),
                (a, act),
                (s2, obs),
                (r, usize::from(full)),
                (d, usize::from(full)),
            ];
            self.interleave(s.len() / obs, &columns)
        };
        let draw = |n: usize| self.tensor(&format!("update{update}.draw{n}"));
        let mut recorded = Recorded::default();
        // The classifiers' normals, of their real and of their simulated rows, from draw `first` on.
        let ratio_noise = |first: usize| -> Result<Vec<f32>> {
            let half = |n: usize| {
                let (s, a, s2) = (draw(n)?, draw(n + 1)?, draw(n + 2)?);
                self.interleave(s.len() / obs, &[(s, obs), (a, act), (s2, obs)])
            };
            Ok([half(first)?, half(first + 3)?].concat())
        };
        match self.name.as_str() {
            "sac" => {
                recorded.batch = fields(0, true)?;
                recorded.noise = [draw(0)?, draw(1)?].concat();
            }
            "iql" => recorded.batch = fields(0, true)?,
            "cql" => {
                recorded.batch = fields(0, true)?;
                recorded.noise = [draw(0)?, draw(1)?].concat();
                recorded.uniforms = draw(2)?.to_vec();
                recorded.candidates = [draw(3)?, draw(4)?].concat();
            }
            "darc" => {
                recorded.batch = fields(0, true)?;
                recorded.ratio = [fields(1, false)?, fields(2, false)?].concat();
                recorded.ratio_noise = ratio_noise(1)?;
                recorded.noise = [draw(0)?, draw(7)?].concat();
            }
            _ => {
                recorded.batch = [fields(0, true)?, fields(1, true)?].concat();
                recorded.ratio = [fields(2, false)?, fields(3, false)?].concat();
                recorded.ratio_noise = ratio_noise(0)?;
                recorded.noise = [draw(6)?, draw(7)?, draw(8)?].concat();
                if self.name == "h2o" {
                    recorded.next_states = draw(9)?.to_vec();
                    recorded.spread = self.tensor("state_std")?.to_vec();
                }
            }
        }
        Ok(recorded)
    }

    fn interleave(&self, rows: usize, columns: &[(&[f32], usize)]) -> Result<Vec<f32>> {
        if columns
            .iter()
            .any(|(values, width)| values.len() != rows * width)
        {
            return Err(Error::input(
                &self.place,
                "a batch's fields differ in length",
                "record the case again",
            ));
        }
        let row = |n: usize| {
            columns
                .iter()
                .flat_map(move |(values, width)| &values[n * width..(n + 1) * width])
        };
        Ok((0..rows).flat_map(row).copied().collect())
    }

    fn tensor(&self, name: &str) -> Result<&[f32]> {
        let found = self.tensors.get(name).map(Vec::as_slice);
        found.ok_or_else(|| {
            Error::input(
                &self.place,
                format!("tensor {name} is missing"),
                "record the case again",
            )
        })
    }

    /// Parameters `<prefix>.…` under this crate's names.
    fn snapshot(&self, prefix: &str) -> HashMap<String, Vec<f32>> {
        let under = |name: &str| name.strip_prefix(prefix)?.strip_prefix('.').map(our_name);
        self.tensors
            .iter()
            .filter_map(|(name, values)| Some((under(name)?, values.clone())))
            .collect()
    }
}

/// `policy.base_network.network.2.bias` → `policy.1.bias`, `d_sa.fc3.weight` → `d_sa.2.weight`, `q.q1.net.0.bias` →
/// `qf1.0.bias`: their modules count ReLUs as layers.
fn our_name(theirs: &str) -> String {
    let theirs = theirs
        .replace("q.q1.", "qf1.")
        .replace("q.q2.", "qf2.")
        .replace("vf.v.", "vf.");
    let parts = theirs
        .split('.')
        .filter(|part| !matches!(*part, "base_network" | "network" | "net" | "constant"));
    let renamed = parts.map(|part| {
        let fc = part
            .strip_prefix("fc")
            .and_then(|n| n.parse::<usize>().ok())
            .map(|n| n - 1);
        let module = part.parse::<usize>().ok().map(|n| n / 2);
        fc.or(module).map_or(part.to_owned(), |n| n.to_string())
    });
    renamed.collect::<Vec<_>>().join(".")
}
