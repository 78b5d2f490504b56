//! Policies in other programs' formats act as ours do. onnxruntime and PyTorch's conventions are asked in Python; skipped,
//! loudly, where it lacks them. `H2OPLUS_REQUIRE_PYTHON=1` makes their absence a failure.

use std::path::Path;
use std::process::Command;

use ::h2oplus::data::d4rl;
use ::h2oplus::env::Task;
use ::h2oplus::method;
use ::h2oplus::net::Act;
use ::h2oplus::policy::Policy;
use ::h2oplus::rng::{Stream, fill_normal};
use ::h2oplus::run::export::{PolicyCard, onnx, tensors};

use super::{json, only_run, printed, small, stderr};

/// Observations that a policy is asked about.
const ROWS: usize = 10_000;

/// Runs `script` on `args`; `None` where `modules` cannot be imported, else whether it ended well, and what it printed.
fn python(modules: &str, script: &str, args: &[&Path]) -> Option<(bool, String)> {
    let python = |code: &str| {
        let mut python = Command::new("python3");
        python.args(["-c", code]);
        python
    };
    let found = python(&format!("import {modules}")).output();
    if !found.is_ok_and(|out| out.status.success()) {
        // PyTorch is gigabytes: whoever has it asks it.
        let required = std::env::var("H2OPLUS_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
        let required = required && !modules.contains("torch");
        assert!(!required, "python3 with {modules} is required here");
        ::h2oplus::log!("SKIPPED: python3 with {modules} is not here");
        return None;
    }
    let out = python(script).args(args).output().expect("it ran");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    Some((
        out.status.success(),
        text + &String::from_utf8_lossy(&out.stderr),
    ))
}

/// Writes normals of `dir/name`, `[ROWS, width]`.
fn normals(dir: &Path, name: &str, width: usize, scale: f32) -> Vec<f32> {
    let mut values = vec![0.0; ROWS * width];
    for (row, x) in values.chunks_mut(width).enumerate() {
        fill_normal(x, 11, row as u32, 0, Stream::Policy);
        x.iter_mut().for_each(|x| *x *= scale);
    }
    write(&dir.join(name), &values);
    values
}

fn write(path: &Path, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(path, bytes).unwrap();
}

/// Loads the model by onnxruntime and compares with our actions. Draws are judged by their mean and deviation.
const RUN_ONNX: &str = r#"
import sys, numpy as np, onnxruntime as ort
path, obs, actions, card = sys.argv[1:5]
s = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
assert s.get_inputs()[0].name == "observations" and len(s.get_inputs()) == 1
assert s.get_inputs()[0].shape[0] == "batch" and s.get_outputs()[0].name == "action"
S, A = s.get_inputs()[0].shape[1], s.get_outputs()[0].shape[1]
obs, ours = np.fromfile(obs, "<f4").reshape(-1, S), np.fromfile(actions, "<f4").reshape(-1, A)
action, mean, log_std, sample = s.run(None, {"observations": obs})
apart = np.abs(action - ours).max()
print(f"{len(obs)} observations: apart by {apart:.2e} at most, {np.median(np.abs(action - ours)):.2e} in the median")
assert len(obs) == 10000 and apart <= float(card), apart
one = s.run(["action"], {"observations": obs[:1]})[0]
assert np.abs(one - ours[:1]).max() <= float(card)
meta = s.get_modelmeta().custom_metadata_map
middle, half = (np.array(eval(meta[k]), np.float32) for k in ("action_middle", "action_half"))
low, high = eval(meta["log_std"])
assert log_std.min() >= low and log_std.max() <= high
again = s.run(["sample"], {"observations": obs})[0]
assert np.abs(again - sample).max() > 0 or log_std.max() < -15
unit = (sample - middle) / half
# As many draws lie below one deviation, the mean, and one deviation above it, as of a normal.
tanh = meta["distribution"] == "tanh_gaussian"
middle_of = mean if tanh else np.tanh(mean)
for z, share in ((-1, 0.1587), (0, 0.5), (1, 0.8413)):
    edge = middle_of + z * np.exp(log_std)
    edge = np.tanh(edge) if tanh else edge
    seen = np.abs(edge) < 0.999
    below = (unit[seen] <= edge[seen]).mean()
    assert seen.sum() > 1000 and abs(below - share) < 0.03, (z, seen.sum(), below)
assert meta["task"] and meta["policy"] and "gap" in meta and meta["run"], meta
"#;

/// Our actions as controls of `task`.
fn controls(policy: &Policy, task: &Task, obs: &[f32]) -> Vec<f32> {
    let mut actions = policy.act(obs, None);
    task.scale.to_controls(&mut actions);
    actions
}

/// onnxruntime's actions of `algo`'s policy on `task` are ours to `tolerance`; `policy` is what is compared.
fn agrees(
    dir: &Path,
    policy: &Policy,
    task: &Task,
    scale: f32,
    tolerance: &str,
) -> Option<(bool, String)> {
    let obs = normals(dir, "obs.f32", task.obs_dim(), scale);
    write(&dir.join("actions.f32"), &controls(policy, task, &obs));
    let card = PolicyCard::new(
        policy,
        "sac seed 7",
        task,
        "gravity=2",
        "runs/mine".as_ref(),
    );
    let model = dir.join("policy.onnx");
    std::fs::write(&model, onnx::encode(policy, &card)).unwrap();
    let args = [
        model,
        dir.join("obs.f32"),
        dir.join("actions.f32"),
        tolerance.into(),
    ];
    python(
        "onnxruntime, numpy",
        RUN_ONNX,
        &args.each_ref().map(|path| path.as_path()),
    )
}

#[test]
fn onnxruntime_acts_as_we_do() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // The monoped's motors have ranges of their own.
    let monoped = Path::new(env!("CARGO_MANIFEST_DIR")).join("envs/monoped/task.toml");
    for (algo, task) in [
        ("sac", "halfcheetah-v2"),
        ("iql", "hopper-v5"),
        ("sac", monoped.to_str().unwrap()),
    ] {
        let task = Task::load(task).unwrap();
        let settings = toml::toml! { hidden = [256, 256] };
        let (s, a) = (task.obs_dim(), task.act_dim());
        let agent = method::build(algo, &settings, s, a, &[7], &candle_core::Device::Cpu).unwrap();
        let policy = agent.policy(0).unwrap();
        let policy = policy.standardised(&vec![0.3; s], &vec![0.7; s]);
        let Some((well, said)) = agrees(dir, &policy, &task, 1.5, "1e-6") else {
            return;
        };
        assert!(well, "{algo} on {}: {said}", task.name);
        ::h2oplus::log!("{algo} on {}: {said}", task.name);
    }
}

