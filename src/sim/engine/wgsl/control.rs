//! What may be chosen of a vector on a GPU: its seeds. Episodes follow one another there in the step that ends one.

use crate::engine::wgsl::PlanarGpuEnv;
use crate::env::control::Chosen;
use crate::env::{Autoreset, Dynamics, EpisodeControl, StepBatch, VecEnv};
use crate::error::{Error, Result};

/// What is refused.
fn only_whole(problem: &str, help: &str) -> Error {
    Error::input("environments on the GPU", problem, help)
}

impl EpisodeControl for PlanarGpuEnv {
    fn set_autoreset(&mut self, autoreset: Autoreset) -> Result<()> {
        if autoreset == Autoreset::SameStep {
            return Ok(());
        }
        let problem = format!("new episodes do not begin as {autoreset} says");
        Err(only_whole(
            &problem,
            "take SameStep, or simulate on the CPU",
        ))
    }

    fn reset_where(&mut self, mask: &[bool]) -> Result<&[f32]> {
        if mask.iter().all(|reset| *reset) {
            return self.reset();
        }
        let problem = "a part of them cannot be reset";
        Err(only_whole(problem, "reset all, or simulate on the CPU"))
    }

    fn reseed(&mut self, seeds: &[Option<u64>]) -> Result<()> {
        if seeds.iter().all(Option::is_none) {
            return Ok(());
        }
        let Some(seeds) = seeds.iter().copied().collect::<Option<Vec<u64>>>() else {
            let problem = "a part of them cannot be seeded";
            return Err(only_whole(problem, "seed all, or simulate on the CPU"));
        };
        for chunk in &self.chunks {
            let store = &chunk.store;
            store.write_seeds(&self.gpu, &seeds[store.envs.clone()]);
        }
        for (key, seed) in self.rules.keys.iter_mut().zip(seeds) {
            key.seed = seed;
        }
        self.rules.tick = 0;
        Ok(())
    }

    fn exchange(&mut self, batch: &mut StepBatch) {
        std::mem::swap(&mut self.episodes.out, batch);
    }

    fn batch(&self) -> &StepBatch {
        &self.episodes.out
    }

    fn over(&self) -> &[bool] {
        &self.episodes.over
    }

    fn states(&self) -> Result<[Vec<f64>; 2]> {
        let wide = |numbers: Vec<f32>| numbers.into_iter().map(f64::from).collect();
        Ok([wide(self.qpos()?), wide(self.qvel()?)])
    }

    fn set_dynamics(&mut self, _: Dynamics, _: &[u32]) -> Result<()> {
        let problem = "their gaps stay as they are";
        Err(only_whole(problem, "make others, or simulate on the CPU"))
    }

    fn whole_snapshot(&self) -> Result<Vec<u8>> {
        let chosen = Chosen::of(&self.rules, &self.episodes.over);
        Ok(chosen.bytes(&self.snapshot()?))
    }

    fn restore_whole(&mut self, bytes: &[u8]) -> Result<()> {
        let (chosen, engine) = Chosen::parse(bytes, &self.rules)?;
        let tick = self.rules.tick;
        let seeds: Vec<Option<u64>> = chosen.seeds.into_iter().map(Some).collect();
        self.reseed(&seeds)?;
        // A snapshot that is refused leaves the count of draws as it was; one that is not sets its own.
        self.rules.tick = tick;
        self.restore(engine)
    }
}
