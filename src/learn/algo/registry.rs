//! The methods by name: their settings as flags and TOML, and how to build them.

use std::sync::LazyLock;

use candle_core::Device;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::settings::ordered;
use super::{
    Agent, CqlSettings, DarcSettings, H2oPlusSettings, H2oSettings, IqlSettings, SacSettings,
};
use crate::error::{Error, Result};
use crate::flag;
use crate::range::{Range, Ranges};

/// Settings, observation, action, seeds, device → a fresh population.
type Build = fn(&[Table], usize, usize, &[u64], &Device) -> Result<Agent>;

/// What the registry knows of a method.
struct Method {
    name: &'static str,
    /// One flag per setting, from the settings' own documentation.
    flags: LazyLock<Vec<Arg>>,
    ranges: &'static [(&'static str, Range)],
    defaults: fn() -> Table,
    resolve: fn(&Table) -> Result<Table>,
    build: Build,
}

impl Method {
    fn flag(&self, key: &str) -> Option<&Arg> {
        self.flags.iter().find(|flag| flag.get_id() == key)
    }

    fn range(&self, key: &str) -> Option<Range> {
        let range = self.ranges.iter().find(|(known, _)| *known == key);
        range.map(|(_, range)| *range)
    }

    /// Refuses a value of another kind, or one that is out of its range; the value as its field takes it.
    fn value(&self, key: &str, value: &Value) -> Result<Value> {
        let arg = self.flag(key).ok_or_else(|| self.lacks(key))?;
        let place = flag::name(key);
        let value = flag::value(arg, value)
            .map_err(|(problem, help)| Error::input(&place, problem, help))?;
        let Some(range) = self.range(key) else {
            return Ok(value);
        };
        match &value {
            Value::Array(all) if all.is_empty() => Err(range.refuse(&place, "is an empty list"))?,
            Value::Array(all) => all.iter().try_for_each(|one| check(range, &place, one))?,
            one => check(range, &place, one)?,
        }
        Ok(value)
    }

    /// The error of a setting that this method does not have.
    fn lacks(&self, key: &str) -> Error {
        let mut others = METHODS.iter().filter(|m| m.flag(key).is_some());
        let have: Vec<_> = others.by_ref().map(|m| m.name).collect();
        let problem = format!("is no setting of {}", self.name);
        let help = match have.is_empty() {
            true => {
                let all: Vec<_> = self.flags.iter().map(|f| f.get_id().to_string()).collect();
                flag::among(key, &all)
            }
            false => format!("leave it out; {} has it", have.join(", ")),
        };
        Error::input(flag::name(key), problem, help)
    }
}

/// A number's range; TOML's numbers are integers and floats.
fn check(range: Range, place: &str, number: &Value) -> Result<()> {
    let number = number.as_float().or(number.as_integer().map(|n| n as f64));
    number.map_or(Ok(()), |number| range.check(place, number))
}

/// A row of [`METHODS`], with what differs from the settings' own defaults.
macro_rules! method {
    ($name:literal, $settings:ident $(, $key:ident = $value:expr)*) => {
        Method {
            name: $name,
            flags: LazyLock::new(flags_of::<$settings>),
            ranges: <$settings as Ranges>::RANGES,
            defaults: || table(&$settings { $($key: $value,)* ..Default::default() }),
            resolve: |given| Ok(table(&parse::<$settings>($name, given)?)),
            build: |given, obs_dim, act_dim, seeds, device| {
                let settings = given.iter().map(|given| parse::<$settings>($name, given));
                let settings = settings.collect::<Result<Vec<$settings>>>()?;
                super::Method::agent(&settings, [obs_dim, act_dim], seeds, device)
            },
        }
    };
}

static METHODS: [Method; 7] = [
    method!("h2oplus", H2oPlusSettings),
    method!("h2o", H2oSettings),
    method!("sac", SacSettings),
    method!("rlpd", SacSettings, real_batch = 128, batch = 128),
    method!("darc", DarcSettings),
    method!("iql", IqlSettings),
    method!("cql", CqlSettings),
];

/// Names of the methods.
pub fn methods() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|method| method.name)
}

/// Whether `method` samples the simulator at all; an unknown one does not.
pub fn simulates(method: &str) -> bool {
    methods().any(|known| known == method) && !matches!(method, "iql" | "cql")
}

