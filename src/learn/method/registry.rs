//! The methods: one table, from which flags, files, help and tests are made.

use h2oplus_base::nearest::among;
use h2oplus_base::setting::{Refused, Setting, Settings};
use toml::{Table, Value};

use super::settings::ordered;
use super::{
    Agent, CqlSettings, DaraSettings, DarcSettings, H2oPlusSettings, H2oSettings, IqlSettings,
    ParBcSettings, Record, RlpdSettings, SacBcSettings, SacCqlSettings, SacSettings, Td3BcSettings,
};
use crate::error::{Error, Result};
use crate::kernel::Compute;

/// All settings of each member, lengths of an observation and an action, seeds, where → a fresh population.
type Build = fn(&[Table], usize, usize, &[u64], &Compute) -> Result<Agent>;

/// A method by its name.
#[derive(Debug)]
pub struct Method {
    /// How users call it.
    pub name: &'static str,
    /// Whether it learns from the data alone, without a simulator.
    pub offline: bool,
    /// What can be set.
    pub settings: &'static [Setting],
    defaults: fn() -> Table,
    build: Build,
}

/// A row of [`METHODS`].
macro_rules! method {
    ($name:literal, offline: $offline:literal, $settings:ident) => {
        Method {
            name: $name,
            offline: $offline,
            settings: $settings::ALL,
            defaults: || {
                let settings = $settings::default();
                settings
                    .table()
                    .expect("defaults are small numbers and names")
            },
            build: |settings, obs_dim, act_dim, seeds, on| {
                let typed = |all: &Table| -> $settings {
                    let all = all.clone().try_into();
                    all.expect("checked settings have the types of their fields")
                };
                let settings: Vec<_> = settings.iter().map(typed).collect();
                Record::agent(&settings, [obs_dim, act_dim], seeds, on)
            },
        }
    };
}

/// Every method.
pub static METHODS: [Method; 12] = [
    method!("h2oplus", offline: false, H2oPlusSettings),
    method!("h2o", offline: false, H2oSettings),
    method!("sac", offline: false, SacSettings),
    method!("rlpd", offline: false, RlpdSettings),
    method!("darc", offline: false, DarcSettings),
    method!("dara", offline: false, DaraSettings),
    method!("par-bc", offline: false, ParBcSettings),
    method!("sac-bc", offline: false, SacBcSettings),
    method!("sac-cql", offline: false, SacCqlSettings),
    method!("iql", offline: true, IqlSettings),
    method!("cql", offline: true, CqlSettings),
    method!("td3bc", offline: true, Td3BcSettings),
];

/// Names that settings had before, or have elsewhere: the name, what is wrong with it, the help.
const RENAMED: [(&str, &str, &str); 2] = [
    (
        "tau",
        "is no setting here: elsewhere it is a Polyak rate, or an expectile",
        "give `polyak` (rate of the target critics) or `expectile` (of V's loss)",
    ),
    (
        "target_rate",
        "is called `polyak` now",
        "give `polyak` (rate of the target critics); `tau` of V's loss is called `expectile` now",
    ),
];

