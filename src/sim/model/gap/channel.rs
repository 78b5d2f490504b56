//! What stands between a policy and the robot: the way of a control to its motor, and of a state to the observation.

use super::edit::{Edit, Element, Numbers};
use crate::error::{Error, Result};

/// Env steps that a control may take on its way to the motors.
pub const MAX_DELAY: usize = 8;

/// The action and observation channel of a robot. A control meets the noise, then the delay, then the dead zone, then
/// its motor; an observation, once it is complete, the sensors' bias and noise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channel {
    /// Standard deviation of what is added to every control, which is clipped to its motor's range then.
    pub noise: f64,
    /// Env steps that a control is late; at most [`MAX_DELAY`]. Before an episode's first control arrives, motors have
    /// the control of action 0: the middle of their range.
    pub delay: usize,
    /// Share of the motor's half range in [0, 1) that is lost about its middle; see [`reach`](Self::reach).
    pub dead_zone: f64,
    /// Standard deviation of what is added to the components of an observation, one draw each a step.
    pub sensor_noise: Numbers,
    /// What is added to the components of an observation, always the same.
    pub sensor_bias: Numbers,
}

impl Channel {
    /// Attributes of `element` that an edit may name.
    pub(super) fn attributes(element: Element) -> &'static [&'static str] {
        match element {
            Element::Action => &["noise", "delay", "dead-zone"],
            Element::Observation => &["noise", "bias"],
            _ => &[],
        }
    }

    /// Edits what `edit` names with the gap's strength `k`.
    ///
    /// # Errors
    /// Where that is no number of the attribute. The place is to be filled in.
    pub(super) fn apply(&mut self, edit: &Edit, k: f64) -> Result<()> {
        let value = edit.value.clone().unwrap_or(Numbers::All(k));
        let bad = |problem: String, help: &str| Err(Error::input("gap", problem, help));
        let refuse_negative = |numbers: &Numbers| match numbers.each().iter().any(|x| *x < 0.0) {
            true => bad(
                "a standard deviation cannot be negative".to_owned(),
                "give a strength of 0 or more",
            ),
            false => Ok(()),
        };
        let one = |now: f64| match &value {
            Numbers::All(value) => Ok(edit.op.apply(now, *value)),
            Numbers::Each(_) => Err(Error::input(
                "gap",
                format!("`value` of the action's {} is a list", edit.attribute),
                "give one number, for all motors",
            )),
        };
        match (edit.element, edit.attribute.as_str()) {
            (Element::Action, "noise") => {
                self.noise = one(self.noise)?;
                refuse_negative(&Numbers::All(self.noise))
            }
            (Element::Action, "delay") => {
                let steps = one(self.delay as f64)?;
                if steps.fract() != 0.0 || !(0.0..=MAX_DELAY as f64).contains(&steps) {
                    let help = format!("give a whole number from 0 to {MAX_DELAY}");
                    return bad(format!("a delay of {steps} env steps"), &help);
                }
                self.delay = steps as usize;
                Ok(())
            }
            (Element::Action, "dead-zone") => {
                self.dead_zone = one(self.dead_zone)?;
                if (0.0..1.0).contains(&self.dead_zone) {
                    return Ok(());
                }
                let problem = format!("a dead zone of {} of the half range", self.dead_zone);
                bad(problem, "give a strength of 0 or more, and below 1")
            }
            (Element::Observation, "noise") => {
                self.sensor_noise = self.sensor_noise.changed(edit.op, &value)?;
                refuse_negative(&self.sensor_noise)
            }
            (Element::Observation, "bias") => {
                self.sensor_bias = self.sensor_bias.changed(edit.op, &value)?;
                Ok(())
            }
            // A table that names another attribute is refused when it is read.
            _ => Ok(()),
        }
    }

    /// Refuses lists of another length than an observation's, `obs_dim`.
    pub(crate) fn check(&self, obs_dim: usize) -> Result<()> {
        for (what, numbers) in [("noise", &self.sensor_noise), ("bias", &self.sensor_bias)] {
            if let Numbers::Each(each) = numbers
                && each.len() != obs_dim
            {
                let problem = format!(
                    "`value` of the observation's {what} has {} numbers, an observation {obs_dim}",
                    each.len()
                );
                let help = "give one number, or one for each component";
                return Err(Error::input("gap", problem, help));
            }
        }
        Ok(())
    }

    /// Whether an observation shows the state itself.
    pub fn is_true(&self) -> bool {
        self.sensor_noise.are_zero() && self.sensor_bias.are_zero()
    }

    /// The control that a motor of range `range` turns `control` into: held to the range, then nothing within the dead
    /// zone about its middle, and from there on what exceeds the zone. So it is continuous, and a motor loses the same at
    /// every control, as one does that must overcome its own friction before it turns a joint.
    pub fn reach(&self, control: f64, range: [f64; 2]) -> f64 {
        if self.dead_zone == 0.0 {
            return control;
        }
        let [lo, hi] = range;
        let (middle, half) = (0.5 * lo + 0.5 * hi, 0.5 * hi - 0.5 * lo);
        let asked = control.max(lo).min(hi) - middle;
        let left = (asked.abs() - self.dead_zone * half).max(0.0);
        middle + left.copysign(asked)
    }

    /// Its numbers by name, as listings call them.
    pub(crate) fn fields(&self) -> [(&'static str, Vec<f64>); 5] {
        // Taken apart in full, so that a new field cannot be forgotten here.
        let Self {
            noise,
            delay,
            dead_zone,
            sensor_noise,
            sensor_bias,
        } = self;
        [
            ("action noise", vec![*noise]),
            ("action delay", vec![*delay as f64]),
            ("action dead-zone", vec![*dead_zone]),
            ("observation noise", sensor_noise.each().to_vec()),
            ("observation bias", sensor_bias.each().to_vec()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_zone_takes_the_same_from_every_control() {
        let channel = Channel {
            dead_zone: 0.25,
            ..Channel::default()
        };
        for (range, control, want) in [
            ([-1.0, 1.0], 0.2, 0.0),
            ([-1.0, 1.0], -0.25, 0.0),
            ([-1.0, 1.0], 0.5, 0.25),
            ([-1.0, 1.0], -0.5, -0.25),
            // Beyond the range a motor gives what it has at its end.
            ([-1.0, 1.0], 3.0, 0.75),
            ([0.0, 4.0], 2.25, 2.0),
            ([0.0, 4.0], 4.0, 3.5),
            ([0.0, 4.0], 0.0, 0.5),
        ] {
            assert_eq!(
                channel.reach(control, range),
                want,
                "{control} in {range:?}"
            );
        }
        // Without one even a control beyond the range passes as it is.
        assert_eq!(Channel::default().reach(3.0, [-1.0, 1.0]), 3.0);
    }
}
