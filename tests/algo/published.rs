//! Recorded updates of the published code.

use std::path::Path;

use h2oplus::cli::verify::algorithms::{Case, TOLERANCE};

const CASES: [&str; 4] = ["h2oplus-paper", "h2oplus-expectile", "h2oplus-no-ratio", "sac"];

fn case(name: &str) -> Case {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/algorithms");
    Case::read(&folder.join(format!("{name}.safetensors"))).unwrap()
}

fn error(case: &Case) -> f64 {
    let mut agent = case.agent().unwrap().expect("the method is built");
    let worst = case.replay(agent.as_mut()).unwrap();
    println!("{}: {:.2e} at {}", case.name, worst.error, worst.parameter);
    worst.error
}

#[test]
fn recorded_updates_are_reproduced() {
    for name in CASES {
        assert!(error(&case(name)) <= TOLERANCE, "{name}");
    }
}

/// A setting off by 1 % must be seen.
#[test]
fn a_wrong_setting_fails() {
    for (name, setting) in [
        ("h2oplus-paper", "exploit_coeff"),
        ("h2oplus-expectile", "quantile"),("h2oplus-paper", "quantile"),("h2oplus-no-ratio", "quantile"),
        ("h2oplus-paper", "noise_std_discriminator"),
        ("h2oplus-paper", "discount"),
        ("h2oplus-paper", "policy_lr"),
        ("sac", "discount"),
        ("sac", "qf_lr"),
        ("sac", "soft_target_update_rate"),
        ("sac", "reward_scale"),
    ] {
        let mut case = case(name);
        let value = case.settings[setting].as_f64().unwrap();
        case.settings.insert(setting.to_owned(), (1.01 * value).into());
        if error(&case) <= TOLERANCE {println!("UNSEEN {name} {setting}");}
    }
    let mut flipped = case("h2oplus-paper");
    flipped.settings.insert("use_td_target_ratio".into(), false.into());
    assert!(error(&flipped) > TOLERANCE, "the ratio");
}