impl Method {
    /// The method called `name`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn named(name: &str) -> Result<&'static Self> {
        METHODS.iter().find(|m| m.name == name).ok_or_else(|| {
            let names: Vec<_> = METHODS.iter().map(|method| method.name).collect();
            let help = format!("methods: {}", names.join(", "));
            Error::input(format!("method `{name}`"), "there is no such method", help)
        })
    }

    /// Its setting called `key`.
    pub fn setting(&self, key: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// Whether it looks at the real data: in its losses, or to tell them from the simulator's.
    pub fn uses_data(&self) -> bool {
        let asks = ["real_batch", "ratio_batch"];
        self.offline || asks.iter().any(|key| self.setting(key).is_some())
    }

    /// Its settings where none is given. One that is none is left out.
    pub fn defaults(&self) -> Table {
        (self.defaults)()
    }

    /// `value` of its setting `key`, as the field takes it.
    ///
    /// # Errors
    /// Where it has no such setting, or the value is of another kind or out of its range.
    pub fn value(&self, key: &str, value: &Value) -> Result<Value> {
        let setting = self.setting(key).ok_or_else(|| self.lacks(key))?;
        setting.value(value)
    }

    /// All its settings: `given` over the defaults.
    ///
    /// # Errors
    /// Those of [`value`](Self::value), and where a lower bound is above its upper one.
    pub fn resolve(&self, given: &Table) -> Result<Table> {
        let mut all = self.defaults();
        for (key, value) in given {
            all.insert(key.clone(), self.value(key, value)?);
        }
        for (key, low) in &all {
            let high_key = key.strip_suffix("_min").map(|stem| format!("{stem}_max"));
            let high = high_key.as_ref().and_then(|key| all.get(key));
            if let (Some(low), Some(high_key), Some(high)) =
                (low.as_float(), &high_key, high.and_then(Value::as_float))
            {
                ordered([key, high_key], [low, high])?;
            }
        }
        Ok(all)
    }

    /// All settings of each member of a population: those of `given` over the defaults. Members may differ in any
    /// number with a fraction; what decides shapes, or which kernels run, all have alike.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve), and where members differ in what they must share, or are none.
    pub fn resolve_members(&self, given: &[Table]) -> Result<Vec<Table>> {
        let all = given.iter().map(|one| self.resolve(one));
        let all: Vec<Table> = all.collect::<Result<_>>()?;
        let Some(first) = all.first() else {
            let help = "give at least one seed";
            return Err(Error::input("population", "has no members", help));
        };
        for key in all.iter().flat_map(Table::keys) {
            let values = || all.iter().map(|one| one.get(key));
            let number = |value: Option<&Value>| value.is_none_or(Value::is_float);
            if values().any(|v| v != first.get(key)) && !values().all(number) {
                return Err(Error::input(
                    format!("setting `{key}` of {}", self.name),
                    "differs between members, but it decides the shapes or the kernels that all share",
                    "give one value for all members; numbers such as lambda or qf_lr may differ",
                ));
            }
        }
        Ok(all)
    }

    /// A fresh population: one member per seed, each with all its [settings](Self::resolve_members), for observations and
    /// actions of these lengths.
    ///
    /// # Errors
    /// Where the device does not take it.
    ///
    /// # Panics
    /// Unless there are as many settings as seeds, and they are resolved.
    pub fn build(
        &self,
        settings: &[Table],
        obs_dim: usize,
        act_dim: usize,
        seeds: &[u64],
        on: impl Into<Compute>,
    ) -> Result<Agent> {
        assert_eq!(settings.len(), seeds.len(), "settings of each member");
        (self.build)(settings, obs_dim, act_dim, seeds, &on.into())
    }

    /// The error of a setting that it does not have.
    fn lacks(&self, key: &str) -> Error {
        if let Some((problem, help)) = renamed(key) {
            return Error::input(key, problem, help);
        }
        let others = METHODS.iter().filter(|m| m.setting(key).is_some());
        let have: Vec<_> = others.map(|m| m.name).collect();
        let problem = format!("is no setting of {}", self.name);
        let help = match have.is_empty() {
            true => {
                let all: Vec<_> = self.settings.iter().map(|s| s.key).collect();
                among(key, &all)
            }
            false => format!("leave it out; {} has it", have.join(", ")),
        };
        Error::input(key, problem, help)
    }
}

/// What to say of `key` where it is the name that a setting had before, or has elsewhere.
pub fn renamed(key: &str) -> Option<Refused> {
    let known = RENAMED.iter().find(|(old, ..)| *old == key);
    known.map(|(_, problem, help)| (problem.to_string(), help.to_string()))
}

/// Names of the methods.
pub fn methods() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|method| method.name)
}

/// The settings of all methods, each once, as the first method that has it declares it. What kind of value
/// it takes is the same in every method.
pub fn settings() -> Vec<&'static Setting> {
    let mut all: Vec<&Setting> = Vec::new();
    for setting in METHODS.iter().flat_map(|method| method.settings) {
        if all.iter().all(|known| known.key != setting.key) {
            all.push(setting);
        }
    }
    all
}

