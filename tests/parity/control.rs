//! What every engine promises of vectors whose episodes and robots the caller has in hand.

use crate::contract::{actions, bits, dynamics, engines, keys, plain, roll, short};
use h2oplus::env::{Autoreset, EnvSpec, EpisodeControl, StepBatch, Task, status};

const LEAN: [f64; 9] = [0.0, 1.25, 0.999, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];

/// Has walker `env` fall over in the next step.
fn topple(robots: &mut dyn EpisodeControl, env: usize) {
    let mut qvel = [0.0; 9];
    qvel[2] = 2.0;
    robots.set_state(env, &LEAN, &qvel);
}

fn row(values: &[f32], env: usize) -> Vec<u32> {
    let row = &values[env * 17..][..17];
    row.iter().map(|x| x.to_bits()).collect()
}

fn step(robots: &mut dyn EpisodeControl, t: usize) -> StepBatch {
    let names: Vec<usize> = (0..robots.num_envs()).collect();
    let actions = actions(robots, &names, t);
    robots.step(&actions).unwrap().clone()
}

#[test]
fn the_next_step_is_the_reset() {
    let task = Task::load("walker2d-v2").unwrap();
    let mut first: Option<Vec<f32>> = None;
    for engine in engines() {
        let mut robots = engine.control(&plain(&task, 19));
        robots.set_autoreset(Autoreset::NextStep);
        robots.reset().unwrap();
        topple(robots.as_mut(), 3);
        let ended = step(robots.as_mut(), 0);
        assert!(ended.terminated[3], "{engine}");
        assert_eq!(row(&ended.obs, 3), row(&ended.next_obs, 3), "{engine}");
        let over = |robots: &dyn EpisodeControl| robots.over().iter().filter(|o| **o).count();
        assert!(robots.over()[3] && over(robots.as_ref()) == 1, "{engine}");
        let begun = step(robots.as_mut(), 1);
        assert!(!begun.terminated[3] && !begun.truncated[3], "{engine}");
        assert_eq!(begun.reward[3], 0.0, "{engine}");
        assert_eq!(row(&begun.obs, 3), row(&begun.next_obs, 3), "{engine}");
        assert!(
            begun.obs[3 * 17 + 1].abs() < 5.1e-3,
            "{engine}: upright again"
        );
        assert!(begun.reward[4] != 0.0, "{engine}: the others go on");
        assert_eq!(over(robots.as_ref()), 0, "{engine}");
        // Every engine draws the same first state.
        let fresh = begun.obs[3 * 17..4 * 17].to_vec();
        let first = first.get_or_insert_with(|| fresh.clone());
        let apart = fresh.iter().zip(first.iter()).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-6, "{engine}");
        // The action of the reset was ignored: another one leaves the same.
        let mut other = engine.control(&plain(&task, 19));
        other.set_autoreset(Autoreset::NextStep);
        other.reset().unwrap();
        topple(other.as_mut(), 3);
        step(other.as_mut(), 0);
        let otherwise = step(other.as_mut(), 77);
        assert_eq!(row(&otherwise.obs, 3), row(&begun.obs, 3), "{engine}");
        assert_ne!(row(&otherwise.obs, 4), row(&begun.obs, 4), "{engine}");
    }
}

#[test]
fn a_limit_is_counted_from_the_reset_wherever_that_falls() {
    let task = short("halfcheetah-v2", 4);
    for engine in engines() {
        for (autoreset, period) in [(Autoreset::SameStep, 4), (Autoreset::NextStep, 5)] {
            let mut robots = engine.control(&plain(&task, 2));
            robots.set_autoreset(autoreset);
            robots.reset().unwrap();
            for t in 1..=15 {
                let batch = step(robots.as_mut(), t);
                let due = t % period == 4 % period;
                assert_eq!(batch.truncated, [due; 2], "{engine}, {autoreset}, step {t}");
            }
        }
    }
}

