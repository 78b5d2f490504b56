//! Safetensors files that are sound as such and say something wrong, and damaged ones.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::bytes;
use crate::draws::Draws;
use crate::text;

/// A file, apart.
struct Apart {
    metadata: Map<String, Value>,
    tensors: Vec<Tensor>,
}

struct Tensor {
    name: String,
    dtype: String,
    shape: Vec<usize>,
    data: Vec<u8>,
}

/// Numbers of four bytes that no file should hold, and a few that it may.
const FOURS: [u32; 10] = [
    0x7fc0_0000, // NaN
    0x7f80_0000, // ∞
    0xff80_0000,
    0x7149_f2ca, // 1e30
    0xbf80_0000, // −1
    0x0000_0001,
    0xffff_ffff,
    0x0000_0000,
    0x3f80_0000,
    0x7e00_7e00, // two half-precision NaN
];

/// Damages `file` once. `seal` writes a digest over the contents anew, so that what is inside is looked at.
pub fn mutate(file: &mut Vec<u8>, other: &[u8], seal: Option<fn(&mut Vec<u8>)>, draws: &mut Draws) {
    let kind = draws.below(10);
    let apart = Apart::of(file);
    match apart {
        Some(apart) if kind < 7 => {
            let times = 1 + draws.below(2);
            *file = (0..times)
                .fold(apart, |apart, _| apart.mutated(draws))
                .together();
        }
        Some(_) if kind == 7 => {
            let length = 8 + u64::from_le_bytes(file[..8].try_into().expect("eight")) as usize;
            let mut header = file[8..length].to_vec();
            let sound = header.clone();
            text::mutate(&mut header, &sound, draws);
            let mut whole = (header.len() as u64).to_le_bytes().to_vec();
            whole.extend(header);
            whole.extend(&file[length..]);
            *file = whole;
        }
        _ => bytes::mutate(file, other, draws),
    }
    if let Some(seal) = seal
        && !draws.once_in(8)
    {
        seal(file);
    }
}

impl Apart {
    /// None where `file` is not sound.
    fn of(file: &[u8]) -> Option<Self> {
        let length = u64::from_le_bytes(file.get(..8)?.try_into().ok()?) as usize;
        let header: Map<String, Value> = serde_json::from_slice(file.get(8..8 + length)?).ok()?;
        let data = &file[8 + length..];
        let (mut metadata, mut tensors) = (Map::new(), Vec::new());
        for (name, value) in header {
            if name == "__metadata__" {
                metadata = value.as_object()?.clone();
                continue;
            }
            let whole = |v: &Value| v.as_u64().map(|n| n as usize);
            let at = value["data_offsets"].as_array()?;
            tensors.push(Tensor {
                name,
                dtype: value["dtype"].as_str()?.to_owned(),
                shape: value["shape"]
                    .as_array()?
                    .iter()
                    .filter_map(whole)
                    .collect(),
                data: data.get(whole(at.first()?)?..whole(at.get(1)?)?)?.to_vec(),
            });
        }
        Some(Self { metadata, tensors })
    }

    fn together(self) -> Vec<u8> {
        let mut header = Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".into(), Value::Object(self.metadata));
        }
        let mut data = Vec::new();
        for tensor in self.tensors {
            let at = [data.len(), data.len() + tensor.data.len()];
            let entry = json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": at});
            header.insert(tensor.name, entry);
            data.extend(tensor.data);
        }
        let mut header = Value::Object(header).to_string();
        header += &" ".repeat(header.len().next_multiple_of(8) - header.len());
        [
            &(header.len() as u64).to_le_bytes()[..],
            header.as_bytes(),
            &data,
        ]
        .concat()
    }

    fn mutated(mut self, draws: &mut Draws) -> Self {
        let said = self.metadata.len();
        if self.tensors.is_empty() || said > 0 && draws.once_in(3) {
            self.metadata = metadata(self.metadata, draws);
            return self;
        }
        let (a, b) = (
            draws.below(self.tensors.len()),
            draws.below(self.tensors.len()),
        );
        let tensor = &mut self.tensors[a];
        match draws.below(9) {
            0..=2 => {
                let times = draws.length(4);
                for _ in 0..times.min(tensor.data.len() / 4) {
                    let at = 4 * draws.below(tensor.data.len() / 4);
                    let four = draws.pick(&FOURS).to_le_bytes();
                    tensor.data[at..at + 4].copy_from_slice(&four);
                }
            }
            3 => tensor.reshape(draws),
            4 => tensor.resize(draws),
            5 => {
                let width = |dtype: &str| match dtype {
                    "F64" | "I64" | "U64" => 8,
                    "F32" | "I32" | "U32" => 4,
                    "F16" | "BF16" | "I16" | "U16" => 2,
                    _ => 1,
                };
                let all = [
                    "F64", "I64", "U64", "F32", "I32", "U32", "F16", "BF16", "I16", "U16", "U8",
                    "I8", "BOOL",
                ];
                let alike: Vec<_> = all
                    .into_iter()
                    .filter(|d| width(d) == width(&tensor.dtype))
                    .collect();
                tensor.dtype = (*draws.pick(&alike)).to_owned();
            }
            6 => drop(self.tensors.remove(a)),
            7 => {
                let (x, y) = (self.tensors[a].name.clone(), self.tensors[b].name.clone());
                (self.tensors[a].name, self.tensors[b].name) = (y, x);
            }
            _ => {
                let mut name = std::mem::take(&mut tensor.name).into_bytes();
                text::mutate(&mut name, b"theta", draws);
                tensor.name = String::from_utf8_lossy(&name[..name.len().min(99)]).into_owned();
            }
        }
        // Two of one name would be one.
        let mut seen = BTreeMap::new();
        self.tensors
            .retain(|t| seen.insert(t.name.clone(), ()).is_none());
        self
    }
}

impl Tensor {
    /// Other extents of the same product.
    fn reshape(&mut self, draws: &mut Draws) {
        match draws.below(5) {
            0 => self.shape.reverse(),
            1 => self.shape = vec![self.shape.iter().product()],
            2 => self.shape.push(1),
            3 => self.shape.insert(0, 1),
            _ => {
                let by = self.shape.len().min(1);
                self.shape.rotate_left(by);
            }
        }
    }

    /// More or fewer along one extent, down to none.
    fn resize(&mut self, draws: &mut Draws) {
        let all: usize = self.shape.iter().product();
        if all == 0 || self.data.is_empty() || self.shape.is_empty() {
            return;
        }
        let width = self.data.len() / all;
        let (axis, by) = (draws.below(self.shape.len()), draws.below(4));
        let n = self.shape[axis];
        self.shape[axis] = [0, n.saturating_sub(1), n + 1, 2 * n][by];
        let all: usize = self.shape.iter().product();
        let piece = self.data.clone();
        self.data = piece.into_iter().cycle().take(all * width).collect();
    }
}

/// One entry lost, or its text damaged.
fn metadata(mut all: Map<String, Value>, draws: &mut Draws) -> Map<String, Value> {
    if all.is_empty() {
        all.insert("task".into(), "nowhere.toml".into());
        return all;
    }
    let keys: Vec<String> = all.keys().cloned().collect();
    let key = draws.pick(&keys);
    if draws.once_in(8) {
        all.remove(key);
        return all;
    }
    let mut value = all[key].as_str().unwrap_or_default().as_bytes().to_vec();
    let sound = value.clone();
    let times = 1 + draws.below(2);
    (0..times).for_each(|_| text::mutate(&mut value, &sound, draws));
    all[key] = String::from_utf8_lossy(&value).into_owned().into();
    all
}
