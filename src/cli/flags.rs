//! Flags that are made from tables of settings, and what of them stood on the command line.

use std::marker::PhantomData;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use toml::{Table, Value};

use super::flag;
use crate::method::{self, METHODS, Method};
use crate::setting::{Setting, Settings};

/// The flags of `T`'s settings: those that stood on the command line.
#[derive(Clone, Debug)]
pub struct Flags<T> {
    /// As a config file would have them.
    pub table: Table,
    of: PhantomData<T>,
}

impl<T: Settings> Flags<T> {
    /// All settings: what was given over the defaults.
    ///
    /// # Errors
    /// Where a value is of another kind than its setting, or out of its range.
    pub fn all(&self) -> crate::error::Result<T> {
        T::over_defaults(&self.table)
    }
}

impl<T: Settings> FromArgMatches for Flags<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            table: flag::given(matches, T::ALL),
            of: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<T: Settings> Args for Flags<T> {
    fn augment_args(command: Command) -> Command {
        command.args(flag::all_of::<T>())
    }
    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The flags of all methods' settings: those that stood on the command line. Which of them the chosen method has is
/// known once the config is resolved.
#[derive(Clone, Debug, Default)]
pub struct MethodFlags {
    /// As `[settings]` of a config file would have them.
    pub table: Table,
}

/// The methods that have something in common, and what that is; the methods in the order of the table.
fn grouped<T: PartialEq>(having: &[&Method], of: impl Fn(&Method) -> T) -> Vec<(String, T)> {
    let mut groups: Vec<(Vec<&str>, T)> = Vec::new();
    for method in having {
        let value = of(method);
        match groups.iter_mut().find(|(_, other)| *other == value) {
            Some((names, _)) => names.push(method.name),
            None => groups.push((vec![method.name], value)),
        }
    }
    let named = |(names, value): (Vec<&str>, T)| match names.len() == METHODS.len() {
        true => ("all".to_owned(), value),
        false => (names.join(", "), value),
    };
    groups.into_iter().map(named).collect()
}

/// `Its help (a number, 0 or more) [h2oplus: 0.1] [sac, cql: 0.2]`; where methods differ in more than the
/// default, that stands with the methods too.
fn help(key: &str) -> String {
    let having: Vec<&Method> = METHODS
        .iter()
        .filter(|m| m.setting(key).is_some())
        .collect();
    let setting = |method: &Method| method.setting(key).expect("these have it");
    let default = |method: &Method| {
        let value = method.defaults().get(key).map(Value::to_string);
        value.unwrap_or("none".into())
    };
    let range = |method: &Method| {
        let range = setting(method).range;
        range.map_or(String::new(), |range| format!(" ({range})"))
    };
    let said = match &grouped(&having, |method| setting(method).help())[..] {
        [(_, one)] => one.clone(),
        several => {
            let each = several
                .iter()
                .map(|(names, help)| format!("{names}: {help}"));
            each.collect::<Vec<_>>().join("; ")
        }
    };
    let ranges = grouped(&having, range);
    let alike = ranges.len() == 1;
    let defaults = grouped(&having, |method| match alike {
        true => default(method),
        false => default(method) + &range(method),
    });
    let defaults = defaults
        .iter()
        .map(|(names, default)| format!(" [{names}: {default}]"));
    let shared = if alike { ranges[0].1.as_str() } else { "" };
    said + shared + &defaults.collect::<String>()
}

impl FromArgMatches for MethodFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let table = flag::given(matches, method::settings());
        Ok(Self { table })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for MethodFlags {
    fn augment_args(command: Command) -> Command {
        let flag = |setting: &'static Setting| -> Arg {
            let heading = "Settings of the methods [with the methods' defaults]";
            flag::of(setting, help(setting.key)).help_heading(heading)
        };
        command.args(method::settings().into_iter().map(flag))
    }
    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_reach_the_settings_of_the_methods_that_have_them() {
        let command = MethodFlags::augment_args(Command::new("t"));
        let line = [
            "t",
            "--lambda",
            "0.25",
            "--hidden",
            "32,16",
            "--target-entropy",
            "-3",
        ];
        let matches = command.get_matches_from(line);
        let given = MethodFlags::from_arg_matches(&matches).unwrap().table;
        let method = |name| Method::named(name).unwrap();
        let settings = method("h2oplus").resolve(&given).unwrap();
        assert_eq!(settings["lambda"], Value::Float(0.25));
        assert_eq!(settings["target_entropy"], Value::Float(-3.0));
        assert_eq!(settings["hidden"], Value::Array(vec![32.into(), 16.into()]));
        let error = method("sac").resolve(&given).unwrap_err().to_string();
        assert!(error.contains("lambda: is no setting of sac"), "{error}");
    }

    #[test]
    fn help_says_what_methods_differ_in() {
        for (key, said) in [
            ("discount", "γ (a number from 0 to 1) [all: 0.99]"),
            (
                "batch",
                "sac, darc: Simulated transitions per update; iql, cql, td3bc: Transitions per update",
            ),
            ("batch", "[sac, darc, iql, cql, td3bc: 256]"),
            (
                "exploration",
                "[h2oplus, sac, rlpd, darc, par-bc, sac-bc, sac-cql: \"entropy\"] [h2o, cql: \"none\"]",
            ),
            (
                "target_entropy",
                "(a finite number) [h2oplus, h2o, sac, rlpd, darc, cql: none]",
            ),
            (
                "real_batch",
                "(a whole number, 1 or more) [h2oplus, h2o, rlpd, dara, par-bc, sac-bc, sac-cql: 128]",
            ),
        ] {
            assert!(
                help(key).contains(said),
                "{key}: no `{said}` in: {}",
                help(key)
            );
        }
    }
}
