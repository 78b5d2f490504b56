//! Whole agents: 200 updates, threads, populations, resume.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use h2oplus::method::{Agent, Method, build, methods};
use h2oplus::net::replay::row_len;
use h2oplus::net::{Act, Replay};
use toml::Table;

use crate::support::{list, normals};

pub const S: usize = 5;
pub const A: usize = 2;

/// Small sizes, for whichever of them the method has.
pub fn settings(method: &str, warmup: i64) -> Table {
    let mut table: Table = "hidden = [32, 32]".parse().unwrap();
    let defaults = Method::named(method).unwrap().defaults();
    for (key, value) in [
        ("batch", 48),
        ("real_batch", 24),
        ("sim_batch", 24),
        ("ratio_batch", 32),
        ("warmup", warmup),
        ("encoder_width", 16),
        ("encoder_batch", 16),
        ("encoder_every", 3),
    ] {
        if defaults.contains_key(key) {
            table.insert(key.into(), value.into());
        }
    }
    table
}

pub fn agent(method: &str, warmup: i64, seeds: &[u64]) -> Agent {
    agent_with(method, &Table::new(), warmup, seeds)
}

fn agent_with(method: &str, with: &Table, warmup: i64, seeds: &[u64]) -> Agent {
    let mut settings = settings(method, warmup);
    settings.extend(with.clone());
    build(method, &settings, S, A, seeds, &Device::Cpu).unwrap()
}

/// What methods can do besides their published ways, with the settings that ask for it.
pub fn variants() -> Vec<(&'static str, Table)> {
    let ratio = "ratio_heads = 'free-sa'\nratio_norm = 'layer'\nratio_every = 3";
    let mixing = format!("{ratio}\nratio_normalise = true");
    let variant = |method, text: &str| (method, text.parse().unwrap());
    vec![
        variant("sac", "critic_norm = 'layer'"),
        variant("cql", "critic_norm = 'layer-affine'"),
        variant("iql", "critic_norm = 'layer-affine'\nvalue_norm = 'layer'"),
        variant("td3bc", "policy_delay = 3\ncritic_norm = 'layer-affine'"),
        variant("darc", ratio),
        variant("dara", &format!("{ratio}\ncritic_norm = 'layer'")),
        variant("sac-bc", "exploration = 'optimism'"),
        variant("par-bc", "encoder_every = 1\ncritic_norm = 'layer-affine'"),
        variant("sac-cql", "importance = false"),
        variant("h2o", &format!("{mixing}\ncritic_norm = 'layer'")),
        variant("h2oplus", "use_ratio = false"),
        variant("h2oplus", "use_ratio = false\nratio_train = 'always'"),
        variant(
            "h2oplus",
            &format!("{mixing}\ncritic_norm = 'layer-affine'\nvalue_norm = 'layer-affine'"),
        ),
    ]
}

/// All methods in their published ways, then the variants.
fn all_ways() -> Vec<(&'static str, Table)> {
    let published = methods().map(|method| (method, Table::new()));
    published.chain(variants()).collect()
}

/// Random transitions; `shared` by all members, or `groups` of them.
pub fn replay(seed: u64, groups: usize, rows: usize) -> Replay {
    replay_on(&Device::Cpu, seed, groups, rows)
}

pub fn replay_on(device: &Device, seed: u64, groups: usize, rows: usize) -> Replay {
    let row = row_len(S, A);
    let mut replay = Replay::new(groups, 500, S, A, device).unwrap();
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

pub fn run(agent: &mut Agent, updates: u64) {
    run_on(agent, updates, 400);
}

fn run_on(agent: &mut Agent, updates: u64, rows: usize) {
    let (real, sim) = (replay(1, 1, rows), replay(2, agent.members(), rows));
    for _ in 0..updates {
        agent.update(1, &real, &sim).unwrap();
    }
}

pub fn bits(agent: &Agent, member: usize) -> Vec<u32> {
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
        run(&mut agent, 200);
        assert_eq!(agent.updates(), 200);
        for (name, values) in agent.metrics().unwrap() {
            assert!(
                values.iter().all(|v| v.is_finite()),
                "{method}: {name} {values:?}"
            );
        }
        let defaults = Method::named(method).unwrap().defaults();
        for (name, values) in agent.parameters(0).unwrap() {
            assert!(values.iter().all(|v| v.is_finite()), "{method}: {name}");
            let stays = name == "log_alpha" && !defaults.contains_key("alpha_lr");
            let moved = values != before[&name];
            assert_eq!(moved, !stays, "{method}: {name} moved: {moved}");
        }
    }
}

