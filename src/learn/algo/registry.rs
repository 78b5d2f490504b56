//! The methods by name: their settings as flags and TOML, and how to build them.

use candle_core::Device;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{
    Agent, Cql, CqlSettings, Darc, DarcSettings, H2o, H2oPlus, H2oPlusSettings, H2oSettings, Iql,
    IqlSettings, Sac, SacSettings,
};
use crate::error::{Error, Result};

/// Settings, observation, action, seeds, device → a fresh population.
type Build = fn(&[Table], usize, usize, &[u64], &Device) -> Result<Box<dyn Agent>>;

/// What the registry knows of a method.
struct Method {
    name: &'static str,
    /// One flag per setting, from the settings' own documentation.
    flags: fn() -> Vec<Arg>,
    defaults: fn() -> Table,
    resolve: fn(&str, &Table) -> Result<Table>,
    build: Build,
}

/// A row of [`METHODS`], with what differs from the settings' own defaults.
macro_rules! method {
    ($name:literal, $agent:ty, $settings:ident $(, $key:ident = $value:expr)*) => {
        Method {
            name: $name,
            flags: flags_of::<$settings>,
            defaults: || table(&$settings { $($key: $value,)* ..Default::default() }),
            resolve: |name, given| Ok(table(&parse::<$settings>(name, given)?)),
            build: |given, obs_dim, act_dim, seeds, device| {
                let settings = given.iter().map(|given| parse::<$settings>($name, given));
                let settings = settings.collect::<Result<Vec<_>>>()?;
                Ok(Box::new(<$agent>::new(
                    obs_dim, act_dim, &settings, seeds, device,
                )?))
            },
        }
    };
}

static METHODS: &[Method] = &[
    method!("h2oplus", H2oPlus, H2oPlusSettings),
    method!("h2o", H2o, H2oSettings),
    method!("sac", Sac, SacSettings),
    method!("rlpd", Sac, SacSettings, real_batch = 128, batch = 128),
    method!("darc", Darc, DarcSettings),
    method!("iql", Iql, IqlSettings),
    method!("cql", Cql, CqlSettings),
];

/// Names of the methods.
pub fn methods() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|method| method.name)
}

fn find(name: &str) -> Result<&'static Method> {
    METHODS.iter().find(|m| m.name == name).ok_or_else(|| {
        let mend = format!("methods: {}", methods().collect::<Vec<_>>().join(", "));
        Error::input(format!("method `{name}`"), "there is no such method", mend)
    })
}

/// Settings of `method`: `given` over the defaults. An unknown key is an error.
pub fn resolve_settings(method: &str, given: &Table) -> Result<Table> {
    (find(method)?.resolve)(method, given)
}

/// Settings of each member of a population of `method`: those of `given` over the defaults. Members may differ in
/// any number with a fraction; what decides shapes, or which kernels run, all have alike.
pub fn resolve_members(method: &str, given: &[Table]) -> Result<Vec<Table>> {
    let all: Vec<Table> = given
        .iter()
        .map(|one| resolve_settings(method, one))
        .collect::<Result<_>>()?;
    let Some(first) = all.first() else {
        let problem = "has no members";
        return Err(Error::input(
            "population",
            problem,
            "give at least one seed",
        ));
    };
    for key in all.iter().flat_map(Table::keys) {
        let values = || all.iter().map(|one| one.get(key));
        let number = |value: Option<&Value>| value.is_none_or(Value::is_float);
        if values().any(|v| v != first.get(key)) && !values().all(number) {
            let problem =
                "differs between members, but it decides the shapes or the kernels that all share";
            let mend = "give one value for all members; numbers such as lambda or qf_lr may differ";
            return Err(Error::input(
                format!("setting `{key}` of {method}"),
                problem,
                mend,
            ));
        }
    }
    Ok(all)
}

/// A fresh population of `method`, one member per seed, all with the same settings.
pub fn build(
    method: &str,
    settings: &Table,
    obs_dim: usize,
    act_dim: usize,
    seeds: &[u64],
    device: &Device,
) -> Result<Box<dyn Agent>> {
    let settings = vec![settings.clone(); seeds.len()];
    build_members(method, &settings, obs_dim, act_dim, seeds, device)
}

/// A fresh population of `method`: one member per seed, each with its own [settings](resolve_members).
///
/// # Panics
/// Unless there are as many settings as seeds.
pub fn build_members(
    method: &str,
    settings: &[Table],
    obs_dim: usize,
    act_dim: usize,
    seeds: &[u64],
    device: &Device,
) -> Result<Box<dyn Agent>> {
    assert_eq!(settings.len(), seeds.len(), "settings of each member");
    let settings = resolve_members(method, settings)?;
    (find(method)?.build)(&settings, obs_dim, act_dim, seeds, device)
}

