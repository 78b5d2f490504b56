//! Methods by name, and their settings as TOML and as flags.

use candle_core::Device;
use clap::{ArgMatches, Command, FromArgMatches};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::algo::h2oplus::ValueKind;
use crate::algo::{Agent, H2oPlus, H2oPlusSettings, Sac, SacSettings};
use crate::error::{Error, Result};
use crate::nn::ops::target::Exploration;

/// The methods that are built.
pub const METHODS: [&str; 2] = ["h2oplus", "sac"];

/// `given` over the defaults of `method`: every setting, by name.
pub fn resolve_settings(method: &str, given: &toml::Table) -> Result<toml::Table> {
    match method {
        "h2oplus" => to_table(&parse::<H2oPlusSettings>(method, given)?),
        "sac" => to_table(&parse::<SacSettings>(method, given)?),
        _ => Err(unknown(method)),
    }
}

/// A fresh population of `method` with `settings` (defaults for what they leave out), one member per seed.
pub fn build(
    method: &str,
    settings: &toml::Table,
    obs_dim: usize,
    act_dim: usize,
    seeds: &[u64],
    device: &Device,
) -> Result<Box<dyn Agent>> {
    Ok(match method {
        "h2oplus" => {
            Box::new(H2oPlus::new(obs_dim, act_dim, &parse(method, settings)?, seeds, device)?)
        }
        "sac" => Box::new(Sac::new(obs_dim, act_dim, &parse(method, settings)?, seeds, device)?),
        _ => return Err(unknown(method)),
    })
}

fn unknown(method: &str) -> Error {
    Error::input(
        format!("--algo {method}"),
        "no such method",
        format!("one of: {}", METHODS.join(", ")),
    )
}

fn parse<T: DeserializeOwned>(method: &str, given: &toml::Table) -> Result<T> {
    given.clone().try_into().map_err(|e: toml::de::Error| {
        let mend = format!("`h2oplus train --help` lists the settings of {method}");
        Error::input(format!("settings of {method}"), e.message(), mend)
    })
}

fn to_table(settings: &impl Serialize) -> Result<toml::Table> {
    toml::Table::try_from(settings).map_err(|e| Error::input("settings", e, "report this as a bug"))
}

/// The settings of all methods as flags; those that were given, by name.
#[derive(Clone, Debug, Default)]
pub struct SettingsFlags(toml::Table);

impl SettingsFlags {
    /// The flags that were given: setting → value.
    pub fn given(&self) -> &toml::Table {
        &self.0
    }
}

/// One flag a setting: `None` where it was not given. A method refuses settings that it lacks.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Settings of the method (defaults: the paper's)")]
struct Flags {
    /// Widths of the hidden layers [256,256]
    #[arg(long, value_delimiter = ',', value_name = "N,N")]
    hidden: Option<Vec<usize>>,
    /// sac: transitions per update [256]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// h2oplus: real transitions per update [128]
    #[arg(long, value_name = "N")]
    real_batch: Option<usize>,
    /// h2oplus: simulated transitions per update [128]
    #[arg(long, value_name = "N")]
    sim_batch: Option<usize>,
    /// h2oplus: transitions of either side on which the classifiers train [256]
    #[arg(long, value_name = "N")]
    ratio_batch: Option<usize>,
    /// γ [0.99]
    #[arg(long, value_name = "X")]
    discount: Option<f64>,
    /// h2oplus: λ, the share of V in the target [0.1]
    #[arg(long, value_name = "X")]
    lambda: Option<f64>,
    /// h2oplus: how V is learned [expectile]
    #[arg(long, value_enum)]
    value_rule: Option<ValueKind>,
    /// h2oplus: τ of the expectile [0.5]
    #[arg(long, value_name = "X")]
    tau: Option<f64>,
    /// Exploration term of the target [entropy]
    #[arg(long, value_enum)]
    exploration: Option<Exploration>,
    /// h2oplus: weigh the simulated half by the dynamics ratio [true]
    #[arg(long, value_name = "BOOL")]
    use_ratio: Option<bool>,
    /// h2oplus: smallest weight [1e-5]
    #[arg(long, value_name = "X")]
    ratio_min: Option<f64>,
    /// h2oplus: largest weight [1]
    #[arg(long, value_name = "X")]
    ratio_max: Option<f64>,
    /// h2oplus: σ of the normals on the classifiers' inputs [0.1]
    #[arg(long, value_name = "X")]
    ratio_noise: Option<f64>,
    /// Factor of the reward [1]
    #[arg(long, value_name = "X")]
    reward_scale: Option<f64>,
    /// Adam's rate for the policy [3e-4]
    #[arg(long, value_name = "X")]
    policy_lr: Option<f64>,
    /// Adam's rate for log β [3e-4]
    #[arg(long, value_name = "X")]
    alpha_lr: Option<f64>,
    /// Adam's rate for the critics [3e-4]
    #[arg(long, value_name = "X")]
    qf_lr: Option<f64>,
    /// h2oplus: Adam's rate for V [3e-4]
    #[arg(long, value_name = "X")]
    vf_lr: Option<f64>,
    /// h2oplus: Adam's rate for the classifiers [3e-4]
    #[arg(long, value_name = "X")]
    ratio_lr: Option<f64>,
    /// Polyak rate of the target critics [0.005]
    #[arg(long, value_name = "X")]
    target_rate: Option<f64>,
    /// Target entropy [−(length of an action)]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    target_entropy: Option<f64>,
    /// h2oplus: updates of the offline warm start [0]
    #[arg(long, value_name = "N")]
    warmup: Option<u64>,
    /// h2oplus: β of the warm start's advantage weights [1]
    #[arg(long, value_name = "X")]
    warmup_beta: Option<f64>,
    /// h2oplus: largest advantage weight [100]
    #[arg(long, value_name = "X")]
    warmup_clip: Option<f64>,
}

impl FromArgMatches for SettingsFlags {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let flags = Flags::from_arg_matches(matches)?;
        let table = toml::Table::try_from(&flags).map_err(|e| {
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{e}\n"))
        })?;
        Ok(Self(table))
    }

    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for SettingsFlags {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}
