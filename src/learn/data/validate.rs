//! What every data set must hold before anything learns from it.

use super::{Dataset, DenseLayer};
use crate::error::{Error, Result};

/// Actions may leave `[-1, 1]` by this much before [`Dataset::validate`] mentions it: `tanh` policies
/// and float rounding stay within.
const ACTION_SLACK: f32 = 1e-3;

impl Dataset {
    /// Check that every column has its length and every number is finite. Returns notes on what is
    /// odd but usable, for the user to see: actions outside `[-1, 1]`.
    ///
    /// # Errors
    /// [`Error::Input`] with the first place that is wrong.
    pub fn validate(&self) -> Result<Vec<String>> {
        let n = self.len();
        if n == 0 {
            return Err(Error::input(
                &self.source,
                "no transition",
                "record at least one step",
            ));
        }
        if self.obs_dim == 0 || self.act_dim == 0 {
            return Err(Error::input(
                &self.source,
                format!(
                    "{} observations and {} actions a row",
                    self.obs_dim, self.act_dim
                ),
                "record at least one of each",
            ));
        }
        for (name, length, wanted) in [
            ("observations", self.observations.len(), n * self.obs_dim),
            (
                "next_observations",
                self.next_observations.len(),
                n * self.obs_dim,
            ),
            ("actions", self.actions.len(), n * self.act_dim),
            ("terminals", self.terminals.len(), n),
            ("timeouts", self.timeouts.len(), n),
        ] {
            self.check_length(name, length, wanted)?;
        }
        self.check_finite("observations", &self.observations, self.obs_dim)?;
        self.check_finite("actions", &self.actions, self.act_dim)?;
        self.check_finite("rewards", &self.rewards, 1)?;
        self.check_finite("next_observations", &self.next_observations, self.obs_dim)?;
        for (name, values) in [
            ("infos/qpos", &self.qpos),
            ("infos/qvel", &self.qvel),
            ("infos/action_log_probs", &self.action_log_probs),
        ] {
            let Some(values) = values else { continue };
            let width = values.len() / n;
            self.check_length(name, values.len(), n * width.max(1))?;
            self.check_finite(name, values, width)?;
        }
        for (name, strengths) in &self.gap {
            let name = format!("infos/gap/{name}");
            self.check_length(&name, strengths.len(), n)?;
            // NaN means that the gap was not in force.
            if let Some(row) = strengths.iter().position(|k| k.is_infinite()) {
                return Err(Error::input(
                    format!("{}: {name}, row {row}", self.source),
                    format!("{} where a strength is needed", strengths[row]),
                    "drop or repair that row",
                ));
            }
        }
        self.validate_policy()?;
        Ok(self.action_note().into_iter().collect())
    }

    fn check_length(&self, name: &str, length: usize, wanted: usize) -> Result<()> {
        if length == wanted {
            return Ok(());
        }
        Err(Error::input(
            format!("{}: {name}", self.source),
            format!("{length} values where {} rows need {wanted}", self.len()),
            "write the file again with arrays that agree in length",
        ))
    }

    fn check_finite(&self, name: &str, values: &[f32], width: usize) -> Result<()> {
        let Some(at) = values.iter().position(|x| !x.is_finite()) else {
            return Ok(());
        };
        Err(Error::input(
            format!(
                "{}: {name}, row {}, column {}",
                self.source,
                at / width,
                at % width
            ),
            format!("{} where a number is needed", values[at]),
            "drop or repair that row",
        ))
    }

    fn validate_policy(&self) -> Result<()> {
        let Some(policy) = &self.policy else {
            return Ok(());
        };
        let mut width = self.obs_dim;
        for (k, layer) in policy.hidden.iter().enumerate() {
            self.check_layer(&format!("fc{k}"), layer, width, layer.outputs)?;
            width = layer.outputs;
        }
        self.check_layer("last_fc", &policy.mean, width, self.act_dim)?;
        self.check_layer("last_fc_log_std", &policy.log_std, width, self.act_dim)
    }

    fn check_layer(
        &self,
        name: &str,
        layer: &DenseLayer,
        inputs: usize,
        outputs: usize,
    ) -> Result<()> {
        let name = format!("metadata/policy/{name}");
        if (layer.inputs, layer.outputs) != (inputs, outputs)
            || (layer.weight.len(), layer.bias.len()) != (inputs * outputs, outputs)
        {
            return Err(Error::input(
                format!("{}: {name}", self.source),
                format!(
                    "a layer of {} → {} where {inputs} → {outputs} is needed",
                    layer.inputs, layer.outputs
                ),
                "store the policy that acted, or none",
            ));
        }
        self.check_finite(&format!("{name}/weight"), &layer.weight, inputs)?;
        self.check_finite(&format!("{name}/bias"), &layer.bias, 1)
    }

    fn action_note(&self) -> Option<String> {
        let outside = |x: &f32| x.abs() > 1.0 + ACTION_SLACK;
        let first = self.actions.iter().position(outside)?;
        let rows = self
            .actions
            .chunks(self.act_dim)
            .filter(|row| row.iter().any(outside))
            .count();
        Some(format!(
            "{}: actions of {rows} rows leave [-1, 1], first in row {}, column {}: {}",
            self.source,
            first / self.act_dim,
            first % self.act_dim,
            self.actions[first],
        ))
    }
}
