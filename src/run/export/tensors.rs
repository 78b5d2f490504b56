//! A policy as safetensors with a JSON file beside it: layers by PyTorch's conventions, `[outputs, inputs]`, under
//! D4RL's names: `fc0`, `fc1` …, `last_fc` (μ before the tanh) and `last_fc_log_std`. The JSON file is a [`PolicyCard`].
//!
//! Any program that multiplies matrices loads them. PyTorch:
//!
//! ```python
//! import json, torch
//! from safetensors.torch import load_file
//!
//! card, w = json.load(open("policy.json")), load_file("policy.safetensors")
//!
//! def act(obs):  # [n, observations] → controls [n, actions]
//!     x = obs
//!     for k in range(len(card["hidden"])):
//!         x = torch.relu(x @ w[f"fc{k}.weight"].T + w[f"fc{k}.bias"])
//!     unit = torch.tanh(x @ w["last_fc.weight"].T + w["last_fc.bias"])
//!     return unit * torch.tensor(card["action_half"]) + torch.tensor(card["action_middle"])
//! ```
//!
//! candle, whose `Module` our [`HostPolicy`](crate::net::HostPolicy) is too:
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use candle_nn::{Module, VarBuilder, linear};
//! use h2oplus::env::Task;
//! use h2oplus::net::HostPolicy;
//! use h2oplus::run::export::{PolicyCard, tensors};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let task = Task::load("hopper-v5")?;
//! let settings = toml::toml! { hidden = [32, 32] };
//! let (obs, act) = (task.obs_dim(), task.act_dim());
//! let policy = h2oplus::method::build("sac", &settings, obs, act, &[7], &Device::Cpu)?.policy(0)?;
//! let card = PolicyCard::new(&policy, "sac seed 7", &task, "none", "runs/mine".as_ref());
//!
//! let bytes = tensors::encode(&policy)?;
//! let vb = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu)?;
//! let mut sizes = vec![card.observations];
//! sizes.extend(&card.hidden);
//! let mut network = candle_nn::seq();
//! for (k, pair) in sizes.windows(2).enumerate() {
//!     network = network.add(linear(pair[0], pair[1], vb.pp(format!("fc{k}")))?).add(candle_nn::Activation::Relu);
//! }
//! let network = network.add(linear(sizes[sizes.len() - 1], card.actions, vb.pp("last_fc"))?);
//!
//! let seen = Tensor::randn(0f32, 1f32, (64, obs), &Device::Cpu)?;
//! let theirs = network.forward(&seen)?.tanh()?;
//! let ours = HostPolicy(policy).forward(&seen)?;
//! let apart = (theirs - ours)?.abs()?.max_all()?.to_scalar::<f32>()?;
//! assert!(apart < 1e-6, "{apart}");
//! # Ok(())
//! # }
//! ```

use std::path::{Path, PathBuf};

use safetensors::{Dtype, tensor::TensorView};

use super::PolicyCard;
use crate::data::to_layers;
use crate::error::{Error, Result};
use crate::policy::Policy;
use crate::run::record::run_folder::write;

/// The tensors' file.
///
/// # Errors
/// Where the format does not take them.
pub fn encode(policy: &Policy) -> Result<Vec<u8>> {
    let bytes = |values: &[f32]| {
        values
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let layers = to_layers(policy).into_iter();
    let tensors: Vec<_> = layers
        .flat_map(|(name, layer)| {
            let weight = (
                format!("{name}.weight"),
                vec![layer.outputs, layer.inputs],
                bytes(&layer.weight),
            );
            [
                weight,
                (
                    format!("{name}.bias"),
                    vec![layer.outputs],
                    bytes(&layer.bias),
                ),
            ]
        })
        .collect();
    let refused =
        |e: safetensors::SafeTensorError| Error::input("policy", e, "report this as a bug");
    let views = tensors.iter().map(|(name, shape, data)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), data);
        Ok((name.as_str(), view.map_err(refused)?))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    safetensors::serialize(views, None).map_err(refused)
}

/// Writes the tensors to `path` and the card beside them, with the ending `.json`; where the card is.
///
/// # Errors
/// Where a file cannot be written.
pub fn save(policy: &Policy, card: &PolicyCard, path: &Path) -> Result<PathBuf> {
    let beside = path.with_extension("json");
    let text = serde_json::to_string_pretty(card).unwrap_or_default() + "\n";
    write(path, &encode(policy)?)?;
    write(&beside, text.as_bytes())?;
    Ok(beside)
}
