//! Networks as offsets into a member's flat parameters, and how they begin.

use std::ops::Range;

use crate::kernel::PerMember;
use crate::kernel::norm::Norm;
use crate::rng::{Stream, fill_unit};

/// Floats to which every block of parameters is aligned: one cache line.
const ALIGN: usize = 16;

/// A dense layer: offsets within a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// First float of W, `[inputs, outputs]`.
    pub weight: usize,
    /// First float of b, `[outputs]`.
    pub bias: usize,
    /// Whether its sums are normalised, before the ReLU.
    pub norm: Norm,
    /// First floats of a [`LayerAffine`](Norm::LayerAffine)'s gain and bias, `[outputs]` each.
    pub affine: Option<[usize; 2]>,
}

/// A ReLU network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mlp {
    /// Its name in checkpoints.
    pub name: &'static str,
    /// Its layers; a ReLU stands between two of them.
    pub layers: Vec<Linear>,
    /// All its parameters.
    pub range: Range<usize>,
}

impl Mlp {
    /// The same network in the targets, which begin at parameter `start`.
    pub fn target(&self, name: &'static str, start: usize) -> Self {
        let mut layers = self.layers.clone();
        for layer in &mut layers {
            layer.weight -= start;
            layer.bias -= start;
            layer.affine = layer.affine.map(|places| places.map(|place| place - start));
        }
        Self {
            name,
            layers,
            range: self.range.start - start..self.range.end - start,
        }
    }
}

/// How a network's last layer begins. Hidden layers begin as `torch.nn.Linear`: uniform ±1/√inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLayer {
    /// Xavier-uniform with gain 0.01, bias 0: policy, Q, V.
    Small,
    /// As the hidden layers: classifiers.
    Linear,
}

/// Lays networks out; [`Params::new`](super::params::Params::new) then makes them.
#[derive(Clone, Debug, Default)]
pub struct ParamSpec {
    len: usize,
    pub(super) mlps: Vec<(Mlp, LastLayer)>,
    pub(super) scalars: Vec<(&'static str, Range<usize>, PerMember<f32>)>,
    constants: Vec<(Range<usize>, f32)>,
}

impl ParamSpec {
    /// A network with layers of `sizes[0] → sizes[1] → …`.
    pub fn mlp(&mut self, name: &'static str, sizes: &[usize], last: LastLayer) -> Mlp {
        self.normed(name, sizes, Norm::None, last)
    }

    /// A network whose hidden layers are normalised.
    pub fn normed(
        &mut self,
        name: &'static str,
        sizes: &[usize],
        norm: Norm,
        last: LastLayer,
    ) -> Mlp {
        let start = self.len;
        let layer = |(n, io): (usize, &[usize])| {
            let hidden = n + 2 < sizes.len();
            let norm = if hidden { norm } else { Norm::None };
            let affine = norm == Norm::LayerAffine;
            Linear {
                inputs: io[0],
                outputs: io[1],
                weight: self.take(io[0] * io[1]),
                bias: self.take(io[1]),
                norm,
                affine: affine.then(|| [self.take(io[1]), self.take(io[1])]),
            }
        };
        let layers = sizes.windows(2).enumerate().map(layer).collect();
        let mlp = Mlp {
            name,
            layers,
            range: start..self.len,
        };
        self.mlps.push((mlp.clone(), last));
        mlp
    }

    /// Learned scalars that lie side by side, with their first values; their places.
    pub fn scalars(&mut self, values: &[(&'static str, PerMember<f32>)]) -> Range<usize> {
        let start = self.take(values.len());
        for (n, (name, value)) in values.iter().enumerate() {
            let place = start + n..start + n + 1;
            self.scalars.push((name, place, value.clone()));
        }
        start..self.len
    }

    /// A learned vector that begins as `value` everywhere.
    pub fn vector(&mut self, name: &'static str, len: usize, value: f32) -> Range<usize> {
        let start = self.take(len);
        self.scalars.push((name, start..start + len, value.into()));
        start..self.len
    }

    /// `len` numbers that stay `value`: kernels read them among the parameters, but they have no name, and no step moves
    /// them.
    pub fn constants(&mut self, len: usize, value: f32) -> Range<usize> {
        let start = self.take(len);
        self.constants.push((start..start + len, value));
        start..self.len
    }

    /// Floats a member so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been laid out.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn take(&mut self, floats: usize) -> usize {
        let start = self.len;
        self.len += floats.next_multiple_of(ALIGN);
        start
    }

    /// A member's first parameters.
    pub(super) fn init(&self, member: usize, seed: u64) -> Vec<f32> {
        let mut theta = vec![0.0; self.len];
        for (net, (mlp, last)) in self.mlps.iter().enumerate() {
            for (n, layer) in mlp.layers.iter().enumerate() {
                let small = *last == LastLayer::Small && n + 1 == mlp.layers.len();
                let fans = (layer.inputs + layer.outputs) as f32;
                let bound = if small {
                    0.01 * (6.0 / fans).sqrt()
                } else {
                    (layer.inputs as f32).sqrt().recip()
                };
                let parts = [
                    (layer.weight, layer.inputs * layer.outputs, bound),
                    (layer.bias, layer.outputs, if small { 0.0 } else { bound }),
                ];
                if let Some([gain, _]) = layer.affine {
                    theta[gain..gain + layer.outputs].fill(1.0);
                }
                for (part, (at, len, bound)) in parts.into_iter().enumerate() {
                    let out = &mut theta[at..at + len];
                    fill_unit(out, seed, net as u32, (2 * n + part) as u32, Stream::Init);
                    out.iter_mut().for_each(|x| *x = (2.0 * *x - 1.0) * bound);
                }
            }
        }
        for (_, at, value) in &self.scalars {
            theta[at.clone()].fill(value.of(member));
        }
        for (at, value) in &self.constants {
            theta[at.clone()].fill(*value);
        }
        theta
    }
}
