//! The members of a run: the product of what varies, and the seeds.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use h2oplus_base::nearest::nearest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::{Table, Value};

use super::TrainConfig;
use crate::error::{Error, Result};
use crate::method;
use crate::model::gap::without_folders;
use crate::setting::SettingKind;

/// What members of any method may differ in.
pub const SHARED: [&str; 3] = ["gap", "real_gap", "data"];

/// More members than this are refused.
const MOST: usize = 4096;

/// Something that members differ in, and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// `gap`, `real_gap`, `data`, or a setting of the method.
    pub key: String,
    /// At least one, without repeats.
    pub values: Vec<Value>,
}

impl Axis {
    /// `values` of `key`, as its field takes them.
    ///
    /// # Errors
    /// Where members cannot differ in it, or a value is of another kind or there twice.
    pub fn new(key: &str, values: Vec<Value>) -> std::result::Result<Self, String> {
        let key = key.trim().replace('-', "_");
        if key == "seed" || key == "seeds" {
            return Err("seeds stand in `seeds`".into());
        }
        if key.is_empty() || values.is_empty() {
            return Err(format!("`{key}` has no values"));
        }
        let value = |value: Value| match (key.as_str(), method::setting(&key)) {
            ("gap" | "real_gap" | "data", _) if value.is_str() => Ok(value),
            ("gap" | "real_gap" | "data", _) => {
                Err(format!("`{key}`: {value} is no text; put it in quotes"))
            }
            (_, Some(setting)) => (setting.kind.take(&value))
                .map_err(|(problem, help)| format!("`{key}` {problem}; {help}")),
            (_, None) => {
                if let Some((problem, help)) = method::renamed(&key) {
                    return Err(format!("`{key}` {problem}; {help}"));
                }
                let settings = method::settings().into_iter().map(|setting| setting.key);
                let names: Vec<_> = settings.chain(SHARED).collect();
                let known = nearest(&key, &names);
                let meant = known.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
                Err(format!(
                    "`{key}` is neither gap, real_gap, data nor a setting of a method{meant}"
                ))
            }
        };
        let values: Vec<Value> = values
            .into_iter()
            .map(value)
            .collect::<std::result::Result<_, _>>()?;
        if let Some(twice) = (1..values.len()).find(|&n| values[..n].contains(&values[n])) {
            return Err(format!("`{key}` has {} twice", values[twice]));
        }
        Ok(Self { key, values })
    }

    /// Whether members of any method may differ in it.
    pub fn is_shared(&self) -> bool {
        SHARED.contains(&self.key.as_str())
    }

    /// How messages name it.
    pub fn place(&self) -> String {
        format!("vary {}", self.key)
    }

    /// Refuses a key that stands in two of `axes`.
    pub fn differ(axes: &[Self]) -> Result<()> {
        let twice = (1..axes.len()).find(|&n| axes[..n].iter().any(|a| a.key == axes[n].key));
        twice.map_or(Ok(()), |n| {
            let help = format!(
                "give all its values at once: `vary {}=V1,V2,…`",
                axes[n].key
            );
            Err(Error::input(axes[n].place(), "is given twice", help))
        })
    }
}

impl FromStr for Axis {
    type Err = String;
    /// `lambda=0,0.1,0.5`; values that contain a comma are set apart by `;`: `gap=gravity=2,friction=0.3;gravity`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (key, values) = text.split_once('=').ok_or("it is no KEY=V1,V2,…")?;
        let mark = if values.contains(';') { ';' } else { ',' };
        let values = values.split(mark).map(str::trim).filter(|v| !v.is_empty());
        let setting = method::setting(&key.trim().replace('-', "_"));
        let kind = setting.map_or(SettingKind::Text, |setting| setting.kind);
        let value = |text: &str| kind.read(text);
        Self::new(key, values.map(value).collect())
    }
}

/// Axes as a table, `lambda = [0, 0.1, 0.5]`.
pub mod table {
    use super::{Axis, BTreeMap, Deserialize, Deserializer, Serialize, Serializer, Value};

    /// Writes the table.
    pub fn serialize<S: Serializer>(axes: &[Axis], to: S) -> Result<S::Ok, S::Error> {
        let table = axes.iter().map(|axis| (&axis.key, &axis.values));
        table.collect::<BTreeMap<_, _>>().serialize(to)
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Axis>, D::Error> {
        let table = BTreeMap::<String, Vec<Value>>::deserialize(from)?;
        let axes = table
            .into_iter()
            .map(|(key, values)| Axis::new(&key, values));
        let axes: Result<_, _> = axes.collect();
        axes.map_err(|problem| serde::de::Error::custom(format!("vary: {problem}")))
    }
}

/// One member of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Its seed and what else it has of its own: `seed 0 gap=friction lambda=0.5`.
    pub name: String,
    /// Key of all its draws.
    pub seed: u64,
    /// The gap of its simulator.
    pub gap: String,
    /// What differs on its real robot, where members differ in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_gap: Option<String>,
    /// Its data set.
    pub data: String,
    /// Settings of its own; the others are the run's.
    #[serde(default)]
    pub settings: Table,
}

