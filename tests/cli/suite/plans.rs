//! What is planned, of which size, and what is wrong with a suite's file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{MINI, START, h2oplus, list, mini, plan, runs, stderr, stdout, text};

#[test]
fn table_one_is_485_runs_of_a_million_updates() {
    let plan = plan(&["table1", "--paper"]);
    let cells = list(&plan, "cells");
    assert_eq!(cells.len(), 25 * 6);
    let mut distinct = BTreeSet::new();
    let mut by_method: BTreeMap<&str, BTreeSet<(String, u64)>> = BTreeMap::new();
    for cell in cells {
        let runs = runs(cell);
        assert_eq!(runs.len(), 5, "{cell}");
        by_method
            .entry(text(cell, "column"))
            .or_default()
            .extend(runs.clone());
        distinct.extend(runs);
    }
    assert_eq!((distinct.len(), plan["runs"].as_u64()), (485, Some(485)));
    // SAC once a task and gap, offline methods once a data set, the others once a cell.
    let counts = by_method.iter().map(|(name, runs)| (*name, runs.len()));
    let due = [
        ("cql", 15),
        ("darc", 125),
        ("h2o", 125),
        ("h2oplus", 125),
        ("iql", 15),
        ("sac", 80),
    ];
    assert_eq!(counts.collect::<Vec<_>>(), due);
    for group in list(&plan, "groups") {
        assert_eq!(group["updates"], 1_000_000, "{group}");
        assert_eq!(group["run"]["recipe"], "paper");
        assert!(group["members"].as_u64().unwrap() <= 10, "{group}");
        let rows = group["run"].get("rows").map(|rows| rows.as_u64().unwrap());
        let due = match (text(group, "task"), text(&group["run"], "data")) {
            (_, "none") => None,
            ("walker2d-v2", _) => Some(302_000),
            (_, "medium") => Some(1_000_000),
            _ => Some(202_000),
        };
        assert_eq!(rows, due, "{group}");
    }
    // Negative control: another seed less is another number of runs.
    let fewer = super::plan(&["table1", "--paper", "--seeds", "0..3"]);
    assert_eq!(fewer["runs"], 388);
    assert_eq!(fewer["overrides"]["seeds"], "0..3");
}

#[test]
fn a_quick_table_has_every_cell_and_one_recipe() {
    let (quick, paper) = (plan(&["table1", "--quick"]), plan(&["table1", "--paper"]));
    let names = |plan: &Value| -> Vec<[String; 3]> {
        let cells = list(plan, "cells").iter();
        cells
            .map(|c| ["table", "row", "column"].map(|key| text(c, key).to_owned()))
            .collect()
    };
    assert_eq!(names(&quick), names(&paper));
    assert!(
        list(&quick, "cells")
            .iter()
            .all(|cell| runs(cell).len() >= 3)
    );
    let updates: BTreeSet<_> = list(&quick, "groups")
        .iter()
        .map(|g| g["updates"].as_u64())
        .collect();
    assert_eq!(updates.len(), 1, "as many for every method");
    assert!(
        list(&quick, "groups")
            .iter()
            .all(|g| g["run"]["recipe"] == "fast")
    );
    // What differs from the paper is said, and nothing where nothing does.
    let said = |plan: &Value| {
        list(plan, "differences")
            .iter()
            .map(|d| text(d, "what").to_owned())
            .collect::<Vec<_>>()
    };
    assert!(
        said(&quick).contains(&"updates".to_owned()) && said(&quick).contains(&"recipe".to_owned())
    );
    assert!(!said(&paper).contains(&"updates".to_owned()));
}

#[test]
fn published_sizes_learn_from_a_whole_replay_that_stands_in_for_d4rl_s() {
    let paper = plan(&["table1", "--paper"]);
    let sets = list(&paper, "sets").iter();
    let sets: Vec<_> = sets
        .map(|set| (text(set, "file"), set["rows"].as_u64(), &set["whole"]))
        .collect();
    let whole = serde_json::Value::Bool(true);
    assert_eq!(
        sets,
        [
            ("halfcheetah-v2-medium-replay.hdf5", Some(202_000), &whole),
            ("walker2d-v2-medium-replay.hdf5", Some(302_000), &whole),
        ]
    );
    let said = |plan| {
        let mut here = list(plan, "differences").iter().map(|d| text(d, "here"));
        here.any(|here| here.contains("stand in for it"))
    };
    assert!(said(&paper));
    // Negative control: a night's size takes the shipped policies.
    let quick = plan(&["table1", "--quick"]);
    assert!(list(&quick, "sets").is_empty() && !said(&quick));
}

