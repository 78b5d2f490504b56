//! What data sets are called by the policies that acted in them.

use std::fmt;
use std::str::FromStr;

use h2oplus_base::choice::Choice;
use h2oplus_base::choices;
use h2oplus_base::nearest::among;
use serde::{Deserialize, Serialize};

use crate::env::Task;
use crate::error::Result;
use crate::setting::{SettingKind, SettingType};

choices! {
    /// Which policies acted in a data set, in D4RL's words.
    pub enum Quality {
        /// The first policy that returned what counts as medium, alone
        Medium = "medium",
        /// Every policy up to that one, in the order of training
        MediumReplay = "medium-replay",
        /// Actions drawn evenly
        Random = "random",
        /// The last policy alone
        Expert = "expert",
        /// Half of it medium, half expert
        MediumExpert = "medium-expert",
        /// A human drives, as a task's `[human]` says
        Human = "human",
    }
}

/// Transitions of a data set that is rolled out, unless asked otherwise.
pub const ROWS: usize = 100_000;

impl Quality {
    /// That of a data set which is made without a file, by its name.
    pub fn shipped(name: &str) -> Option<Self> {
        let shipped = [Self::Medium, Self::MediumReplay, Self::Random, Self::Human];
        shipped
            .into_iter()
            .find(|quality| quality.to_string() == name)
    }

    /// Transitions of a data set of `task`, unless asked otherwise.
    ///
    /// # Errors
    /// Where a human is to drive a task that nobody drives by hand.
    pub fn rows(self, task: &Task) -> Result<usize> {
        match self {
            Self::Human => Ok(super::human::of(task)?.rows),
            _ => Ok(ROWS),
        }
    }

    /// Whether it is made without policies.
    pub fn is_untrained(self) -> bool {
        matches!(self, Self::Random | Self::Human)
    }

    /// Whether the last policy of a training acts in it.
    pub fn takes_expert(self) -> bool {
        matches!(self, Self::Expert | Self::MediumExpert)
    }
}

/// A list of data sets to make, without repeats: `random,medium`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Qualities(Vec<Quality>);

impl Qualities {
    /// In the order in which they were asked for.
    pub fn as_slice(&self) -> &[Quality] {
        &self.0
    }
}

impl From<&[Quality]> for Qualities {
    fn from(all: &[Quality]) -> Self {
        Self(all.to_vec())
    }
}

impl SettingType for Qualities {
    const KIND: SettingKind = SettingKind::Own(|value| {
        let names: Vec<&str> = Quality::ALL.iter().map(|(_, name, _)| *name).collect();
        let help = |text: &str| match text.split(',').find(|part| !names.contains(&part.trim())) {
            Some(unknown) => among(unknown.trim(), &names),
            None => "name each once".into(),
        };
        let text = value.as_str().map_or(value.to_string(), str::to_owned);
        let all: Self = text.parse().map_err(|problem| (problem, help(&text)))?;
        Ok(all.to_string().into())
    });
}

impl FromStr for Qualities {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut all = Vec::new();
        for name in text.split(',').map(str::trim) {
            let known = Quality::ALL.iter().find(|(_, known, _)| *known == name);
            let Some((quality, ..)) = known else {
                return Err(format!("there is no data set called `{name}`"));
            };
            if all.contains(quality) {
                return Err(format!("names `{name}` twice"));
            }
            all.push(*quality);
        }
        Ok(Self(all))
    }
}

impl TryFrom<String> for Qualities {
    type Error = String;
    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Qualities> for String {
    fn from(all: Qualities) -> Self {
        all.to_string()
    }
}

impl fmt::Display for Qualities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Quality::to_string).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_and_others_are_refused() {
        let list: Qualities = "random, medium-expert".parse().unwrap();
        assert_eq!(list.to_string(), "random,medium-expert");
        assert_eq!(list.as_slice(), [Quality::Random, Quality::MediumExpert]);
        for text in ["", "good", "medium,medium", "medium,"] {
            assert!(text.parse::<Qualities>().is_err(), "{text}");
        }
    }
}
