//! Settings: what all methods share, and what they differ in.

use std::collections::BTreeMap;

use super::super::model::{ReportColumn, ReportPart};
use super::tables::scroll;
use crate::run::page::Markup;

/// The settings of all columns, a row a key.
pub fn block(part: &ReportPart) -> Markup {
    let known: Vec<&ReportColumn> = part
        .columns
        .iter()
        .filter(|column| !column.settings.is_empty())
        .collect();
    if known.is_empty() {
        return Markup::of("p", "note").text("No settings: no run has begun.");
    }
    let mut keys: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    for (c, column) in known.iter().enumerate() {
        for (key, value) in &column.settings {
            let values = keys.entry(key).or_insert_with(|| vec![None; known.len()]);
            values[c] = Some(value);
        }
    }
    let head = known.iter().map(|column| column.label.as_str());
    let head = std::iter::once("key").chain(head);
    let head = head.map(|text| Markup::new("th").with("scope", "col").text(text));
    let row = |(key, values): (&str, Vec<Option<&str>>)| {
        let values = values
            .into_iter()
            .map(|value| Markup::new("td").text(value.unwrap_or("–")));
        let key = Markup::new("th").with("scope", "row").text(key);
        Markup::new("tr").child(key).children(values)
    };
    let table = Markup::of("table", "plain")
        .child(Markup::new("caption").text("As config.toml of each method's first run has them; rows and tables may change gap, data and single settings."))
        .child(Markup::new("thead").child(Markup::new("tr").children(head)))
        .child(Markup::new("tbody").children(keys.into_iter().map(row)));
    Markup::new("details")
        .child(Markup::new("summary").text("Settings"))
        .child(scroll("Settings").child(table))
}
