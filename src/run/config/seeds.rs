//! The list of seeds of a run: `0`, `0,3,7` or `0..4` (both ends included).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::setting::{Refused, SettingKind, SettingType};

/// Seeds of a population, one member each, without repeats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seeds(Vec<u64>);

impl Seeds {
    /// A population of one.
    pub fn one(seed: u64) -> Self {
        Self(vec![seed])
    }

    /// Seeds as a config file gives them: `3`, `[0, 1]` or `"0..4"`.
    ///
    /// # Errors
    /// What is wrong, and the help.
    fn from_toml(value: &toml::Value) -> Result<Self, Refused> {
        use toml::Value::{Array, Integer, String};
        let text = match value {
            Integer(n) => n.to_string(),
            String(text) => text.clone(),
            Array(all) if all.iter().all(|n| n.is_integer() || n.is_str()) => {
                let plain = |n: &toml::Value| n.as_str().map_or(n.to_string(), str::to_owned);
                all.iter().map(plain).collect::<Vec<_>>().join(",")
            }
            other => format!("{other}"),
        };
        let help = "write whole numbers: 3, [0, 1] or \"0..4\"";
        text.parse().map_err(|problem| (problem, help.to_owned()))
    }

    /// The seeds in order.
    pub fn as_slice(&self) -> &[u64] {
        &self.0
    }
}

impl SettingType for Seeds {
    const KIND: SettingKind =
        SettingKind::Own(|value| Ok(Self::from_toml(value)?.to_string().into()));
}

impl FromStr for Seeds {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |t: &str| match t.trim().parse::<u64>() {
            // A run's folder records them in TOML, which has 63 bits.
            Ok(seed) if i64::try_from(seed).is_ok() => Ok(seed),
            Ok(_) => Err(format!("`{t}` is above {}", i64::MAX)),
            Err(_) => Err(format!("`{t}` is not a whole number, 0 or more")),
        };
        let mut seeds = Vec::new();
        for part in text.split(',') {
            match part.split_once("..") {
                Some((a, b)) => {
                    let (a, b) = (number(a)?, number(b.trim_start_matches('='))?);
                    if b < a {
                        return Err(format!("the range `{part}` is empty"));
                    }
                    if b - a >= 4096 {
                        return Err(format!("the range `{part}` holds over 4096 seeds"));
                    }
                    seeds.extend(a..=b);
                }
                None => seeds.push(number(part)?),
            }
        }
        let mut sorted = seeds.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != seeds.len() {
            return Err(format!("`{text}` names a seed twice"));
        }
        Ok(Self(seeds))
    }
}

impl TryFrom<String> for Seeds {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Seeds> for String {
    fn from(seeds: Seeds) -> Self {
        seeds.to_string()
    }
}

impl fmt::Display for Seeds {
    /// A run of consecutive seeds prints as a range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = &self.0;
        let consecutive = s.windows(2).all(|w| w[1] == w[0] + 1);
        match (s.first(), s.last()) {
            (Some(a), Some(b)) if s.len() > 1 && consecutive => write!(f, "{a}..{b}"),
            _ => f.write_str(&s.iter().map(u64::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_both_ends_and_print_back() {
        for text in ["0", "0..4", "3,1,7"] {
            assert_eq!(text.parse::<Seeds>().unwrap().to_string(), text);
        }
        assert_eq!("0..1".parse::<Seeds>().unwrap().as_slice(), [0, 1]);
    }

    #[test]
    fn refuses_what_is_no_list_of_seeds() {
        for text in [
            "",
            "a",
            "4..1",
            "1,1",
            "0..9999999",
            "-1",
            "9223372036854775808",
        ] {
            assert!(text.parse::<Seeds>().is_err(), "{text}");
        }
    }
}
