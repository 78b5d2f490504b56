//! What a method's settings change, and what they leave as it is.

use std::collections::HashMap;

use candle_core::Device;
use h2oplus::method::{Agent, Method, build, methods};
use h2oplus::net::Replay;
use h2oplus::net::replay::row_len;
use h2oplus::run::config::recipe::{RECIPES, Recipe};
use toml::Table;

use crate::agents::{A, S, agent, bits, replay, run, settings};
use crate::support::{list, normals};

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
    assert!(agent("sac", 0, &[3]).update(1, &empty, &empty).is_err());
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
    for (name, values) in build("rlpd", "sim_batch = 24") {
        assert_eq!(values, same[&name], "{name}");
        differ += usize::from(values != other[&name]);
    }
    assert!(differ > 0, "λ must be seen");
}

/// Whatever a recipe says of real batches, zero-shot SAC sees no real row; plain mixing does.
#[test]
fn no_recipe_shows_sac_the_data() {
    for (recipe, _) in RECIPES {
        let after = |method: &str, real: u64| {
            let mut settings = Recipe::named(recipe)
                .unwrap()
                .settings(Method::named(method).unwrap());
            settings.insert("hidden".into(), "16".parse::<toml::Value>().unwrap());
            let settings = Method::named(method).unwrap().resolve(&settings).unwrap();
            let mut agent = build(method, &settings, S, A, &[3], &Device::Cpu).unwrap();
            for _ in 0..5 {
                agent
                    .update(1, &replay(real, 1, 100), &replay(9, 1, 100))
                    .unwrap();
            }
            bits(&agent, 0)
        };
        assert!(after("sac", 1) == after("sac", 2), "{recipe}");
        assert!(after("rlpd", 1) != after("rlpd", 2), "{recipe}");
    }
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
            let setting = Method::named(method).unwrap().setting("exploration");
            assert!(setting.is_none(), "{method} has one");
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

/// The rates of actor, critics and V fall along half a cosine in every method: steps shrink as the schedule runs out, and
/// then stop; without one they go on.
#[test]
fn the_cosine_ends_at_no_step() {
    let schedules = ["lr_updates", "policy_lr_updates"];
    for method in methods() {
        let of_method = Method::named(method).unwrap();
        let moved = |updates: i64| {
            let mut settings = settings(method, 0);
            for key in schedules
                .iter()
                .filter(|key| of_method.setting(key).is_some())
            {
                settings.insert((*key).into(), updates.into());
            }
            let mut agent = build(method, &settings, S, A, &[3], &Device::Cpu).unwrap();
            let steps = (0..14).map(|_| {
                let before = trained(&agent);
                run(&mut agent, 1);
                let steps = trained(&agent).into_iter().zip(before);
                steps.fold(0f32, |most, (after, before)| {
                    most.max((after - before).abs())
                })
            });
            steps.collect::<Vec<_>>()
        };
        let (falling, steady) = (moved(10), moved(0));
        assert_eq!(falling[0], steady[0], "{method}");
        assert!((falling[0] - 3e-4).abs() < 3e-6, "{method}: {falling:?}");
        assert!(
            falling[9] > 0.0 && falling[9] < 0.1 * falling[0],
            "{method}: {falling:?}"
        );
        assert_eq!(falling[10..], [0.0; 4], "{method}");
        assert!(
            steady[9..].iter().all(|step| *step > 3e-5),
            "{method}: {steady:?}"
        );
    }
}

/// What a schedule of the rates goes for, one after the other.
fn trained(agent: &Agent) -> Vec<f32> {
    let own = |name: &str| {
        ["policy", "qf", "vf", "log_alpha"]
            .iter()
            .any(|of| name.starts_with(of))
    };
    let all = agent.parameters(0).unwrap().into_iter();
    all.filter(|(name, _)| own(name))
        .flat_map(|(_, values)| values)
        .collect()
}

/// Whoever knows the data sees states on their scale: rows moved and stretched give the same actions at states moved as
/// they were.
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
    let acts = |method: &str, stretch: f32, shift: f32, standardise: bool| {
        let mut settings = settings(method, 0);
        settings.insert("standardise".into(), standardise.into());
        if method == "h2o" {
            // Zeros among the states do not move with them.
            settings.insert("gap_padding".into(), 0.0.into());
        }
        let mut agent = build(method, &settings, S, A, &[3], &Device::Cpu).unwrap();
        let real = moved(&replay(1, 1, 400), stretch, shift);
        let sim = moved(&replay(1, 2, 300), stretch, shift);
        for _ in 0..30 {
            agent.update(1, &real, &sim).unwrap();
        }
        let obs = normals(5, &[1, 9, S])
            .affine(stretch.into(), shift.into())
            .unwrap();
        list(&agent.act(&obs, None).unwrap())
    };
    for method in methods() {
        if Method::named(method)
            .unwrap()
            .setting("standardise")
            .is_none()
        {
            assert_eq!(method, "sac", "which knows no data");
            continue;
        }
        let error = |standardise| {
            let [moved, as_is] = [(10.0, 3.0), (1.0, 0.0)]
                .map(|(stretch, shift)| acts(method, stretch, shift, standardise));
            crate::support::error(&moved, &as_is)
        };
        assert!(error(true) < 0.01, "{method}: {}", error(true));
        assert!(error(false) > 0.1, "{method}: {}", error(false));
    }
}
