//! Which data a cell learns from: those that the program has, a file in a folder, or a set that is made first.

use std::path::Path;

use toml::{Table, Value};

use super::file::SuiteTable;
use super::plan::{CollectedSet, SuiteSize};
use super::resolve::Draft;
use crate::env::Task;
use crate::env::task::OWN_REAL;
use crate::error::{Error, Result};
use crate::run::data::behaviour::Quality;
use h2oplus_base::choice::Choice;

impl Draft<'_> {
    /// The data of a shifted robot that are called `data`: a file of the folder that was given, or a set that is to be
    /// made.
    pub(super) fn shifted(
        &self,
        task: &str,
        real_gap: &str,
        data: String,
    ) -> Result<(String, Option<CollectedSet>)> {
        let real = Task::load(task)?.with_real(real_gap)?;
        let made = Quality::ALL.iter().any(|(_, name, _)| *name == data);
        let file = real.file_name(&format!("{data}.hdf5"));
        match (&self.over.data_dir, &self.collect) {
            _ if !made => Ok((data, None)),
            (Some(dir), _) => Ok((in_folder(dir, &[file])?, None)),
            (None, None) => Ok((data, None)),
            (None, Some(collect)) => {
                let set = CollectedSet {
                    file: file.clone(),
                    task: task.to_owned(),
                    real_gap: real_gap.to_owned(),
                    quality: data,
                    rows: collect.rows,
                    whole: false,
                    updates: Some(collect.updates),
                    medium: real.return_of_score(collect.medium),
                    training: self.training(collect.recipe.as_deref()),
                };
                Ok((file, Some(set)))
            }
        }
    }

    /// How SAC learns where its data are made: by the recipe, with products that round as the runs' do.
    fn training(&self, recipe: Option<&str>) -> Table {
        let precision = self.run.get("precision").cloned();
        let given = [
            ("recipe", recipe.map(Value::from)),
            ("precision", precision),
        ];
        let given = given
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        given.collect()
    }

    /// The real data of `table`: their name, or the file in the folder that was given, or a whole replay that is to be
    /// made.
    pub(super) fn data(
        &self,
        table: &SuiteTable,
        task: &str,
    ) -> Result<(String, Option<CollectedSet>)> {
        let Some(dir) = &self.over.data_dir else {
            let set = self.whole_replay(table, task)?;
            let made = set.as_ref().map(|set| set.file.clone());
            return Ok((made.unwrap_or_else(|| table.data.clone()), set));
        };
        let collected = format!("{task}-{}.hdf5", table.data);
        let published = table.d4rl.iter().map(|set| set.file.clone());
        let names: Vec<String> = published.chain([collected]).collect();
        Ok((in_folder(dir, &names)?, None))
    }

    /// At the published size, `medium-replay` is made as D4RL's was: of all that an agent did, as many rows of it.
    pub(super) fn whole_replay(
        &self,
        table: &SuiteTable,
        task: &str,
    ) -> Result<Option<CollectedSet>> {
        let replay = Quality::MediumReplay.to_string();
        let set = match &table.d4rl {
            Some(set) if self.size == SuiteSize::Paper && table.data == replay => set,
            _ => return Ok(None),
        };
        Ok(Some(CollectedSet {
            file: Task::load(task)?.file_name(&format!("{replay}.hdf5")),
            task: task.to_owned(),
            real_gap: OWN_REAL.into(),
            quality: replay,
            rows: set.rows,
            whole: true,
            updates: None,
            medium: None,
            training: self.training(None),
        }))
    }

    /// Rolled-out data are as large as the published ones, at the published size.
    pub(super) fn size_rows(&self, table: &SuiteTable, run: &mut Table) {
        if let (SuiteSize::Paper, None, Some(set)) = (self.size, &self.over.data_dir, &table.d4rl) {
            let rows = Value::Integer(set.rows as i64);
            run.entry("rows").or_insert(rows);
        }
    }
}

/// The first file of these names in `dir`.
fn in_folder(dir: &Path, names: &[String]) -> Result<String> {
    let dir = std::path::absolute(dir).map_err(Error::io(dir))?;
    let there = names
        .iter()
        .map(|name| dir.join(name))
        .find(|path| path.is_file());
    let path = there.ok_or_else(|| {
        let problem = format!("holds no {}", names.join(" and no "));
        let help = "put the file there (as D4RL, ODRL or `h2oplus collect` names it), or leave the folder out";
        Error::input(dir.display(), problem, help)
    })?;
    let text = path.into_os_string().into_string();
    text.map_err(|_| Error::input(dir.display(), "is no text", "give a path of plain text"))
}
