//! Where episodes end: flags, and what tells it where they are missing.

use std::path::Path;

use h2oplus::data::{Dataset, EpisodeRules};
use h2oplus::env::Task;
use h2oplus::run::data::real_data::episode_rules;
use hdf5_writer::DatasetBuilder;

use crate::write_hdf5;

/// Rows of `lengths` steps each; an observation counts the steps of all episodes. Columns as named.
struct File {
    lengths: &'static [usize],
    next: bool,
    /// Row numbers that are marked, where the column exists.
    timeouts: Option<&'static [usize]>,
    terminals: &'static [usize],
}

fn write(path: &Path, file: &File) {
    let n: usize = file.lengths.iter().sum();
    let observations: Vec<f32> = (0..n).map(|row| row as f32).collect();
    let mut next: Vec<f32> = observations.iter().map(|x| x + 1.0).collect();
    let mut row = 0;
    for length in file.lengths {
        row += length;
        next[row - 1] += 50.0;
    }
    let flags = |rows: &[usize]| {
        (0..n)
            .map(|k| u8::from(rows.contains(&k)))
            .collect::<Vec<_>>()
    };
    let wide = vec![n as u64, 1];
    let array = |name: &str, values: &[f32]| {
        DatasetBuilder::typed_data(name, wide.clone(), values).expect("sound")
    };
    let vector = |name: &str, values: &[u8]| {
        DatasetBuilder::typed_data(name, vec![n as u64], values).expect("sound")
    };
    let mut columns = vec![
        array("observations", &observations),
        array("actions", &vec![0.5; n]),
        array("rewards", &vec![1.0; n]),
        vector("terminals", &flags(file.terminals)),
    ];
    columns.extend(file.next.then(|| array("next_observations", &next)));
    columns.extend(file.timeouts.map(|rows| vector("timeouts", &flags(rows))));
    write_hdf5(path, columns);
}

fn read(file: &File, rules: EpisodeRules) -> Dataset {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.hdf5");
    write(&path, file);
    Dataset::read_as(&path, &rules).expect("read")
}

fn lengths(data: &Dataset) -> Vec<usize> {
    data.episodes().map(|episode| episode.len()).collect()
}

const RULES: EpisodeRules = EpisodeRules {
    limit: Some(100),
    terminates: true,
};

#[test]
fn ends_that_are_not_marked_are_told() {
    // Flags that say it all need no note; the last episode is the recording's end.
    let marked = File {
        lengths: &[100, 60, 40],
        next: true,
        timeouts: Some(&[99, 159]),
        terminals: &[],
    };
    let data = read(&marked, RULES);
    assert_eq!((lengths(&data), data.notes.len()), (vec![100, 60, 40], 0));
    assert_eq!(data.stats().episodes, 2);

    // Never marked, but the successors show it.
    let data = read(
        &File {
            timeouts: Some(&[]),
            ..marked
        },
        RULES,
    );
    assert_eq!(lengths(&data), [100, 60, 40]);
    assert_eq!(data.notes.len(), 1, "{:?}", data.notes);
    assert!(
        data.notes[0].contains("2 episode ends, which were told from successors"),
        "{:?}",
        data.notes
    );

    // Without successors only the limit can tell; their last rows have no successor and go.
    let blind = File {
        lengths: &[100, 100, 60],
        next: false,
        timeouts: Some(&[]),
        terminals: &[],
    };
    let data = read(&blind, RULES);
    assert_eq!(lengths(&data), [99, 99, 59]);
    let stats = data.stats();
    assert_eq!(
        (stats.episodes, stats.return_mean, stats.return_std),
        (2, 99.0, 0.0)
    );
    assert_eq!(data.notes.len(), 1, "{:?}", data.notes);
    assert!(
        data.notes[0].contains("the limit of 100 steps"),
        "{:?}",
        data.notes
    );

    // A terminal row ends an episode too, and starts the count anew.
    let data = read(
        &File {
            terminals: &[49],
            ..blind
        },
        RULES,
    );
    assert_eq!(lengths(&data), [50, 99, 99, 9]);

    // Short of the limit nothing ends; the recording's end then counts as one, so that no return is NaN.
    let short = File {
        lengths: &[30],
        ..blind
    };
    let data = read(&short, RULES);
    assert_eq!((lengths(&data), data.stats().episodes), (vec![29], 1));
    assert!(data.stats().return_mean.is_finite());
}

#[test]
fn rows_out_of_order_are_said_to_be() {
    let shuffled = File {
        lengths: &[1; 200],
        next: true,
        timeouts: Some(&[]),
        terminals: &[],
    };
    let data = read(&shuffled, RULES);
    assert_eq!(lengths(&data), [100, 100]);
    assert!(
        data.notes[0].contains("not in order of time"),
        "{:?}",
        data.notes
    );
}

#[test]
fn terminal_rows_of_a_task_that_never_terminates_are_noted() {
    let done = File {
        lengths: &[20, 20, 20],
        next: true,
        timeouts: None,
        terminals: &[19, 39, 59],
    };
    let cheetah = Task::load("halfcheetah-v5").expect("shipped");
    let data = read(&done, episode_rules(&cheetah));
    assert_eq!(lengths(&data), [20, 20, 20]);
    assert_eq!(data.notes.len(), 1, "{:?}", data.notes);
    let note = &data.notes[0];
    assert!(
        note.contains("3 rows are terminal, but this task never terminates"),
        "{note}"
    );
    for task in ["walker2d-v5", "hopper-v2"] {
        let task = Task::load(task).expect("shipped");
        let data = read(&done, episode_rules(&task));
        assert_eq!(data.notes, [""; 0], "{}", task.name);
    }
}
