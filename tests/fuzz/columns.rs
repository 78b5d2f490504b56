//! HDF5 files that are sound as such, with columns that nobody expects: other types, extents, storage, or none.

use hdf5_writer::{DatasetBuilder, FilterDescription, H5WriteElement, Hdf5Builder};

use crate::draws::Draws;

/// Name and extents of a column; 0 stands for the rows.
type Column = (&'static str, &'static [u64]);

const D4RL: [Column; 17] = [
    ("observations", &[0, 3]),
    ("next_observations", &[0, 3]),
    ("actions", &[0, 2]),
    ("rewards", &[0]),
    ("terminals", &[0]),
    ("timeouts", &[0]),
    ("infos/qpos", &[0, 2]),
    ("infos/qvel", &[0, 2]),
    ("infos/action_log_probs", &[0]),
    ("infos/gap/gravity", &[0]),
    ("metadata/iteration", &[]),
    ("metadata/policy/fc0/weight", &[4, 3]),
    ("metadata/policy/fc0/bias", &[4]),
    ("metadata/policy/last_fc/weight", &[2, 4]),
    ("metadata/policy/last_fc/bias", &[2]),
    ("metadata/policy/last_fc_log_std/weight", &[2, 4]),
    ("metadata/policy/last_fc_log_std/bias", &[2]),
];

const TEXTS: [(&str, &str); 3] = [
    ("metadata/algorithm", "SAC"),
    ("metadata/policy/nonlinearity", "relu"),
    ("metadata/policy/output_distribution", "tanh_gaussian"),
];

const MINARI: [Column; 5] = [
    ("observations", &[0, 3]),
    ("actions", &[0, 2]),
    ("rewards", &[0]),
    ("terminations", &[0]),
    ("truncations", &[0]),
];

/// A D4RL file with a few wrong columns.
pub fn d4rl(draws: &mut Draws) -> Option<Vec<u8>> {
    let rows = 1 + draws.below(8) as u64;
    let mut file = Hdf5Builder::new();
    for (name, shape) in D4RL {
        file = put(file, name, shape, rows, draws)?;
    }
    for (name, value) in TEXTS {
        let value = match draws.below(30) {
            0 => "",
            1 => "tanh",
            2 => "clipped_gaussian",
            3 => "é\u{feff}\"",
            _ => value,
        };
        if !draws.once_in(20) {
            file = file.dataset(DatasetBuilder::fixed_string_data(name, [], &[value]).ok()?);
        }
    }
    encode(file)
}

/// A Minari file with a few wrong columns; an episode may be missing.
pub fn minari(draws: &mut Draws) -> Option<Vec<u8>> {
    let mut file = Hdf5Builder::new();
    for episode in 0..1 + draws.below(4) {
        if draws.once_in(20) {
            continue;
        }
        let rows = 1 + draws.below(4) as u64;
        for (name, shape) in MINARI {
            let name = format!("episode_{episode}/{name}");
            // T + 1 observations of T steps.
            let rows = rows + u64::from(name.ends_with("observations"));
            file = put(file, &name, shape, rows, draws)?;
        }
    }
    encode(file)
}

fn encode(file: Hdf5Builder) -> Option<Vec<u8>> {
    file.into_plan()
        .and_then(|plan| plan.encode(Default::default()))
        .ok()
}

/// The column, or something else in its place.
fn put(
    file: Hdf5Builder,
    name: &str,
    shape: &[u64],
    rows: u64,
    draws: &mut Draws,
) -> Option<Hdf5Builder> {
    let mut shape: Vec<u64> = shape
        .iter()
        .map(|&n| if n == 0 { rows } else { n })
        .collect();
    let flags = ["term", "timeouts", "trunc"]
        .iter()
        .any(|flag| name.contains(flag));
    let mut kind = if flags { 1 } else { 0 };
    if draws.once_in(12) {
        match draws.below(10) {
            0 => return Some(file),
            1 => shape.push(1),
            2 => shape = vec![shape.iter().product()],
            3 => shape.insert(0, 1),
            4 => drop(shape.pop()),
            5 => shape.iter_mut().for_each(|n| *n = draws.below(4) as u64),
            6 => {
                // The extents alone: nothing was ever written.
                let far = *draws.pick(&[rows, 1 << 20, 1 << 40, u64::MAX]);
                let shape: Vec<u64> = shape.iter().map(|_| far).collect();
                let chunk = vec![draws.below(9) as u64; shape.len()];
                return Some(
                    file.dataset(DatasetBuilder::typed::<f32>(name, shape).chunked(chunk)),
                );
            }
            _ => kind = draws.below(11),
        }
    }
    let n = shape.iter().product::<u64>() as usize;
    let values: Vec<f64> = (0..n).map(|_| value(flags, draws)).collect();
    let set = match kind {
        0 => typed(name, &shape, &values, |v| v as f32),
        1 => typed(name, &shape, &values, |v| v as u8),
        2 => typed(name, &shape, &values, |v| v),
        3 => typed(name, &shape, &values, |v| v as i8),
        4 => typed(name, &shape, &values, |v| v as i16),
        5 => typed(name, &shape, &values, |v| v as i32),
        6 => typed(name, &shape, &values, |v| v as i64),
        7 => typed(name, &shape, &values, |v| v as u64),
        8 => DatasetBuilder::fixed_string_data(name, &shape[..], &vec!["relu"; n]).ok(),
        9 => DatasetBuilder::vlen_string_data(name, &shape[..], &vec!["0"; n]).ok(),
        _ => typed(name, &shape, &values, |v| v as u32),
    }?;
    Some(file.dataset(stored(set, draws)))
}

fn typed<T: H5WriteElement>(
    name: &str,
    shape: &[u64],
    values: &[f64],
    of: impl Fn(f64) -> T,
) -> Option<DatasetBuilder> {
    let values: Vec<T> = values.iter().map(|v| of(*v)).collect();
    DatasetBuilder::typed_data(name, shape, &values).ok()
}

/// Mostly usable.
fn value(flag: bool, draws: &mut Draws) -> f64 {
    if draws.once_in(400) {
        return *draws.pick(&[f64::NAN, f64::INFINITY, 1e300, -1e30, 2.0, 255.0]);
    }
    match flag {
        true => f64::from(u8::from(draws.once_in(3))),
        false => draws.below(2000) as f64 / 1000.0 - 1.0,
    }
}

/// In one piece, or in chunks that some filter has seen, or that says so.
fn stored(set: DatasetBuilder, draws: &mut Draws) -> DatasetBuilder {
    if set.shape().is_empty() || !draws.once_in(4) {
        return set;
    }
    let chunk: Vec<u64> = set
        .shape()
        .iter()
        .map(|&n| 1 + draws.below(n.clamp(1, 9) as usize) as u64)
        .collect();
    let mut set = set.chunked(chunk);
    for id in [1, 2, 3, 4, 6, 32000, 999] {
        if draws.once_in(if id < 3 { 2 } else { 40 }) {
            set = set.filter(FilterDescription {
                id,
                name: None,
                client_data: vec![4],
            });
        }
    }
    set
}