/// A policy that has learnt: one of the shipped ones, on the observations of its own data.
#[test]
fn a_trained_policy_acts_alike_on_ten_thousand_observations() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    printed(
        dir,
        &[
            "collect",
            "--from",
            "shipped",
            "--rows",
            "10000",
            "--quality",
            "medium",
            "--out",
            "data",
        ],
    );
    let data = d4rl::read(dir.join("data/halfcheetah-v2-medium.hdf5")).unwrap();
    let policy = data.policy.unwrap().policy;
    let task = Task::load("halfcheetah-v2").unwrap();
    assert_eq!(data.observations.len(), ROWS * task.obs_dim());
    printed(
        dir,
        &[
            "export",
            "data/halfcheetah-v2-medium.hdf5",
            "--onnx",
            "p.onnx",
            "--safetensors",
            "p.safetensors",
        ],
    );
    write(&dir.join("obs.f32"), &data.observations);
    let actions = controls(&policy, &task, &data.observations);
    write(&dir.join("actions.f32"), &actions);
    let args = ["p.onnx", "obs.f32", "actions.f32"].map(|name| dir.join(name));
    let run = |tolerance: &str| {
        let tolerance = Path::new(tolerance).to_path_buf();
        let [a, b, c] = &args;
        python("onnxruntime, numpy", RUN_ONNX, &[a, b, c, &tolerance])
    };
    if let Some((well, said)) = run("1e-6") {
        assert!(well, "{said}");
        ::h2oplus::log!("{said}");
        // Negative control: one action of ten thousand is another.
        let mut other = actions.clone();
        other[5003] += 1e-5;
        write(&dir.join("actions.f32"), &other);
        let (well, _) = run("1e-6").unwrap();
        assert!(!well, "a changed action went unseen");
        write(&dir.join("actions.f32"), &actions);
    }
    // As the guide of the format says for PyTorch, in numpy, which multiplies as it does.
    let script = r#"