#[test]
fn a_row_may_have_a_multiple_of_the_updates() {
    for (size, updates) in [("--quick", 20_000), ("--smoke", 40)] {
        for group in list(&plan(&["ablation", size]), "groups") {
            let times = if text(group, "task") == "walker2d-v2" {
                2
            } else {
                1
            };
            assert_eq!(group["run"]["updates"], times * updates, "{group}");
        }
    }
}

#[test]
fn cells_name_the_runs_that_train_them() {
    for (suite, _) in h2oplus::run::suite::shipped::SUITES {
        let plan = plan(&[suite, "--quick"]);
        let groups: BTreeMap<_, _> = list(&plan, "groups")
            .iter()
            .map(|g| (text(g, "name"), g))
            .collect();
        for cell in list(&plan, "cells") {
            for (n, run) in list(cell, "runs").iter().enumerate() {
                let group = groups[text(run, "group")];
                assert_eq!(
                    (&group["algo"], &group["task"]),
                    (&cell["algo"], &cell["task"])
                );
                let seeds = text(&group["run"], "seeds")
                    .parse::<h2oplus::run::config::seeds::Seeds>()
                    .unwrap();
                let (seeds, member) = (seeds.as_slice(), run["member"].as_u64().unwrap() as usize);
                assert_eq!(run["seed"], seeds[member % seeds.len()]);
                assert_eq!(run["seed"], n);
                // Its gap and settings are the group's, or those of its place on the axis.
                let at = member / seeds.len();
                let vary = group["vary"].as_object().unwrap();
                if text(&group["run"], "gap") != "none" || vary.contains_key("gap") {
                    let gap = vary.get("gap").map_or(&group["run"]["gap"], |all| &all[at]);
                    assert_eq!(gap, &cell["gap"]);
                }
                for (key, value) in cell["settings"].as_object().unwrap() {
                    let has = vary
                        .get(key)
                        .map_or(&group["settings"][key], |all| &all[at]);
                    assert_eq!(has, value, "{suite} {key}");
                }
            }
        }
    }
}

/// 60 tasks of ODRL and nine of OTDF, three of which are ODRL's too; data are of the row's own robot.
#[test]
fn odrl_is_sixty_nine_shifts_of_the_real_robot_with_data_of_their_own() {
    let plan = plan(&["odrl", "--paper"]);
    let rows: BTreeSet<_> = list(&plan, "cells")
        .iter()
        .map(|cell| ["table", "row"].map(|key| text(cell, key).to_owned()))
        .collect();
    let robots: BTreeSet<_> = list(&plan, "cells")
        .iter()
        .map(|cell| ["task", "real_gap"].map(|key| text(cell, key).to_owned()))
        .collect();
    assert_eq!((rows.len(), robots.len()), (69, 66));
    let sets = list(&plan, "sets");
    assert_eq!(sets.len(), 66);
    for set in sets {
        assert_eq!(set["rows"], 5000);
        assert!(set["medium"].is_f64(), "each shift has a scale: {set}");
        assert!(text(set, "file").ends_with("_medium.hdf5"));
    }
    let group = |name: &str| {
        let mut groups = list(&plan, "groups").iter();
        groups.find(|group| group["name"] == name).unwrap()
    };
    for cell in list(&plan, "cells") {
        assert_eq!(cell["gap"], "none", "the simulator is the plain robot");
        for (name, _) in runs(cell) {
            let run = &group(&name)["run"];
            assert_eq!(run["real_gap"], cell["real_gap"]);
            assert_eq!(run["data"], cell["data"]);
            assert!(text(run, "data").contains(text(cell, "real_gap")));
        }
    }
}

