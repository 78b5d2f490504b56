//! Where a run's time goes.

use std::fmt;
use std::time::Instant;

use candle_core::Device;
use serde::Serialize;

use crate::error::Result;

/// What a run does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Stepping the simulator, and its rows' way into the replay.
    Simulating,
    /// Updates.
    Learning,
    /// Episodes on the real task.
    Evaluating,
    /// Metrics and checkpoints.
    Recording,
}

/// Seconds in each phase. A GPU's work counts where it was asked for: it is waited for before the next phase begins.
pub struct Phases {
    device: Device,
    now: Option<(Phase, Instant)>,
    /// By phase, in their order.
    seconds: [f64; 4],
}

impl Phases {
    /// None begun; the learner runs on `device`.
    pub fn new(device: Device) -> Self {
        Self {
            device,
            now: None,
            seconds: Default::default(),
        }
    }

    /// Ends the phase that lasts and begins `next`, unless it is the same.
    pub fn enter(&mut self, next: Phase) -> Result<()> {
        if self.now.is_none_or(|(phase, _)| phase != next) {
            self.end()?;
            self.now = Some((next, Instant::now()));
        }
        Ok(())
    }

    /// Ends the phase that lasts.
    pub fn end(&mut self) -> Result<()> {
        if let Some((phase, since)) = self.now.take() {
            self.device.synchronize()?;
            self.seconds[phase as usize] += since.elapsed().as_secs_f64();
        }
        Ok(())
    }

    /// What has been spent on `updates` updates of all members together.
    pub fn spent(&self, updates: u64) -> Spent {
        let [simulating, learning, evaluating, recording] = self.seconds;
        let total: f64 = self.seconds.iter().sum();
        let rate = |seconds: f64| updates as f64 / seconds.max(f64::MIN_POSITIVE);
        Spent {
            simulating,
            learning,
            evaluating,
            recording,
            learning_share: learning / total.max(f64::MIN_POSITIVE),
            updates_per_s: [rate(learning), rate(total)],
        }
    }
}

/// A run's time: seconds by phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spent {
    /// See [`Phase::Simulating`].
    pub simulating: f64,
    /// See [`Phase::Learning`].
    pub learning: f64,
    /// See [`Phase::Evaluating`].
    pub evaluating: f64,
    /// See [`Phase::Recording`].
    pub recording: f64,
    /// Learning's share of all, 0 to 1: the whole loop's rate by the learner's own.
    pub learning_share: f64,
    /// Updates of all members a second: of learning, and of all.
    pub updates_per_s: [f64; 2],
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [learner, whole] = self.updates_per_s;
        write!(
            f,
            "learning {:.1} s, simulating {:.1} s, evaluating {:.1} s, recording {:.1} s: \
             {whole:.1} updates/s in all, {:.1} % of the learner's own {learner:.1}",
            self.learning,
            self.simulating,
            self.evaluating,
            self.recording,
            100.0 * self.learning_share,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_counts_where_it_was_spent() {
        let mut phases = Phases::new(Device::Cpu);
        for (phase, ms) in [(Phase::Learning, 30), (Phase::Recording, 10)] {
            phases.enter(phase).unwrap();
            phases.enter(phase).unwrap();
            std::thread::sleep(Duration::from_millis(ms));
        }
        assert_eq!(phases.spent(1).recording, 0.0, "it lasts");
        phases.end().unwrap();
        phases.end().unwrap();
        let spent = phases.spent(6);
        assert!(spent.learning >= 0.03 && spent.recording >= 0.01);
        assert_eq!((spent.simulating, spent.evaluating), (0.0, 0.0));
        let total = spent.learning + spent.recording;
        assert_eq!(spent.learning_share, spent.learning / total);
        assert_eq!(spent.updates_per_s, [6.0 / spent.learning, 6.0 / total]);
    }
}
