//! A task's rules as WGSL constants.

use crate::env::Task;
use crate::env::task::Noise;
use crate::gpu::constants::Constants;
use crate::physics::status;
use crate::rng::Stream;

/// The module `shared::task`.
pub fn task(task: &Task, redrawn: bool) -> Constants {
    let mut c = Constants::new("task");
    let seen = &task.observation;
    c.number("OBS", task.obs_dim());
    c.number("QPOS_FROM", seen.qpos_from);
    c.real("QVEL_CLIP", seen.qvel_clip.unwrap_or(f64::INFINITY));
    c.real("FORWARD_RATE", task.reward.forward_velocity / task.dt());
    c.real("CONTROL_COST", task.reward.control_cost);
    c.real("HEALTHY_REWARD", task.reward.healthy);
    c.flag("HEALTHY_ON_FALL", task.reward.healthy_on_fall);
    c.flag("SCALED", !task.scale.is_unit());
    c.reals("ACTION_MIDDLE", task.scale.middle.iter().copied());
    c.reals("ACTION_HALF", task.scale.half.iter().copied());
    let healthy = &task.healthy;
    c.number("HEALTHY", healthy.len());
    c.numbers("HEALTHY_QPOS", healthy.iter().map(|h| h.qpos));
    c.reals("HEALTHY_LOW", healthy.iter().map(|h| h.range[0]));
    c.reals("HEALTHY_HIGH", healthy.iter().map(|h| h.range[1]));
    let state = task.healthy_state.as_ref();
    c.flag("HEALTHY_STATE", state.is_some());
    c.number("STATE_FROM", state.map_or(0, |h| h.qpos_from));
    c.real("STATE_LOW", state.map_or(0.0, |h| h.range[0]));
    c.real("STATE_HIGH", state.map_or(0.0, |h| h.range[1]));
    c.number(
        "MAX_EPISODE_STEPS",
        task.max_episode_steps.min(u32::MAX as usize),
    );
    for (names, flag, noise) in [
        (["QPOS_SCALE", "QPOS_SHIFT"], "NORMAL_QPOS", task.reset.qpos),
        (["QVEL_SCALE", "QVEL_SHIFT"], "NORMAL_QVEL", task.reset.qvel),
    ] {
        let (scale, shift, normal) = match noise {
            Noise::Uniform(a) => (2.0 * a, -a, false),
            Noise::Normal(std) => (std, 0.0, true),
        };
        c.real(names[0], scale);
        c.real(names[1], shift);
        c.flag(flag, normal);
    }
    for (name, stream) in [
        ("STREAM_RESET", Stream::Reset),
        ("STREAM_NOISE", Stream::JointNoise),
        ("STREAM_GAP", Stream::Gap),
        ("STREAM_POLICY", Stream::Policy),
    ] {
        c.number(name, stream as usize);
    }
    // Compared as bits: those of a positive number rise with it, and NaN's lie above them all.
    c.number("LARGEST", (status::LARGEST as f32).to_bits() as usize);
    c.flag("REDRAWN", redrawn);
    c
}
