//! Members with numbers, data sets and replays of their own; members that diverge.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use h2oplus::data::Dataset;
use h2oplus::method::{Agent, Method, build_members, methods};
use h2oplus::net::Replay;
use toml::{Table, Value};

use crate::agents::{A, S, bits, settings, variants};
use crate::support::normals;

/// What each member has of its own: a data set, a ring's capacity, settings, a seed.
#[derive(Clone)]
struct Member {
    set: usize,
    capacity: usize,
    settings: Table,
    seed: u64,
}

/// Members of `method` that differ in every number that they may differ in.
fn members(method: &str, shared: &Table) -> Vec<Member> {
    let member = |k: usize| {
        let mut table = settings(method, 10);
        table.extend(shared.clone());
        let mut all = Method::named(method).unwrap().resolve(&table).unwrap();
        if (method, k) != ("iql", 0) && k > 0 && all.contains_key("alpha_lr") {
            all.insert("target_entropy".into(), Value::Float(-1.5));
        }
        for (key, value) in all.iter_mut() {
            if let Value::Float(x) = value {
                // A discount above 1 is refused.
                let sign = if key == "discount" { -1.0 } else { 1.0 };
                *x *= 1.0 + sign * 0.07 * k as f64;
            }
        }
        Member {
            set: k % 2,
            capacity: 200 + 40 * k,
            settings: all,
            seed: 3,
        }
    };
    (0..3).map(member).collect()
}

/// Two data sets, of different lengths.
fn sets() -> Vec<Dataset> {
    let numbers = |seed: u64, len: usize| -> Vec<f32> { normals(seed, &[len]).to_vec1().unwrap() };
    let set = |seed: u64, rows: usize| Dataset {
        obs_dim: S,
        act_dim: A,
        observations: numbers(seed, rows * S),
        actions: numbers(seed + 1, rows * A)
            .into_iter()
            .map(f32::tanh)
            .collect(),
        next_observations: numbers(seed + 2, rows * S),
        rewards: numbers(seed + 3, rows),
        terminals: (0..rows).map(|n| n % 17 == 0).collect(),
        timeouts: vec![false; rows],
        ..Dataset::default()
    };
    vec![set(10, 300), set(20, 170)]
}

/// `updates` updates of a population of `members`; their rings are written over meanwhile.
fn run(method: &str, members: &[Member], updates: u64) -> Agent {
    let all: Vec<_> = members.iter().map(|m| m.settings.clone()).collect();
    let seeds: Vec<_> = members.iter().map(|m| m.seed).collect();
    let mut agent = build_members(method, &all, S, A, &seeds, &Device::Cpu).unwrap();
    go_on(&mut agent, members, updates);
    agent
}

fn go_on(agent: &mut Agent, members: &[Member], updates: u64) {
    let device = Device::Cpu;
    let set: Vec<_> = members.iter().map(|m| m.set).collect();
    let real = Replay::from_datasets(&sets(), set.into(), &device).unwrap();
    let capacities: Vec<_> = members.iter().map(|m| m.capacity).collect();
    let mut sim = Replay::rings(&capacities, S, A, &device).unwrap();
    for k in 0..updates {
        if k % 10 == 0 {
            let rows = normals(100 + k, &[150 * sim.row()])
                .to_vec1::<f32>()
                .unwrap();
            sim.push(&rows.repeat(members.len())).unwrap();
        }
        agent.update(1, &real, &sim).unwrap();
    }
}

#[test]
fn members_with_numbers_and_data_of_their_own_learn_as_they_would_alone() {
    let shared = |text: &str| text.parse::<Table>().unwrap();
    let mut cases: Vec<_> = methods().map(|method| (method, Table::new())).collect();
    cases.push((
        "h2oplus",
        shared("value = 'sparse'\nexploration = 'optimism'"),
    ));
    cases.push(("h2oplus", shared("value = 'exponential'")));
    cases.extend(variants());
    for (method, shared) in cases {
        let members = members(method, &shared);
        let all = run(method, &members, 30);
        assert_eq!(all.diverged().unwrap(), [None; 3], "{method}");
        for (k, member) in members.iter().enumerate() {
            let alone = run(method, std::slice::from_ref(member), 30);
            let same = bits(&all, k) == bits(&alone, 0);
            assert!(same, "{method} {shared}, member {k}");
        }
        // Negative control: another data set, another number, or another capacity, shows.
        for change in 0..3 {
            let mut other = members[1].clone();
            match change {
                0 => other.set = 0,
                1 => other.settings = members[0].settings.clone(),
                _ => other.capacity += 1,
            }
            let alone = run(method, &[other], 30);
            let offline = !alone.simulates();
            let untouched = offline && change == 2 || method == "sac" && change == 0;
            let same = bits(&all, 1) == bits(&alone, 0);
            assert_eq!(same, untouched, "{method}, change {change}");
        }
    }
}

#[test]
fn a_member_that_diverges_stands_still_and_the_others_do_not_notice() {
    for method in methods() {
        let mut members = members(method, &Table::new());
        members[1]
            .settings
            .insert("policy_lr".into(), Value::Float(1e30));
        members[1]
            .settings
            .insert("qf_lr".into(), Value::Float(1e30));
        let mut all = run(method, &members, 30);
        let diverged = all.diverged().unwrap();
        assert!(
            matches!(diverged[..], [None, Some(1..=30), None]),
            "{method}: {diverged:?}"
        );
        let without = run(method, &[members[0].clone(), members[2].clone()], 30);
        assert_eq!(bits(&all, 0), bits(&without, 0), "{method}");
        assert_eq!(bits(&all, 2), bits(&without, 1), "{method}");
        let frozen = all.parameters(1).unwrap();
        assert!(
            frozen.iter().flat_map(|(_, v)| v).all(|x| x.is_finite()),
            "{method}"
        );
        // The frozen one stays, also from a checkpoint.
        let state: HashMap<String, Tensor> = all.state().unwrap().into_iter().collect();
        let mut back = run(method, &members, 1);
        back.load_state(&state).unwrap();
        assert_eq!(back.diverged().unwrap(), diverged);
        go_on(&mut all, &members, 5);
        assert_eq!(all.parameters(1).unwrap(), frozen, "{method}");
        assert_ne!(bits(&all, 0), bits(&without, 0), "{method}");
    }
}

#[test]
fn what_decides_shapes_or_kernels_is_refused_where_it_differs() {
    let tables = |texts: [&str; 2]| texts.map(|text| text.parse::<Table>().unwrap());
    let h2oplus = Method::named("h2oplus").unwrap();
    for (key, one, two) in [
        ("hidden", "[32, 32]", "[32]"),
        ("real_batch", "24", "32"),
        ("use_ratio", "true", "false"),
        ("exploration", "'none'", "'entropy'"),
    ] {
        let texts = [one, two].map(|value| format!("{key} = {value}"));
        let error = h2oplus.resolve_members(&tables(texts.each_ref().map(|t| t.as_str())));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains(key) && error.contains("differs between members"),
            "{error}"
        );
    }
    let fine = tables(["target_entropy = -3\nlambda = 0", "lambda = 0.5"]);
    assert_eq!(
        h2oplus.resolve_members(&fine).unwrap()[0]["lambda"],
        Value::Float(0.0)
    );
    assert!(
        h2oplus
            .resolve_members(&[])
            .unwrap_err()
            .to_string()
            .contains("no members")
    );
}
