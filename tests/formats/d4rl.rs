//! D4RL files: h5py's are read, ours come back the same.

use h2oplus::data::{Dataset, d4rl, to_layers};

use crate::{ramp, reference};

fn read(name: &str) -> Dataset {
    Dataset::read(reference(name)).expect("a sound file")
}

fn rows_where(flags: &[bool]) -> Vec<usize> {
    flags
        .iter()
        .enumerate()
        .filter(|&(_, &flag)| flag)
        .map(|(row, _)| row)
        .collect()
}

#[test]
fn h5py_file_is_read() {
    let data = read("d4rl.hdf5");
    assert_eq!((data.len(), data.obs_dim, data.act_dim), (12, 3, 2));
    assert_eq!(data.observations, ramp(1.0, 36));
    assert_eq!(data.actions, ramp(-0.5, 24));
    assert_eq!(data.rewards, ramp(2.0, 12));
    assert_eq!(data.next_observations[..12], ramp(1.0, 36)[3..15]);
    assert_eq!(data.next_observations[12], ramp(1.0, 36)[15] + 100.0);
    assert_eq!(rows_where(&data.terminals), [8]);
    assert_eq!(rows_where(&data.timeouts), [4, 11]);
    assert_eq!(data.qpos, Some(ramp(3.0, 24)));
    assert_eq!(data.qvel, Some(ramp(4.0, 24)));
    assert_eq!(data.action_log_probs, Some(ramp(-5.0, 12)));
    let policy = data.policy.as_ref().expect("the file has one");
    assert_eq!((policy.algorithm.as_str(), policy.iteration), ("SAC", 100));
    let layers = to_layers(&policy.policy);
    assert_eq!(layers.len(), 4);
    assert_eq!((layers[0].1.inputs, layers[0].1.outputs), (3, 4));
    let (mean, log_std) = (&layers[2].1, &layers[3].1);
    assert_eq!(mean.weight, ramp(-1.0, 8));
    assert_eq!(log_std.bias, ramp(0.0, 2));
    assert_eq!(data.episodes().collect::<Vec<_>>(), [0..5, 5..9, 9..12]);
}

#[test]
fn written_file_reads_back_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new/folder/data.hdf5");
    let mut data = read("d4rl.hdf5");
    for bare in [false, true] {
        if bare {
            data = Dataset {
                qpos: None,
                qvel: None,
                action_log_probs: None,
                policy: None,
                ..data
            };
        }
        d4rl::write(&path, &data).expect("written");
        let mut back = Dataset::read(&path).expect("read back");
        back.source.clone_from(&data.source);
        assert_eq!(back, data);
    }
    let first = std::fs::read(&path).expect("bytes");
    d4rl::write(&path, &data).expect("written again");
    assert_eq!(
        first,
        std::fs::read(&path).expect("bytes"),
        "one data set, one file"
    );
    let names = path
        .parent()
        .expect("a folder")
        .read_dir()
        .expect("a folder");
    assert_eq!(names.count(), 1, "no temporary file is left");
}

#[test]
fn several_chunks_read_back_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.hdf5");
    let small = read("d4rl.hdf5");
    let data = Dataset::concat(&vec![small.clone(); 8000]).expect("one task");
    assert_eq!(data.len(), 96_000);
    d4rl::write(&path, &data).expect("written");
    let mut back = Dataset::read(&path).expect("read back");
    back.source.clone_from(&data.source);
    assert!(back == data, "96,000 rows differ");
    back.truncate(12);
    back.source.clone_from(&small.source);
    assert_eq!(back, small);
}

/// Files from before v2 have no `next_observations`: the last row of an episode goes, unless the
/// robot failed there.
#[test]
fn successors_are_derived_inside_episodes() {
    let data = read("d4rl_no_next.hdf5");
    let full = read("d4rl.hdf5");
    // Rows 4 and 11 (timeouts) are gone.
    assert_eq!(data.len(), 10);
    assert_eq!(data.episodes().collect::<Vec<_>>(), [0..4, 4..8, 8..10]);
    assert_eq!(rows_where(&data.terminals), [7]);
    assert_eq!(rows_where(&data.timeouts), [3, 9]);
    assert_eq!(data.next_observations[..12], full.next_observations[..12]);
    assert_eq!(
        data.next_observations[21..24],
        data.observations[21..24],
        "the terminal row"
    );
    assert_eq!(
        data.observations[12..15],
        full.observations[15..18],
        "row 5 follows row 3"
    );
    assert_eq!(data.qpos.as_ref().map(Vec::len), Some(20));
}

/// Without `timeouts` too, only terminals, the step limit and the file's end bound episodes.
#[test]
fn timeouts_are_inferred() {
    let data = read("d4rl_old.hdf5");
    assert_eq!(data.episodes().collect::<Vec<_>>(), [0..9, 9..11]);
    assert_eq!(rows_where(&data.terminals), [8]);
}

#[test]
fn stats_sum_complete_episodes() {
    let data = read("d4rl.hdf5");
    let stats = data.stats();
    let rewards = ramp(2.0, 12);
    let returns: Vec<f32> = [0..5, 5..9, 9..12].map(|e| rewards[e].iter().sum()).into();
    assert_eq!(
        (stats.rows, stats.episodes, stats.length_mean),
        (12, 3, 4.0)
    );
    assert_eq!(stats.return_min, f64::from(returns[2]));
    assert_eq!(stats.return_max, f64::from(returns[0]));
    assert!((stats.return_mean - f64::from(returns.iter().sum::<f32>()) / 3.0).abs() < 1e-6);
    assert!((stats.terminal_share - 1.0 / 12.0).abs() < 1e-12);
    let table = stats.to_string();
    for word in ["12", "episodes", "8.33 %"] {
        assert!(table.contains(word), "{word} in\n{table}");
    }
    let mut open = data;
    open.truncate(11);
    assert_eq!(
        open.stats().episodes,
        2,
        "an incomplete episode has no return"
    );
}
