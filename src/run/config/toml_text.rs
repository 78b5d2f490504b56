//! TOML whose keys know their lines, so that a message can say where.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Table;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};

/// A parsed file.
#[derive(Clone, Debug, Default)]
pub struct TomlText {
    /// What it says.
    pub table: Table,
    /// Dotted key → line, counted from 1.
    lines: BTreeMap<String, usize>,
}

impl TomlText {
    /// Parses `text`, the content of `path`.
    ///
    /// # Errors
    /// Where it is no TOML, with its line.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let wrong = |e: toml::de::Error| {
            let line = e.span().map_or(1, |span| line(text, span.start));
            let place = format!("{}:{line}", path.display());
            Error::input(place, e.message().trim(), "correct the TOML there")
        };
        let mut lines = BTreeMap::new();
        index(
            text,
            "",
            DeTable::parse(text).map_err(wrong)?.get_ref(),
            &mut lines,
        );
        let table = text.parse::<Table>().map_err(wrong)?;
        Ok(Self { table, lines })
    }

    /// The line of a dotted key, such as `settings.lambda`.
    pub fn line(&self, key: &str) -> Option<usize> {
        self.lines.get(key).copied()
    }
}

fn line(text: &str, at: usize) -> usize {
    1 + text
        .as_bytes()
        .iter()
        .take(at)
        .filter(|&&b| b == b'\n')
        .count()
}

fn index(text: &str, above: &str, table: &DeTable<'_>, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let name = format!("{above}{}", key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            index(text, &format!("{name}."), inner, lines);
        }
        lines.insert(name, line(text, key.span().start));
    }
}
