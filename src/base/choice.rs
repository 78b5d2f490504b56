//! A closed set of named values, each with a line of help: what a flag, or a key of a config, may say.

use std::fmt;

/// A type whose values have names.
pub trait Choice: Copy + fmt::Display + Send + Sync + 'static {
    /// Every value with its name and its help.
    const ALL: &'static [(Self, &'static str, &'static str)];
}

/// Declares a [`Choice`], its default first: `pub enum Colour { /// Like blood
/// Red = "red" }`. The names are also those in TOML and JSON; the crate that uses it needs serde.
#[macro_export]
macro_rules! choices {
    (
        $(#[$meta:meta])*
        pub enum $type:ident {
            $(#[doc = $first_help:literal])+ $first:ident = $first_name:literal,
            $($(#[doc = $help:literal])+ $value:ident = $name:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $type {
            #[default]
            #[serde(rename = $first_name)]
            $(#[doc = $first_help])+
            $first,
            $(#[serde(rename = $name)] $(#[doc = $help])+ $value,)*
        }

        impl $crate::choice::Choice for $type {
            const ALL: &'static [(Self, &'static str, &'static str)] = &[
                (Self::$first, $first_name, concat!($($first_help),+)),
                $((Self::$value, $name, concat!($($help),+)),)*
            ];
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter) -> ::std::fmt::Result {
                f.write_str(match self {
                    Self::$first => $first_name,
                    $(Self::$value => $name,)*
                })
            }
        }
    };
}
