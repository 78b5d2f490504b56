//! Safetensors files of transitions, and the three layouts turned into one another.

use std::path::{Path, PathBuf};

use h2oplus::data::{Dataset, Layout, tensors};
use safetensors::{Dtype, tensor::TensorView};

use crate::reference;

fn read(path: &Path) -> Dataset {
    Dataset::read(path).unwrap_or_else(|e| panic!("{e}"))
}

/// Everything that a data set may hold.
fn full() -> Dataset {
    let mut data = read(&reference("d4rl.hdf5"));
    let n = data.len();
    let strengths = (0..n).map(|row| {
        if row % 3 == 0 {
            f64::NAN
        } else {
            0.1 + row as f64
        }
    });
    data.gap.insert("gravity".into(), strengths.collect());
    data.environment = Some("HalfCheetah-v5".into());
    assert!(data.policy.is_some() && data.qpos.is_some() && data.action_log_probs.is_some());
    data
}

/// Equal but for where they lie; NaN equals NaN.
fn assert_same(a: &Dataset, b: &Dataset) {
    let bits = |data: &Dataset| -> Vec<(String, Vec<u64>)> {
        let gap = data.gap.iter();
        gap.map(|(name, k)| (name.clone(), k.iter().map(|k| k.to_bits()).collect()))
            .collect()
    };
    assert_eq!(bits(a), bits(b));
    let bare = |data: &Dataset| Dataset {
        source: String::new(),
        gap: Default::default(),
        ..data.clone()
    };
    assert_eq!(bare(a), bare(b));
}

#[test]
fn there_and_back_is_bit_equal() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let data = full();
    data.write(at("a.hdf5")).unwrap();
    read(&at("a.hdf5")).write(at("b.safetensors")).unwrap();
    read(&at("b.safetensors")).write(at("c.hdf5")).unwrap();
    read(&at("c.hdf5")).write(at("d.safetensors")).unwrap();
    let bytes = |name: &str| std::fs::read(at(name)).unwrap();
    assert!(bytes("a.hdf5") == bytes("c.hdf5"));
    assert!(bytes("b.safetensors") == bytes("d.safetensors"));
    assert_same(&read(&at("b.safetensors")), &data);

    // Through Minari, which has no place for the policy.
    read(&at("b.safetensors")).write(at("e")).unwrap();
    let minari = read(&at("e"));
    let bare = Dataset {
        policy: None,
        ..data.clone()
    };
    assert_same(&minari, &bare);
    minari.write(at("f.safetensors")).unwrap();
    bare.write(at("g.safetensors")).unwrap();
    assert!(bytes("f.safetensors") == bytes("g.safetensors"));
    // Negative control: one bit of one column.
    let mut other = data.clone();
    other.rewards[3] = f32::from_bits(other.rewards[3].to_bits() ^ 1);
    other.write(at("h.safetensors")).unwrap();
    assert!(bytes("h.safetensors") != bytes("b.safetensors"));
}

#[test]
fn layouts_are_told_by_contents_and_asked_for_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let data = full();
    for (name, layout) in [
        ("a.hdf5", Layout::D4rl),
        ("a.h5", Layout::D4rl),
        ("a.safetensors", Layout::Tensors),
        ("a-v0", Layout::Minari),
    ] {
        data.write(at(name)).unwrap();
        assert_eq!(Layout::to(&at(name)).unwrap(), layout, "{name}");
        assert_eq!(Layout::of(&at(name)).unwrap(), layout, "{name}");
    }
    std::fs::rename(at("a.safetensors"), at("renamed.hdf5")).unwrap();
    assert_same(&read(&at("renamed.hdf5")), &data);
    let error = data.write(at("a.csv")).unwrap_err().to_string();
    for part in ["a.csv", ".csv", ".hdf5", ".safetensors", "Minari"] {
        assert!(error.contains(part), "no {part} in {error}");
    }
    assert!(!at("a.csv").exists());
}

