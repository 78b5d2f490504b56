//! A config as a TOML file: which keys it may have, in which forms, and on which line each stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use h2oplus_base::nearest::among;
use toml::{Table, Value};

use super::TrainConfig;
use super::members::{Axis, Member};
use super::toml_text::TomlText;
use crate::error::{Error, Result};
use crate::method;
use crate::setting::{Refused, Settings, shown};

/// What a file says; no key of it is dropped.
#[derive(Clone, Debug, Default)]
pub struct ConfigFile {
    path: PathBuf,
    /// Keys of the run, as its fields take them.
    pub run: Table,
    /// `[settings]`.
    pub settings: Table,
    /// `[vary]`.
    pub vary: Vec<Axis>,
    /// `[[members]]`, which a run writes for the reader.
    pub members: Vec<Member>,
    /// What errors call a value → its key here, and the key's line.
    lines: BTreeMap<String, (String, usize)>,
}

/// How `[vary]` is written.
const VARY: &str = "write a table, in two lines: [vary] expectile = [0.7, 0.9]";
/// How `[settings]` is written.
const SETTINGS: &str = "write a table, in two lines: [settings] expectile = 0.9; what members differ in: [vary] expectile = [0.7, 0.9]";

impl ConfigFile {
    /// Reads `path`.
    ///
    /// # Errors
    /// Where it is no TOML, or a key is unknown, twice there, or of another kind than its flag: file, line and key.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, &crate::text::read(path)?)
    }

    /// Reads `text`, which errors call `path`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let text = TomlText::parse(path, text)?;
        let mut file = Self {
            path: path.to_path_buf(),
            ..Self::default()
        };
        for (key, value) in &text.table {
            match key.as_str() {
                "settings" => file.read_settings(&text, value)?,
                "vary" => file.read_vary(&text, value)?,
                "members" => {
                    let line = file.note(&text, "", key, "members")?;
                    file.members = file.at(key, line, members(value))?;
                }
                _ => file.read_run(&text, key, value)?,
            }
        }
        Ok(file)
    }

    fn read_run(&mut self, text: &TomlText, key: &str, value: &Value) -> Result<()> {
        let field = key.replace('-', "_");
        let line = self.note(text, "", key, &field)?;
        let refused = if TrainConfig::setting(&field).is_some() {
            Ok(())
        } else if method::setting(&field).is_some() {
            let help = format!("write it under [settings]: {field} = {value}");
            Err(("is a setting of a method".into(), help))
        } else {
            Err(method::renamed(&field).unwrap_or_else(|| {
                let keys: Vec<_> = TrainConfig::ALL.iter().map(|setting| setting.key).collect();
                ("there is no such key".into(), among(&field, &keys))
            }))
        };
        self.at(key, line, refused)?;
        self.run.insert(field, value.clone());
        Ok(())
    }

    fn read_settings(&mut self, text: &TomlText, all: &Value) -> Result<()> {
        let Value::Table(all) = all else {
            let problem = format!("is {}, where a table is due", shown(all));
            let line = text.line("settings").unwrap_or(1);
            return self.at("settings", line, Err((problem, SETTINGS.into())));
        };
        for (key, value) in all {
            let field = key.replace('-', "_");
            let line = self.note(text, "settings.", key, &field)?;
            let refused = if method::setting(&field).is_some() {
                Ok(())
            } else if TrainConfig::setting(&field).is_some() {
                Err((
                    "is a key of the run, not a setting of its method".into(),
                    "write it above [settings]".into(),
                ))
            } else {
                Err(method::renamed(&field).unwrap_or_else(|| {
                    let keys: Vec<_> = method::settings()
                        .iter()
                        .map(|setting| setting.key)
                        .collect();
                    ("there is no such setting".into(), among(&field, &keys))
                }))
            };
            self.at(key, line, refused)?;
            self.settings.insert(field, value.clone());
        }
        Ok(())
    }

    fn read_vary(&mut self, text: &TomlText, value: &Value) -> Result<()> {
        let line = text.line("vary").unwrap_or(1);
        let axes: Vec<(usize, std::result::Result<Axis, String>)> = match value {
            Value::String(axis) => vec![(line, axis.parse())],
            Value::Array(all) if all.iter().all(Value::is_str) => {
                let axes = all.iter().filter_map(Value::as_str);
                axes.map(|axis| (line, axis.parse())).collect()
            }
            Value::Table(table) => {
                let axis = |(key, value): (&String, &Value)| {
                    let axis = match value {
                        Value::String(values) => format!("{key}={values}").parse(),
                        Value::Array(values) => Axis::new(key, values.clone()),
                        one => Axis::new(key, vec![one.clone()]),
                    };
                    (text.line(&format!("vary.{key}")).unwrap_or(line), axis)
                };
                table.iter().map(axis).collect()
            }
            other => {
                let problem = format!("is {}, where a table is due", shown(other));
                return self.at("vary", line, Err((problem, VARY.into())));
            }
        };
        for (line, axis) in axes {
            let axis = self.at("vary", line, axis.map_err(|problem| (problem, VARY.into())))?;
            let place = axis.place();
            if self.lines.contains_key(&place) {
                let problem = format!("`{}` is there twice", axis.key);
                let help = "give all its values in one list".to_owned();
                return self.at("vary", line, Err((problem, help)));
            }
            self.lines
                .insert(place, (format!("vary {}", axis.key), line));
            self.vary.push(axis);
        }
        Ok(())
    }

    /// Notes where the value that errors call `name` stands; the line. The same key in another spelling is refused.
    fn note(&mut self, text: &TomlText, table: &str, key: &str, name: &str) -> Result<usize> {
        let line = text.line(&format!("{table}{key}")).unwrap_or(1);
        match self.lines.insert(name.to_owned(), (key.to_owned(), line)) {
            None => Ok(line),
            Some((other, first)) => {
                let problem = format!("stands in line {first} already, as `{other}`");
                self.at(key, line, Err((problem, "leave one of the two out".into())))
            }
        }
    }

    /// `value`, or why it is refused, with its place.
    fn at<T>(&self, key: &str, line: usize, value: std::result::Result<T, Refused>) -> Result<T> {
        value.map_err(|(problem, help)| {
            Error::input(
                format!("{}:{line}: {key}", self.path.display()),
                problem,
                help,
            )
        })
    }

    /// The value that errors call `name` stands here no longer, since another was given.
    pub fn overridden(&mut self, name: &str) {
        self.lines.remove(name);
    }

    /// An error that names a key whose value stands here names the file, the line and the key.
    pub fn placed(&self, error: Error) -> Error {
        match error {
            Error::Input {
                place,
                problem,
                help,
            } => {
                let at = self.lines.get(&place);
                let at = at.map(|(key, line)| format!("{}:{line}: {key}", self.path.display()));
                Error::input(at.unwrap_or(place), problem, help)
            }
            other => other,
        }
    }
}

/// `[[members]]` as they are written.
fn members(value: &Value) -> std::result::Result<Vec<Member>, Refused> {
    let help = || "leave them out: they follow from `seeds` and [vary]".to_owned();
    let wrong = |e: toml::de::Error| (e.message().to_owned(), help());
    let mut members: Vec<Member> = value.clone().try_into().map_err(wrong)?;
    for (key, value) in members
        .iter_mut()
        .flat_map(|member| member.settings.iter_mut())
    {
        let setting = method::setting(key);
        let setting = setting.ok_or_else(|| (format!("there is no setting `{key}`"), help()))?;
        *value = setting.kind.take(value)?;
    }
    Ok(members)
}
