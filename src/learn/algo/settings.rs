//! How a method declares its settings, and checks them.

use crate::error::{Error, Result};

/// A struct of settings, each with its documentation, type and default in one place: it is read from TOML, refuses
/// unknown keys, and every field is a flag.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($(#[$attr:meta])* $key:ident: $type:ty = $default:expr,)* }
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
    };
}
pub(crate) use settings;

/// Refuses a clip whose bounds, the settings of these names, are the wrong way round.
pub(crate) fn ordered(names: [&str; 2], [low, high]: [f64; 2]) -> Result<()> {
    if low <= high {
        return Ok(());
    }
    let problem = format!("is {low}, and {} is {high}", names[1]);
    Err(Error::input(names[0], problem, "give the lower one first"))
}
