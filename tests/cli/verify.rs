//! `verify physics` on a GPU: the recorded MuJoCo transitions through the shaders.

use super::errors::refused;
use super::{command, h2oplus, stderr, stdout};
use std::path::Path;

fn recorded(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/physics");
    let file = folder.join(name).with_extension("safetensors");
    file.to_string_lossy().into_owned()
}

/// Whether there is an adapter; without one the program says so once, and that is tested too.
fn adapter() -> bool {
    let found = h2oplus::gpu::Gpu::shared().is_ok();
    let required = std::env::var("H2OPLUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
    assert!(found || !required, "a GPU is required");
    if !found {
        h2oplus::log!("SKIPPED, no adapter");
    }
    found
}

#[test]
fn shaders_are_judged_and_another_robot_fails() {
    if !adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let verify = |file: &str| {
        let args = ["--device", "gpu", "--format", "json", "--reference", file];
        h2oplus(dir.path(), &[&["verify", "physics"], &args[..]].concat())
    };
    let out = verify(&recorded("hopper-v2-none"));
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let found: serde_json::Value = serde_json::from_str(&stdout(&out)).unwrap();
    let case = &found["cases"][0];
    assert_eq!(
        (&case["verdict"], &found["ok"]),
        (&"ok".into(), &true.into())
    );
    assert!(case["f64"].is_null() && case["f32"].is_null());
    let median = case["gpu"]["scaled_qvel_env"]["median"].as_f64().unwrap();
    assert!(median > 0.0 && median < 1e-5, "{median}");
    // Negative control: the numbers of doubled gravity under the name of the robot without a gap.
    let copy = dir.path().join("hopper-v2-none.safetensors");
    std::fs::copy(recorded("hopper-v2-gravity"), &copy).unwrap();
    let out = verify(copy.to_str().unwrap());
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    assert!(stdout(&out).contains("FAIL"));
}

/// No driver is found where the loader is told to look nowhere.
#[test]
#[cfg(target_os = "linux")]
fn without_an_adapter_one_message_names_the_flag() {
    let dir = tempfile::tempdir().unwrap();
    let file = recorded("hopper-v2-none");
    for (args, flag) in [
        (
            &["verify", "physics", "--reference", &file, "--device", "gpu"][..],
            "--device gpu",
        ),
        (&["train", "--sim-device", "gpu"][..], "--sim-device gpu"),
        (
            &["bench", "sim", "--seconds", "0.1", "--device", "gpu"][..],
            "--device gpu",
        ),
    ] {
        let mut command = command(dir.path(), args);
        command.env("VK_DRIVER_FILES", "/dev/null");
        let out = command
            .env("VK_ICD_FILENAMES", "/dev/null")
            .output()
            .unwrap();
        let text = stderr(&out);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
        let begin = format!("error: {flag}: no adapter");
        assert!(text.contains(&begin), "{args:?}: {text}");
        assert_eq!(text.matches("help:").count(), 1, "{text}");
    }
}

#[test]
fn what_a_gpu_cannot_judge_is_refused() {
    let file = recorded("hopper-v2-none");
    let gpu = ["verify", "physics", "--device", "gpu"];
    refused(
        &[&gpu[..], &["--physics", "rapier", "--reference", &file]].concat(),
        &["--device gpu", "rapier"],
    );
    refused(
        &[&gpu[..], &["--reference", "data.hdf5"]].concat(),
        &["data.hdf5", "recorded transitions", "gap measure"],
    );
}
