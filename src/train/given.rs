//! Flags together with the record of which were given: what a config file may not override.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, FromArgMatches};
use serde::Serialize;

use crate::flag;
use crate::range::Ranges;

/// All values of `T`'s flags, and those that stood on the command line.
#[derive(Clone, Debug)]
pub struct Overrides<T> {
    /// With defaults for what was not given.
    pub all: T,
    /// Field name → value, of the flags that were given.
    pub given: toml::Table,
}

impl<T: FromArgMatches + Serialize> FromArgMatches for Overrides<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let all = T::from_arg_matches(matches)?;
        let mut given = toml::Table::try_from(&all).map_err(|e| too_large(matches, &e))?;
        given.retain(|key, _| {
            matches.try_contains_id(key).unwrap_or(false)
                && matches.value_source(key) == Some(ValueSource::CommandLine)
        });
        Ok(Self { all, given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<T: clap::Args + Serialize + Ranges> clap::Args for Overrides<T> {
    fn augment_args(cmd: Command) -> Command {
        T::augment_args(cmd).mut_args(|arg| flag::with_range(arg, T::RANGES))
    }
    fn augment_args_for_update(cmd: Command) -> Command {
        Self::augment_args(cmd)
    }
}

/// The error of a flag whose number has more than the 63 bits of TOML.
fn too_large(matches: &ArgMatches, error: &toml::ser::Error) -> clap::Error {
    let large = |text: &str| text.parse::<u64>().is_ok_and(|n| i64::try_from(n).is_err());
    let raw = |id: &str| matches.get_raw(id).into_iter().flatten().next_back();
    let mut flags = matches
        .ids()
        .map(clap::Id::as_str)
        .filter_map(|id| Some((id, raw(id)?)));
    let message = match flags.find(|(_, value)| large(&value.to_string_lossy())) {
        Some((id, value)) => format!(
            "{}: is {}, above {}\n  help: give a smaller number\n",
            flag::name(id),
            value.to_string_lossy(),
            i64::MAX
        ),
        None => format!("{error}\n"),
    };
    clap::Error::raw(clap::error::ErrorKind::ValueValidation, message)
}

/// The flags of `T`, none of them given.
///
/// # Panics
/// If a flag without a default is required.
pub fn defaults<T: clap::Args>() -> T {
    let matches = T::augment_args(Command::new("defaults")).get_matches_from(["defaults"]);
    T::from_arg_matches(&matches).expect("every flag has a default")
}
