//! The behaviour policy that a file carries in `metadata/`.

use super::super::hdf5::{H5File, H5Writer, Values};
use super::super::{BehaviourPolicy, DenseLayer, from_layers, to_layers};
use crate::error::{Error, Result};
use crate::policy::ActionDistribution;

/// The policy, unless there is none or it is no ReLU network with a Gaussian head.
pub(super) fn read(file: &H5File) -> Result<Option<BehaviourPolicy>> {
    let text = |name| file.find(name)?.map(|array| array.text()).transpose();
    let distribution = text("metadata/policy/output_distribution")?;
    let distribution = distribution.as_deref().and_then(ActionDistribution::parse);
    let (Some(distribution), Some("relu")) = (
        distribution,
        text("metadata/policy/nonlinearity")?.as_deref(),
    ) else {
        return Ok(None);
    };
    let mut hidden = Vec::new();
    while let Some(layer) = read_layer(file, &format!("fc{}", hidden.len()))? {
        hidden.push(layer);
    }
    let (Some(mean), Some(log_std)) = (
        read_layer(file, "last_fc")?,
        read_layer(file, "last_fc_log_std")?,
    ) else {
        return Ok(None);
    };
    let iteration = file
        .find("metadata/iteration")?
        .map(|array| array.integer())
        .transpose()?;
    let policy = from_layers(hidden, [mean, log_std], distribution).map_err(|problem| {
        Error::input(
            "metadata/policy",
            problem,
            "store the policy that acted, or none",
        )
    })?;
    Ok(Some(BehaviourPolicy {
        algorithm: text("metadata/algorithm")?.unwrap_or_default(),
        iteration: iteration
            .and_then(|k| i32::try_from(k).ok())
            .unwrap_or_default(),
        policy,
    }))
}

fn read_layer(file: &H5File, name: &str) -> Result<Option<DenseLayer>> {
    let Some(weight) = file.find(&format!("metadata/policy/{name}/weight"))? else {
        return Ok(None);
    };
    let (outputs, inputs) = weight.matrix()?;
    let bias = file
        .get(&format!("metadata/policy/{name}/bias"))?
        .expect(&[outputs])?;
    Ok(Some(DenseLayer {
        inputs,
        outputs,
        weight: weight.floats()?,
        bias: bias.floats()?,
    }))
}

pub(super) fn write(file: &mut H5Writer, policy: &BehaviourPolicy) -> Result<()> {
    file.text("metadata/algorithm", &policy.algorithm)?;
    file.integer("metadata/iteration", policy.iteration)?;
    for (name, layer) in to_layers(&policy.policy) {
        let place = |array: &str| format!("metadata/policy/{name}/{array}");
        let shape = [layer.outputs, layer.inputs];
        file.array(&place("weight"), &shape, &Values::Single(&layer.weight))?;
        file.array(&place("bias"), &shape[..1], &Values::Single(&layer.bias))?;
    }
    file.text("metadata/policy/nonlinearity", "relu")?;
    let distribution = policy.policy.distribution.name();
    file.text("metadata/policy/output_distribution", distribution)
}