fn find(name: &str) -> Result<&'static Method> {
    METHODS.iter().find(|m| m.name == name).ok_or_else(|| {
        let help = format!("methods: {}", methods().collect::<Vec<_>>().join(", "));
        Error::input(format!("method `{name}`"), "there is no such method", help)
    })
}

/// Settings of `method`: `given` over the defaults. An unknown key is an error.
pub fn resolve_settings(method: &str, given: &Table) -> Result<Table> {
    (find(method)?.resolve)(given)
}

/// A value of a setting of `method` as its field takes it.
///
/// # Errors
/// Where the method has no such setting, or the value is of another kind or out of its range.
pub fn setting(method: &str, key: &str, value: &Value) -> Result<Value> {
    find(method)?.value(key, value)
}

/// The flag of a setting, whichever method has it.
pub fn setting_flag(key: &str) -> Option<&'static Arg> {
    METHODS.iter().find_map(|method| method.flag(key))
}

/// Names of the settings of all methods.
pub fn setting_names() -> Vec<String> {
    SettingsFlags::all()
        .iter()
        .map(|flag| flag.get_id().to_string())
        .collect()
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
            let help = "give one value for all members; numbers such as lambda or qf_lr may differ";
            return Err(Error::input(
                format!("setting `{key}` of {method}"),
                problem,
                help,
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
) -> Result<Agent> {
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
) -> Result<Agent> {
    assert_eq!(settings.len(), seeds.len(), "settings of each member");
    let settings = resolve_members(method, settings)?;
    (find(method)?.build)(&settings, obs_dim, act_dim, seeds, device)
}

fn parse<T: DeserializeOwned>(method: &str, given: &Table) -> Result<T> {
    let method = find(method)?;
    let mut settings = (method.defaults)();
    for (key, value) in given {
        settings.insert(key.clone(), method.value(key, value)?);
    }
    for (key, low) in &settings {
        let high_key = key.strip_suffix("_min").map(|stem| format!("{stem}_max"));
        let high = high_key.as_ref().and_then(|key| settings.get(key));
        if let (Some(low), Some(high_key), Some(high)) =
            (low.as_float(), &high_key, high.and_then(Value::as_float))
        {
            ordered([key, high_key], [low, high])?;
        }
    }
    settings.try_into().map_err(|e: toml::de::Error| {
        let help = "`h2oplus train --help` lists each method's settings";
        Error::input(format!("settings of {}", method.name), e.message(), help)
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
        for flag in METHODS.iter().flat_map(|method| method.flags.iter()) {
            if all.iter().all(|known| known.get_id() != flag.get_id()) {
                all.push(flag.clone());
            }
        }
        all
    }

    /// `(a number, 0 or more) [h2oplus: 0.1] [sac: 0.2]`; ranges that differ stand with their methods.
    fn ranges_and_defaults(id: &str) -> String {
        let having: Vec<&Method> = METHODS.iter().filter(|m| m.flag(id).is_some()).collect();
        let ranges: Vec<Option<Range>> = having.iter().map(|m| m.range(id)).collect();
        let alike = ranges.windows(2).all(|pair| pair[0] == pair[1]);
        let said = |range: Option<Range>| range.map_or(String::new(), |r| format!(" ({r})"));
        let default = |m: &&Method| {
            let value = (m.defaults)()
                .get(id)
                .map_or("none".into(), Value::to_string);
            let range = if alike {
                String::new()
            } else {
                said(m.range(id))
            };
            format!(" [{}: {value}{range}]", m.name)
        };
        let defaults: String = having.iter().map(default).collect();
        let range = ranges[0].filter(|_| alike);
        said(range) + &defaults
    }
}

impl clap::Args for SettingsFlags {
    fn augment_args(cmd: Command) -> Command {
        let flags = Self::all().into_iter().map(|flag| {
            let id = flag.get_id().to_string();
            let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
            flag.required(false)
                .help(help + &Self::ranges_and_defaults(&id))
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
        for method in &METHODS {
            for (key, value) in (method.defaults)() {
                assert!(
                    method.flag(&key).is_some(),
                    "{}: no flag {key}",
                    method.name
                );
                let number = matches!(value, Value::Integer(_) | Value::Float(_) | Value::Array(_));
                assert_eq!(
                    method.range(&key).is_some(),
                    number,
                    "{}: {key}",
                    method.name
                );
                assert_eq!(
                    method.value(&key, &value).unwrap(),
                    value,
                    "the default is in range"
                );
            }
        }
        let cmd = flag::with_negatives(SettingsFlags::augment_args(Command::new("t")));
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
