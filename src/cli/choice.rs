//! Flags whose values are the names of a [`Choice`].

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use h2oplus_base::choice::Choice;

/// The parser of a flag that takes a name of `T`.
pub fn choice<T: Choice>() -> impl TypedValueParser<Value = T> {
    let names = T::ALL
        .iter()
        .map(|(_, name, help)| PossibleValue::new(*name).help(help.trim()));
    PossibleValuesParser::new(names).map(|name| {
        let known = T::ALL.iter().find(|(_, other, _)| *other == name);
        known.expect("the parser takes no other name").0
    })
}
