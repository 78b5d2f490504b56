//! H2O (Niu et al., NeurIPS 2022): Q on both domains, the simulated half weighted by the dynamics ratio, no entropy in
//! the target, plus w·(logsumexp over the simulated batch of Q + log ω − mean of Q on the real one): simulated
//! transitions are held down where the dynamics gap is wide.

use candle_core::{DType, Device, Tensor};

use h2oplus_base::settings;

use crate::algo::actor_critic::{ActorCritic, Nets, rules};
use crate::algo::classifiers::Classifiers;
use crate::algo::learner::{BATCH, Learner, set};
use crate::algo::measures::Measured;
use crate::algo::settings::{actor_critic, classifiers, mixing, networks, ordered, penalty};
use crate::algo::{Agent, Recorded};
use crate::error::{Error, Result, above_zero};
use crate::nn::Replay;
use crate::nn::kernel::{Buf, Deviations, LogOmega, Steps};
use crate::nn::ops::PerMember;
use crate::nn::ops::dense::{Dense, View};
use crate::nn::ops::h2o::{GapWeight, GapWeightBuffers, H2oLoss, H2oLossBuffers};
use crate::nn::ops::noise::{ScaleColumns, ScaleColumnsBuffers};
use crate::nn::ops::ratio::{RatioWeight, RatioWeightBuffers};
use crate::nn::ops::target::{Exploration, Target};
use crate::nn::ops::td::TdLoss;
use crate::nn::spec::Spec;
use crate::nn::workspace::Use;
use crate::rng::Stream;

// ---- settings ----

settings! {
    /// Settings of H2O; the defaults are its authors'.
    pub struct H2oSettings: networks, actor_critic, classifiers, mixing, penalty {
        /// Next states around the simulated one at which its gap u is measured.
        gap_samples: usize = 10 => SOME,
        /// Factor of the states' standard deviations, with which those next states are drawn.
        gap_spread: f64 = 1.0 => NOT_NEGATIVE,
        /// Rows of zeros per real row among which the standard deviations are taken: the authors take them over a
        /// replay whose simulated part is still empty. 0 gives the data's own.
        gap_padding: f64 = 10.0 => NOT_NEGATIVE,
        /// Smallest u.
        gap_min: f64 = 1e-45 => POSITIVE,
        /// Largest u; below 4 it binds.
        gap_max: f64 = 10.0 => POSITIVE,
    }
    default exploration = Exploration::None;
    default penalty_weight = 0.01;
}

// ---- agent ----

/// A population of H2O agents.
pub struct H2o {
    core: ActorCritic,
    classifiers: Classifiers,
    weight: RatioWeight,
    target: Target,
    td: TdLoss,
    gap: Gap,
    loss: H2oLoss,
}

/// How wide the dynamics gap is at each simulated row.
struct Gap {
    /// The (s,a,s') classifier at the next states around the simulated ones.
    forward: Dense,
    weight: GapWeight,
    scale: ScaleColumns,
    /// What is added to s', `[P, sim, samples, S]`.
    steps: Buf<Steps>,
    /// σ_s, `[P, S]`; none before the first batch.
    std: Option<Buf<Deviations>>,
    /// Factor of the states' deviations, rows of zeros per real row.
    spread: PerMember<[f64; 2]>,
    /// log ω, `[P, sim]`.
    log_omega: Buf<LogOmega>,
}

impl H2o {
    // ---- layout ----