/// On a few transitions seen over and over, the critics' error must fall. (With a discount near 1 it need not: plain
/// mixing of fixed data, with neither V nor a ratio, overestimates actions that the data lack, and diverges. CQL's term
/// pulls against the error: a small one.)
#[test]
fn losses_fall() {
    for method in methods() {
        let mut settings = settings(method, 0);
        settings.insert("discount".into(), 0.5.into());
        if ["cql", "sac-cql"].contains(&method) {
            settings.insert("penalty_weight".into(), 0.1.into());
        }
        let mut agent = build(method, &settings, S, A, &[1], &Device::Cpu).unwrap();
        let loss = |agent: &Agent| {
            let all: HashMap<_, _> = agent.metrics().unwrap().into_iter().collect();
            all["losses/qf1_loss"][0] + all["losses/qf2_loss"][0]
        };
        run_on(&mut agent, 1, 20);
        let first = loss(&agent);
        run_on(&mut agent, 1000, 20);
        assert!(
            loss(&agent) < 0.5 * first,
            "{method}: {first} → {}",
            loss(&agent)
        );
    }
}

/// The critics' losses are the TD errors of the halves, the simulated one weighted: with weights that the clip makes
/// all alike, the one follows from the other. Both are means over the two critics.
#[test]
fn td_errors_add_up_to_the_losses_and_the_ratio_is_spread_within_its_clip() {
    let measured = |method: &str, clip: Option<[f64; 2]>, warmup: i64| {
        let mut settings = settings(method, warmup);
        if let Some([low, high]) = clip {
            settings.insert("ratio_min".into(), low.into());
            settings.insert("ratio_max".into(), high.into());
        }
        let mut agent = build(method, &settings, S, A, &[1, 2], &Device::Cpu).unwrap();
        run(&mut agent, 10);
        let all = agent.metrics().unwrap();
        all.into_iter().collect::<HashMap<_, _>>()
    };
    let near = |what: &str, x: f32, y: f32| {
        assert!((x - y).abs() < 1e-5 * y.abs().max(1e-3), "{what}: {x} {y}");
    };
    for (method, halves) in [
        ("sac", [0.0, 1.0]),
        ("darc", [0.0, 1.0]),
        ("cql", [1.0, 0.0]),
        // IQL's one loss is the mean of both critics' losses.
        ("iql", [0.5, 0.0]),
        // The tenth update steps the policy too, in a stage behind the critics'.
        ("td3bc", [1.0, 0.0]),
        ("rlpd", [1.0, 1.0]),
        ("sac-cql", [1.0, 1.0]),
        // The mean over both halves together.
        ("sac-bc", [0.5, 0.5]),
        ("par-bc", [0.5, 0.5]),
        ("dara", [0.5, 0.5]),
        ("h2o", [1.0, 0.25]),
        ("h2oplus", [1.0, 0.25]),
    ] {
        let weighs = halves[1] == 0.25;
        let all = measured(method, weighs.then_some([0.25, 0.25]), 0);
        for m in 0..2 {
            let loss = (all["losses/qf1_loss"][m] + all["losses/qf2_loss"][m]) / 2.0;
            let names = ["losses/td_error_real", "losses/td_error_sim"];
            let mut sum = 0.0;
            for (name, share) in names.into_iter().zip(halves) {
                assert_eq!(all.contains_key(name), share > 0.0, "{method} {name}");
                sum += all.get(name).map_or(0.0, |error| share * error[m]);
            }
            near(method, sum, loss);
        }
        assert_eq!(all.contains_key("losses/ratio_p10"), weighs, "{method}");
        if weighs {
            assert_eq!(all["losses/ratio_p10"], [0.25; 2]);
            assert_eq!(all["losses/ratio_p90"], [0.25; 2]);
            assert_eq!(all["losses/ratio_floor_share"], [1.0; 2]);
            let free = measured(method, Some([1e-9, 1e9]), 0);
            let pairs = free["losses/ratio_p10"]
                .iter()
                .zip(&free["losses/ratio_p90"]);
            assert!({ pairs }.all(|(low, high)| 0.0 < *low && low < high));
            assert_eq!(free["losses/ratio_floor_share"], [0.0; 2]);
        }
    }
    let warm = measured("h2oplus", None, 20);
    assert!(warm.contains_key("losses/td_error_real"));
    assert!(!warm.contains_key("losses/td_error_sim") && !warm.contains_key("losses/ratio_p10"));
}

