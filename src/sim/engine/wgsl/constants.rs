//! A robot's shape and a task's rules as WGSL constants.

use crate::engine::planar::topology::Topology;
use crate::env::task::{ResetNoise, StateEntry};
use crate::env::{Task, status};
use crate::gpu::constants::Constants;
use crate::rng::Stream;

/// The module `shared::topology` of a robot. `frames`: physics steps an env step.
pub fn topology(t: &Topology, frames: usize) -> Constants {
    let nv = t.nv();
    let entries = t.row[nv - 1] + t.depth[nv - 1] + 1;
    // Degree of freedom that each entry of a row belongs to: the ancestors, then itself.
    let mut column = vec![0; entries];
    for i in 0..nv {
        let mut at = i;
        for entry in (0..=t.depth[i]).rev() {
            column[t.row[i] + entry] = at;
            at = t.above[at];
        }
    }
    // Each body with those above it, up to the torso's children.
    let chain = |b: usize| {
        let up = std::iter::successors(Some(b), |&n| Some(t.parent[n]));
        up.take_while(|&n| n > 0).collect::<Vec<_>>()
    };
    let chains: Vec<_> = (0..t.nb).map(chain).collect();
    // Bodies' first end spheres; the spheres are sorted by body.
    let first = |b: usize| t.point_body.partition_point(|&body| body < b);
    let mut c = Constants::new("topology");
    c.number("NB", t.nb);
    c.number("NV", nv);
    c.number("NU", t.motor_dof.len());
    c.number("NP", t.point_body.len());
    c.number("POINT_ROOM", t.point_body.len().max(1));
    c.number("NL", t.limited.len());
    c.number("ENTRIES", entries);
    c.number("FRAMES", frames);
    c.number("EVALUATIONS", if t.rk4 { 4 } else { 1 });
    c.numbers("PARENT", t.parent[..t.nb].iter().copied());
    c.numbers("DEPTH", t.depth[..nv].iter().copied());
    c.numbers("ROW", t.row[..nv].iter().copied());
    c.numbers("COLUMN", column.into_iter());
    c.numbers("CHAIN", chains.concat().into_iter());
    c.numbers("CHAIN_FROM", ends(&chains));
    c.numbers("POINT_BODY", t.point_body.iter().copied());
    let rolls = |spare: &Option<f64>| usize::from(spare.is_some());
    c.numbers("ROLLING", t.spare_normals.iter().map(rolls));
    c.reals(
        "SPARE_NORMALS",
        t.spare_normals.iter().map(|spare| spare.unwrap_or(0.0)),
    );
    c.flag("ROLLS", t.rolls);
    c.numbers("POINT_FIRST", (0..=t.nb).map(first));
    c.numbers("MOTOR_DOF", t.motor_dof.iter().copied());
    c.numbers("LIMITED", t.limited.iter().copied());
    c.reals("SIGN", t.sign[..nv].iter().copied());
    c.flag("RK4", t.rk4);
    limbs(t, &mut c);
    c
}

/// What contacts between limbs need.
fn limbs(t: &Topology, c: &mut Constants) {
    let levers: Vec<_> = t.pairs.iter().map(|pair| pair.levers.clone()).collect();
    let all = levers.concat();
    c.number("PAIRS", t.pairs.len());
    c.number("LEVERS", all.len());
    c.number("PAIR_ROOM", t.pairs.len().max(1));
    c.number("LEVER_ROOM", all.len().max(1));
    c.numbers("CAPSULE_BODY", t.capsule_body.iter().copied());
    c.numbers("PAIR_FIRST", t.pairs.iter().map(|p| p.capsules[0]));
    c.numbers("PAIR_SECOND", t.pairs.iter().map(|p| p.capsules[1]));
    c.numbers("LEVER_FROM", ends(&levers));
    c.numbers("LEVER_BODY", all.iter().map(|l| l.body));
    let sign = |first: bool| if first { -1.0 } else { 1.0 };
    c.reals("LEVER_SIGN", all.iter().map(|l| sign(l.first)));
    c.flag("LIMBS", !t.pairs.is_empty());
    c.flag("FILL", t.fill);
}

/// Where each part begins in all parts joined, and where they end.
fn ends<T>(parts: &[Vec<T>]) -> impl Iterator<Item = usize> {
    let sums = parts.iter().scan(0, |sum, part| {
        *sum += part.len();
        Some(*sum)
    });
    std::iter::once(0).chain(sums)
}

/// The module `shared::task`.
pub fn task(task: &Task, redrawn: bool) -> Constants {
    let mut c = Constants::new("task");
    let seen = &task.observation;
    c.number("OBS", task.obs_dim());
    // Each entry of the observation: where it stands there, and which position or velocity it is.
    let entries = task.seen();
    let of = |which: fn(StateEntry) -> Option<usize>| {
        let places = entries.iter().enumerate();
        let found = places.filter_map(|(at, entry)| Some([at, which(*entry)?]));
        found.collect::<Vec<_>>()
    };
    for (names, part) in [
        (
            ["SEEN_QPOS", "SEEN_QPOS_AT", "SEEN_QPOS_OF"],
            of(StateEntry::position),
        ),
        (
            ["SEEN_QVEL", "SEEN_QVEL_AT", "SEEN_QVEL_OF"],
            of(StateEntry::velocity),
        ),
    ] {
        c.number(names[0], part.len());
        c.numbers(names[1], part.iter().map(|[at, _]| *at));
        c.numbers(names[2], part.iter().map(|[_, i]| *i));
    }
    let costs = &task.reward.quadratic;
    let of = |which: fn(StateEntry) -> Option<usize>| {
        let found = costs
            .iter()
            .filter_map(|cost| Some((which(cost.entry)?, cost)));
        found.collect::<Vec<_>>()
    };
    for (names, part) in [
        (
            ["QPOS_COSTS", "QPOS_COST_OF", "QPOS_COST", "QPOS_TARGET"],
            of(StateEntry::position),
        ),
        (
            ["QVEL_COSTS", "QVEL_COST_OF", "QVEL_COST", "QVEL_TARGET"],
            of(StateEntry::velocity),
        ),
    ] {
        c.number(names[0], part.len());
        c.numbers(names[1], part.iter().map(|(i, _)| *i));
        c.reals(names[2], part.iter().map(|(_, cost)| cost.weight));
        c.reals(names[3], part.iter().map(|(_, cost)| cost.target));
    }
    c.flag("STATE_COSTS", !costs.is_empty());
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
            ResetNoise::Uniform(a) => (2.0 * a, -a, false),
            ResetNoise::Normal(std) => (std, 0.0, true),
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
        ("STREAM_SENSOR", Stream::SensorNoise),
    ] {
        c.number(name, stream as usize);
    }
    // Compared as bits: those of a positive number rise with it, and NaN's lie above them all.
    c.number("LARGEST", (status::LARGEST as f32).to_bits() as usize);
    c.flag("REDRAWN", redrawn);
    c
}
