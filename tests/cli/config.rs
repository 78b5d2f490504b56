//! Config files: natural forms are taken; what is not taken is named with file, line, key and help.

use std::path::Path;

use super::{h2oplus, only_run, stderr};

/// Flags of a run of a second or two, on random data.
const TINY: [&str; 10] = [
    "train",
    "--recipe",
    "paper",
    "--data",
    "random",
    "--rows",
    "300",
    "--eval-episodes",
    "1",
    "--config-file",
];

/// Trains with a config file that says `text` after what makes the run small; exit code and messages.
fn train(dir: &Path, text: &str, more: &[&str]) -> (Option<i32>, String) {
    std::fs::write(dir.join("c.toml"), text).unwrap();
    let args: Vec<&str> = TINY
        .iter()
        .copied()
        .chain(["c.toml"])
        .chain(more.iter().copied())
        .collect();
    let out = h2oplus(dir, &args);
    let err = stderr(&out);
    assert!(!err.contains("panicked"), "{text}: {err}");
    (out.status.code(), err)
}

/// The resolved config of the only run.
fn resolved(dir: &Path) -> toml::Table {
    let text = std::fs::read_to_string(only_run(dir).join("config.toml")).unwrap();
    text.parse().unwrap()
}

const IQL: &str = "algo = 'iql'\ngap = 'none'\n";
const SMALL: &str = "[settings]\nhidden = [8]\n";

#[test]
fn what_varies_is_taken_as_a_table_as_text_and_as_texts() {
    for vary in [
        "vary = 'expectile=0.7,0.9'\n",
        "vary = ['expectile=0.7,0.9']\n",
        "vary.expectile = [0.7, 0.9]\n",
        "vary = { expectile = '0.7,0.9' }\n",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("{vary}{IQL}updates = 2\n{SMALL}");
        let (code, err) = train(dir.path(), &text, &[]);
        assert_eq!(code, Some(0), "{vary}: {err}");
        let config = resolved(dir.path());
        let expectiles: Vec<_> = config["members"].as_array().unwrap().iter().collect();
        let expectiles: Vec<_> = expectiles
            .iter()
            .map(|m| m["settings"]["expectile"].as_float().unwrap())
            .collect();
        assert_eq!(expectiles, [0.7, 0.9], "{vary}");
    }
}

#[test]
fn natural_forms_of_numbers_and_seeds_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let text =
        format!("seeds = [3, 5]\nupdates = 4e0\neval-every = 2\n{IQL}{SMALL}expectile = 0.9\n");
    let (code, err) = train(dir.path(), &text, &[]);
    assert_eq!(code, Some(0), "{err}");
    let config = resolved(dir.path());
    assert_eq!(config["seeds"].as_str(), Some("3,5"));
    assert_eq!(config["updates"].as_integer(), Some(4));
    assert_eq!(config["eval_every"].as_integer(), Some(2));

    // What a run wrote is a config too, unless its members are no longer those that follow.
    let written = std::fs::read_to_string(only_run(dir.path()).join("config.toml")).unwrap();
    for (from, to, right) in [("", "", true), ("seeds = \"3,5\"", "seeds = 4", false)] {
        let again = tempfile::tempdir().unwrap();
        let (code, err) = train(again.path(), &written.replace(from, to), &[]);
        assert_eq!(code, Some(if right { 0 } else { 2 }), "{err}");
        assert!(right || err.contains(": members: do not follow"), "{err}");
    }

    let dir = tempfile::tempdir().unwrap();
    let (code, err) = train(
        dir.path(),
        &format!("seeds = 3\nupdates = 2\n{IQL}{SMALL}"),
        &[],
    );
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(resolved(dir.path())["seeds"].as_str(), Some("3"));
}

