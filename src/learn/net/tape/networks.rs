//! The networks of a method. They are declared first, in the order in which a checkpoint has them.

use std::ops::Range;

use super::{GroupId, Tape};
use crate::kernel::norm::Norm;
use crate::kernel::{LogStd, PerMember};
use crate::kernel::{Slot, Theta};
use crate::net::params::Stepped;
use crate::net::spec::{LastLayer, Mlp};

/// σ of the normals that TD3's policy adds to its actions where it explores.
const TD3_EXPLORATION: f32 = 0.1;

/// The hidden layers of a network.
#[derive(Clone, Copy, Debug)]
pub struct Hidden<'a> {
    /// Their widths.
    pub widths: &'a [usize],
    /// What is done to their sums.
    pub norm: Norm,
}

impl<'a> Hidden<'a> {
    /// Layers of these widths and with this norm.
    pub fn new(widths: &'a [usize], norm: Norm) -> Self {
        Self { widths, norm }
    }
}

impl<'a> From<&'a [usize]> for Hidden<'a> {
    fn from(widths: &'a [usize]) -> Self {
        Self::new(widths, Norm::None)
    }
}

/// A network that steps by itself.
#[derive(Clone, Debug)]
pub struct Net {
    /// Its layers.
    pub mlp: Mlp,
    /// Its parameters.
    pub group: GroupId,
}

/// Two critics that step together, and their targets.
#[derive(Clone, Debug)]
pub struct Twin {
    /// The critics.
    pub q: [Mlp; 2],
    /// Their parameters.
    pub group: GroupId,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct PolicyNet {
    /// Its network.
    pub mlp: Mlp,
    /// Where its spread is.
    pub spread: LogStd,
    /// Its network's parameters, and those of its own that step apart from them.
    pub groups: Vec<GroupId>,
}

/// The temperature α, learned as its logarithm.
#[derive(Clone, Copy, Debug)]
pub struct Temperature {
    /// log α.
    pub log_alpha: Slot<Theta>,
    /// log α as a parameter that steps.
    pub group: GroupId,
}

impl Tape {
    /// A ReLU network from `inputs` to `outputs`, which steps at `rate`.
    pub fn mlp(
        &mut self,
        name: &'static str,
        [inputs, outputs]: [usize; 2],
        hidden: Hidden,
        last: LastLayer,
        rate: PerMember<f64>,
    ) -> Net {
        let mlp = self.network(name, [inputs, outputs], hidden, last);
        let group = self.group(mlp.range.clone(), rate);
        Net { mlp, group }
    }

    /// Critics `qf1` and `qf2` of (s,a), which step at `rate`; their targets follow at the Polyak rate `polyak`.
    pub fn twin(
        &mut self,
        hidden: Hidden,
        last: LastLayer,
        rate: PerMember<f64>,
        polyak: PerMember<f32>,
    ) -> Twin {
        let sizes = [self.obs_dim() + self.act_dim(), 1];
        let q = ["qf1", "qf2"].map(|name| self.network(name, sizes, hidden, last));
        let names = ["target_qf1", "target_qf2"];
        self.targets.extend(q.iter().cloned().zip(names));
        self.polyak = polyak;
        let group = self.group(q[0].range.start..q[1].range.end, rate);
        Twin { q, group }
    }

