//! How a method declares its settings, and checks them.

use crate::error::{Error, Result};
use crate::flag;

/// A struct of settings, each with its documentation, type, default and (a number's) range in one place: it is read
/// from TOML, and every field is a flag.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$attr:meta])* $key:ident: $type:ty = $default:expr $(=> $range:ident)?,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, clap::Args, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$attr])* #[arg(long)] pub $key: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $crate::range::Ranges for $name {
            const RANGES: &'static [(&'static str, $crate::range::Range)] =
                &[$($((stringify!($key), $crate::range::Range::$range),)?)*];
        }
    };
}
pub(crate) use settings;

/// Refuses a clip whose bounds, the settings of these names, are the wrong way round.
pub(crate) fn ordered(names: [&str; 2], [low, high]: [f64; 2]) -> Result<()> {
    if low <= high {
        return Ok(());
    }
    let problem = format!("is {low}, and {} is {high}", flag::name(names[1]));
    Err(Error::input(
        flag::name(names[0]),
        problem,
        "give the lower one first",
    ))
}