/// The setting called `key`, whichever method has it.
pub fn setting(key: &str) -> Option<&'static Setting> {
    METHODS.iter().find_map(|method| method.setting(key))
}

/// A fresh population of `method`, one member per seed, all with the same settings.
pub fn build(
    method: &str,
    settings: &Table,
    obs_dim: usize,
    act_dim: usize,
    seeds: &[u64],
    on: impl Into<Compute>,
) -> Result<Agent> {
    let settings = vec![settings.clone(); seeds.len()];
    build_members(method, &settings, obs_dim, act_dim, seeds, on)
}

/// A fresh population of `method`: one member per seed, each with its own [settings](Method::resolve_members).
///
/// # Panics
/// Unless there are as many settings as seeds.
pub fn build_members(
    method: &str,
    settings: &[Table],
    obs_dim: usize,
    act_dim: usize,
    seeds: &[u64],
    on: impl Into<Compute>,
) -> Result<Agent> {
    let method = Method::named(method)?;
    let settings = method.resolve_members(settings)?;
    method.build(&settings, obs_dim, act_dim, seeds, on)
}

#[cfg(test)]
mod tests {
    use h2oplus_base::setting::SettingKind;

    use candle_core::Device;

    use super::*;

    #[test]
    fn defaults_are_settings_within_their_ranges() {
        for method in &METHODS {
            for (key, value) in method.defaults() {
                let number = matches!(value, Value::Integer(_) | Value::Float(_) | Value::Array(_));
                let setting = method.setting(&key).unwrap();
                assert_eq!(setting.range.is_some(), number, "{}: {key}", method.name);
                assert_eq!(method.value(&key, &value).unwrap(), value);
            }
        }
    }

    #[test]
    fn a_key_is_of_one_kind_in_every_method() {
        let kind = |setting: &Setting| std::mem::discriminant(&setting.kind);
        for setting in METHODS.iter().flat_map(|method| method.settings) {
            let first = super::setting(setting.key).unwrap();
            assert_eq!(kind(setting), kind(first), "{}", setting.key);
            assert!(
                !matches!(setting.kind, SettingKind::Own(_)),
                "{}",
                setting.key
            );
        }
    }

    #[test]
    fn offline_methods_never_draw_from_the_simulator() {
        let small = Table::from_iter([("hidden".to_owned(), Value::Array(vec![8.into()]))]);
        for method in &METHODS {
            let settings = method
                .resolve_members(std::slice::from_ref(&small))
                .unwrap();
            let agent = method.build(&settings, 3, 2, &[0], &Device::Cpu).unwrap();
            assert_eq!(agent.simulates(), !method.offline, "{}", method.name);
        }
    }

    #[test]
    fn sac_alone_learns_without_data() {
        let without = METHODS.iter().filter(|method| !method.uses_data());
        assert_eq!(without.map(|m| m.name).collect::<Vec<_>>(), ["sac"]);
    }

    #[test]
    fn a_method_overrides_what_it_shares_with_others() {
        let default = |name: &str, key: &str| Method::named(name).unwrap().defaults()[key].clone();
        assert_eq!(default("sac", "exploration").as_str(), Some("entropy"));
        assert_eq!(default("cql", "exploration").as_str(), Some("none"));
        assert_eq!(default("cql", "penalty_weight").as_float(), Some(2.0));
        assert_eq!(default("h2o", "penalty_weight").as_float(), Some(0.01));
        assert_eq!(default("rlpd", "sim_batch").as_integer(), Some(128));
    }

    #[test]
    fn names_that_mean_something_else_elsewhere_are_refused_with_both() {
        for old in ["tau", "target_rate"] {
            assert!(super::setting(old).is_none());
            let given = Table::from_iter([(old.to_owned(), Value::Float(0.005))]);
            for method in &METHODS {
                let error = method.resolve(&given).unwrap_err().to_string();
                assert!(error.starts_with(old), "{error}");
                assert!(
                    error.contains("`polyak`") && error.contains("`expectile`"),
                    "{error}"
                );
            }
        }
    }
}
