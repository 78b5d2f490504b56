//! The policy that made a data set, and the layers of a policy as files hold them.

use h2oplus_base::policy::{ActionDistribution, Policy, PolicyLayer};

/// What a data set says of the policy that acted in it: `metadata` in D4RL's layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BehaviourPolicy {
    /// `metadata/algorithm`: what trained it (`SAC`).
    pub algorithm: String,
    /// `metadata/iteration`: after how many iterations of the trainer.
    pub iteration: i32,
    /// `metadata/policy`.
    pub policy: Policy,
}

/// A dense layer as files hold it, PyTorch's way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DenseLayer {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// `[outputs, inputs]`.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// The layers of `policy` with their names in files: hidden ones `fc0`, `fc1` …, then the heads for the mean before the
/// tanh, `last_fc`, and for log σ, `last_fc_log_std`.
pub fn to_layers(policy: &Policy) -> Vec<(String, DenseLayer)> {
    let turned = |l: &PolicyLayer| DenseLayer {
        inputs: l.inputs,
        outputs: l.outputs,
        weight: transposed(&l.weight, l.inputs, l.outputs),
        bias: l.bias.clone(),
    };
    let Some((last, hidden)) = policy.layers.split_last() else {
        return Vec::new();
    };
    let hidden = hidden.iter().enumerate();
    let mut all: Vec<_> = hidden.map(|(k, l)| (format!("fc{k}"), turned(l))).collect();
    let mut mean = turned(last);
    mean.outputs /= 2;
    let log_std = DenseLayer {
        weight: mean.weight.split_off(mean.outputs * mean.inputs),
        bias: mean.bias.split_off(mean.outputs),
        ..mean
    };
    all.push(("last_fc".to_owned(), mean));
    all.push(("last_fc_log_std".to_owned(), log_std));
    all
}

/// The policy of a file's `hidden` layers and of its heads for mean and log σ.
///
/// # Errors
/// What is wrong, where a layer's numbers are not as many as its size says, or the heads differ in size.
pub fn from_layers(
    mut hidden: Vec<DenseLayer>,
    [mean, log_std]: [DenseLayer; 2],
    distribution: ActionDistribution,
) -> Result<Policy, String> {
    if (mean.inputs, mean.outputs) != (log_std.inputs, log_std.outputs) {
        let [(a, b), (c, d)] = [&mean, &log_std].map(|l| (l.inputs, l.outputs));
        return Err(format!(
            "`last_fc` is a layer of {a} → {b}, `last_fc_log_std` one of {c} → {d}"
        ));
    }
    hidden.push(DenseLayer {
        inputs: mean.inputs,
        outputs: 2 * mean.outputs,
        weight: [mean.weight, log_std.weight].concat(),
        bias: [mean.bias, log_std.bias].concat(),
    });
    let turned = |l: DenseLayer| match (l.weight.len(), l.bias.len()) {
        sizes if sizes == (l.inputs * l.outputs, l.outputs) => Ok(PolicyLayer {
            inputs: l.inputs,
            outputs: l.outputs,
            weight: transposed(&l.weight, l.outputs, l.inputs),
            bias: l.bias,
        }),
        (weights, biases) => Err(format!(
            "a layer of {} → {} has {weights} weights and {biases} biases",
            l.inputs, l.outputs
        )),
    };
    Ok(Policy {
        layers: hidden.into_iter().map(turned).collect::<Result<_, _>>()?,
        distribution,
    })
}

/// `from` `[rows, columns]`ᵀ, `[columns, rows]`.
fn transposed(from: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let column = |c: usize| (0..rows).map(move |r| from[r * columns + c]);
    (0..columns).flat_map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(inputs: usize, outputs: usize, first: f32) -> DenseLayer {
        let ramp = |len: usize| (0..len).map(|n| first + n as f32).collect();
        DenseLayer {
            inputs,
            outputs,
            weight: ramp(inputs * outputs),
            bias: ramp(outputs),
        }
    }

    #[test]
    fn layers_of_a_file_come_back_the_same() {
        let (hidden, heads) = (
            vec![layer(2, 3, 0.0)],
            [layer(3, 1, 10.0), layer(3, 1, 20.0)],
        );
        let policy =
            from_layers(hidden.clone(), heads.clone(), ActionDistribution::default()).unwrap();
        assert_eq!((policy.obs_dim(), policy.act_dim()), (2, 1));
        assert_eq!(policy.layers[0].weight, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        // Mean and log σ side by side, an input a row.
        assert_eq!(
            policy.layers[1].weight,
            [10.0, 20.0, 11.0, 21.0, 12.0, 22.0]
        );
        let [mean, log_std] = heads;
        let named = [
            ("fc0", hidden[0].clone()),
            ("last_fc", mean),
            ("last_fc_log_std", log_std),
        ];
        assert_eq!(
            to_layers(&policy),
            named.map(|(name, l)| (name.to_owned(), l))
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused =
            |hidden, heads| from_layers(hidden, heads, ActionDistribution::default()).unwrap_err();
        let error = refused(vec![], [layer(3, 1, 0.0), layer(3, 2, 0.0)]);
        assert_eq!(
            error,
            "`last_fc` is a layer of 3 → 1, `last_fc_log_std` one of 3 → 2"
        );
        let mut short = layer(2, 3, 0.0);
        short.weight.pop();
        let error = refused(vec![short], [layer(3, 1, 0.0), layer(3, 1, 0.0)]);
        assert_eq!(error, "a layer of 2 → 3 has 5 weights and 3 biases");
    }
}
