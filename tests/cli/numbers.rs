//! Numbers out of their ranges, and sizes beyond the machine: refused by the flag's name before anything is made.

use super::errors::refused;
use super::{h2oplus, stderr, stdout};

#[test]
fn numbers_may_be_negative_where_their_meaning_is() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "train",
        "--target-return",
        "-1e9",
        "--target-entropy",
        "-3",
        "--data",
        "random",
        "--rows",
        "300",
        "--algo",
        "sac",
        "--gap",
        "none",
        "--hidden",
        "8",
        "--updates",
        "2",
        "--eval-episodes",
        "1",
    ];
    let out = h2oplus(dir.path(), &args);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let args = [
        "collect",
        "--target-return",
        "-100000",
        "--updates",
        "2",
        "--rows",
        "50",
    ];
    let out = h2oplus(dir.path(), &args);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
}

#[test]
fn settings_out_of_their_ranges_are_refused_by_flag() {
    for (flag, values) in [
        ("--discount", &["2", "-1", "nan", "inf", "1e39"][..]),
        ("--lambda", &["2", "-1"]),
        ("--expectile", &["0", "1"]),
        ("--policy-lr", &["-1", "-inf", "1e39"]),
        ("--qf-lr", &["-1"]),
        ("--polyak", &["2", "-1"]),
        ("--value-clip", &["-1", "0"]),
        ("--value-alpha", &["-1"]),
        ("--ratio-min", &["-1", "2"]),
        ("--ratio-max", &["-1", "1e-60"]),
        ("--ratio-noise", &["-1"]),
        ("--initial-alpha", &["0"]),
        ("--reward-scale", &["1e39"]),
        ("--hidden", &["0", "-1", "8,0"]),
        ("--real-batch", &["0"]),
        ("--target-return", &["nan", "inf", "-inf"]),
        ("--replay-ratio", &["0", "-1", "nan", "1e39"]),
        ("--replay-cap", &["10", "-1", "9223372036854775808"]),
        (
            "--updates",
            &["0", "-1", "4294967296", "18446744073709551615"],
        ),
        ("--checkpoint-every", &["0", "-1", "9223372036854775808"]),
        ("--seeds", &["-1", "-1,2", "nan", "9223372036854775808"]),
        ("--vary", &["lambda=0,2", "lambda=0,nan", "policy_lr=0,-1"]),
        ("--threads", &["-1", "1e9", "1000000"]),
    ] {
        for value in values {
            refused(&["train", flag, value], &[flag]);
        }
    }
    for (algo, flag, value) in [
        ("iql", "--weight-max", "-1"),
        ("iql", "--beta", "-1"),
        ("cql", "--penalty-weight", "-1"),
        ("cql", "--penalty-actions", "0"),
        ("h2o", "--gap-min", "1e-60"),
    ] {
        refused(&["train", "--algo", algo, flag, value], &[flag, "help: "]);
    }
    refused(
        &["train", "--vary", "lambda=0,1", "--vary", "lambda=0,0.5"],
        &["--vary lambda", "twice"],
    );
    refused(&["train", "--vary", "lambda=0,0.0"], &["--vary", "twice"]);
    refused(&["collect", "--updates", "0"], &["--updates"]);
}

/// What a setting takes stands in its help.
#[test]
fn help_says_the_ranges() {
    let dir = tempfile::tempdir().unwrap();
    let help = stdout(&h2oplus(dir.path(), &["train", "--help"]));
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "--lambda <LAMBDA> λ, the share of V in the target (a number from 0 to 1) [h2oplus: 0.1]",
        "Polyak rate of the target critics (a number from 0 to 1) [all: 0.005]",
        "Updates of each member (a whole number from 1 to 4294967295)",
        "Real transitions per update (a whole number, 1 or more) [h2oplus, h2o, rlpd, dara, par-bc, sac-bc, sac-cql: 128]",
    ] {
        assert!(help.contains(said), "no `{said}` in {help}");
    }
}

/// Whatever this machine has, it does not have this.
#[test]
fn sizes_beyond_the_machine_are_refused_by_flag() {
    for (flag, value) in [
        ("--envs", "4294967295"),
        ("--eval-episodes", "4294967295"),
        ("--rows", "1000000000000"),
        ("--replay-ratio", "1e9"),
        ("--replay-ratio", "1e30"),
        ("--cycle-steps", "4294967295"),
        ("--hidden", "1000000000"),
        ("--hidden", "1000000000,1000000000"),
        ("--real-batch", "1000000000000"),
        ("--sim-batch", "9223372036854775807"),
        ("--ratio-batch", "1000000000000"),
    ] {
        refused(&["train", flag, value], &[flag, "GiB", "help: "]);
    }
    for (algo, flag) in [
        ("cql", "--penalty-actions"),
        ("h2o", "--gap-samples"),
        ("sac", "--batch"),
    ] {
        refused(
            &["train", "--algo", algo, flag, "1000000000000"],
            &[flag, "GiB"],
        );
    }
    refused(&["collect", "--rows", "1000000000000"], &["--rows", "GiB"]);
    refused(
        &["bench", "sim", "--num-envs", "4294967295"],
        &["--num-envs", "GiB"],
    );
    let gaps = [
        "gap",
        "effect",
        "--task",
        "hopper",
        "--trajectories",
        "4294967295",
    ];
    refused(&gaps, &["--trajectories", "GiB"]);
}
