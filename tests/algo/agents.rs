//! Whole agents: 200 updates, threads, populations, resume.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use h2oplus::algo::{Agent, build, methods};
use h2oplus::nn::replay::row_len;
use h2oplus::nn::{PolicySnapshot, Replay};

use crate::support::{list, normals};

pub const S: usize = 5;
pub const A: usize = 2;

pub fn settings(method: &str, warmup: i64) -> toml::Table {
    let mut table: toml::Table = "hidden = [32, 32]".parse().unwrap();
    if method == "h2oplus" {
        table.extend(
            "real_batch = 24\nsim_batch = 24\nratio_batch = 32"
                .parse::<toml::Table>()
                .unwrap(),
        );
        table.insert("warmup".into(), warmup.into());
    } else {
        table.insert("batch".into(), 48.into());
    }
    table
}

fn agent(method: &str, warmup: i64, seeds: &[u64]) -> Box<dyn Agent> {
    build(method, &settings(method, warmup), S, A, seeds, &Device::Cpu).unwrap()
}

/// Random transitions; `shared` by all members, or `groups` of them.
fn replay(seed: u64, groups: usize, rows: usize) -> Replay {
    let row = row_len(S, A);
    let mut replay = Replay::new(groups, 500, S, A, &Device::Cpu).unwrap();
    let mut rows: Vec<f32> = normals(seed, &[rows, row])
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap();
    for row in rows.chunks_exact_mut(row) {
        row[S..S + A].iter_mut().for_each(|a| *a = a.tanh());
        row[2 * S + A + 1] = f32::from(u8::from(row[2 * S + A + 1] > 1.5));
    }
    replay.push(&rows.repeat(groups)).unwrap();
    replay
}

fn run(agent: &mut dyn Agent, updates: u64) {
    run_on(agent, updates, 400);
}

fn run_on(agent: &mut dyn Agent, updates: u64, rows: usize) {
    let (real, sim) = (replay(1, 1, rows), replay(2, agent.members(), rows));
    for _ in 0..updates {
        agent.update(&real, &sim).unwrap();
    }
}

pub fn bits(agent: &dyn Agent, member: usize) -> Vec<u32> {
    agent
        .parameters(member)
        .unwrap()
        .iter()
        .flat_map(|(_, v)| v.iter().map(|x| x.to_bits()))
        .collect()
}

#[test]
fn two_hundred_updates_learn_and_stay_finite() {
    for method in methods() {
        let mut agent = agent(method, 20, &[1]);
        let before: HashMap<_, _> = agent.parameters(0).unwrap().into_iter().collect();
        run(agent.as_mut(), 200);
        assert_eq!(agent.updates(), 200);
        for (name, values) in agent.metrics().unwrap() {
            assert!(
                values.iter().all(|v| v.is_finite()),
                "{method}: {name} {values:?}"
            );
        }
        for (name, values) in agent.parameters(0).unwrap() {
            assert!(values.iter().all(|v| v.is_finite()), "{method}: {name}");
            assert_ne!(values, before[&name], "{method}: {name} has not moved");
        }
    }
}

/// On a few transitions seen over and over, the critics' error must fall.
#[test]
fn losses_fall() {
    for method in methods() {
        let mut agent = agent(method, 0, &[1]);
        let loss = |agent: &dyn Agent| {
            let all: HashMap<_, _> = agent.metrics().unwrap().into_iter().collect();
            all["losses/qf1_loss"][0] + all["losses/qf2_loss"][0]
        };
        run_on(agent.as_mut(), 1, 20);
        let first = loss(agent.as_ref());
        run_on(agent.as_mut(), 1000, 20);
        assert!(
            loss(agent.as_ref()) < 0.5 * first,
            "{method}: {first} → {}",
            loss(agent.as_ref())
        );
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for method in methods() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let mut agent = agent(method, 5, &[3]);
                run(agent.as_mut(), 30);
                bits(agent.as_ref(), 0)
            })
        };
        assert_eq!(on(1), on(2), "{method}");
        assert_eq!(on(1), on(3), "{method}");
    }
}

#[test]
fn a_member_learns_as_it_would_alone() {
    for method in methods() {
        let mut all = agent(method, 5, &[3, 4, 5]);
        run(all.as_mut(), 30);
        for (member, seed) in [3, 4, 5].into_iter().enumerate() {
            let mut alone = agent(method, 5, &[seed]);
            run(alone.as_mut(), 30);
            assert_eq!(
                bits(all.as_ref(), member),
                bits(alone.as_ref(), 0),
                "{method}, member {member}"
            );
        }
        assert_ne!(
            bits(all.as_ref(), 0),
            bits(all.as_ref(), 1),
            "{method}: seeds must differ"
        );
    }
}

