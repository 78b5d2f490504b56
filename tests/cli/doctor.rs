//! What `doctor` says of the processor.

use crate::{h2oplus, json, printed, stderr};

/// A unit for bfloat16 that is slower than float32 is said by `doctor` and by whoever asks for it.
#[test]
fn what_products_reach_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let products = &json(dir.path(), &["doctor"])["products"];
    let float32 = products["f32_gflops"].as_f64().unwrap();
    assert!(float32 > 0.0);
    assert!(printed(dir.path(), &["doctor"]).contains("products    float32 "));
    let units = h2oplus::kernel::cpu::bf16::units();
    let Some(bf16) = products["bf16_gflops"].as_f64() else {
        assert!(units.is_empty() && products["bf16_unit"].is_null());
        return;
    };
    assert_eq!(products["bf16_unit"], units[0].to_string());
    assert_eq!(products["against_bf16"].is_string(), bf16 < float32);
    // Each process measures anew: what is close may come out either way.
    let ratio = bf16 / float32;
    if (0.8..1.25).contains(&ratio) {
        return;
    }
    let args = ["bench", "learn", "--recipe", "smoke", "--precision", "bf16"];
    let out = h2oplus(dir.path(), &[&args[..], &["--seconds", "0.1"]].concat());
    assert!(out.status.success());
    let said = stderr(&out).contains("precision bf16 is the slower one here");
    assert_eq!(said, ratio < 1.0, "{}", stderr(&out));
}
