//! Transitions on the device.

use candle_core::{DType, Device, Tensor};

use crate::data::{Dataset, moments};
use crate::error::{Error, Result};
use crate::kernel::PerMember;
#[cfg(feature = "cuda")]
use crate::kernel::cuda::engine;
use crate::kernel::gather::Span;
use crate::kernel::{Buf, ReplayRows, RowLayout};
use crate::rng::{Stream, fill_normal};

/// Transitions on the device, one row each, laid out as
/// `[obs (S), action (A), next_obs (S), reward, terminated]`, so that (s,a) and (s,a,s') are prefixes.
///
/// It has parts of any lengths, one after the other: data sets, or rings that are written over and over. Several
/// members may draw from one part.
pub struct Replay {
    /// `[rows of all parts, row]`.
    pub rows: Buf<ReplayRows>,
    /// Where each part lies: all the rows it has room for.
    parts: Vec<Span>,
    /// The part from which a member draws.
    part: PerMember<usize>,
    /// Rows that each part has been given, also those since written over.
    pushed: u64,
}

/// Length of a row for observations and actions of these lengths.
pub fn row_len(obs_dim: usize, act_dim: usize) -> usize {
    RowLayout::new(obs_dim, act_dim).floats()
}

impl Replay {
    /// Bytes of `rows` rows.
    pub fn bytes(rows: usize, obs_dim: usize, act_dim: usize) -> u64 {
        4 * rows as u64 * row_len(obs_dim, act_dim) as u64
    }

    /// Empty rings of `capacity` rows: one for all members, or one a member.
    pub fn new(
        rings: usize,
        capacity: usize,
        obs_dim: usize,
        act_dim: usize,
        device: &Device,
    ) -> Result<Self> {
        Self::rings(&vec![capacity; rings], obs_dim, act_dim, device)
    }

    /// Empty rings of these capacities: one for all members, or one a member.
    pub fn rings(
        capacities: &[usize],
        obs_dim: usize,
        act_dim: usize,
        device: &Device,
    ) -> Result<Self> {
        if capacities.is_empty() || capacities.contains(&0) {
            let help = "give the replay at least one row";
            return Err(Error::input("replay", "has no room", help));
        }
        let parts = side_by_side(capacities);
        let shape = (capacities.iter().sum::<usize>(), row_len(obs_dim, act_dim));
        Ok(Self {
            rows: Tensor::zeros(shape, DType::F32, device)?.into(),
            part: (0..parts.len()).collect::<Vec<_>>().into(),
            parts,
            pushed: 0,
        })
    }

    /// The real half: every row of each data set, once; `set` says which a member draws from.
    pub fn from_datasets(sets: &[Dataset], set: PerMember<usize>, device: &Device) -> Result<Self> {
        let mut rows = Vec::new();
        for data in sets {
            let (s, a, n) = (data.obs_dim, data.act_dim, data.rewards.len());
            if n == 0 {
                let help = "use a data set with some";
                return Err(Error::input(&data.source, "has no transitions", help));
            }
            for i in 0..n {
                rows.extend_from_slice(&data.observations[i * s..][..s]);
                rows.extend_from_slice(&data.actions[i * a..][..a]);
                rows.extend_from_slice(&data.next_observations[i * s..][..s]);
                rows.push(data.rewards[i]);
                rows.push(f32::from(u8::from(data.terminals[i])));
            }
        }
        let lengths: Vec<_> = sets.iter().map(Dataset::len).collect();
        let row = rows.len() / lengths.iter().sum::<usize>();
        Ok(Self {
            rows: Tensor::from_vec(rows, (lengths.iter().sum::<usize>(), row), device)?.into(),
            pushed: lengths.iter().copied().max().unwrap_or(0) as u64,
            parts: side_by_side(&lengths),
            part: set,
        })
    }