/// A file of these tensors.
fn file(path: PathBuf, tensors: &[(&str, Dtype, &[usize], &[u8])]) -> PathBuf {
    let view = |(name, dtype, shape, data): &(&str, Dtype, &[usize], &[u8])| {
        let data = data.to_vec();
        (name.to_string(), *dtype, shape.to_vec(), data)
    };
    let all: Vec<_> = tensors.iter().map(view).collect();
    let views = all.iter().map(|(name, dtype, shape, data)| {
        (
            name.as_str(),
            TensorView::new(*dtype, shape.clone(), data).unwrap(),
        )
    });
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    path
}

#[test]
fn files_of_other_programs_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let doubles = |all: &[f64]| all.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>();
    let (obs, act) = (doubles(&[0.5, 1.5, 2.5, 3.5]), doubles(&[1.0; 4]));
    let halves: Vec<u8> = [0x3c00u16, 0x4000, 0x4200, 0x0000]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let six = |timeouts: &'static [u8], more: &[(&str, Dtype, &[usize], &[u8])], name: &str| {
        let columns: [(&str, Dtype, &[usize], &[u8]); 4] = [
            ("observations", Dtype::F64, &[4, 1], &obs),
            ("actions", Dtype::F64, &[4, 1], &act),
            ("rewards", Dtype::F16, &[4, 1], &halves),
            ("terminals", Dtype::U8, &[4], timeouts),
        ];
        file(folder.path().join(name), &[&columns[..], more].concat())
    };
    // Without successors and timeouts: those follow from the rows.
    let data = read(&six(&[0, 1, 0, 1], &[], "a.safetensors"));
    assert_eq!(data.observations, [0.5, 1.5, 2.5, 3.5]);
    assert_eq!(data.next_observations, [1.5, 1.5, 3.5, 3.5]);
    assert_eq!(data.rewards, [1.0, 2.0, 3.0, 0.0]);
    assert_eq!(data.terminals, [false, true, false, true]);

    let refused = |path: &Path, parts: &[&str]| {
        let error = Dataset::read(path).unwrap_err().to_string();
        for part in parts.iter().chain(&["help: ", "safetensors: "]) {
            assert!(error.contains(part), "no {part} in {error}");
        }
    };
    refused(
        &six(&[0, 2, 0, 1], &[], "b.safetensors"),
        &["terminals, row 1", "2"],
    );
    let short: [(&str, Dtype, &[usize], &[u8]); 1] =
        [("next_observations", Dtype::F64, &[2, 1], &obs[..16])];
    refused(
        &six(&[0; 4], &short, "c.safetensors"),
        &["next_observations", "[2, 1]", "[4, 1]"],
    );
    let other: [(&str, Dtype, &[usize], &[u8]); 1] = [("theta", Dtype::U8, &[2], &[1, 2])];
    refused(
        &file(folder.path().join("d.safetensors"), &other),
        &["`theta`", "rewards"],
    );
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/behaviour/walker2d-v2.safetensors");
    refused(&shipped, &["no file of transitions"]);
    let mut bytes = std::fs::read(folder.path().join("a.safetensors")).unwrap();
    bytes.truncate(bytes.len() - 1);
    std::fs::write(folder.path().join("e.safetensors"), &bytes).unwrap();
    refused(
        &folder.path().join("e.safetensors"),
        &["no file of transitions"],
    );
    // What training does not use never stops a file.
    let nan = doubles(&[f64::NAN; 4]);
    let odd: [(&str, Dtype, &[usize], &[u8]); 1] = [("infos/qpos", Dtype::F64, &[4, 1], &nan)];
    let data = read(&six(&[0, 1, 0, 1], &odd, "f.safetensors"));
    assert_eq!((data.qpos, data.notes.len()), (None, 1));
    tensors::write(folder.path().join("g.safetensors"), &Dataset::default()).unwrap_err();
}