fn parse<T: DeserializeOwned>(method: &str, given: &Table) -> Result<T> {
    let mut settings = (find(method)?.defaults)();
    settings.extend(given.clone());
    for (key, value) in &settings {
        if value.as_float().is_some_and(|x| !x.is_finite()) {
            let mend = "give a finite number";
            return Err(Error::input(key, format!("is {value}"), mend));
        }
    }
    settings.try_into().map_err(|e: toml::de::Error| {
        let mend = "`h2oplus train --help` lists each method's settings";
        Error::input(format!("settings of {method}"), e.message(), mend)
    })
}

fn table(settings: &impl Serialize) -> Table {
    Table::try_from(settings).expect("settings are numbers, flags and names")
}

fn flags_of<T: clap::Args>() -> Vec<Arg> {
    T::augment_args(Command::new(""))
        .get_arguments()
        .cloned()
        .collect()
}

/// Flags for the settings of every method; which of them the chosen method has is known once the
/// config is resolved.
#[derive(Clone, Debug, Default)]
pub struct SettingsFlags {
    given: Table,
}

impl SettingsFlags {
    /// The settings that stood on the command line.
    pub fn given(&self) -> &Table {
        &self.given
    }

    fn all() -> Vec<Arg> {
        let mut all: Vec<Arg> = Vec::new();
        for method in METHODS {
            for flag in (method.flags)() {
                if all.iter().all(|known| known.get_id() != flag.get_id()) {
                    all.push(flag);
                }
            }
        }
        all
    }

    /// `[h2oplus: 0.1] [sac: 0.2]`.
    fn defaults(id: &str) -> String {
        let default = |m: &Method| {
            let has = (m.flags)().iter().any(|flag| flag.get_id() == id);
            let value = (m.defaults)()
                .get(id)
                .map_or("none".into(), Value::to_string);
            has.then(|| format!(" [{}: {value}]", m.name))
        };
        METHODS.iter().filter_map(default).collect()
    }
}

impl clap::Args for SettingsFlags {
    fn augment_args(cmd: Command) -> Command {
        let flags = Self::all().into_iter().map(|flag| {
            let id = flag.get_id().to_string();
            let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
            flag.required(false)
                .help(help + &Self::defaults(&id))
                .help_heading("Settings of the methods [with each method's default]")
        });
        cmd.args(flags)
    }
    fn augment_args_for_update(cmd: Command) -> Command {
        Self::augment_args(cmd)
    }
}

impl clap::FromArgMatches for SettingsFlags {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let mut given = Table::new();
        for flag in Self::all() {
            let id = flag.get_id().as_str();
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let raw = matches.get_raw(id).into_iter().flatten();
            let mut values: Vec<Value> = raw.map(|v| literal(&v.to_string_lossy())).collect();
            let value = match flag.get_value_delimiter() {
                Some(_) => Value::Array(values),
                None => values.pop().unwrap_or(Value::Boolean(true)),
            };
            given.insert(id.to_string(), value);
        }
        Ok(Self { given })
    }
    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A flag's text as the TOML value that it looks like.
pub fn literal(text: &str) -> Value {
    if let Ok(v) = text.parse::<i64>() {
        Value::Integer(v)
    } else if let Ok(v) = text.parse::<f64>() {
        Value::Float(v)
    } else if let Ok(v) = text.parse::<bool>() {
        Value::Boolean(v)
    } else {
        Value::String(text.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    #[test]
    fn every_setting_has_a_flag_and_flags_reach_the_settings() {
        for method in METHODS {
            let flags = (method.flags)();
            for key in (method.defaults)().keys() {
                assert!(
                    flags.iter().any(|f| f.get_id() == key),
                    "{}: no flag {key}",
                    method.name
                );
            }
        }
        let cmd = SettingsFlags::augment_args(Command::new("t"));
        let matches = cmd.get_matches_from([
            "t",
            "--lambda",
            "0.25",
            "--hidden",
            "32,16",
            "--target-entropy",
            "-3",
        ]);
        let flags = SettingsFlags::from_arg_matches(&matches).unwrap();
        let settings = resolve_settings("h2oplus", flags.given()).unwrap();
        assert_eq!(settings["lambda"], Value::Float(0.25));
        assert_eq!(settings["hidden"], Value::Array(vec![32.into(), 16.into()]));
        assert!(
            resolve_settings("sac", flags.given()).is_err(),
            "SAC has no lambda"
        );
    }
}
