//! Controls on their way to the motors of a robot whose channel is late.

use crate::env::Dynamics;

/// The latest controls of one robot, newest first, `[depth, nu]`; none where no robot of the vector is late.
#[derive(Clone, Default)]
pub(crate) struct LateControls(Box<[f64]>);

impl LateControls {
    /// Before the first control of an episode: `depth` times that of action 0, `middle` (`[nu]`).
    pub fn new(depth: usize, middle: &[f64]) -> Self {
        Self(middle.repeat(depth).into())
    }

    /// Forgets them at an episode's start.
    pub fn clear(&mut self, middle: &[f64]) {
        for controls in self.0.chunks_mut(middle.len()) {
            controls.copy_from_slice(middle);
        }
    }

    /// The same controls where robots may be `depth` env steps late.
    pub fn of_depth(&self, depth: usize, middle: &[f64]) -> Self {
        let mut other = Self::new(depth, middle);
        let kept = self.0.len().min(other.0.len());
        other.0[..kept].copy_from_slice(&self.0[..kept]);
        other
    }

    /// Takes the control of this step, `[nu]`, and leaves that of `delay` steps ago in its place.
    pub fn pass(&mut self, delay: usize, ctrl: &mut [f64]) {
        let nu = ctrl.len();
        if self.0.is_empty() {
            return;
        }
        for (i, control) in ctrl.iter_mut().enumerate() {
            let mut newer = *control;
            for (age, late) in self.0[i..].iter_mut().step_by(nu).enumerate() {
                std::mem::swap(&mut newer, late);
                if age + 1 == delay {
                    *control = newer;
                }
            }
        }
    }

    /// As numbers of a snapshot.
    pub fn numbers(&self) -> &[f64] {
        &self.0
    }

    /// Takes the numbers of a snapshot over.
    pub fn load(&mut self, numbers: &[f64]) {
        self.0.copy_from_slice(numbers);
    }
}

impl Dynamics {
    /// Env steps by which the latest of its robots are late.
    pub(crate) fn depth(&self) -> usize {
        self.rows
            .iter()
            .map(|row| row.channel.delay)
            .max()
            .unwrap_or(0)
    }

    /// Whether sensors of one of its robots err.
    pub(crate) fn errs(&self) -> bool {
        self.rows.iter().any(|row| !row.channel.is_true())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_arrives_when_it_should() {
        let middle = [0.5, -1.0];
        for (depth, delay) in [(3, 0), (3, 1), (3, 3), (1, 1), (0, 0)] {
            let mut late = LateControls::new(depth, &middle);
            for episode in 0..2 {
                for t in 0..6 {
                    let asked = |t: usize| [t as f64, 10.0 * t as f64 + f64::from(episode)];
                    let mut ctrl = asked(t);
                    late.pass(delay, &mut ctrl);
                    let want = t.checked_sub(delay).map_or(middle, asked);
                    assert_eq!(ctrl, want, "depth {depth}, delay {delay}, step {t}");
                }
                late.clear(&middle);
            }
        }
    }

    #[test]
    fn what_is_under_way_stays_so_when_the_depth_changes() {
        let middle = [0.0];
        let mut late = LateControls::new(2, &middle);
        late.pass(2, &mut [1.0]);
        late.pass(2, &mut [2.0]);
        assert_eq!(late.of_depth(3, &middle).numbers(), [2.0, 1.0, 0.0]);
        assert_eq!(late.of_depth(1, &middle).numbers(), [2.0]);
        assert!(late.of_depth(0, &middle).numbers().is_empty());
    }
}