#[test]
fn bits_do_not_depend_on_threads() {
    for (method, with) in all_ways() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let mut agent = agent_with(method, &with, 5, &[3]);
                run(&mut agent, 30);
                bits(&agent, 0)
            })
        };
        assert_eq!(on(1), on(2), "{method} {with}");
        assert_eq!(on(1), on(3), "{method} {with}");
    }
}

#[test]
fn a_member_learns_as_it_would_alone() {
    for method in methods() {
        let mut all = agent(method, 5, &[3, 4, 5]);
        run(&mut all, 30);
        for (member, seed) in [3, 4, 5].into_iter().enumerate() {
            let mut alone = agent(method, 5, &[seed]);
            run(&mut alone, 30);
            assert_eq!(
                bits(&all, member),
                bits(&alone, 0),
                "{method}, member {member}"
            );
        }
        assert_ne!(bits(&all, 0), bits(&all, 1), "{method}: seeds must differ");
    }
}

#[test]
fn resume_is_exact() {
    for (method, with) in all_ways() {
        // 12 lies within the warm start, 30 after it.
        for stop in [12, 30] {
            let mut through = agent_with(method, &with, 20, &[3, 4]);
            run(&mut through, 50);
            let mut before = agent_with(method, &with, 20, &[3, 4]);
            run(&mut before, stop);
            let state: HashMap<String, Tensor> = before.state().unwrap().into_iter().collect();
            run(&mut before, 7); // what was saved must not change any more
            let mut after = agent_with(method, &with, 20, &[3, 4]);
            after.load_state(&state).unwrap();
            assert_eq!(after.updates(), stop);
            run(&mut after, 50 - stop);
            for member in 0..2 {
                assert_eq!(
                    bits(&after, member),
                    bits(&through, member),
                    "{method} at {stop}"
                );
            }
            // Negative control: without the moments the bits differ.
            let mut forgetful = state.clone();
            forgetful.insert("adam_m".into(), state["adam_m"].zeros_like().unwrap());
            after.load_state(&forgetful).unwrap();
            run(&mut after, 50 - stop);
            assert_ne!(bits(&after, 0), bits(&through, 0), "{method} at {stop}");
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

/// The host's snapshot acts as the device does, deterministically and with noise.
#[test]
fn snapshots_act_as_the_agent() {
    for method in methods() {
        snapshot_acts_as(method);
    }
}

fn snapshot_acts_as(method: &str) {
    let mut agent = agent(method, 0, &[3, 4]);
    run(&mut agent, 50);
    let n = 9;
    let (obs, noise) = (normals(5, &[2, n, S]), normals(6, &[2, n, A]));
    for noise in [None, Some(&noise)] {
        let device = agent.act(&obs, noise).unwrap();
        assert_eq!(device.dims(), [2, n, A]);
        for member in 0..2 {
            let snapshot = agent.policy(member).unwrap();
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
    let other = agent.policy(1).unwrap();
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