    /// One fresh member per seed, each with its own numbers; what decides shapes and kernels is that of all.
    pub fn new(
        obs_dim: usize,
        act_dim: usize,
        settings: &[H2oSettings],
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        for s in settings {
            for (name, value) in [
                ("real_batch", s.real_batch as f64),
                ("sim_batch", s.sim_batch as f64),
                ("gap_samples", s.gap_samples as f64),
                ("gap_min", f64::from(s.gap_min as f32)),
                ("penalty_temperature", s.penalty_temperature),
            ] {
                above_zero(name, value)?;
            }
            if s.gap_padding < 0.0 {
                let problem = format!("is {}", s.gap_padding);
                return Err(Error::input("gap_padding", problem, "give 0 or more"));
            }
            ordered(["gap_min", "gap_max"], [s.gap_min, s.gap_max])?;
            ordered(["ratio_min", "ratio_max"], [s.ratio_min, s.ratio_max])?;
        }
        let s = &settings[0];
        let each = |of: fn(&H2oSettings) -> f64| PerMember::over(settings, |s| of(s) as f32);
        let rules = rules!(settings);
        let mut spec = Spec::default();
        let nets = Nets::new(&mut spec, obs_dim, act_dim, &rules)?;
        let ratio_nets = Classifiers::nets(&mut spec, obs_dim, act_dim, &s.hidden);
        let (real, sim) = (s.real_batch, s.sim_batch);
        let dims = [obs_dim, act_dim, real + sim];
        let mut core = ActorCritic::new(spec, nets, dims, &rules, seeds, device)?;

        // Passes.
        let learner = &mut core.learner;
        let noise = each(|s| s.ratio_noise);
        let rate = PerMember::over(settings, |s| s.ratio_lr);
        let mut classifiers = Classifiers::new(learner, ratio_nets, s.ratio_batch, noise, rate)?;
        let (members, width) = (learner.members(), obs_dim + act_dim);
        let at_sim = learner.batch_view(real, 0);
        let at_steps = View {
            buffer: BATCH,
            offset: 0,
            ld: obs_dim,
            stride: sim * s.gap_samples * obs_dim,
        };
        let (plan, sas) = (&mut learner.plan, &classifiers.sas);
        let advantage = plan.pass(sas, Use::Infer, at_sim, sim);
        let all = 0..width + obs_dim;
        let centre = plan.shared(sas, Use::Infer, at_sim, all, sim);
        let next = width..width + obs_dim;
        let around = plan.grouped(sas, Use::Infer, &centre, at_steps, next, s.gap_samples);

        // Launches.
        let own = [&centre, &advantage];
        core.finish(&own[..1 + usize::from(s.use_ratio)], &[])?;
        classifiers.finish(&core.learner);
        let td = core.td([real, sim]);
        let target = core.target(
            [each(|s| s.discount), each(|s| s.reward_scale)],
            s.exploration,
            each(|s| s.optimism),
        );
        let learner = &mut core.learner;
        let zeros = |floats: usize| Tensor::zeros((members, floats), DType::F32, device);
        let gap = Gap {
            forward: learner.plan.forward(&[&around]),
            weight: GapWeight {
                members,
                sim,
                samples: s.gap_samples,
                raw: around.out(),
                clip: PerMember::over(settings, |s| [s.gap_min as f32, s.gap_max as f32]),
                stats_at: learner.places(&GapWeight::STATS),
            },
            scale: ScaleColumns {
                members,
                len: sim * s.gap_samples * obs_dim,
                columns: obs_dim,
            },
            steps: zeros(sim * s.gap_samples * obs_dim)?.into(),
            std: None,
            spread: PerMember::over(settings, |s| [s.gap_spread, s.gap_padding]),
            log_omega: zeros(sim)?.into(),
        };
        let weight = RatioWeight {
            members,
            real,
            sim,
            raw: s.use_ratio.then(|| advantage.out()),
            clip: PerMember::over(settings, |s| [s.ratio_min as f32, s.ratio_max as f32]),
            stats_at: learner.places(&RatioWeight::STATS),
        };
        let loss = H2oLoss {
            members,
            real,
            sim,
            q: td.q,
            weight: each(|s| s.penalty_weight),
            temperature: each(|s| s.penalty_temperature),
            stats_at: learner.places(&H2oLoss::STATS),
        };
        Ok(Self {
            core,
            classifiers,
            weight,
            target,
            td,
            gap,
            loss,
        })
    }
}

impl Gap {
    /// Draws the steps, before they are scaled.
    fn draw(&mut self, learner: &Learner, real: &Replay) -> Result<()> {
        if self.std.is_none() {
            let by_part = real.state_moments(learner.obs_dim)?;
            let of_member = |member: usize| {
                let [spread, padding] = self.spread.of(member);
                let of_column = move |m: &_| (spread * padded_deviation(*m, padding)) as f32;
                by_part[real.part(member)].iter().map(of_column)
            };
            let std = (0..learner.members()).flat_map(of_member).collect();
            self.std = Some(self.shaped(std, learner)?.into());
        }
        learner.normals(Stream::NextStates, &self.steps)
    }

