//! Policies as the shaders read them: sizes, constants, and all members' weights one after another.

use crate::error::{Error, Result};
use crate::gpu::constants::Constants;
use crate::policy::Policy;

/// Inputs of the first layer, then outputs of each.
///
/// # Errors
/// Where the layers fit neither each other nor the task.
pub(super) fn sizes(policy: &Policy, obs_dim: usize, act_dim: usize) -> Result<Vec<usize>> {
    let wrong = |problem: String, help: &str| Err(Error::input("policy", problem, help));
    let mut sizes = vec![obs_dim];
    for l in &policy.layers {
        let whole = (l.weight.len(), l.bias.len()) == (l.inputs * l.outputs, l.outputs);
        if !whole || l.outputs == 0 || Some(&l.inputs) != sizes.last() {
            let problem = format!("a layer of {} inputs follows {sizes:?}", l.inputs);
            return wrong(problem, "give layers that fit the task and each other");
        }
        sizes.push(l.outputs);
    }
    if sizes.len() < 2 || sizes.last() != Some(&(2 * act_dim)) {
        let problem = format!("layers {sizes:?} for {act_dim} actions");
        return wrong(problem, "let the last layer give mean and log-std");
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
pub(super) fn append(flat: &mut Vec<f32>, policy: &Policy) {
    for layer in &policy.layers {
        flat.extend_from_slice(&layer.weight);
        flat.extend_from_slice(&layer.bias);
    }
}
