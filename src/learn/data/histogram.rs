//! How values are spread: what a data set's columns hold at a glance.

use serde::Serialize;

use super::{Dataset, moments};

/// Counts of values in bins of equal width.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// Lower edge of the first bin.
    pub low: f64,
    /// Upper edge of the last bin.
    pub high: f64,
    /// Values in each bin; a bin holds its lower edge, the last one both.
    pub counts: Vec<usize>,
}

impl Histogram {
    /// Of the finite ones among `values`, in `bins` bins from the least to the greatest of them, or between `bounds`,
    /// beyond which values are left out; none where there is no value.
    pub fn of(
        values: impl Iterator<Item = f64> + Clone,
        bins: usize,
        bounds: Option<(f64, f64)>,
    ) -> Option<Self> {
        let values = values.filter(|x| x.is_finite());
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let greatest = values.clone().fold(f64::NEG_INFINITY, f64::max);
        if least > greatest {
            return None;
        }
        let (low, high) = bounds.unwrap_or((least, greatest));
        // Values that are all one have a bin around them.
        let room = 0.5 * low.abs().max(1.0) * f64::from(u8::from(high - low <= 1e-9 * low.abs()));
        let (low, high) = (low - room, high + room);
        let mut counts = vec![0; bins];
        for x in values.filter(|x| (low..=high).contains(x)) {
            // Halves: the difference of two large numbers may be beyond all numbers.
            let share = (0.5 * x - 0.5 * low) / (0.5 * high - 0.5 * low);
            counts[((share * bins as f64) as usize).min(bins - 1)] += 1;
        }
        Some(Self { low, high, counts })
    }

    /// Lower edge of bin `n`, which is the upper one of the bin before.
    pub fn edge(&self, n: usize) -> f64 {
        let share = n as f64 / self.counts.len() as f64;
        self.low * (1.0 - share) + self.high * share
    }
}

/// A column, or one number of its rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// `observations[3]`.
    pub name: String,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation (divided by `n`).
    pub std: f64,
    /// How its values are spread.
    pub histogram: Option<Histogram>,
}

impl Dataset {
    /// Every number of a row, with histograms of `bins` bins. Successors are left out: but for the ends of episodes,
    /// they are the observations.
    pub fn columns(&self, bins: usize) -> Vec<Column> {
        let n = self.len();
        let columns = [
            ("observations", Some(&self.observations)),
            ("actions", Some(&self.actions)),
            ("rewards", Some(&self.rewards)),
            ("infos/qpos", self.qpos.as_ref()),
            ("infos/qvel", self.qvel.as_ref()),
            ("infos/action_log_probs", self.action_log_probs.as_ref()),
        ];
        let columns = columns
            .into_iter()
            .filter_map(|(name, values)| Some((name, values?)));
        let single = columns.flat_map(|(name, values)| {
            let width = values.len() / n.max(1);
            (0..width).map(move |k| {
                let of = values.iter().skip(k).step_by(width);
                let name = match width {
                    1 => name.to_owned(),
                    _ => format!("{name}[{k}]"),
                };
                Column::of(name, of.map(|x| f64::from(*x)), bins)
            })
        });
        let gaps = self.gap.iter().map(|(name, strengths)| {
            let in_force = strengths.iter().copied().filter(|k| !k.is_nan());
            Column::of(format!("infos/gap/{name}"), in_force, bins)
        });
        single.chain(gaps).collect()
    }
}

impl Column {
    fn of(name: String, values: impl Iterator<Item = f64> + Clone, bins: usize) -> Self {
        let (mean, std) = moments(values.clone());
        Self {
            name,
            min: values.clone().fold(f64::NAN, f64::min),
            max: values.clone().fold(f64::NAN, f64::max),
            mean,
            std,
            histogram: Histogram::of(values, bins, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64], bounds: Option<(f64, f64)>) -> Option<Histogram> {
        Histogram::of(values.iter().copied(), 4, bounds)
    }

    #[test]
    fn every_value_is_in_one_bin() {
        let all = of(&[0.0, 1.0, 1.9, 2.0, 3.0, 4.0, f64::NAN], None).unwrap();
        assert_eq!((all.low, all.high), (0.0, 4.0));
        assert_eq!(all.counts, [1, 2, 1, 2]);
        assert_eq!([0, 2, 4].map(|n| all.edge(n)), [0.0, 2.0, 4.0]);
        let part = of(&[-1.0, 0.5, 9.0, 2.0], Some((0.0, 2.0))).unwrap();
        assert_eq!(part.counts, [0, 1, 0, 1]);
        let one = of(&[7.0, 7.0], None).unwrap();
        assert_eq!(one.counts.iter().sum::<usize>(), 2);
        assert!(one.low < 7.0 && one.high > 7.0);
        assert_eq!(of(&[], None), None);
        let far = of(&[-f64::MAX, f64::MAX], None).unwrap();
        assert_eq!(far.counts, [1, 0, 0, 1]);
    }

    #[test]
    fn columns_are_told_apart() {
        let data = Dataset {
            obs_dim: 2,
            act_dim: 1,
            observations: vec![0.0, 10.0, 1.0, 20.0],
            actions: vec![0.5, -0.5],
            rewards: vec![1.0, 3.0],
            gap: [("gravity".to_owned(), vec![f64::NAN, 1.5])].into(),
            ..Dataset::default()
        };
        let all = data.columns(4);
        let names: Vec<_> = all.iter().map(|c| c.name.as_str()).collect();
        let due = [
            "observations[0]",
            "observations[1]",
            "actions",
            "rewards",
            "infos/gap/gravity",
        ];
        assert_eq!(names, due);
        assert_eq!(
            (all[1].min, all[1].max, all[1].mean, all[1].std),
            (10.0, 20.0, 15.0, 5.0)
        );
        assert_eq!((all[4].min, all[4].mean), (1.5, 1.5));
    }
}
