//! The two classifiers of the dynamics ratio, on (s,a) and on (s,a,s'): see [`ratio`](crate::kernel::ratio).

use h2oplus_base::choices;

use super::Each;
use crate::error::Result;
use crate::kernel::PerMember;
use crate::kernel::ratio::RatioHeads;
use crate::net::spec::Mlp;
use crate::net::tape::{Batch, GroupId, Hidden, Tape};

choices! {
    /// When the classifiers train.
    pub enum RatioTrain {
        /// Where the ratio is used.
        Used = "used",
        /// Always, as in the published code.
        Always = "always",
    }
}

/// The settings that methods with classifiers have alike.
pub trait RatioSettings {
    /// Widths of the hidden layers, and their norm.
    fn hidden(&self) -> Hidden<'_>;
    /// Real, and as many simulated, rows on which they train.
    fn half(&self) -> usize;
    /// Deviation of the normals added to those rows.
    fn noise(&self) -> f64;
    /// Adam's rate.
    fn rate(&self) -> f64;
    /// Updates per step.
    fn every(&self) -> u64;
    /// Which heads are bounded.
    fn heads(&self) -> RatioHeads;
}

/// Says that settings have these numbers under their usual names.
macro_rules! ratio_settings {
    ($settings:ty) => {
        impl $crate::method::classifiers::RatioSettings for $settings {
            fn hidden(&self) -> $crate::net::tape::Hidden<'_> {
                $crate::net::tape::Hidden::new(&self.hidden, self.ratio_norm)
            }
            fn half(&self) -> usize {
                self.ratio_batch
            }
            fn noise(&self) -> f64 {
                self.ratio_noise
            }
            fn rate(&self) -> f64 {
                self.ratio_lr
            }
            fn every(&self) -> u64 {
                self.ratio_every
            }
            fn heads(&self) -> $crate::kernel::ratio::RatioHeads {
                self.ratio_heads
            }
        }
    };
}
pub(crate) use ratio_settings;

/// The networks.
pub struct Classifiers {
    /// On (s,a).
    sa: Mlp,
    /// On (s,a,s'): z\[0\] − z\[1\] of its head is log p_real/p_sim (s'|s,a).
    pub sas: Mlp,
    group: GroupId,
}

impl Classifiers {
    /// Declares the networks.
    pub fn new<S: RatioSettings>(t: &mut Tape, s: &Each<S>) -> Self {
        let rate = s.exact(S::rate);
        let ([sa, sas], group) = t.dynamics_pair(["d_sa", "d_sas"], 2, s.hidden(), rate);
        Self { sa, sas, group }
    }

    /// One step of both, in every so many updates, on real and simulated rows of their own with normals added. They
    /// step before the rest: the ratio of an update is theirs after it.
    pub fn learn<S: RatioSettings>(&self, t: &mut Tape, s: &Each<S>) -> Result<()> {
        t.every(s.every(), |t| {
            let rows = t.blurred_rows(s.half(), s.each(S::noise))?;
            let raw = [&self.sa, &self.sas].map(|net| t.at(net, &rows.rows));
            t.ratio_loss(&rows, raw, s.heads());
            t.step(&[self.group]);
            Ok(())
        })
    }

    /// Adds η·clip(log p_real/p_sim, ±c) to the rewards of `batch`; `numbers` is η and c.
    pub fn correct(&self, t: &mut Tape, batch: &Batch, numbers: [PerMember<f32>; 2]) {
        let raw = t.at(&self.sas, &batch.dynamics());
        t.ratio_reward(batch, raw, numbers);
    }
}