#[test]
fn resume_is_exact() {
    for method in methods() {
        // 12 lies within the warm start, 30 after it.
        for stop in [12, 30] {
            let mut through = agent(method, 20, &[3, 4]);
            run(through.as_mut(), 50);
            let mut before = agent(method, 20, &[3, 4]);
            run(before.as_mut(), stop);
            let state: HashMap<String, Tensor> = before.state().unwrap().into_iter().collect();
            run(before.as_mut(), 7); // what was saved must not change any more
            let mut after = agent(method, 20, &[3, 4]);
            after.load_state(&state).unwrap();
            assert_eq!(after.updates(), stop);
            run(after.as_mut(), 50 - stop);
            for member in 0..2 {
                assert_eq!(
                    bits(after.as_ref(), member),
                    bits(through.as_ref(), member),
                    "{method} at {stop}"
                );
            }
            // Negative control: without the moments the bits differ.
            let mut forgetful = state.clone();
            forgetful.insert("adam_m".into(), state["adam_m"].zeros_like().unwrap());
            after.load_state(&forgetful).unwrap();
            run(after.as_mut(), 50 - stop);
            assert_ne!(
                bits(after.as_ref(), 0),
                bits(through.as_ref(), 0),
                "{method} at {stop}"
            );
        }
    }
}

#[test]
fn a_wrong_checkpoint_is_refused() {
    let mut agent = agent("sac", 0, &[3]);
    let mut state: HashMap<String, Tensor> = agent.state().unwrap().into_iter().collect();
    state.remove("theta");
    assert!(
        agent
            .load_state(&state)
            .unwrap_err()
            .to_string()
            .contains("theta is missing")
    );
    let two = super::agents::agent("sac", 0, &[3, 4])
        .state()
        .unwrap()
        .into_iter()
        .collect();
    assert!(
        agent
            .load_state(&two)
            .unwrap_err()
            .to_string()
            .contains("theta is F32 [2,")
    );
}

#[test]
fn unknown_settings_and_methods_are_refused() {
    let table: toml::Table = "lambda = 0.1".parse().unwrap();
    let error = |method: &str| {
        build(method, &table, S, A, &[0], &Device::Cpu)
            .err()
            .unwrap()
            .to_string()
    };
    assert!(error("sac").contains("lambda"));
    assert!(error("dreamer").contains("h2oplus, sac"));
    let empty = Replay::new(1, 10, S, A, &Device::Cpu).unwrap();
    assert!(agent("sac", 0, &[3]).update(&empty, &empty).is_err());
}

/// The host's snapshot acts as the device does, deterministically and with noise.
#[test]
fn snapshots_act_as_the_agent() {
    let mut agent = agent("h2oplus", 0, &[3, 4]);
    run(agent.as_mut(), 50);
    let n = 9;
    let (obs, noise) = (normals(5, &[2, n, S]), normals(6, &[2, n, A]));
    for noise in [None, Some(&noise)] {
        let device = agent.act(&obs, noise).unwrap();
        assert_eq!(device.dims(), [2, n, A]);
        for member in 0..2 {
            let snapshot = PolicySnapshot::from(&agent.policy(member).unwrap());
            assert_eq!((snapshot.obs_dim(), snapshot.act_dim()), (S, A));
            let flat = |t: &Tensor| {
                t.get(member)
                    .unwrap()
                    .flatten_all()
                    .unwrap()
                    .to_vec1::<f32>()
                    .unwrap()
            };
            let host = snapshot.act(&flat(&obs), noise.map(flat).as_deref());
            let host: Vec<f64> = host.into_iter().map(f64::from).collect();
            let error = crate::support::error(&host, &list(&device.get(member).unwrap()));
            assert!(error < 1e-5, "{error}");
        }
    }
    let device = agent.act(&obs, None).unwrap();
    let other = PolicySnapshot::from(&agent.policy(1).unwrap());
    let host = other.act(
        &obs.get(0)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap(),
        None,
    );
    let host: Vec<f64> = host.into_iter().map(f64::from).collect();
    assert!(
        crate::support::error(&host, &list(&device.get(0).unwrap())) > 1e-3,
        "another member acts otherwise"
    );
}
