//! What the published code calls its methods, settings and parameters.

use serde_json::{Map, Value};

use crate::method::{Method, methods};

/// Our method for the case of that name; none for one that is not built.
pub fn method(case: &str) -> Option<&'static str> {
    let of_case = |name: &&str| {
        case.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    methods().filter(of_case).max_by_key(|name| name.len())
}

/// Settings whose values are the rows of the first recorded batches.
pub fn batches(method: &str) -> &'static [&'static str] {
    let mixes = Method::named(method).is_ok_and(|method| method.setting("sim_batch").is_some());
    match mixes {
        true => &["real_batch", "sim_batch"],
        false => &["batch"],
    }
}

/// (ours, theirs). A name means the same in every method that has it.
const SETTINGS: [(&str, &str); 46] = [
    ("discount", "discount"),
    ("reward_scale", "reward_scale"),
    ("polyak", "soft_target_update_rate"),
    ("target_entropy", "target_entropy"),
    ("policy_lr", "policy_lr"),
    ("alpha_lr", "policy_lr"),
    ("qf_lr", "qf_lr"),
    // IQL has one rate for all.
    ("policy_lr", "lr"),
    ("qf_lr", "lr"),
    ("vf_lr", "lr"),
    ("policy_lr_updates", "max_steps"),
    ("expectile", "expectile"),
    ("beta", "beta"),
    ("weight_max", "exp_advantage_max"),
    // TD3+BC
    ("polyak", "tau"),
    ("policy_noise", "policy_noise"),
    ("noise_clip", "noise_clip"),
    ("policy_delay", "policy_freq"),
    ("bc_alpha", "alpha"),
    ("policy_lr", "actor_lr"),
    ("qf_lr", "critic_lr"),
    // ODRL's methods, as they are recorded here
    ("alpha", "temperature"),
    ("bc_weight", "weight"),
    ("penalty_beta", "penalty"),
    ("encoder_every", "encoder_update"),
    ("encoder_width", "encoder_width"),
    ("encoder_batch", "encoder_rows"),
    ("encoder_lr", "encoder_lr"),
    ("correction", "penalty_coefficient"),
    ("correction_clip", "penalty_clip"),
    // H2O+
    ("lambda", "exploit_coeff"),
    ("expectile", "quantile"),
    ("value_alpha", "sparse_alpha"),
    ("use_ratio", "use_td_target_ratio"),
    // The classifiers
    ("ratio_batch", "batch_size"),
    ("ratio_noise", "noise_std_discriminator"),
    ("ratio_min", "clip_dynamics_ratio_min"),
    ("ratio_max", "clip_dynamics_ratio_max"),
    // CQL's term, and H2O's
    ("penalty_weight", "cql_min_q_weight"),
    ("penalty_temperature", "cql_temp"),
    ("penalty_actions", "cql_n_actions"),
    ("importance", "cql_importance_sample"),
    ("gap_samples", "sampling_n_next_states"),
    ("gap_min", "sim_q_coeff_min"),
    ("gap_max", "sim_q_coeff_max"),
    ("gap_spread", "s_prime_std_ratio"),
];

/// Our settings from theirs.
pub fn settings(theirs: &Map<String, Value>) -> toml::Table {
    let mut ours = toml::Table::new();
    let flag = |name: &str| theirs.get(name).and_then(Value::as_bool);
    for (our, their) in SETTINGS {
        let value = theirs.get(their).and_then(|v| match v {
            Value::Bool(on) => Some(toml::Value::from(*on)),
            Value::Number(n) => n.as_i64().map(Into::into).or(n.as_f64().map(Into::into)),
            _ => None,
        });
        ours.extend(value.map(|value| (our.to_owned(), value)));
    }
    if let Some(on) = flag("backup_entropy") {
        let term = if on { "entropy" } else { "none" };
        ours.insert("exploration".into(), term.into());
    }
    if flag("use_quantile_regression") == Some(false) {
        ours.insert("value".into(), "sparse".into());
    }
    ours
}

/// `policy.base_network.network.2.bias` → `policy.1.bias`, `d_sa.fc3.weight` → `d_sa.2.weight`, `q.q1.net.0.bias` →
/// `qf1.0.bias`: their modules count ReLUs as layers.
pub fn parameter(theirs: &str) -> String {
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
