//! What a run that is done keeps: small files in the place of its checkpoints.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Device;
use safetensors::{Dtype, tensor::TensorView};

use super::Trainer;
use crate::error::{Error, Result};
use crate::kernel::gather::Span;
use crate::run::data::behaviour::Behaviour;
use crate::run::record::run_folder::write;

/// Name, shape and values of a tensor.
type Named = (String, Vec<usize>, Vec<f32>);

impl Trainer {
    /// Writes the last policy of each member to `policies.safetensors`.
    ///
    /// # Errors
    /// Where a policy is not finite, or the file cannot be written.
    pub fn save_policies(&self) -> Result<()> {
        let snapshots = (0..self.agent.members()).map(|member| self.snapshot_of(member));
        let snapshots = snapshots.collect::<Result<_>>()?;
        Behaviour { snapshots }.save(&self.folder.policies())
    }

    /// Writes `rows` rows of each member's replay, evenly spaced from the oldest on, to `states.safetensors`, and all its
    /// networks to `networks.safetensors`.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn save_states(&self, rows: usize) -> Result<()> {
        let (mut states, mut networks) = (Vec::new(), Vec::new());
        let (spans, width) = (self.sim.spans(), self.sim.row());
        let members = self.agent.members();
        for member in 0..members {
            let sample = self.sample(spans.of(member), rows)?;
            let shape = vec![sample.len() / width, width];
            states.push((format!("member_{member}.rows"), shape, sample));
            let parameters = self.agent.parameters(member)?;
            for (name, values) in &parameters {
                let shape = shape_of(name, values.len(), &parameters);
                networks.push((format!("member_{member}.{name}"), shape, values.clone()));
            }
            if let Some([mean, inverse]) = self.agent.state_scale(member)? {
                let shape = vec![2, mean.len()];
                let name = format!("member_{member}.state_scale");
                networks.push((name, shape, [mean, inverse].concat()));
            }
        }
        let about = serde_json::json!({
            "obs_dim": self.run.task.obs_dim(),
            "act_dim": self.run.task.act_dim(),
            "members": self.names().collect::<Vec<_>>(),
            "filled": (0..members).map(|m| spans.of(m).len).collect::<Vec<_>>(),
            "updates": self.agent.updates(),
            "hidden": self.run.config.settings.get("hidden"),
        });
        save(&self.folder.states(), &states, &about)?;
        save(&self.folder.networks(), &networks, &about)
    }

    /// `rows` rows of a ring, evenly spaced over what is filled of it, oldest first.
    fn sample(&self, ring: Span, rows: usize) -> Result<Vec<f32>> {
        let (len, width) = (ring.len, self.sim.row());
        let filled = self.sim.rows.narrow(0, ring.start, len)?;
        let filled = filled.to_device(&Device::Cpu)?.flatten_all()?;
        let all = filled.to_vec1::<f32>()?;
        // A full ring begins, in time, where the next row would be written.
        let oldest = match self.sim.pushed() as usize {
            pushed if pushed > len => pushed % len,
            _ => 0,
        };
        let count = rows.min(len);
        let at = (0..count).map(|k| (oldest + k * len / count) % len);
        Ok(at
            .flat_map(|row| &all[row * width..][..width])
            .copied()
            .collect())
    }
}

/// The shape of a parameter: `[out, in]` of a weight, whose layer's bias says how many outputs it has.
fn shape_of(name: &str, len: usize, all: &[(String, Vec<f32>)]) -> Vec<usize> {
    let bias = name
        .strip_suffix("weight")
        .map(|stem| format!("{stem}bias"));
    let bias = bias.and_then(|bias| all.iter().find(|(name, _)| *name == bias));
    match bias {
        Some((_, bias)) if len > bias.len() && !bias.is_empty() => {
            vec![bias.len(), len / bias.len()]
        }
        _ => vec![len],
    }
}

fn save(path: &Path, tensors: &[Named], about: &serde_json::Value) -> Result<()> {
    let unwritable =
        |e: safetensors::SafeTensorError| Error::input(path.display(), e, "report this as a bug");
    let bytes = |values: &[f32]| -> Vec<u8> {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes());
        bytes.collect()
    };
    let blocks: Vec<_> = tensors.iter().map(|(_, _, values)| bytes(values)).collect();
    let views = tensors
        .iter()
        .zip(&blocks)
        .map(|((name, shape, _), bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(unwritable)?;
            Ok((name.as_str(), view))
        });
    let views = views.collect::<Result<Vec<_>>>()?;
    let about = HashMap::from([("h2oplus".to_owned(), about.to_string())]);
    let file = safetensors::serialize(views, Some(about)).map_err(unwritable)?;
    write(path, &file)
}