#[test]
fn shares_are_a_partition_of_about_equal_cost() {
    let whole = plan(&["table1", "--paper"]);
    let names = |plan: &Value| -> Vec<String> {
        list(plan, "groups")
            .iter()
            .map(|g| text(g, "name").to_owned())
            .collect()
    };
    let cost = |plan: &Value| {
        list(plan, "groups")
            .iter()
            .map(|g| g["cost"].as_f64().unwrap())
            .sum::<f64>()
    };
    let mut all = Vec::new();
    for k in 1..=4 {
        let share = plan(&["table1", "--paper", "--shard", &format!("{k}/4")]);
        let of_mean = 4.0 * cost(&share) / cost(&whole);
        assert!((0.9..1.1).contains(&of_mean), "share {k}: {of_mean}");
        all.extend(names(&share));
    }
    all.sort();
    assert_eq!(all, names(&whole), "each group once");
    let dir = tempfile::tempdir().unwrap();
    for wrong in ["0/4", "5/4", "x", "1"] {
        let out = h2oplus(
            dir.path(),
            &["suite", "table1", "--shard", wrong, "--dry-run"],
        );
        assert_eq!(out.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn a_wrong_name_finds_the_right_one() {
    let dir = tempfile::tempdir().unwrap();
    let out = h2oplus(dir.path(), &["suite", "tabel1"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(
        stderr(&out).contains("did you mean `table1`"),
        "{}",
        stderr(&out)
    );
    let out = h2oplus(dir.path(), &["suite"]);
    assert_eq!(out.status.code(), Some(0));
    assert!(
        stdout(&out).contains("table1") && stdout(&out).contains("485"),
        "{}",
        stdout(&out)
    );
}

#[test]
fn data_files_are_found_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    let args = [
        "suite",
        "table1",
        "--smoke",
        "--dry-run",
        "--no-predict",
        "--format",
        "json",
        "--data-dir",
        "data",
    ];
    let out = h2oplus(dir.path(), &args);
    assert_eq!(out.status.code(), Some(2));
    assert!(
        stderr(&out).contains("halfcheetah_medium_replay-v2.hdf5"),
        "{}",
        stderr(&out)
    );
    for name in [
        "halfcheetah_medium_replay-v2.hdf5",
        "halfcheetah-v2-medium.hdf5",
        "walker2d_medium_replay-v2.hdf5",
    ] {
        fs::write(data.join(name), "").unwrap();
    }
    let out = h2oplus(dir.path(), &args);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let plan: Value = serde_json::from_str(&stdout(&out)).unwrap();
    let files: BTreeSet<_> = list(&plan, "cells")
        .iter()
        .map(|cell| text(cell, "data").to_owned())
        .collect();
    assert_eq!(files.len(), 3);
    assert!(
        files.iter().all(|file| Path::new(file).is_file()),
        "{files:?}"
    );
}

#[test]
fn a_suite_s_mistakes_have_their_place() {
    let dir = tempfile::tempdir().unwrap();
    for (from, to, said) in [
        (
            "title = \"mini\"\ndoc",
            "titel = \"mini\"\ndoc",
            "mini.toml:2",
        ),
        ("gap = \"friction\"", "gap = \"frction\"", "frction"),
        ("name = \"iql\", label", "name = \"iqll\", label", "iql"),
        (
            "{ iql = [5000, 100]",
            "{ bc = [5000, 100]",
            "no column `bc`",
        ),
        (
            "label = \"friction\"",
            "label = \"gravity\"",
            "`gravity` is there twice",
        ),
        (
            "updates = 1000\n[smoke]",
            "updates = 1000\n[smoke]\nenvs = 0",
            "envs",
        ),
        (
            "label = \"IQL\" }",
            "label = \"IQL\", settings = { lambda = 1 } }",
            "column iql",
        ),
    ] {
        let wrong = MINI.replacen(from, to, 1);
        assert_ne!(wrong, MINI, "{from}");
        mini(dir.path(), &wrong);
        let out = h2oplus(dir.path(), &START);
        assert_eq!(out.status.code(), Some(2), "{to}: {}", stderr(&out));
        let error = stderr(&out);
        assert!(
            error.contains(said) && error.contains("help:"),
            "{to}: {error}"
        );
        assert!(!dir.path().join("out").exists(), "{to}");
    }
}