    /// Two networks that step together, of (s,a) and of (s,a,s'), with `outputs` each.
    pub fn dynamics_pair(
        &mut self,
        names: [&'static str; 2],
        outputs: usize,
        hidden: Hidden,
        rate: PerMember<f64>,
    ) -> ([Mlp; 2], GroupId) {
        let inputs = [self.scene.row.next_obs(), self.scene.row.dynamics()];
        let net = |n: usize, tape: &mut Self| {
            tape.network(names[n], [inputs[n], outputs], hidden, LastLayer::Linear)
        };
        let nets = [net(0, self), net(1, self)];
        let group = self.group(nets[0].range.start..nets[1].range.end, rate);
        (nets, group)
    }

    /// SAC's policy: a tanh-Gaussian whose log σ = m·ρ + o is the network's.
    pub fn tanh_gaussian(&mut self, hidden: &[usize], rate: PerMember<f64>) -> PolicyNet {
        let sizes = [self.obs_dim(), 2 * self.act_dim()];
        let mlp = self.network("policy", sizes, hidden.into(), LastLayer::Small);
        let affine = self.spec.scalars(&[
            ("policy.log_std_multiplier", 1.0.into()),
            ("policy.log_std_offset", (-1.0).into()),
        ]);
        let group = self.group(mlp.range.start..affine.end, rate);
        self.acts_by(PolicyNet {
            mlp,
            spread: LogStd::PerState(Slot::new(affine.start)),
            groups: vec![group],
        })
    }

    /// IQL's policy around the means that `mean` gives: log σ is the same in every state and steps at `rate`.
    pub fn gaussian(&mut self, mean: Net, rate: PerMember<f64>) -> PolicyNet {
        let log_std = self.spec.vector("policy.log_std", self.act_dim(), 0.0);
        let spread = LogStd::Free(Slot::new(log_std.start));
        let groups = vec![mean.group, self.group(log_std, rate)];
        let mlp = mean.mlp;
        self.acts_by(PolicyNet {
            mlp,
            spread,
            groups,
        })
    }

    /// TD3's policy, a = tanh of what the network gives, which steps at `rate`. The critics are declared next: its target
    /// lies beside theirs and follows with them. Where it acts with noise, it explores as TD3 does.
    pub fn deterministic(&mut self, hidden: &[usize], rate: PerMember<f64>) -> PolicyNet {
        let log_std = self.spec.constants(self.act_dim(), TD3_EXPLORATION.ln());
        let sizes = [self.obs_dim(), self.act_dim()];
        let mlp = self.network("policy", sizes, hidden.into(), LastLayer::Linear);
        self.targets.push((mlp.clone(), "target_policy"));
        let group = self.group(mlp.range.clone(), rate);
        self.acts_by(PolicyNet {
            mlp,
            spread: LogStd::Free(Slot::new(log_std.start)),
            groups: vec![group],
        })
    }

    /// α, which begins as `initial` and whose logarithm steps at `rate`.
    pub fn temperature(&mut self, initial: &PerMember<f64>, rate: PerMember<f64>) -> Temperature {
        let logs = PerMember::over(initial.values(), |alpha| alpha.ln() as f32);
        let log_alpha = self.spec.scalars(&[("log_alpha", logs)]);
        Temperature {
            log_alpha: Slot::new(log_alpha.start),
            group: self.group(log_alpha, rate),
        }
    }

    /// The rates of `groups` fall to 0 along half a cosine over so many `steps`; 0: they stay.
    pub fn anneal(&mut self, groups: &[GroupId], steps: u64) {
        for group in groups {
            self.groups[group.0].cosine_steps = (steps > 0).then_some(steps);
        }
    }

    pub(super) fn network(
        &mut self,
        name: &'static str,
        [inputs, outputs]: [usize; 2],
        hidden: Hidden,
        last: LastLayer,
    ) -> Mlp {
        assert!(self.params.is_none(), "networks are declared before rows");
        let sizes = [&[inputs], hidden.widths, &[outputs]].concat();
        self.spec.normed(name, &sizes, hidden.norm, last)
    }

    pub(super) fn group(&mut self, range: Range<usize>, rate: PerMember<f64>) -> GroupId {
        self.groups.push(Stepped {
            range,
            rate,
            cosine_steps: None,
            steps: 0,
        });
        GroupId(self.groups.len() - 1)
    }

    fn acts_by(&mut self, policy: PolicyNet) -> PolicyNet {
        self.policy = Some(policy.clone());
        policy
    }
}
