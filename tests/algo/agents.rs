//! Whole agents: 200 updates, threads, populations, resume.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use h2oplus::algo::{Agent, Method, build, methods};
use h2oplus::nn::replay::row_len;
use h2oplus::nn::{Act, Replay};
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
    ] {
        if key == "warmup" && defaults.contains_key(key)
            || defaults.get(key).is_some_and(|v| v.as_integer() != Some(0))
        {
            table.insert(key.into(), value.into());
        }
    }
    table
}

fn agent(method: &str, warmup: i64, seeds: &[u64]) -> Agent {
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
        variant("darc", ratio),
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
fn replay(seed: u64, groups: usize, rows: usize) -> Replay {
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

fn run(agent: &mut Agent, updates: u64) {
    run_on(agent, updates, 400);
}

fn run_on(agent: &mut Agent, updates: u64, rows: usize) {
    let (real, sim) = (replay(1, 1, rows), replay(2, agent.members(), rows));
    for _ in 0..updates {
        agent.update(&real, &sim).unwrap();
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
        for (name, values) in agent.parameters(0).unwrap() {
            assert!(values.iter().all(|v| v.is_finite()), "{method}: {name}");
            assert_ne!(values, before[&name], "{method}: {name} has not moved");
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
        if method == "cql" {
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
        ("rlpd", [1.0, 1.0]),
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

#[test]
fn unknown_settings_and_methods_are_refused() {
    let table: Table = "lambda = 0.1".parse().unwrap();
    let error = |method: &str| {
        build(method, &table, S, A, &[0], &Device::Cpu)
            .err()
            .unwrap()
            .to_string()
    };
    assert!(error("sac").contains("lambda"));
    assert!(error("dreamer").contains("h2oplus, h2o, sac"));
    for (method, settings, place) in [
        ("sac", "batch = 0", "batch"),
        ("sac", "hidden = [32, 0]", "hidden"),
        ("sac", "policy_lr = nan", "policy_lr"),
        ("sac", "initial_alpha = 0.0", "initial_alpha"),
        ("iql", "batch = 0", "batch"),
        ("iql", "expectile = 1.0", "expectile"),
        ("darc", "ratio_batch = 0", "ratio_batch"),
        ("h2oplus", "real_batch = 0", "real_batch"),
        (
            "h2oplus",
            "value = 'sparse'\nvalue_alpha = 0.0",
            "value_alpha",
        ),
        (
            "h2oplus",
            "value = 'exponential'\nvalue_clip = -1.0",
            "value_clip",
        ),
        ("h2oplus", "value = 'median'", "median"),
        ("cql", "penalty_actions = 0", "penalty_actions"),
        ("cql", "penalty_temperature = 0.0", "penalty_temperature"),
        ("h2o", "gap_samples = 0", "gap_samples"),
        // Zero as a float, though not as written.
        ("h2o", "gap_min = 1e-46", "gap_min"),
        ("h2o", "sim_batch = 0", "sim_batch"),
        ("h2o", "gap_max = 1e-46", "gap_max"),
        ("h2o", "gap_padding = -1.0", "gap_padding"),
        ("h2o", "ratio_min = 2.0", "ratio_min"),
        ("h2oplus", "ratio_max = 1e-6", "ratio_min"),
    ] {
        let table = settings.parse().unwrap();
        let error = build(method, &table, S, A, &[0], &Device::Cpu).err();
        let error = error.unwrap().to_string();
        // A range is told by the flag, what two settings are to each other by their keys.
        let named = error.contains(place) || error.contains(&place.replace('_', "-"));
        assert!(named && error.contains("help:"), "{error}");
    }
    let empty = Replay::new(1, 10, S, A, &Device::Cpu).unwrap();
    assert!(agent("sac", 0, &[3]).update(&empty, &empty).is_err());
}

/// The control without ratio and V is H2O+ with λ = 0 and no ratio, bit for bit.
#[test]
fn plain_mixing_is_h2oplus_without_its_parts() {
    let table = |text: &str| text.parse::<Table>().unwrap();
    let sizes = "hidden = [32, 32]\nreal_batch = 24\n";
    let build = |method: &str, own: &str| {
        let settings = table(&format!("{sizes}{own}"));
        let mut agent = build(method, &settings, S, A, &[3], &Device::Cpu).unwrap();
        run(&mut agent, 30);
        agent.parameters(0).unwrap()
    };
    let without = |lambda: f64| {
        let own = format!("sim_batch = 24\nratio_batch = 32\nlambda = {lambda}\nuse_ratio = false");
        build("h2oplus", &own)
            .into_iter()
            .collect::<HashMap<_, _>>()
    };
    let (same, other) = (without(0.0), without(0.01));
    let mut differ = 0;
    for (name, values) in build("rlpd", "batch = 24") {
        assert_eq!(values, same[&name], "{name}");
        differ += usize::from(values != other[&name]);
    }
    assert!(differ > 0, "λ must be seen");
}

/// Before its correction counts, DARC is SAC.
#[test]
fn darc_without_its_correction_is_sac() {
    let darc = |ratio_warmup: i64| {
        let mut settings = settings("darc", 0);
        settings.insert("ratio_warmup".into(), ratio_warmup.into());
        let mut agent = build("darc", &settings, S, A, &[3], &Device::Cpu).unwrap();
        run(&mut agent, 30);
        agent
            .parameters(0)
            .unwrap()
            .into_iter()
            .collect::<HashMap<_, _>>()
    };
    let (without, with) = (darc(30), darc(29));
    let mut sac = agent("sac", 0, &[3]);
    run(&mut sac, 30);
    let sac = sac.parameters(0).unwrap();
    assert!(sac.iter().all(|(name, values)| *values == without[name]));
    assert!(sac.iter().any(|(name, values)| *values != with[name]));
}

/// The exploration terms of every method that has one: κ = 0 is none, and each other choice is seen.
#[test]
fn exploration_is_one_choice() {
    for method in methods() {
        let with = |term: &str, optimism: f64| {
            let mut settings = settings(method, 0);
            settings.insert("exploration".into(), term.into());
            settings.insert("optimism".into(), optimism.into());
            let mut agent = build(method, &settings, S, A, &[3], &Device::Cpu).ok()?;
            run(&mut agent, 20);
            Some(bits(&agent, 0))
        };
        let Some(none) = with("none", 1.0) else {
            assert_eq!(method, "iql", "the only one without");
            continue;
        };
        let is_none = |term, optimism| with(term, optimism).as_ref() == Some(&none);
        assert!(is_none("optimism", 0.0), "{method}");
        assert!(
            !is_none("optimism", 1.0) && !is_none("entropy", 1.0),
            "{method}"
        );
    }
}

/// IQL's policy rate falls along half a cosine: its steps shrink as its schedule runs out, and then stop.
#[test]
fn the_cosine_ends_at_no_step() {
    let mut settings = settings("iql", 0);
    settings.insert("policy_lr_updates".into(), 10.into());
    let mut agent = build("iql", &settings, S, A, &[3], &Device::Cpu).unwrap();
    let policy = |agent: &Agent| -> Vec<f32> {
        let all = agent.parameters(0).unwrap();
        let own = all
            .into_iter()
            .filter(|(name, _)| name.starts_with("policy"));
        own.flat_map(|(_, values)| values).collect()
    };
    let mut moved = Vec::new();
    for _ in 0..12 {
        let before = policy(&agent);
        run(&mut agent, 1);
        let steps = policy(&agent);
        let largest = steps.iter().zip(&before).map(|(a, b)| (a - b).abs());
        moved.push(largest.fold(0f32, f32::max));
    }
    assert!((moved[0] - 3e-4).abs() < 3e-6, "{moved:?}");
    assert!(moved[9] > 0.0 && moved[9] < 0.1 * moved[0], "{moved:?}");
    assert_eq!(moved[10..], [0.0, 0.0], "{moved:?}");
}

/// IQL sees states on the data's scale: data moved and stretched give the same actions at states moved as they were.
#[test]
fn states_are_seen_on_the_data_sets_scale() {
    let moved = |real: &Replay, stretch: f32, shift: f32| {
        let mut rows = real.rows.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for row in rows.chunks_exact_mut(row_len(S, A)) {
            let (s, rest) = row.split_at_mut(S + A);
            for s in s[..S].iter_mut().chain(&mut rest[..S]) {
                *s = stretch * *s + shift;
            }
        }
        let mut moved = Replay::new(1, 500, S, A, &Device::Cpu).unwrap();
        moved
            .push(&rows[..real.spans().of(0).len * row_len(S, A)])
            .unwrap();
        moved
    };
    let acts = |stretch: f32, shift: f32, standardise: bool| {
        let mut settings = settings("iql", 0);
        settings.insert("standardise".into(), standardise.into());
        let mut agent = build("iql", &settings, S, A, &[3], &Device::Cpu).unwrap();
        let real = moved(&replay(1, 1, 400), stretch, shift);
        for _ in 0..30 {
            agent.update(&real, &real).unwrap();
        }
        let obs = normals(5, &[1, 9, S])
            .affine(stretch.into(), shift.into())
            .unwrap();
        list(&agent.act(&obs, None).unwrap())
    };
    let as_is = acts(1.0, 0.0, true);
    assert!(crate::support::error(&acts(10.0, 3.0, true), &as_is) < 0.01);
    let raw = acts(1.0, 0.0, false);
    assert!(crate::support::error(&acts(10.0, 3.0, false), &raw) > 0.1);
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
