//! All trainable numbers of a population in four flat tensors `[members, len]`: parameters, Adam's two
//! moments, gradient; the targets apart. The [`ParamSpec`] says which number lies where.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::kernel::PerMember;
use crate::kernel::adam::{Adam, AdamBuffers, ParamGroup};
use crate::kernel::cpu::wide::{transpose, transposed};
use crate::kernel::guard::{FROZEN, Guard, GuardBuffers, HEALTH};
use crate::kernel::polyak::{Polyak, PolyakBuffers};
use crate::kernel::{Buf, Grad, Health, Moment, Smoothed, Stats, Theta};
use crate::net::spec::{Mlp, ParamSpec};

/// Parameters that are stepped together.
#[derive(Clone, Debug)]
pub struct Stepped {
    /// Which.
    pub range: Range<usize>,
    /// Learning rate.
    pub rate: PerMember<f64>,
    /// Steps over which the rate falls to 0 along half a cosine; none: it stays.
    pub cosine_steps: Option<u64>,
    /// Steps done.
    pub steps: u64,
}

impl Stepped {
    /// The rate of the next step.
    fn rate(&self) -> PerMember<f64> {
        let fallen = |over: u64| self.steps.min(over) as f64 / over as f64;
        let cosine = |over| 0.5 * (1.0 + (std::f64::consts::PI * fallen(over)).cos());
        let share = self.cosine_steps.map_or(1.0, cosine);
        self.rate.map(|rate| rate * share)
    }
}

