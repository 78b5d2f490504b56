//! The real data of a run: each data set once, and which of them a member learns from.

use std::path::Path;

use super::behaviour::{Behaviour, Quality, random_data};
use super::config::TrainConfig;
use crate::data::Dataset;
use crate::env::Task;
use crate::error::{Error, Result};
use crate::model::Domain;

/// Shipped recipes give the same rows in every run.
const DATA_SEED: u64 = 0;
/// Rows of a shipped recipe unless `--rows` says otherwise.
const SHIPPED_ROWS: usize = 100_000;

/// Data sets of a population.
#[derive(Clone, Debug)]
pub struct RealData {
    /// At least one, all different.
    pub sets: Vec<Dataset>,
    /// The data set of each member.
    pub set: Vec<usize>,
}

impl RealData {
    /// The data sets that the members of `config` name, made or read.
    pub fn load(config: &TrainConfig, task: &Task) -> Result<Self> {
        let members = config.population()?;
        let mut names: Vec<&str> = Vec::new();
        let mut index = |name| {
            names
                .iter()
                .position(|known| *known == name)
                .unwrap_or_else(|| {
                    names.push(name);
                    names.len() - 1
                })
        };
        let set = members
            .iter()
            .map(|member| index(member.data.as_str()))
            .collect();
        let sets = names.iter().map(|name| read(name, config.rows, task));
        Ok(Self {
            sets: sets.collect::<Result<_>>()?,
            set,
        })
    }

    /// Rows of member `member`'s data set.
    pub fn rows(&self, member: usize) -> usize {
        self.sets[self.set[member]].len()
    }
}

/// The data set called `name`, cut to `rows` rows unless that is 0.
fn read(name: &str, rows: usize, task: &Task) -> Result<Dataset> {
    let (real, made) = (
        Domain::default(),
        if rows == 0 { SHIPPED_ROWS } else { rows },
    );
    let data = match Quality::parse(name) {
        None if name == "random" => random_data(task, &real, made, DATA_SEED)?,
        Some(quality) => {
            let behaviour = Behaviour::shipped(task)?;
            let mut data = behaviour.roll_out(task, &real, quality, made, DATA_SEED)?;
            data.source = format!("{name}, rolled out from shipped snapshots");
            data
        }
        None => {
            let mut data = Dataset::read(Path::new(name))?;
            if rows > 0 {
                data.truncate(rows);
            }
            data
        }
    };
    let have = (data.obs_dim, data.act_dim);
    let want = (task.obs_dim(), task.act_dim());
    if have != want {
        let robot = &task.name;
        let problem =
            format!("its rows have (observations, actions) = {have:?}; {robot} has {want:?}");
        let mend = "give data of the same robot, or another --task";
        return Err(Error::input(name, problem, mend));
    }
    Ok(data)
}
