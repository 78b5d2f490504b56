//! Recipes: keys of a run and settings that go well together, by name. Whatever else is given wins over them.

use std::path::Path;

use toml::Table;

use super::config_file::ConfigFile;
use crate::error::{Error, Result};
use crate::method::Method;

macro_rules! recipes {
    ($($name:literal),+) => {
        [$(($name, include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/envs/recipes/", $name, ".toml"
        )))),+]
    };
}

/// The recipes that the program has with it.
pub const RECIPES: [(&str, &str); 4] = recipes!("fast", "long", "paper", "smoke");

/// A recipe's keys of the run, and its settings of whichever method has them.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    run: Table,
    settings: Table,
}

impl Recipe {
    /// The recipe called `name`, or in the TOML file of that name.
    ///
    /// # Errors
    /// Where there is none, or it has keys that no run has.
    pub fn named(name: &str) -> Result<Self> {
        let known = RECIPES.iter().find(|(known, _)| *known == name);
        let file = match known {
            Some((_, text)) => ConfigFile::parse(Path::new(name), text)?,
            None if name.ends_with(".toml") => ConfigFile::read(Path::new(name))?,
            None => {
                let names = RECIPES.map(|(known, _)| known).join(", ");
                let help = format!("give {names}, or a TOML file");
                let problem = format!("is `{name}`, and there is no such recipe");
                return Err(Error::input("recipe", problem, help));
            }
        };
        if file.run.contains_key("recipe") || !file.vary.is_empty() || !file.members.is_empty() {
            let problem = "has `recipe`, `vary` or `members`, which belong to a run";
            return Err(Error::input(name, problem, "leave them out"));
        }
        Ok(Self {
            run: file.run,
            settings: file.settings,
        })
    }

    /// Keys of the run.
    pub fn run(&self) -> &Table {
        &self.run
    }

    /// Those of the settings that `method` has.
    pub fn settings(&self, method: &Method) -> Table {
        let all = self.settings.clone().into_iter();
        all.filter(|(key, _)| method.setting(key).is_some())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::METHODS;

    #[test]
    fn every_recipe_holds_what_runs_and_methods_have() {
        for (name, _) in RECIPES {
            let recipe = Recipe::named(name).unwrap();
            for method in &METHODS {
                method.resolve(&recipe.settings(method)).unwrap();
            }
        }
        assert!(Recipe::named("slow").is_err());
    }

    #[test]
    fn the_paper_s_leaves_every_setting_at_its_default() {
        let recipe = Recipe::named("paper").unwrap();
        for method in &METHODS {
            assert!(recipe.settings(method).is_empty(), "{}", method.name);
        }
    }
}
