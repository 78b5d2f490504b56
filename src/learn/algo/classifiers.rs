//! The two classifiers of the dynamics ratio, on (s,a) and on (s,a,s'): see [`ratio`](crate::nn::ops::ratio).

use crate::error::Result;
use crate::nn::ops::PerMember;
use crate::nn::spec::Mlp;
use crate::nn::tape::{Group, Tape};

/// The networks, and how they learn.
pub struct Classifiers {
    /// On (s,a).
    sa: Mlp,
    /// On (s,a,s'): z\[0\] − z\[1\] of its head is log p_real/p_sim (s'|s,a).
    pub sas: Mlp,
    group: Group,
}

impl Classifiers {
    /// Declares the networks, which step at `rate`.
    pub fn new(t: &mut Tape, hidden: &[usize], rate: PerMember<f64>) -> Self {
        let ([sa, sas], group) = t.dynamics_pair(["d_sa", "d_sas"], 2, hidden, rate);
        Self { sa, sas, group }
    }

    /// One step of both on `half` real and as many simulated rows of their own, to which normals of deviation `noise`
    /// are added. They step before the rest: the ratio of an update is theirs after it.
    pub fn learn(&self, t: &mut Tape, half: usize, noise: PerMember<f32>) -> Result<()> {
        let rows = t.blurred_rows(half, noise)?;
        let raw = [&self.sa, &self.sas].map(|net| t.at(net, &rows.rows));
        t.ratio_loss(&rows, raw);
        t.step(&[self.group]);
        Ok(())
    }
}
