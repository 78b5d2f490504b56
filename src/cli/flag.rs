//! Flags: made from tables of settings, read back, and named in messages. Nothing below this layer knows a flag's name.

use std::any::TypeId;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Table, Value};

use super::collect::Wanted;
use crate::error::Error;
use crate::method;
use crate::run::config::TrainConfig;
use crate::setting::{Setting, SettingKind, Settings};

/// The flag of a setting: `qf_lr` → `--qf-lr`.
pub fn name(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// The flag of `setting`, with this help.
pub fn of(setting: &'static Setting, help: String) -> Arg {
    let key = setting.key;
    let arg = Arg::new(key)
        .long(key.replace('_', "-"))
        .value_name(key.to_uppercase())
        .action(ArgAction::Set)
        .help(help);
    match setting.kind {
        SettingKind::Switch => arg
            .num_args(0..=1)
            .default_missing_value("true")
            .value_parser(["true", "false"]),
        SettingKind::Name(names) => {
            let names = names().into_iter();
            let known = names.map(|(name, help)| PossibleValue::new(name).help(help.trim()));
            arg.value_parser(PossibleValuesParser::new(known))
        }
        SettingKind::Text => arg,
        // What refuses a negative number is its own range; otherwise `-1` would be taken for a flag.
        SettingKind::Number | SettingKind::Whole | SettingKind::Wholes | SettingKind::Own(_) => {
            arg.allow_hyphen_values(true)
        }
    }
}

/// The flags of `T`'s settings, with ranges and defaults in their help.
pub fn all_of<T: Settings>() -> Vec<Arg> {
    let defaults = T::default().table().expect("defaults are small numbers");
    let flag = |setting: &'static Setting| {
        let range = setting.range.map(|range| format!(" ({range})"));
        let default = defaults.get(setting.key).map(|value| match value {
            Value::Boolean(_) => String::new(),
            Value::String(text) => format!(" [default: {text}]"),
            other => format!(" [default: {other}]"),
        });
        let more = [range, default].map(Option::unwrap_or_default).concat();
        of(setting, setting.help() + &more)
    };
    T::ALL.iter().map(flag).collect()
}

/// What `matches` says of `settings`: those that stood on the command line, as a config file would have them.
pub fn given(matches: &ArgMatches, settings: impl IntoIterator<Item = &'static Setting>) -> Table {
    let stood =
        |setting: &&Setting| matches.value_source(setting.key) == Some(ValueSource::CommandLine);
    let value = |setting: &'static Setting| {
        let raw = matches.get_raw(setting.key)?.next_back()?;
        let value = setting.kind.read(&raw.to_string_lossy());
        Some((setting.key.to_owned(), value))
    };
    settings
        .into_iter()
        .filter(stood)
        .filter_map(value)
        .collect()
}

/// A message about a setting, in words of the command line: its place, and what stands in backticks in it, begin with
/// flags instead of keys.
pub fn worded(error: Error) -> Error {
    let Error::Input {
        place,
        problem,
        help,
    } = error
    else {
        return error;
    };
    let flag = |phrase: &str| {
        let (key, rest) = phrase.split_once(' ').unwrap_or((phrase, ""));
        let known = TrainConfig::setting(key)
            .or_else(|| Wanted::setting(key))
            .or_else(|| method::setting(key));
        let known = known.is_some() || key == "vary" || method::renamed(key).is_some();
        known.then(|| format!("{} {rest}", name(key)).trim_end().to_owned())
    };
    let Some(place) = flag(&place).filter(|_| !place.contains('`')) else {
        return Error::input(place, problem, help);
    };
    let words = |text: &str| {
        let phrase = |(n, part): (usize, &str)| match n % 2 {
            1 => flag(part).map_or(format!("`{part}`"), |flag| format!("`{flag}`")),
            _ => part.to_owned(),
        };
        text.split('`').enumerate().map(phrase).collect::<String>()
    };
    Error::input(place, words(&problem), words(&help))
}

/// The error of a flag or a subcommand that is called otherwise here; none of another error of clap's.
pub fn renamed(usage: &clap::Error) -> Option<Error> {
    if usage.kind() == ErrorKind::InvalidSubcommand
        && usage.get(ContextKind::InvalidSubcommand) == Some(&ContextValue::String("gaps".into()))
    {
        let help = "`gap list` shows gaps and what they edit, `gap effect` what they do, `gap measure` which of them \
                    explain a data set";
        return Some(Error::input("gaps", "is called `h2oplus gap` now", help));
    }
    let unknown = usage.kind() == ErrorKind::UnknownArgument;
    let ContextValue::String(flag) = usage.get(ContextKind::InvalidArg).filter(|_| unknown)? else {
        return None;
    };
    let key = flag.trim_start_matches('-').replace('-', "_");
    let (problem, help) = method::renamed(&key)?;
    Some(worded(Error::input(key, problem, help)))
}

/// Numbers of every subcommand may be negative, as in [`of`].
pub fn with_negatives(command: Command) -> Command {
    let number = |arg: &Arg| {
        let kind = arg.get_value_parser().type_id();
        let numbers = [
            TypeId::of::<f64>(),
            TypeId::of::<usize>(),
            TypeId::of::<u64>(),
        ];
        let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        takes && numbers.into_iter().any(|number| kind == number)
    };
    let command = command.mut_args(|arg| match number(&arg) {
        true => arg.allow_hyphen_values(true),
        false => arg,
    });
    command.mut_subcommands(with_negatives)
}

/// The flags of `T`, none of them given.
///
/// # Panics
/// If a flag without a default is required.
pub fn defaults<T: clap::Args>() -> T {
    let matches = T::augment_args(Command::new("defaults")).get_matches_from(["defaults"]);
    T::from_arg_matches(&matches).expect("every flag has a default")
}
