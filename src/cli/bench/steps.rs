//! Env steps with random actions, against the clock.

use std::time::Instant;

use crate::env::VecEnv;
use crate::env::status::{BROKEN, UNCONVERGED, offenders};
use crate::error::Result;
use crate::rng::{Stream, fill_unit};

/// Env steps before the clock starts, so that robots lie, stand and run as they will.
pub(super) const WARM_UP: usize = 60;
/// Different action batches, used in turn.
const ACTION_BATCHES: u32 = 16;

/// Random actions in [−1, 1], one batch after the other.
pub(super) fn action_batches(env: &dyn VecEnv) -> Vec<Vec<f32>> {
    let batch = |i| {
        let mut actions = vec![0.0; env.num_envs() * env.act_dim()];
        fill_unit(&mut actions, 0, 0, i, Stream::Action);
        actions.iter_mut().for_each(|a| *a = 2.0 * *a - 1.0);
        actions
    };
    (0..ACTION_BATCHES).map(batch).collect()
}

/// Resets and takes `steps` steps.
pub(super) fn roll(env: &mut dyn VecEnv, steps: usize) -> Result<()> {
    let actions = action_batches(env);
    env.reset()?;
    for i in 0..steps {
        env.step(&actions[i % actions.len()])?;
    }
    Ok(())
}

/// Env steps a second over `seconds` s.
pub(super) fn steps_per_second(env: &mut dyn VecEnv, seconds: f64) -> Result<f64> {
    roll(env, WARM_UP)?;
    let actions = action_batches(env);
    let start = Instant::now();
    let mut steps = 0;
    while start.elapsed().as_secs_f64() < seconds {
        env.step(&actions[steps % actions.len()])?;
        steps += 1;
    }
    let rate = (steps * env.num_envs()) as f64 / start.elapsed().as_secs_f64();
    let trouble = offenders(env.status(), BROKEN | UNCONVERGED);
    if !trouble.is_empty() {
        crate::log!("the last step: {trouble}");
    }
    Ok(rate)
}