impl Member {
    /// What it has of its own besides its seed: `gap=friction lambda=0.5`.
    pub fn way(&self) -> &str {
        let seed = format!("seed {}", self.seed);
        self.name.strip_prefix(&seed).unwrap_or(&self.name).trim()
    }
}

impl TrainConfig {
    /// The members: every combination of what varies (the last key fastest), each with every seed.
    ///
    /// # Errors
    /// Where a value is not of its key's kind, or the members are too many.
    pub fn population(&self) -> Result<Vec<Member>> {
        let seeds = self.seeds.as_slice();
        let sizes = self.vary.iter().map(|axis| axis.values.len());
        let members = sizes.fold(seeds.len(), usize::saturating_mul);
        if members > MOST {
            let problem = format!("makes {members} members with the seeds, more than {MOST}");
            return Err(Error::input("vary", problem, "give fewer values or seeds"));
        }
        (0..members)
            .map(|n| self.member(n / seeds.len(), seeds[n % seeds.len()]))
            .collect()
    }

    /// The member with combination number `number` and this seed.
    fn member(&self, mut number: usize, seed: u64) -> Result<Member> {
        let mut member = Member {
            name: String::new(),
            seed,
            gap: self.gap.clone(),
            real_gap: None,
            data: self.data.clone(),
            settings: Table::new(),
        };
        let mut own = Vec::new();
        for Axis { key, values } in self.vary.iter().rev() {
            let value = &values[number % values.len()];
            number /= values.len();
            let text = || {
                let text = value.as_str().map(str::to_owned);
                let problem = format!("{value} is no text");
                text.ok_or_else(|| Error::input(format!("vary {key}"), problem, "put it in quotes"))
            };
            match key.as_str() {
                "gap" => member.gap = text()?,
                "real_gap" => member.real_gap = Some(text()?),
                "data" => member.data = text()?,
                _ => drop(member.settings.insert(key.clone(), value.clone())),
            }
            own.push(format!(" {key}={}", short(key, value)));
        }
        own.push(format!("seed {seed}"));
        own.reverse();
        member.name = own.concat();
        Ok(member)
    }

    /// All settings of each of `members`: its own over the run's.
    pub fn settings_of(&self, members: &[Member]) -> Vec<Table> {
        let all = |member: &Member| {
            let mut settings = self.settings.clone();
            settings.extend(member.settings.clone());
            settings
        };
        members.iter().map(all).collect()
    }

    /// What a run folder's name says of `key` (one of [`SHARED`]), which may vary.
    pub fn varied(&self, key: &str) -> Option<String> {
        let axis = self.vary.iter().find(|axis| axis.key == key)?;
        Some(format!("{}-{key}s", axis.values.len()).replace('_', "-"))
    }
}

/// A value as a name shows it: of a file, the last part of its path; a number without zeros.
fn short(key: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Float(x) if x.fract() == 0.0 && x.abs() < 1e7 => format!("{x}"),
        Value::Float(x) => format!("{x:?}"),
        other => other.to_string(),
    };
    match Path::new(&text).file_name() {
        Some(file) if key == "data" => file.to_string_lossy().into_owned(),
        _ => without_folders(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(axes: &[&str]) -> TrainConfig {
        TrainConfig {
            seeds: "3,4".parse().unwrap(),
            vary: axes.iter().map(|axis| axis.parse().unwrap()).collect(),
            ..TrainConfig::default()
        }
    }

    #[test]
    fn members_are_the_product_of_what_varies_and_the_seeds() {
        let names = |axes: &[&str]| -> Vec<String> {
            let members = config(axes).population().unwrap();
            members.into_iter().map(|m| m.name).collect()
        };
        assert_eq!(names(&[]), ["seed 3", "seed 4"]);
        assert_eq!(
            names(&["gap=gravity=1.5,friction;none", "lambda=0,0.5"]),
            [
                "seed 3 gap=gravity=1.5,friction lambda=0",
                "seed 4 gap=gravity=1.5,friction lambda=0",
                "seed 3 gap=gravity=1.5,friction lambda=0.5",
                "seed 4 gap=gravity=1.5,friction lambda=0.5",
                "seed 3 gap=none lambda=0",
                "seed 4 gap=none lambda=0",
                "seed 3 gap=none lambda=0.5",
                "seed 4 gap=none lambda=0.5",
            ]
        );
        let members = config(&["data=x/a.hdf5,b.hdf5"]).population().unwrap();
        assert_eq!(members[0].name, "seed 3 data=a.hdf5");
        assert_eq!(
            (members[0].data.as_str(), members[2].data.as_str()),
            ("x/a.hdf5", "b.hdf5")
        );
    }

    #[test]
    fn refuses_what_is_no_axis() {
        for text in [
            "lambda",
            "lambda=",
            "=1,2",
            "lambda=1,1",
            "seed=1,2",
            "lambda=0,0.0",
            "lamda=1",
            "envs=1,2",
        ] {
            assert!(text.parse::<Axis>().is_err(), "{text}");
        }
        let many: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
        let many = config(&[&format!("lambda={}", many.join(","))]);
        assert!(
            many.population()
                .unwrap_err()
                .to_string()
                .contains("10000 members")
        );
    }
}