    /// σ_s of every member as a tensor.
    fn shaped(&self, std: Vec<f32>, learner: &Learner) -> Result<Tensor> {
        let shape = (learner.members(), learner.obs_dim);
        Ok(Tensor::from_vec(std, shape, learner.batch.device())?)
    }

    fn measure(&self, learner: &Learner) -> Result<()> {
        let Learner {
            params, ws, stats, ..
        } = learner;
        let std = self.std.as_ref().expect("drawn before it is measured");
        let x = &self.steps;
        self.scale.launch(ScaleColumnsBuffers { x, std })?;
        let input: [&Tensor; 3] = [&params.theta, &params.target, &self.steps];
        ws.forward(&self.forward, input)?;
        self.weight.launch(GapWeightBuffers {
            log_omega: &self.log_omega,
            stats,
            acts: &ws.acts,
        })
    }
}

/// Deviation of numbers with this mean and deviation among `padding` zeros per number, plus the authors' 1e-3.
fn padded_deviation((mean, std): (f64, f64), padding: f64) -> f64 {
    let share = 1.0 / (1.0 + padding);
    let square = (std * std + mean * mean) * share;
    (square - (mean * share).powi(2)).max(0.0).sqrt() + 1e-3
}

// ---- update ----

impl Agent for H2o {
    fn learner(&self) -> &Learner {
        &self.core.learner
    }

    fn learner_mut(&mut self) -> &mut Learner {
        &mut self.core.learner
    }

    fn draw(&mut self, real: &Replay, sim: &Replay) -> Result<()> {
        let (learner, rows) = (&self.core.learner, [self.weight.real, self.weight.sim]);
        learner.draw(real, Stream::SampleReal, 0, rows[0])?;
        learner.draw(sim, Stream::SampleSim, rows[0], rows[1])?;
        self.core.draw_noise()?;
        self.classifiers.draw(learner, real, sim)?;
        self.gap.draw(learner, real)
    }

    fn set_draws(&mut self, draws: &Recorded) -> Result<()> {
        self.core.set_draws(draws)?;
        self.classifiers.set_draws(draws)?;
        let (gap, learner) = (&mut self.gap, &self.core.learner);
        set("next states", &draws.next_states, &mut gap.steps)?;
        let mut std = gap.shaped(vec![0.0; learner.members() * learner.obs_dim], learner)?;
        set("deviations", &draws.spread, &mut std)?;
        let spread = (0..learner.members()).map(|m| gap.spread.of(m)[0] as f32);
        let spread = Tensor::from_iter(spread, std.device())?.unsqueeze(1)?;
        gap.std = Some(std.broadcast_mul(&spread)?.into());
        Ok(())
    }

    fn learn(&mut self) -> Result<()> {
        let core = &mut self.core;
        // The classifiers step first: the weights of this update are theirs after it.
        self.classifiers.learn(&mut core.learner)?;
        core.forward()?;
        self.gap.measure(&core.learner)?;
        let Learner { ws, w, stats, .. } = &core.learner;
        let acts = &ws.acts;
        self.weight.launch(RatioWeightBuffers { w, stats, acts })?;
        core.targets(&self.target)?;
        core.td_loss(&self.td)?;
        self.loss.launch(H2oLossBuffers {
            act_grads: &ws.act_grads,
            stats,
            acts,
            log_omega: &self.gap.log_omega,
        })?;
        core.actor_loss()?;
        core.backward()?;
        core.learner.step(&ActorCritic::ALL)?;
        core.learner.close()
    }

    fn measured(&self) -> Measured<'_> {
        Measured {
            td: &self.td,
            real: self.weight.real,
            weight: Some(&self.weight),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::moments;

    #[test]
    fn deviations_among_zeros_are_those_of_the_padded_list() {
        let mut values = vec![1.0, -2.0, 3.5, 0.25];
        let of_values = moments(values.iter().copied());
        values.extend([0.0; 40]);
        let (_, std) = moments(values.iter().copied());
        assert!((padded_deviation(of_values, 10.0) - std - 1e-3).abs() < 1e-12);
        assert!((padded_deviation(of_values, 0.0) - of_values.1 - 1e-3).abs() < 1e-12);
    }
}