    /// One ring of `rows` random rows that no episode's end is among: what throughput is measured on.
    ///
    /// # Errors
    /// Where the device has no room for them.
    pub fn noise(
        rows: usize,
        obs_dim: usize,
        act_dim: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let row = row_len(obs_dim, act_dim);
        let mut all = vec![0.0; rows * row];
        fill_normal(&mut all, seed, 0, 0, Stream::Data);
        for row in all.chunks_exact_mut(row) {
            row[obs_dim..obs_dim + act_dim]
                .iter_mut()
                .for_each(|a| *a = a.tanh());
            row[2 * obs_dim + act_dim + 1] = 0.0;
        }
        let mut replay = Self::new(1, rows, obs_dim, act_dim, device)?;
        replay.push(&all)?;
        Ok(replay)
    }

    /// Length of a row.
    pub fn row(&self) -> usize {
        self.rows.dims()[1]
    }

    /// The rows that have been filled, of the part from which each member draws. Without a value a member: all
    /// members draw from one.
    pub fn spans(&self) -> PerMember<Span> {
        PerMember::over(self.part.values(), |&part| self.filled(part))
    }

    /// The filled rows of each part.
    pub fn parts(&self) -> impl Iterator<Item = Span> {
        (0..self.parts.len()).map(|part| self.filled(part))
    }

    /// The part from which member `member` draws.
    pub fn part(&self, member: usize) -> usize {
        self.part.of(member)
    }

    /// Rows that each part has been given, also those since written over.
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    fn filled(&self, part: usize) -> Span {
        let Span { start, len } = self.parts[part];
        let len = len.min(usize::try_from(self.pushed).unwrap_or(usize::MAX));
        Span { start, len }
    }

    /// Appends `rows`, `[parts, n, row]`, over the oldest ones where a ring is full.
    pub fn push(&mut self, rows: &[f32]) -> Result<()> {
        let (parts, row) = (self.parts.len(), self.row());
        let n = rows.len() / (parts * row);
        let room = self.parts.iter().map(|part| part.len).min().unwrap_or(0);
        if n * parts * row != rows.len() || n > room {
            let floats = rows.len();
            let problem = format!("{floats} floats are not {parts} × n rows of {row}, n ≤ {room}");
            let help = "push fewer rows at once, or raise the capacity";
            return Err(Error::input("replay", problem, help));
        }
        let mut runs = Vec::new();
        for (k, part) in self.parts.iter().enumerate() {
            let cursor = (self.pushed % part.len as u64) as usize;
            let head = n.min(part.len - cursor);
            runs.push((k * n, head, part.start + cursor));
            runs.push((k * n + head, n - head, part.start));
        }
        runs.retain(|(_, len, _)| *len > 0);
        self.write(rows, &runs)?;
        self.pushed += n as u64;
        Ok(())
    }

    /// Mean and deviation of each number of the states, by part.
    pub fn state_moments(&self, obs_dim: usize) -> Result<Vec<Vec<(f64, f64)>>> {
        let row = self.row();
        let rows = self.rows.flatten_all()?.to_vec1::<f32>()?;
        let of_part = |Span { start, len }: Span| {
            let rows = rows[start * row..][..len * row].chunks_exact(row);
            let column = |j: usize| moments(rows.clone().map(move |r| f64::from(r[j])));
            (0..obs_dim).map(column).collect()
        };
        Ok(self.parts().map(of_part).collect())
    }

    /// Copies runs of rows: (first row given, rows, first row written).
    fn write(&self, rows: &[f32], runs: &[(usize, usize, usize)]) -> Result<()> {
        let row = self.row();
        #[cfg(feature = "cuda")]
        if self.rows.device().is_cuda() {
            let places = runs.iter();
            let places = places.map(|&(from, len, to)| (to * row, from * row..(from + len) * row));
            return Ok(engine::upload(
                &self.rows,
                rows,
                &places.collect::<Vec<_>>(),
            )?);
        }
        let rows = Tensor::from_slice(rows, (rows.len() / row, row), self.rows.device())?;
        for &(from, len, to) in runs {
            let run = rows.narrow(0, from, len)?.contiguous()?;
            self.rows.slice_set(&run, 0, to)?;
        }
        Ok(())
    }