#[test]
fn what_is_refused_names_file_line_key_and_mend() {
    for (text, parts) in [
        (
            "settings = ['expectile=0.9']\n",
            &[
                "c.toml:1: settings: ",
                "[settings]",
                "[vary] expectile = [0.7, 0.9]",
            ][..],
        ),
        (
            "\nvary = 3\n",
            &["c.toml:2: vary: is 3", "[vary] expectile = [0.7, 0.9]"],
        ),
        (
            "[[vary]]\nexpectile = [0.7, 0.9]\n",
            &["c.toml:1: vary: ", "[vary] expectile = [0.7, 0.9]"],
        ),
        (
            "vary = ['expectile=0.7', 'expectile=0.9']\n",
            &["c.toml:1: vary: `expectile` is there twice"],
        ),
        (
            "[vary]\nlamda = [1, 2]\n",
            &["c.toml:2: vary: ", "did you mean `lambda`?"],
        ),
        (
            "[vary]\nlambda = [0, 0.0]\n",
            &["c.toml:2: vary: ", "twice"],
        ),
        (
            "[vary]\n\nlambda = [0, 2]\n",
            &["c.toml:3: vary lambda: is 2", "from 0 to 1"],
        ),
        ("[vary]\ngap = [1]\n", &["c.toml:2: vary: ", "quotes"]),
        (
            "[settings]\n\nexpectile = '0.9'\n",
            &[
                "c.toml:3: expectile: is the text \"0.9\"",
                "write 0.9, without",
            ],
        ),
        (
            "[settings]\nexpectile = [0.9]\n",
            &["c.toml:2: expectile: is the list [0.9]", "number"],
        ),
        (
            "[settings]\nuse_ratio = 1\n",
            &["c.toml:2: use_ratio: is 1", "true or false"],
        ),
        (
            "[settings]\nvalue = 'sparce'\n",
            &["c.toml:2: value: there is no `sparce`", "`sparse`"],
        ),
        (
            "[settings]\nhidden = [8, 0]\n",
            &["c.toml:2: hidden: is 0", "1 or more"],
        ),
        (
            "[settings]\nhidden = []\n",
            &["c.toml:2: hidden: is an empty list"],
        ),
        (
            "[settings]\nbatchs = 8\n",
            &["c.toml:2: batchs: there is no such setting", "`batch`"],
        ),
        (
            "[settings]\nupdates = 8\n",
            &["c.toml:2: updates: ", "above [settings]"],
        ),
        (
            "algo = 'sac'\n[settings]\nlambda = 0.2\n",
            &["c.toml:3: lambda: is no setting of sac", "h2oplus has it"],
        ),
        ("[settings]\nlambda = nan\n", &["c.toml:2: lambda: is NaN"]),
        (
            "[settings]\nratio_min = 2.0\n",
            &["c.toml:2: ratio_min: is 2", "`ratio_max` is 1"],
        ),
        (
            "expectile = 0.9\n",
            &[
                "c.toml:1: expectile: is a setting",
                "under [settings]: expectile = 0.9",
            ],
        ),
        (
            "updates = 1.5\n",
            &["c.toml:1: updates: is 1.5", "whole number"],
        ),
        (
            "updates = -3\n",
            &["c.toml:1: updates: is -3", "whole number"],
        ),
        (
            "updates = '10'\n",
            &["c.toml:1: updates: is the text \"10\"", "write 10, without"],
        ),
        (
            "updates = 1\nenvs = 0\n",
            &["c.toml:2: envs: is 0", "from 1 to"],
        ),
        (
            "eval-every = 1\neval_every = 2\n",
            &["c.toml:", "stands in line"],
        ),
        (
            "updatez = 3\n",
            &["c.toml:1: updatez: ", "did you mean `updates`?"],
        ),
        (
            "seeds = -1\n",
            &["c.toml:1: seeds: `-1` is not a whole number"],
        ),
        (
            "seeds = [1, 1]\n",
            &["c.toml:1: seeds: `1,1` names a seed twice"],
        ),
        ("seeds = 1.5\n", &["c.toml:1: seeds: "]),
        (
            "physics = 'bullet'\n",
            &["c.toml:1: physics: there is no `bullet`", "planar"],
        ),
        (
            "gap_redraw = 'yes'\n",
            &["c.toml:1: gap_redraw: ", "true or false"],
        ),
        ("gap = 2\n", &["c.toml:1: gap: is 2", "quotes"]),
        (
            "target_return = inf\n",
            &["c.toml:1: target_return: is inf", "finite"],
        ),
        ("members = 3\n", &["c.toml:1: members: "]),
        (
            "[settings]\ntau = 0.005\n",
            &["c.toml:2: tau: ", "`polyak`", "`expectile`"],
        ),
        (
            "[settings]\n\ntarget_rate = 0.005\n",
            &["c.toml:3: target_rate: ", "`polyak`", "`expectile`"],
        ),
        (
            "[vary]\ntau = [0.7, 0.9]\n",
            &["c.toml:2: vary: ", "`polyak`", "`expectile`"],
        ),
        ("updates = \n", &["c.toml:1: "]),
        ("updates = 1\nupdates = 2\n", &["c.toml:2: "]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (code, err) = train(dir.path(), text, &[]);
        assert_eq!(code, Some(2), "{text}: {err}");
        for part in parts {
            assert!(err.contains(part), "{text}: no `{part}` in: {err}");
        }
        assert!(err.contains("help: "), "{text}: {err}");
        assert!(
            !dir.path().join("runs").exists(),
            "{text} left a run folder"
        );
    }
}

#[test]
fn a_flag_over_a_file_is_named_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (code, err) = train(dir.path(), "[settings]\nlambda = 0.5\n", &["--lambda", "2"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(
        err.contains("--lambda: is 2") && !err.contains("c.toml"),
        "{err}"
    );
}

/// A run's config that somebody edited.
#[test]
fn what_no_run_can_have_is_refused_when_a_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (code, err) = train(dir.path(), &format!("updates = 2\n{IQL}{SMALL}"), &[]);
    assert_eq!(code, Some(0), "{err}");
    let run = only_run(dir.path());
    let sound = std::fs::read_to_string(run.join("config.toml")).unwrap();
    for (from, to, part) in [
        (
            "replay_ratio = 10.0",
            "replay_ratio = nan",
            ": replay_ratio: is NaN",
        ),
        (
            "replay_ratio = 10.0",
            "replay_ratio = -1",
            ": replay_ratio: is -1",
        ),
        (
            "cycle_steps = 1000",
            "cycle_steps = 0",
            ": cycle_steps: is 0",
        ),
        ("log_every = 500", "log_every = 0", ": log_every: is 0"),
        ("envs = 8", "envs = 0", ": envs: is 0"),
        ("discount = 0.99", "discount = 2", ": discount: is 2"),
        ("seeds = \"0\"", "seeds = \"1\"", ": members: do not follow"),
        ("updates = 2\n", "", "restore the file"),
        (
            "expectile = 0.7",
            "expektile = 0.7",
            "did you mean `expectile`?",
        ),
    ] {
        assert!(sound.contains(from), "{from} in {sound}");
        std::fs::write(run.join("config.toml"), sound.replace(from, to)).unwrap();
        for command in [&["train", "--resume"][..], &["eval"]] {
            let args = [command, &[run.to_str().unwrap()]].concat();
            let err = stderr(&h2oplus(dir.path(), &args));
            assert!(err.contains(part), "{command:?} {to}: {err}");
            assert!(err.contains("config.toml"), "{command:?} {to}: {err}");
        }
    }
}

#[test]
fn a_recipe_gives_way_to_files_and_flags_and_says_so_when_nobody_chose_it() {
    let dir = tempfile::tempdir().unwrap();
    let quick = |more: &[&str]| {
        let args = [
            "train", "--algo", "iql", "--gap", "none", "--data", "random",
        ];
        let size = ["--rows", "300", "--updates", "2", "--eval-episodes", "1"];
        let out = h2oplus(dir.path(), &[&args[..], &size, more].concat());
        (out.status.code(), stderr(&out))
    };
    let (code, err) = quick(&["--hidden", "8"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("recipe: fast (--recipe paper"), "{err}");
    let config = resolved(dir.path());
    assert_eq!(config["recipe"].as_str(), Some("fast"));
    assert_eq!(config["envs"].as_integer(), Some(64));
    let settings = config["settings"].as_table().unwrap();
    assert_eq!(settings["critic_norm"].as_str(), Some("layer-affine"));
    assert_eq!(
        settings["hidden"].as_array().unwrap().len(),
        1,
        "the flag's"
    );

    let (code, err) = quick(&["--recipe", "slow"]);
    assert_eq!(code, Some(2), "{err}");
    for part in ["recipe", "`slow`", "fast, long, paper"] {
        assert!(err.contains(part), "{part} in {err}");
    }
    let own = dir.path().join("own.toml");
    std::fs::write(&own, "envs = 3\n[settings]\nhidden = [7]\nlambda = 0.5\n").unwrap();
    std::fs::remove_dir_all(dir.path().join("runs")).unwrap();
    let (code, err) = quick(&["--recipe", "own.toml"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(!err.contains("recipe: "), "it was chosen: {err}");
    let config = resolved(dir.path());
    assert_eq!(config["envs"].as_integer(), Some(3));
    let settings = config["settings"].as_table().unwrap();
    assert_eq!(settings["hidden"][0].as_integer(), Some(7));
    assert!(!settings.contains_key("lambda"), "iql has none");
    std::fs::write(&own, "recipe = 'fast'\n").unwrap();
    assert_eq!(quick(&["--recipe", "own.toml"]).0, Some(2));
}