import json, sys, numpy as np
from safetensors.numpy import load_file
folder = sys.argv[1]
card, w = json.load(open(f"{folder}/p.json")), load_file(f"{folder}/p.safetensors")
x = np.fromfile(f"{folder}/obs.f32", "<f4").reshape(-1, card["observations"])
ours = np.fromfile(f"{folder}/actions.f32", "<f4").reshape(-1, card["actions"])
for k in range(len(card["hidden"])):
    x = np.maximum(x @ w[f"fc{k}.weight"].T + w[f"fc{k}.bias"], 0)
unit = np.tanh(x @ w["last_fc.weight"].T + w["last_fc.bias"])
action = unit * np.array(card["action_half"], np.float32) + np.array(card["action_middle"], np.float32)
assert np.abs(action - ours).max() < 2e-6, np.abs(action - ours).max()
assert card["distribution"] == "tanh_gaussian" and "last_fc_log_std.weight" in w
"#;
    if let Some((well, said)) = python("safetensors.numpy, numpy", script, &[dir]) {
        assert!(well, "{said}");
    }
    // The guide's own lines.
    let source = include_str!("../../src/run/export/tensors.rs");
    let (_, guide) = source.split_once("```python\n").unwrap();
    let (guide, _) = guide.split_once("//! ```").unwrap();
    let guide: Vec<_> = guide
        .lines()
        .map(|line| line.strip_prefix("//! ").unwrap_or(""))
        .collect();
    let guide = guide.join("\n").replace("policy.", "p.");
    let script = format!(
        "import os, sys\nos.chdir(sys.argv[1])\n{guide}\n\
         obs = torch.frombuffer(bytearray(open('obs.f32', 'rb').read()), dtype=torch.float32)\n\
         ours = torch.frombuffer(bytearray(open('actions.f32', 'rb').read()), dtype=torch.float32)\n\
         apart = (act(obs.reshape(10000, -1)) - ours.reshape(10000, -1)).abs().max().item()\n\
         assert apart < 2e-6, apart\n"
    );
    if let Some((well, said)) = python("torch, safetensors.torch", &script, &[dir]) {
        assert!(well, "{said}");
    }
}

#[test]
fn runs_export_and_what_cannot_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    printed(
        dir,
        &small(&[
            "--updates",
            "20",
            "--gap",
            "friction=0.5",
            "--seeds",
            "0..1",
        ]),
    );
    let run = only_run(dir);
    let said = json(
        dir,
        &[
            "export",
            "--onnx",
            "p.onnx",
            "--safetensors",
            "p.safetensors",
            "--policy",
            "1",
        ],
    );
    assert_eq!(said["card"]["gap"], "friction=0.5");
    assert_eq!(said["card"]["policy"], "h2oplus seed 1 after 20 updates");
    assert_eq!(
        said["card"]["run"],
        run.file_name().unwrap().to_str().unwrap()
    );
    let [first, second] = ["0", "1"].map(|n| {
        printed(
            dir,
            &["export", "--safetensors", "q.safetensors", "--policy", n],
        );
        std::fs::read(dir.join("q.safetensors")).unwrap()
    });
    assert_ne!(first, second);
    assert_eq!(second, std::fs::read(dir.join("p.safetensors")).unwrap());
    let policy = ::h2oplus::run::policies::Policies::open(&run)
        .unwrap()
        .policies
        .remove(1)
        .policy;
    assert_eq!(tensors::encode(&policy).unwrap(), second);
    for args in [
        &["export"][..],
        &["export", "--onnx", "p.onnx", "--policy", "2"],
    ] {
        let out = super::h2oplus(dir, args);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", stderr(&out));
    }
}