    /// What a checkpoint keeps beside [`pushed`](Self::pushed): the filled rows, part after part; none while empty.
    pub fn state(&self) -> Result<Option<Tensor>> {
        let filled = |Span { start, len }| self.rows.narrow(0, start, len);
        let parts: candle_core::Result<Vec<_>> = self.parts().map(filled).collect();
        Ok(match self.pushed {
            0 => None,
            _ => Some(Tensor::cat(&parts?, 0)?),
        })
    }

    /// Goes back to a [`state`](Self::state), after which `pushed` rows had been given to each part.
    pub fn restore(&mut self, rows: &Tensor, pushed: u64) -> Result<()> {
        self.pushed = pushed;
        let spans: Vec<_> = self.parts().collect();
        let total = spans.iter().map(|span| span.len).sum::<usize>();
        if rows.dims() != [total, self.row()] || rows.dtype() != DType::F32 {
            let (shape, kind, row) = (rows.dims(), rows.dtype(), self.row());
            let problem =
                format!("{shape:?} rows of {kind:?} where {total} × {row} of F32 are due");
            let help = "resume with the settings that the run began with";
            return Err(Error::input("replay", problem, help));
        }
        let mut from = 0;
        for Span { start, len } in spans {
            self.rows
                .slice_set(&rows.narrow(0, from, len)?.contiguous()?, 0, start)?;
            from += len;
        }
        Ok(())
    }
}

/// Spans of these lengths, one after the other.
fn side_by_side(lengths: &[usize]) -> Vec<Span> {
    let ends = lengths.iter().scan(0, |end, len| {
        *end += len;
        Some(*end)
    });
    let spans = ends.zip(lengths);
    spans
        .map(|(end, &len)| Span {
            start: end - len,
            len,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_overwrites_its_oldest_rows() {
        let mut replay = Replay::rings(&[5, 4], 1, 1, &Device::Cpu).unwrap();
        let rows = |from: usize, n: usize| -> Vec<f32> {
            let one = |g: usize| (from..from + n).flat_map(move |i| [(100 * g + i) as f32; 5]);
            (0..2).flat_map(one).collect()
        };
        let spans = |replay: &Replay| {
            replay
                .spans()
                .values()
                .iter()
                .map(|s| s.len)
                .collect::<Vec<_>>()
        };
        replay.push(&rows(0, 3)).unwrap();
        assert_eq!(spans(&replay), [3, 3]);
        replay.push(&rows(3, 4)).unwrap();
        assert_eq!(spans(&replay), [5, 4]);
        let first = |replay: &Replay| -> Vec<f32> {
            let all = replay.rows.to_vec2::<f32>().unwrap();
            all.iter().map(|r| r[0]).collect()
        };
        let expected = [5.0, 6.0, 2.0, 3.0, 4.0, 104.0, 105.0, 106.0, 103.0];
        assert_eq!(first(&replay), expected);
        assert!(replay.push(&rows(0, 5)).is_err());
        let moments = replay.state_moments(1).unwrap();
        assert_eq!(moments[0], [(4.0, 2f64.sqrt())]);
        assert_eq!(moments[1], [(104.5, 1.25f64.sqrt())]);
        assert!(replay.push(&[0.0; 7]).is_err());

        let state = replay.state().unwrap().unwrap();
        let mut back = Replay::rings(&[5, 4], 1, 1, &Device::Cpu).unwrap();
        back.restore(&state, replay.pushed()).unwrap();
        assert_eq!((first(&back), back.pushed()), (expected.to_vec(), 7));
        assert!(back.restore(&state, 3).is_err());
    }
}
