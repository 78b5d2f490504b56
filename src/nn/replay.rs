//! Transitions on the device.

use candle_core::{DType, Device, Tensor};

use crate::data::{Dataset, moments};
use crate::error::{Error, Result};
#[cfg(feature = "cuda")]
use crate::nn::cuda::engine;

/// Transitions on the device, one row each, laid out as
/// `[obs (S), action (A), next_obs (S), reward, terminated]`, so that (s,a) and (s,a,s') are prefixes.
pub struct Replay {
    /// `[groups, capacity, row]`: groups is 1 (all members share the data) or P (each its own ring).
    pub rows: Tensor,
    /// Rows filled so far, per group.
    pub len: usize,
    /// Next row to be written (a ring).
    pub cursor: usize,
}

/// Length of a row for observations and actions of these lengths.
pub fn row_len(obs_dim: usize, act_dim: usize) -> usize {
    2 * obs_dim + act_dim + 2
}

impl Replay {
    /// Bytes that [`new`](Self::new) takes.
    pub fn bytes(groups: usize, capacity: usize, obs_dim: usize, act_dim: usize) -> u64 {
        4 * groups as u64 * capacity as u64 * row_len(obs_dim, act_dim) as u64
    }

    /// An empty ring of `capacity` rows per group.
    pub fn new(
        groups: usize,
        capacity: usize,
        obs_dim: usize,
        act_dim: usize,
        device: &Device,
    ) -> Result<Self> {
        if groups == 0 || capacity == 0 {
            let mend = "give the replay at least one row";
            return Err(Error::input("replay", "has no room", mend));
        }
        let rows = Tensor::zeros(
            (groups, capacity, row_len(obs_dim, act_dim)),
            DType::F32,
            device,
        )?;
        Ok(Self {
            rows,
            len: 0,
            cursor: 0,
        })
    }

    /// The real half: every row of `data`, in one group.
    pub fn from_dataset(data: &Dataset, device: &Device) -> Result<Self> {
        let (s, a, n) = (data.obs_dim, data.act_dim, data.rewards.len());
        let mut rows = Vec::with_capacity(n * row_len(s, a));
        for i in 0..n {
            rows.extend_from_slice(&data.observations[i * s..][..s]);
            rows.extend_from_slice(&data.actions[i * a..][..a]);
            rows.extend_from_slice(&data.next_observations[i * s..][..s]);
            rows.push(data.rewards[i]);
            rows.push(f32::from(u8::from(data.terminals[i])));
        }
        if n == 0 {
            return Err(Error::input(
                &data.source,
                "has no transitions",
                "use a data set with some",
            ));
        }
        let rows = Tensor::from_vec(rows, (1, n, row_len(s, a)), device)?;
        Ok(Self {
            rows,
            len: n,
            cursor: 0,
        })
    }

    /// Groups, capacity per group, length of a row.
    pub fn dims(&self) -> (usize, usize, usize) {
        let d = self.rows.dims();
        (d[0], d[1], d[2])
    }

    /// Appends `rows`, `[groups, n, row]`, over the oldest ones when the ring is full.
    pub fn push(&mut self, rows: &[f32]) -> Result<()> {
        let (groups, capacity, row) = self.dims();
        let n = rows.len() / (groups * row);
        if n * groups * row != rows.len() || n > capacity {
            let problem = format!(
                "{} floats are not {groups} × n rows of {row}, n ≤ {capacity}",
                rows.len()
            );
            return Err(Error::input(
                "replay",
                problem,
                "push fewer rows at once, or raise the capacity",
            ));
        }
        let head = n.min(capacity - self.cursor);
        self.write(rows, n, [(0, head, self.cursor), (head, n - head, 0)])?;
        self.cursor = (self.cursor + n) % capacity;
        self.len = (self.len + n).min(capacity);
        Ok(())
    }

    /// Mean and deviation of each number of the states, by group.
    pub fn state_moments(&self, obs_dim: usize) -> Result<Vec<Vec<(f64, f64)>>> {
        let (_, capacity, row) = self.dims();
        let rows = self.rows.flatten_all()?.to_vec1::<f32>()?;
        let of_group = |rows: &[f32]| {
            let rows = rows[..self.len * row].chunks_exact(row);
            let column = |j: usize| moments(rows.clone().map(move |r| f64::from(r[j])));
            (0..obs_dim).map(column).collect()
        };
        Ok(rows.chunks_exact(capacity * row).map(of_group).collect())
    }

    /// Copies runs of each group's `n` rows: (first row given, rows, first row written).
    fn write(&self, rows: &[f32], n: usize, runs: [(usize, usize, usize); 2]) -> Result<()> {
        let (groups, _capacity, row) = self.dims();
        let runs = runs.into_iter().filter(|(_, len, _)| *len > 0);
        #[cfg(feature = "cuda")]
        if self.rows.device().is_cuda() {
            let part = |(g, (from, len, to)): (usize, (usize, usize, usize))| {
                let first = (g * n + from) * row;
                ((g * _capacity + to) * row, first..first + len * row)
            };
            let groups = (0..groups).flat_map(|g| runs.clone().map(move |run| (g, run)));
            let parts: Vec<_> = groups.map(part).collect();
            return Ok(engine::upload(&self.rows, rows, &parts)?);
        }
        let rows = Tensor::from_slice(rows, (groups, n, row), self.rows.device())?;
        for (from, len, to) in runs {
            let run = rows.narrow(1, from, len)?.contiguous()?;
            self.rows.slice_set(&run, 1, to)?;
        }
        Ok(())
    }

    /// Goes back to a state saved in a checkpoint: the filled rows `[groups, len, row]` and the cursor.
    pub fn restore(&mut self, rows: &Tensor, cursor: usize) -> Result<()> {
        let (groups, capacity, row) = self.dims();
        match *rows.dims() {
            [g, len, r] if (g, r) == (groups, row) && len <= capacity && cursor < capacity => {
                self.rows.slice_set(rows, 1, 0)?;
                (self.len, self.cursor) = (len, cursor);
                Ok(())
            }
            _ => {
                let problem = format!(
                    "{:?} rows do not fit {groups} × {capacity} × {row}",
                    rows.shape()
                );
                Err(Error::input(
                    "replay",
                    problem,
                    "resume with the settings that the run began with",
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_overwrites_the_oldest_rows() {
        let mut replay = Replay::new(2, 5, 1, 1, &Device::Cpu).unwrap();
        let rows = |from: usize, n: usize| -> Vec<f32> {
            let one = |g: usize| (from..from + n).flat_map(move |i| [(100 * g + i) as f32; 5]);
            (0..2).flat_map(one).collect()
        };
        replay.push(&rows(0, 3)).unwrap();
        assert_eq!((replay.len, replay.cursor), (3, 3));
        replay.push(&rows(3, 4)).unwrap();
        assert_eq!((replay.len, replay.cursor), (5, 2));
        let all = replay.rows.to_vec3::<f32>().unwrap();
        let first: Vec<f32> = all[1].iter().map(|r| r[0]).collect();
        assert_eq!(first, [105.0, 106.0, 102.0, 103.0, 104.0]);
        assert!(replay.push(&rows(0, 6)).is_err());
        assert!(replay.push(&[0.0; 7]).is_err());
    }
}
