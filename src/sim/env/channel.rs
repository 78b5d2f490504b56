//! The channel between a policy and its robot at work: the way of a control to its motor, and of a state to the observation.

use crate::env::Dynamics;
use crate::env::dynamics::ParamRow;
use crate::env::rules::TaskRules;
use crate::model::Channel;
use crate::rng::{Stream, fill_normal};

/// The latest controls of one robot, newest first, `[depth, nu]`; none where no robot of the vector is late.
#[derive(Clone, Default)]
pub struct LateControls(Box<[f64]>);

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

impl TaskRules {
    /// The controls that reach the robot of `env` while it has parameter row `row`, through the row's
    /// channel, into `ctrl` (`[act_dim]`); returns the cost of those that were asked for. Noise is clipped to the
    /// motors' ranges before the task pays, as the published set-up does; what a delay and a dead zone make of a
    /// control afterwards is the motor's affair.
    pub fn act(
        &self,
        env: usize,
        row: u32,
        action: &[f32],
        late: &mut LateControls,
        ctrl: &mut [f64],
    ) -> f64 {
        let ParamRow { channel, model, .. } = &self.dynamics.rows[row as usize];
        let std = channel.noise;
        for (n, (c, a)) in ctrl.iter_mut().zip(action).enumerate() {
            *c = self.task.scale.control(n, *a);
        }
        if std != 0.0 {
            let mut noise = vec![0f32; action.len()];
            let (key, tick) = (self.keys[env], self.tick_of(env));
            fill_normal(&mut noise, key.seed, key.env, tick, Stream::JointNoise);
            for ((c, n), motor) in ctrl.iter_mut().zip(noise).zip(&model.actuators) {
                let [lo, hi] = motor.ctrlrange;
                *c = (*c + std * f64::from(n)).max(lo).min(hi);
            }
        }
        let cost = self.task.reward.control_cost * ctrl.iter().map(|a| a * a).sum::<f64>();
        late.pass(channel.delay, ctrl);
        for (c, motor) in ctrl.iter_mut().zip(&model.actuators) {
            *c = channel.reach(*c, motor.ctrlrange);
        }
        cost
    }

    /// What the sensors of `env` make of the observation `obs` (`[obs_dim]`) while it has parameter row `row`. The
    /// `first` observation of an episode has a draw of its own: the step that ended the one before shows its last, too.
    pub fn sense(&self, env: usize, row: u32, first: bool, obs: &mut [f32]) {
        let Channel {
            sensor_noise,
            sensor_bias,
            ..
        } = match &self.dynamics.rows[row as usize].channel {
            channel if channel.is_true() => return,
            channel => channel,
        };
        // First observations begin at a Philox block of their own, so that the two never share a word.
        let second = obs.len().next_multiple_of(4);
        let (from, len) = if first {
            (second, 2 * second)
        } else {
            (0, second)
        };
        let mut draws = vec![0f32; len];
        let (key, tick) = (self.keys[env], self.tick_of(env));
        fill_normal(&mut draws, key.seed, key.env, tick, Stream::SensorNoise);
        for (i, (o, draw)) in obs.iter_mut().zip(&draws[from..]).enumerate() {
            let error = sensor_noise
                .at(i)
                .mul_add(f64::from(*draw), sensor_bias.at(i));
            *o = (f64::from(*o) + error) as f32;
        }
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