#[test]
fn without_autoreset_a_step_is_refused_until_the_reset() {
    let task = Task::load("walker2d-v2").unwrap();
    for engine in engines() {
        let mut robots = engine.control(&plain(&task, 18));
        robots.set_autoreset(Autoreset::Disabled);
        robots.reset().unwrap();
        topple(robots.as_mut(), 5);
        let ended = step(robots.as_mut(), 0);
        assert!(ended.terminated[5] && robots.over()[5], "{engine}");
        let none = [0.0; 18 * 6];
        let error = robots.step(&none).unwrap_err().to_string();
        assert!(error.contains("environment 5"), "{engine}: {error}");
        let mask: Vec<bool> = (0..18).map(|e| e == 5 || e == 6).collect();
        let obs = robots.reset_where(&mask).unwrap().to_vec();
        for (e, reset) in mask.iter().enumerate() {
            let same = row(&obs, e) == row(&ended.obs, e);
            assert_eq!(same, !reset, "{engine}, environment {e}");
        }
        assert!(!robots.over().contains(&true), "{engine}");
        let on = step(robots.as_mut(), 1);
        assert!(!on.terminated.contains(&true), "{engine}");
        // A robot that is put somewhere runs again, too.
        topple(robots.as_mut(), 5);
        assert!(step(robots.as_mut(), 2).terminated[5], "{engine}");
        robots.set_state(
            5,
            &[0.0, 1.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            &[0.0; 9],
        );
        assert!(robots.step(&none).is_ok(), "{engine}");
    }
}

#[test]
fn a_broken_robot_waits_as_the_others_do() {
    let task = Task::load("halfcheetah-v2").unwrap();
    for engine in engines() {
        let mut robots = engine.control(&plain(&task, 3));
        robots.set_autoreset(Autoreset::NextStep);
        robots.reset().unwrap();
        robots.set_state(1, &[0.0; 9], &[1e30; 9]);
        let broken = step(robots.as_mut(), 0);
        assert!(broken.truncated[1] && robots.over()[1], "{engine}");
        assert_ne!(robots.status()[1] & status::BROKEN, 0, "{engine}");
        assert!(broken.obs.iter().all(|x| x.is_finite()), "{engine}");
        let begun = step(robots.as_mut(), 1);
        assert_eq!((begun.reward[1], robots.status()[1]), (0.0, 0), "{engine}");
        assert!(!robots.over()[1] && !begun.truncated[1], "{engine}");
    }
}

#[test]
fn seeds_of_some_environments_make_their_future() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let rows = dynamics(&task, &["joint-noise=0.3"], false);
    let spec = EnvSpec::new(&task, rows, keys(5, 0..4));
    let mask = [false, true, true, false];
    for engine in engines() {
        let run = |before: usize, seed: u64| {
            let mut robots = engine.control(&spec);
            robots.reset().unwrap();
            (0..before).for_each(|t| drop(step(robots.as_mut(), t)));
            robots.reseed(&mask.map(|own| own.then_some(seed)));
            robots.reset_where(&mask).unwrap();
            roll(robots.as_mut(), &[0, 1, 2, 3], 0..9)
        };
        let (early, late, other) = (run(0, 9), run(6, 9), run(0, 10));
        for (e, seeded) in mask.into_iter().enumerate() {
            let own = bits(&early, e);
            assert_eq!(own == bits(&late, e), seeded, "{engine}, {e}");
            assert_eq!(own == bits(&other, e), !seeded, "{engine}, {e}");
        }
        assert_ne!(bits(&early, 1), bits(&early, 2), "{engine}");
    }
}

