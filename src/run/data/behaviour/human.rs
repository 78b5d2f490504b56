//! A scripted human at the sticks of a balancing robot.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::env::{Human, Task, Wish};
use crate::error::{Error, Result};
use crate::rng::{Stream, fill_normal, fill_unit};

/// Wished velocity per metre from the wished place, 1/s.
const TOWARDS: f64 = 0.6;
/// Velocity that a human wishes at most where a place is wished, m/s.
const HASTE: f64 = 0.4;
/// Share of what is missing by which a human trims the stick at every movement: a robot whose weight is not where the
/// drawing has it stands still only with a stick that does not.
const TRIM: f64 = 0.15;
/// Pauses that a lapse of attention lasts.
const LAPSE: f64 = 5.0;

/// A hand for each environment.
pub struct Driver<'a> {
    task: &'a Task,
    human: &'a Human,
    seed: u64,
    hands: RefCell<Vec<Hand>>,
}

/// What a human remembers of one robot.
#[derive(Clone, Debug, Default)]
struct Hand {
    /// x and v of the latest steps, oldest first.
    seen: VecDeque<[f64; 2]>,
    /// The step of the next movement.
    due: usize,
    /// The wished velocity at the stick, m/s.
    stick: f64,
    /// What the human has learnt to add to every wish, m/s.
    trim: f64,
}

impl<'a> Driver<'a> {
    /// One for each of `n` environments of `task`.
    ///
    /// # Errors
    /// Where nobody drives the task by hand.
    pub fn new(task: &'a Task, n: usize, seed: u64) -> Result<Self> {
        Ok(Self {
            human: of(task)?,
            task,
            seed,
            hands: RefCell::new(vec![Hand::default(); n]),
        })
    }

    /// A new episode of environment `env` begins: another look at the robot, the hand where it was.
    pub fn begin(&self, env: usize) {
        self.hands.borrow_mut()[env].seen.clear();
    }

    /// Actions `[n, 1]` at the states `qpos`, `qvel` (`[n, nv]`) in step `t`.
    pub fn act(&self, qpos: &[f32], qvel: &[f32], t: usize) -> Vec<f32> {
        let mut hands = self.hands.borrow_mut();
        let nv = qpos.len() / hands.len();
        let states = qpos.chunks(nv).zip(qvel.chunks(nv));
        let (scale, mut actions) = (&self.task.scale, Vec::new());
        for (env, (hand, (qpos, qvel))) in hands.iter_mut().zip(states).enumerate() {
            let wide = |x: f32| f64::from(x);
            let (x, v) = (wide(qpos[0]), wide(qvel[0]));
            hand.look([x, v], self.ticks(self.human.delay));
            if t >= hand.due {
                self.reach(hand, env, t);
            }
            let Human {
                pitch,
                pitch_rate,
                velocity,
                ..
            } = self.human;
            let control =
                pitch * wide(qpos[2]) + pitch_rate * wide(qvel[2]) + velocity * (v - hand.stick);
            let action = (control - scale.middle[0]) / scale.half[0];
            actions.push(action.clamp(-1.0, 1.0) as f32);
        }
        actions
    }

    /// `seconds` in env steps.
    fn ticks(&self, seconds: f64) -> usize {
        (seconds / self.task.dt()).round() as usize
    }

    /// The hand moves, after what the eye saw a while ago.
    fn reach(&self, hand: &mut Hand, env: usize, t: usize) {
        let (mut units, mut normal) = ([0f32; 2], [0f32; 1]);
        fill_unit(&mut units, self.seed, env as u32, t as u32, Stream::Action);
        fill_normal(&mut normal, self.seed, env as u32, t as u32, Stream::Policy);
        let [x, v] = hand.seen.front().copied().unwrap_or_default();
        let (aim, missing) = match self.human.wish {
            Wish::Place(place) => {
                let towards = (TOWARDS * (place - x)).clamp(-HASTE, HASTE);
                (towards, towards)
            }
            // Half of what is missing is added to the wish.
            Wish::Velocity(wished) => (wished + 0.5 * (wished - v), wished - v),
        };
        hand.trim += TRIM * missing;
        hand.stick = aim + hand.trim + self.human.error * f64::from(normal[0]);
        let [least, greatest] = self.human.pause;
        let pause = least + (greatest - least) * f64::from(units[0]);
        let lapse = match f64::from(units[1]) < self.human.lapses {
            true => LAPSE,
            false => 1.0,
        };
        hand.due = t + self.ticks(pause * lapse).max(1);
    }
}

impl Hand {
    /// Sees a state, and forgets those that are older than `delay` steps.
    fn look(&mut self, state: [f64; 2], delay: usize) {
        self.seen.push_back(state);
        while self.seen.len() > delay + 1 {
            self.seen.pop_front();
        }
    }
}

/// Who drives `task` by hand.
///
/// # Errors
/// Where nobody does.
pub fn of(task: &Task) -> Result<&Human> {
    task.human.as_ref().ok_or_else(|| {
        let driven =
            Task::names().filter(|name| Task::load(name).is_ok_and(|task| task.human.is_some()));
        let driven: Vec<_> = driven.collect();
        let help = format!(
            "tasks with a `[human]`: {}; or give your own task's file one",
            driven.join(", ")
        );
        Error::input(
            format!("task {}", task.name),
            "nobody drives it by hand",
            help,
        )
    })
}
