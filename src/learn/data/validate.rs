//! What every data set must hold before anything learns from it.

use super::{Dataset, DenseLayer, to_layers};
use crate::error::{Error, Result};
use crate::policy::PolicyLayer;

/// Infos of a row each, as [`Dataset::qpos`], [`Dataset::qvel`] and [`Dataset::action_log_probs`].
const INFOS: [&str; 3] = ["infos/qpos", "infos/qvel", "infos/action_log_probs"];

impl Dataset {
    /// Check that every column has its length and every number is finite.
    ///
    /// # Errors
    /// [`Error::Input`] with the first place that is wrong.
    pub fn validate(&self) -> Result<()> {
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
        for name in INFOS {
            self.check_info(name)?;
        }
        for name in self.gap.keys() {
            self.check_gap(name)?;
        }
        self.validate_policy()
    }

    /// Leave out the infos and the policy that would not pass [`Dataset::validate`], with a note
    /// each: training does not use them.
    pub(super) fn drop_faulty_extras(&mut self) {
        let mut faults = Vec::new();
        for (k, name) in INFOS.iter().enumerate() {
            if let Err(error) = self.check_info(name) {
                *[&mut self.qpos, &mut self.qvel, &mut self.action_log_probs][k] = None;
                faults.push(error);
            }
        }
        for name in self.gap.keys().cloned().collect::<Vec<_>>() {
            if let Err(error) = self.check_gap(&name) {
                self.gap.remove(&name);
                faults.push(error);
            }
        }
        if let Err(error) = self.validate_policy() {
            self.policy = None;
            faults.push(error);
        }
        self.notes.extend(faults.iter().map(left_out));
    }

    fn info(&self, name: &str) -> Option<&Vec<f32>> {
        let [qpos, qvel, _] = INFOS;
        match name {
            _ if name == qpos => self.qpos.as_ref(),
            _ if name == qvel => self.qvel.as_ref(),
            _ => self.action_log_probs.as_ref(),
        }
    }

    fn check_info(&self, name: &str) -> Result<()> {
        let Some(values) = self.info(name) else {
            return Ok(());
        };
        let width = values.len() / self.len().max(1);
        self.check_length(name, values.len(), self.len() * width.max(1))?;
        self.check_finite(name, values, width)
    }

    fn check_gap(&self, name: &str) -> Result<()> {
        let strengths = &self.gap[name];
        let name = format!("infos/gap/{name}");
        self.check_length(&name, strengths.len(), self.len())?;
        // NaN means that the gap was not in force.
        match strengths.iter().position(|k| k.is_infinite()) {
            None => Ok(()),
            Some(row) => Err(Error::input(
                format!("{}: {name}, row {row}", self.source),
                format!("{} where a strength is needed", strengths[row]),
                "drop or repair that row",
            )),
        }
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
        let layers = &policy.policy.layers;
        let sound =
            |l: &PolicyLayer| (l.weight.len(), l.bias.len()) == (l.inputs * l.outputs, l.outputs);
        if layers.is_empty() || !layers.iter().all(sound) {
            return Err(Error::input(
                format!("{}: metadata/policy", self.source),
                "its layers do not hold as many numbers as their sizes say",
                "store the policy that acted, or none",
            ));
        }
        let mut width = self.obs_dim;
        for (name, layer) in &to_layers(&policy.policy) {
            let head = name.starts_with("last_fc");
            let outputs = if head { self.act_dim } else { layer.outputs };
            self.check_layer(name, layer, width, outputs)?;
            width = if head { width } else { outputs };
        }
        Ok(())
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
}

/// The note on something beside the columns that cannot be used.
pub(super) fn left_out(error: &Error) -> String {
    let fault = match error {
        Error::Input { place, problem, .. } => format!("{place}: {problem}"),
        other => other.to_string(),
    };
    format!("{fault}; left out, as training does not use it")
}
