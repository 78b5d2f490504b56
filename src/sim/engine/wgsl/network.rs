//! Policies as the shaders read them: sizes, constants, and all members' weights one after another.

use crate::error::{Error, Result};
use crate::gpu::constants::Constants;

/// A dense layer of a policy; all but the last are followed by a ReLU. The last gives mean and log-std
/// side by side.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// `[outputs, inputs]`.
    pub weight: &'a [f32],
    /// `[outputs]`.
    pub bias: &'a [f32],
}

impl Layer<'_> {
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    pub(super) fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len().max(1)
    }
}

/// Inputs of the first layer, then outputs of each.
pub(super) fn sizes(layers: &[Layer<'_>], obs_dim: usize, act_dim: usize) -> Result<Vec<usize>> {
    let mut sizes = vec![obs_dim];
    for layer in layers {
        if layer.outputs() == 0 || Some(&layer.inputs()) != sizes.last() {
            let problem = format!("a layer of {} inputs follows {sizes:?}", layer.inputs());
            return Err(Error::input(
                "policy",
                problem,
                "give layers that fit the task and each other",
            ));
        }
        sizes.push(layer.outputs());
    }
    if sizes.len() < 2 || sizes.last() != Some(&(2 * act_dim)) {
        let problem = format!("layers {sizes:?} for {act_dim} actions");
        return Err(Error::input(
            "policy",
            problem,
            "let the last layer give mean and log-std",
        ));
    }
    Ok(sizes)
}

/// Numbers of one member.
pub(super) fn parameters(sizes: &[usize]) -> usize {
    sizes.windows(2).map(|w| (w[0] + 1) * w[1]).sum()
}

/// The module `shared::network`.
pub(super) fn network(sizes: &[usize], tile: usize) -> Constants {
    let mut c = Constants::new("network");
    c.number("TILE", tile);
    c.number("QUADS", tile / 4);
    c.number("WIDTH", sizes.iter().copied().max().unwrap_or(0));
    c.number("LAYERS", sizes.len() - 1);
    c.number("MEMBER", parameters(sizes));
    let layers = sizes.windows(2);
    c.numbers("INPUTS", layers.clone().map(|w| w[0]));
    c.numbers("OUTPUTS", layers.clone().map(|w| w[1]));
    let starts = layers.scan(0, |at, w| {
        let start = *at;
        *at += (w[0] + 1) * w[1];
        Some((start, start + w[0] * w[1]))
    });
    c.numbers("WEIGHT", starts.clone().map(|s| s.0));
    c.numbers("BIAS", starts.map(|s| s.1));
    c
}

/// Appends the weights of one member to `flat`.
pub(super) fn append(flat: &mut Vec<f32>, layers: &[Layer<'_>]) {
    for layer in layers {
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        // Neighbouring outputs, which neighbouring invocations compute, lie side by side.
        let turned = |at: usize| layer.weight[at % outputs * inputs + at / outputs];
        flat.extend((0..inputs * outputs).map(turned));
        flat.extend_from_slice(layer.bias);
    }
}
