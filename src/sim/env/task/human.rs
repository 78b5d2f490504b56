//! Who drives a robot by hand: `h2oplus collect --from human`.

use crate::error::{Error, Result};
use serde::Deserialize;

/// A balancing robot under a human's command. On board, a loop at every env step holds the pitch:
/// control = `pitch` θ + `pitch_rate` θ̇ + `velocity` (v − v_wished), in the units of the only motor's control, where θ
/// is `qpos[2]` and v is `qvel[0]`. The human moves v_wished: late, in jerks, and never quite to the point.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Human {
    /// Transitions that are recorded, unless asked otherwise.
    pub rows: usize,
    /// Control per rad of pitch.
    pub pitch: f64,
    /// Control per rad/s.
    pub pitch_rate: f64,
    /// Control per m/s of velocity beyond the wished one.
    pub velocity: f64,
    /// What the human wants.
    pub wish: Wish,
    /// Time from what is seen to the hand's movement, s.
    pub delay: f64,
    /// Least and greatest time between two movements of the hand, s.
    pub pause: [f64; 2],
    /// Standard deviation of the hand's error, m/s.
    pub error: f64,
    /// Share of the movements after which attention lapses: the next comes five pauses later.
    pub lapses: f64,
}

/// What a human wants of a robot.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// To stand at this x, m.
    Place(f64),
    /// To go at this velocity along x, m/s.
    Velocity(f64),
}

impl Human {
    /// Refuses, by `source` and key, numbers that make no driver of a robot with `nu` motors.
    pub(super) fn check(&self, source: &str, nu: usize) -> Result<()> {
        let bad = |key: &str, problem: &str, help: &str| {
            Err(Error::input(format!("{source}: human{key}"), problem, help))
        };
        if nu != 1 {
            let problem = format!("drives one motor; the robot has {nu}");
            return bad("", &problem, "leave it out");
        }
        if self.rows == 0 {
            return bad(".rows", "is 0", "give 1 or more");
        }
        let wish = match self.wish {
            Wish::Place(x) | Wish::Velocity(x) => x,
        };
        for (key, value) in [
            (".pitch", self.pitch),
            (".pitch_rate", self.pitch_rate),
            (".velocity", self.velocity),
            (".wish", wish),
        ] {
            if !value.is_finite() {
                return bad(key, "is not finite", "give a finite number");
            }
        }
        let [least, greatest] = self.pause;
        let some = |x: f64| x > 0.0 && x.is_finite();
        if !(some(least) && some(greatest) && least <= greatest) {
            let help = "give the least and the greatest, in seconds above 0";
            return bad(".pause", "is no range of times", help);
        }
        for (key, value, most) in [
            (".delay", self.delay, 10.0),
            (".error", self.error, f64::MAX),
            (".lapses", self.lapses, 1.0),
        ] {
            if !(0.0..=most).contains(&value) {
                let help = match most {
                    f64::MAX => "give a finite number of 0 or more".to_owned(),
                    most => format!("give a number from 0 to {most}"),
                };
                return bad(key, &format!("is {value}"), &help);
            }
        }
        Ok(())
    }
}