/// The population's parameters on the device.
pub struct Params {
    spec: ParamSpec,
    /// Members, P.
    pub members: usize,
    /// Parameters, `[P, len]`.
    pub theta: Buf<Theta>,
    /// Gradient of the last update, `[P, len]`.
    pub grad: Buf<Grad>,
    /// Smoothed copies of `target_of`, `[P, target_of.len()]`.
    pub target: Buf<Smoothed>,
    /// Which members are frozen, `[P, HEALTH]`: see [`guard`](crate::kernel::guard).
    pub health: Buf<Health>,
    moments: [Buf<Moment>; 2],
    target_of: Range<usize>,
    target_names: Vec<(Mlp, &'static str)>,
}

impl Params {
    /// Fresh parameters for one member per seed. `targets`: networks that are smoothed, which must lie
    /// side by side, and their copies' names.
    ///
    /// # Panics
    /// Where they do not.
    pub fn new(
        spec: ParamSpec,
        targets: &[(&Mlp, &'static str)],
        seeds: &[u64],
        device: &Device,
    ) -> Result<Self> {
        let (members, len) = (seeds.len(), spec.len());
        if spec
            .mlps
            .iter()
            .any(|(mlp, _)| mlp.layers.iter().any(|l| l.outputs == 0))
        {
            let help = "give every hidden layer at least one unit";
            return Err(Error::input("hidden", "has a layer of width 0", help));
        }
        let neighbours = |pair: &[(&Mlp, _)]| pair[0].0.range.end == pair[1].0.range.start;
        assert!(
            targets.windows(2).all(neighbours),
            "networks with targets lie side by side"
        );
        let target_of = match (targets.first(), targets.last()) {
            (Some((a, _)), Some((b, _))) => a.range.start..b.range.end,
            _ => 0..0,
        };
        let init = |(member, seed): (usize, &u64)| spec.init(member, *seed);
        let first: Vec<f32> = seeds.iter().enumerate().flat_map(init).collect();
        let theta = Tensor::from_vec(first, (members, len), device)?;
        let target = theta
            .narrow(1, target_of.start, target_of.len())?
            .force_contiguous()?;
        let zeros = || Tensor::zeros((members, len), DType::F32, device);
        Ok(Self {
            members,
            grad: zeros()?.into(),
            health: Tensor::zeros((members, HEALTH), DType::F32, device)?.into(),
            moments: [zeros()?.into(), zeros()?.into()],
            theta: theta.into(),
            target: target.into(),
            target_of,
            target_names: targets.iter().map(|(m, n)| ((*m).clone(), *n)).collect(),
            spec,
        })
    }

    /// Floats a member.
    pub fn len(&self) -> usize {
        self.spec.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spec.is_empty()
    }

    /// The targets' copy of network `mlp`.
    pub fn target_of(&self, mlp: &Mlp) -> Mlp {
        mlp.target(mlp.name, self.target_of.start)
    }

    /// Floats a member of the targets.
    pub fn target_len(&self) -> usize {
        self.target_of.len()
    }

    /// One Adam step of `groups` from the gradient.
    pub fn step(&self, groups: &mut [&mut Stepped]) -> Result<()> {
        let groups = groups.iter_mut().map(|g| {
            let rate = g.rate();
            g.steps += 1;
            ParamGroup {
                range: g.range.clone(),
                rate,
                step: g.steps,
            }
        });
        let adam = Adam {
            members: self.members,
            groups: groups.collect(),
        };
        let [m, v] = &self.moments;
        adam.launch(AdamBuffers {
            theta: &self.theta,
            m,
            v,
            health: &self.health,
            grad: &self.grad,
        })
    }

    /// Moves the targets a step of `rate` towards the parameters.
    pub fn smooth(&self, rate: &PerMember<f32>) -> Result<()> {
        let polyak = Polyak {
            members: self.members,
            range: self.target_of.clone(),
            rate: rate.clone(),
        };
        polyak.launch(PolyakBuffers {
            smoothed: &self.target,
            theta: &self.theta,
            health: &self.health,
        })
    }

    /// Freezes the members whose `stats` (`[P, floats]`) or parameters are no longer finite: nothing of theirs moves
    /// any more. `update` counts from 1.
    pub fn guard(&self, stats: &Buf<Stats>, update: u64) -> Result<()> {
        let guard = Guard {
            members: self.members,
            len: stats.elem_count() / self.members,
            update: update as f32,
        };
        let health = &self.health;
        guard.launch(GuardBuffers { health, stats })
    }

    /// The update, counted from 1, in which each member diverged.
    pub fn frozen(&self) -> Result<Vec<Option<u64>>> {
        let health = self.health.to_vec2::<f32>()?;
        let at = |h: &Vec<f32>| (h[FROZEN] != 0.0).then_some(h[FROZEN] as u64);
        Ok(health.iter().map(at).collect())
    }

    /// Freezes member `member` as of `update`, counted from 1.
    pub fn freeze(&mut self, member: usize, update: u64) -> Result<()> {
        let mut health = self.health.to_vec2::<f32>()?;
        if health[member][FROZEN] == 0.0 {
            health[member][FROZEN] = update as f32;
            self.health = Tensor::new(health, self.health.device())?.into();
        }
        Ok(())
    }

    /// Tensors of a checkpoint.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let named: [(&str, &Tensor); 5] = [
            ("theta", &self.theta),
            ("adam_m", &self.moments[0]),
            ("adam_v", &self.moments[1]),
            ("target", &self.target),
            ("health", &self.health),
        ];
        named
            .into_iter()
            .map(|(n, t)| Ok((n.to_owned(), t.copy()?)))
            .collect()
    }

    /// Puts a [`state`](Self::state) back.
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let device = self.theta.device().clone();
        let [m, v] = &mut self.moments;
        let slots: [(&str, &mut Tensor); 5] = [
            ("theta", &mut self.theta),
            ("adam_m", m),
            ("adam_v", v),
            ("target", &mut self.target),
            ("health", &mut self.health),
        ];
        for (name, slot) in slots {
            *slot = take(state, name, slot.dims(), slot.dtype(), &device)?;
        }
        Ok(())
    }