#[test]
fn robots_are_exchanged_where_they_stand() {
    let task = Task::load("halfcheetah-v2").unwrap();
    let air = [0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    for engine in engines() {
        let mut robots = engine.control(&plain(&task, 3));
        robots.set_autoreset(Autoreset::Disabled);
        robots.reset().unwrap();
        (0..3).for_each(|e| robots.set_state(e, &air, &[0.0; 9]));
        let (before, shown) = (robots.states().unwrap(), robots.batch().obs.clone());
        let rows = dynamics(&task, &["none", "gravity=3", "delay=2"], false);
        robots.set_dynamics(rows, &[0, 1, 2]).unwrap();
        assert_eq!(robots.states().unwrap(), before, "{engine}");
        assert_eq!(*robots.batch().obs, *shown, "{engine}");
        assert_eq!(robots.param_row(), [0, 1, 2], "{engine}");
        robots.step(&[0.0; 18]).unwrap();
        let qvel = robots.qvel().unwrap();
        for (e, want) in [1.0, 3.0, 1.0].into_iter().enumerate() {
            let fall = -qvel[e * 9 + 1] / (0.05 * 9.81);
            assert!((fall - want).abs() < 1e-3, "{engine}: {fall}, robot {e}");
        }
        // What is on its way to a motor stays so: the one that is late moves two steps after the others.
        let back = dynamics(&task, &["none", "none", "delay=2"], false);
        robots.step(&[1.0; 18]).unwrap();
        robots.set_dynamics(back, &[0, 1, 2]).unwrap();
        let turned = |robots: &dyn EpisodeControl| robots.qvel().unwrap()[2 * 9 + 5].abs();
        assert!(turned(robots.as_ref()) < 1e-3, "{engine}");
        robots.step(&[0.0; 18]).unwrap();
        assert!(turned(robots.as_ref()) < 1e-3, "{engine}");
        robots.step(&[0.0; 18]).unwrap();
        assert!(turned(robots.as_ref()) > 1.0, "{engine}");
        // Modes outlive it: an ended episode is refused its step.
        robots.set_steps(&[999, 0, 0]);
        robots.step(&[0.0; 18]).unwrap();
        assert!(
            robots.over()[0] && robots.step(&[0.0; 18]).is_err(),
            "{engine}"
        );
    }
}

#[test]
fn a_whole_snapshot_knows_who_waits_and_who_was_seeded() {
    let task = short("walker2d-v2", 11);
    let names: Vec<usize> = (0..17).collect();
    let rows = || dynamics(&task, &["none", "joint-noise=0.2", "delay=1"], true);
    let spec = EnvSpec::new(&task, rows(), keys(3, 0..17));
    for engine in engines() {
        let mut robots = engine.control(&spec);
        robots.set_autoreset(Autoreset::NextStep);
        robots.reset().unwrap();
        robots.set_steps(&(0..17).map(|e| e % 11).collect::<Vec<_>>());
        roll(robots.as_mut(), &names, 0..4);
        robots.reseed(
            &names
                .iter()
                .map(|e| (e % 3 == 0).then_some(8))
                .collect::<Vec<_>>(),
        );
        roll(robots.as_mut(), &names, 4..9);
        let bytes = robots.whole_snapshot().unwrap();
        let over = robots.over().to_vec();
        assert!(over.contains(&true) && over.contains(&false), "{engine}");
        let straight = roll(robots.as_mut(), &names, 9..40);
        let mut fresh = engine.control(&spec);
        fresh.set_autoreset(Autoreset::NextStep);
        for other in [&mut fresh, &mut robots] {
            other.restore_whole(&bytes).unwrap();
            assert_eq!(other.over(), over, "{engine}");
            let again = roll(other.as_mut(), &names, 9..40);
            for e in 0..17 {
                assert_eq!(bits(&again, e), bits(&straight, e), "{engine}, {e}");
            }
        }
        // Other gaps have another future: refused, and nothing is changed.
        let gaps = dynamics(&task, &["none", "joint-noise=0.3", "delay=1"], true);
        let mut changed = engine.control(&EnvSpec::new(&task, gaps, keys(3, 0..17)));
        changed.reset().unwrap();
        let states = changed.states().unwrap();
        assert!(changed.restore_whole(&bytes).is_err(), "{engine}");
        assert_eq!(changed.states().unwrap(), states, "{engine}");
        assert!(robots.restore_whole(&bytes[..9]).is_err(), "{engine}");
    }
}

#[test]
fn two_batches_take_turns() {
    let task = Task::load("hopper-v2").unwrap();
    for engine in engines() {
        let mut robots = engine.control(&plain(&task, 6));
        let mut alone = engine.control(&plain(&task, 6));
        robots.reset().unwrap();
        alone.reset().unwrap();
        let mut other = robots.batch().clone();
        let mut last = None;
        for t in 0..12 {
            other.copy_from(robots.batch());
            robots.exchange(&mut other);
            let now = [step(robots.as_mut(), t)];
            let same = bits(&now, 2) == bits(&[step(alone.as_mut(), t)], 2);
            assert!(same, "{engine}, step {t}");
            // What the step before returned is where it was.
            let kept = bits(std::slice::from_ref(&other), 2);
            assert!(last.is_none_or(|last| last == kept), "{engine}, step {t}");
            last = Some(bits(&now, 2));
        }
    }
}
