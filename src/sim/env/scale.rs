//! One scale of actions: policies, random actions and learners use [-1, 1], which is a motor's whole
//! `ctrlrange`; robots and data files use the controls themselves.

use crate::model::Actuator;

/// The control of each motor at action 0, and how far action 1 is from it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionScale {
    /// Middle of each motor's range, `[nu]`.
    pub middle: Vec<f64>,
    /// Half the width of each motor's range, `[nu]`.
    pub half: Vec<f64>,
}

impl ActionScale {
    /// The scale of these motors.
    pub fn of(motors: &[Actuator]) -> Self {
        let of = |by: fn(f64, f64) -> f64| {
            let one = |m: &Actuator| by(m.ctrlrange[0], m.ctrlrange[1]);
            motors.iter().map(one).collect()
        };
        Self {
            middle: of(|lo, hi| 0.5 * lo + 0.5 * hi),
            half: of(|lo, hi| 0.5 * hi - 0.5 * lo),
        }
    }

    /// Whether controls are the actions themselves.
    pub fn is_unit(&self) -> bool {
        self.middle.iter().all(|x| *x == 0.0) && self.half.iter().all(|x| *x == 1.0)
    }

    /// The control of motor `n` for the action `a`.
    #[inline]
    pub fn control(&self, n: usize, a: f32) -> f64 {
        self.half[n].mul_add(f64::from(a), self.middle[n])
    }

    /// Bounds of the control of motor `n`.
    pub fn bounds(&self, n: usize) -> [f64; 2] {
        let (middle, half) = (self.middle[n], self.half[n]);
        [middle - half, middle + half]
    }

    /// Turns actions (`[n, nu]`) into controls.
    pub fn to_controls(&self, actions: &mut [f32]) {
        self.each(actions, |s, n, a| s.control(n, a));
    }

    /// Turns controls (`[n, nu]`) into actions.
    pub fn to_actions(&self, controls: &mut [f32]) {
        self.each(controls, |s, n, c| (f64::from(c) - s.middle[n]) / s.half[n]);
    }

    fn each(&self, values: &mut [f32], to: impl Fn(&Self, usize, f32) -> f64) {
        if self.is_unit() {
            return;
        }
        for row in values.chunks_mut(self.half.len()) {
            for (n, x) in row.iter_mut().enumerate() {
                *x = to(self, n, *x) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_range_is_reached_and_left_again() {
        let motor = |ctrlrange| Actuator {
            name: "m".into(),
            dof: 0,
            gear: 1.0,
            ctrlrange,
        };
        let scale = ActionScale::of(&[motor([-3.0, 3.0]), motor([0.0, 4.0])]);
        let mut values = [-1.0, -1.0, 1.0, 1.0, 0.5, 0.5];
        scale.to_controls(&mut values);
        assert_eq!(values, [-3.0, 0.0, 3.0, 4.0, 1.5, 3.0]);
        scale.to_actions(&mut values);
        assert_eq!(values, [-1.0, -1.0, 1.0, 1.0, 0.5, 0.5]);
        assert_eq!(scale.bounds(1), [0.0, 4.0]);
        assert!(!scale.is_unit() && ActionScale::of(&[motor([-1.0, 1.0])]).is_unit());
    }
}