    /// Every parameter of one member by name, in PyTorch's layout (weights `[outputs, inputs]`).
    pub fn named(&self, member: usize) -> Result<Vec<(String, Vec<f32>)>> {
        let theta = self.theta.get(member)?.to_vec1::<f32>()?;
        let target = self.target.get(member)?.to_vec1::<f32>()?;
        let mut all = Vec::new();
        for (name, slots) in self.slots() {
            let source = if slots.target { &target } else { &theta };
            let values = transposed(&source[slots.start..], slots.inputs, slots.outputs);
            all.push((name, values));
        }
        Ok(all)
    }

    /// Sets parameters of one member by [name](Self::named); all must be there.
    pub fn set_named(
        &mut self,
        member: usize,
        values: &HashMap<String, Vec<f32>>,
        place: &str,
    ) -> Result<()> {
        let mut theta = self.theta.to_vec2::<f32>()?;
        let mut target = self.target.to_vec2::<f32>()?;
        for (name, slots) in self.slots() {
            let values = values.get(&name).ok_or_else(|| {
                Error::input(
                    place,
                    format!("parameter {name} is missing"),
                    "use a file of this method",
                )
            })?;
            if values.len() != slots.inputs * slots.outputs {
                let found = format!(
                    "parameter {name} has {} numbers, not {}",
                    values.len(),
                    slots.inputs * slots.outputs
                );
                return Err(Error::input(
                    place,
                    found,
                    "use a file with networks of these sizes",
                ));
            }
            let to = if slots.target {
                &mut target[member]
            } else {
                &mut theta[member]
            };
            transpose(&mut to[slots.start..], values, slots.outputs, slots.inputs);
        }
        let device = self.theta.device().clone();
        self.theta = Tensor::new(theta, &device)?.into();
        self.target = Tensor::new(target, &device)?.into();
        Ok(())
    }

    fn slots(&self) -> Vec<(String, Slots)> {
        let mut all = Vec::new();
        let targets = self
            .target_names
            .iter()
            .map(|(mlp, name)| (mlp.target(name, self.target_of.start), true));
        for (mlp, target) in self
            .spec
            .mlps
            .iter()
            .map(|(m, _)| (m.clone(), false))
            .chain(targets)
        {
            for (n, l) in mlp.layers.iter().enumerate() {
                let weight = Slots {
                    target,
                    start: l.weight,
                    inputs: l.inputs,
                    outputs: l.outputs,
                };
                all.push((format!("{}.{n}.weight", mlp.name), weight));
                let row = |start| Slots {
                    start,
                    inputs: 1,
                    ..weight
                };
                all.push((format!("{}.{n}.bias", mlp.name), row(l.bias)));
                if let Some([gain, bias]) = l.affine {
                    all.push((format!("{}.{n}.norm.weight", mlp.name), row(gain)));
                    all.push((format!("{}.{n}.norm.bias", mlp.name), row(bias)));
                }
            }
        }
        for (name, at, _) in &self.spec.scalars {
            all.push((
                (*name).to_owned(),
                Slots {
                    target: false,
                    start: at.start,
                    inputs: 1,
                    outputs: at.len(),
                },
            ));
        }
        all
    }
}

#[derive(Clone, Copy)]
struct Slots {
    target: bool,
    start: usize,
    inputs: usize,
    outputs: usize,
}

/// A checkpoint's tensor on `device`, contiguous and of the right shape and type.
pub(crate) fn take(
    state: &HashMap<String, Tensor>,
    name: &str,
    dims: &[usize],
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let help = "resume from a checkpoint of the same method, sizes and number of seeds";
    let tensor = state
        .get(name)
        .ok_or_else(|| Error::input("checkpoint", format!("tensor {name} is missing"), help))?;
    if tensor.dims() != dims || tensor.dtype() != dtype {
        let problem = format!(
            "tensor {name} is {:?} {:?}, not {dtype:?} {dims:?}",
            tensor.dtype(),
            tensor.dims()
        );
        return Err(Error::input("checkpoint", problem, help));
    }
    // A copy: kernels write in place, and the caller keeps its tensor.
    Ok(tensor.to_device(device)?.force_contiguous()?)
}
