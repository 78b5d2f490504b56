//! PAR's encoder of the dynamics inside an update: see [`encoder`](crate::kernel::encoder).

use super::forward::{Gradient, Through};
use super::program::Launch;
use super::{Batch, Block, GroupId, Tape, Values};
use crate::error::Result;
use crate::kernel::elu::{Elu, EluBuffers, EluGrad, EluGradBuffers};
use crate::kernel::encoder::{
    Embed, EmbedBuffers, EmbedGrad, EmbedGradBuffers, EncoderLoss, EncoderLossBuffers,
    EncoderReward, EncoderRewardBuffers,
};
use crate::kernel::{Activated, Buf, Embedded, PerMember, Rows};
use crate::net::spec::{LastLayer, Mlp};

/// Layers of either network.
const LAYERS: usize = 3;

/// Their names, and their targets'.
const STATE: [[&str; 2]; LAYERS] = [
    ["encoder.zs1", "target_encoder.zs1"],
    ["encoder.zs2", "target_encoder.zs2"],
    ["encoder.zs3", "target_encoder.zs3"],
];
const STATE_ACTION: [[&str; 2]; LAYERS] = [
    ["encoder.zsa1", "target_encoder.zsa1"],
    ["encoder.zsa2", "target_encoder.zsa2"],
    ["encoder.zsa3", "target_encoder.zsa3"],
];

/// f of states, and g of what f gives and an action: what f will give next. Layers with ELUs between them, all of one
/// width; f's outputs are divided by their mean magnitude.
pub struct Encoder {
    width: usize,
    state: [Mlp; LAYERS],
    state_action: [Mlp; LAYERS],
    /// Their parameters.
    pub group: GroupId,
}

/// What f and g give for some rows: the sums of each layer.
struct Encoded {
    state: [Values; LAYERS],
    state_action: [Values; LAYERS],
    /// f's of the next states.
    next: Values,
}

impl Tape {
    /// An encoder, which steps at `rate`. It is declared behind the critics: its targets lie beside theirs and follow with
    /// them.
    pub fn encoder(&mut self, width: usize, rate: PerMember<f64>) -> Encoder {
        let (obs_dim, act_dim) = (self.obs_dim(), self.act_dim());
        let mut layers = |names: [[&'static str; 2]; LAYERS], inputs: usize| {
            let mut inputs = inputs;
            names.map(|[name, target]| {
                let sizes = [std::mem::replace(&mut inputs, width), width];
                let layer = self.network(name, sizes, (&[][..]).into(), LastLayer::Linear);
                self.targets.push((layer.clone(), target));
                layer
            })
        };
        let state = layers(STATE, obs_dim);
        let state_action = layers(STATE_ACTION, width + act_dim);
        let range = state[0].range.start..state_action[LAYERS - 1].range.end;
        Encoder {
            width,
            state,
            state_action,
            group: self.group(range, rate),
        }
    }

    /// One step of `encoder` on `rows` real rows of their own, along the gradient of mean (g(f(s),a) − f(s'))², f(s')
    /// having none.
    pub fn encoder_step(&mut self, encoder: &Encoder, rows: usize) -> Result<()> {
        let ld = self.scene.row.dynamics();
        let x = self.dynamics_rows([rows, 0])?;
        self.take("encoder rows", &x, |draws| &draws.ratio);
        let all = Block::of(&x, [rows, ld], None);
        let next = all.columns(self.scene.row.next_obs());
        let at = self.encoded(encoder, [&all, &next], (&x, [0, ld]), Self::at)?;
        let out = at.state_action[LAYERS - 1];
        let loss = EncoderLoss {
            members: self.members(),
            rows,
            width: encoder.width,
            g: self.read(&out),
            next: self.read(&at.next),
            stats_at: self.places(&EncoderLoss::STATS),
        };
        self.launch(move |c| {
            loss.launch(EncoderLossBuffers {
                deltas: &c.ws.act_grads,
                stats: c.stats,
                acts: &c.ws.acts,
            })
        });
        self.encoder_backward(encoder, &at);
        self.step(&[encoder.group]);
        Ok(())
    }

    /// Takes β·mean (ĝ(f̂(s),a) − f̂(s'))² from the rewards of `batch`, f̂ and ĝ being the targets of `encoder`.
    pub fn encoder_reward(
        &mut self,
        encoder: &Encoder,
        batch: &Batch,
        beta: PerMember<f32>,
    ) -> Result<()> {
        let (first, ld) = (batch.range.start, batch.layout.floats());
        let states = [&batch.obs(), &batch.next_obs()];
        let actions = (batch.buffer(), [first, ld]);
        let at = self.encoded(encoder, states, actions, Self::target_of)?;
        let reward = EncoderReward {
            members: self.members(),
            rows: batch.range.clone(),
            width: encoder.width,
            g: self.read(&at.state_action[LAYERS - 1]),
            next: self.read(&at.next),
            row: batch.layout,
            stats_at: self.places(&EncoderReward::STATS),
            beta,
        };
        let rows = batch.buffer().clone();
        self.launch(move |c| {
            reward.launch(EncoderRewardBuffers {
                batch: &rows,
                stats: c.stats,
                acts: &c.ws.acts,
            })
        });
        Ok(())
    }

    /// f at the states and the next states, and g at the former with the actions, which are those of rows of a buffer: its
    /// first row, and its floats a row. `apply` is whose layers are applied.
    fn encoded(
        &mut self,
        encoder: &Encoder,
        [now, next]: [&Block; 2],
        (from, actions): (&Buf<Rows>, [usize; 2]),
        apply: fn(&mut Self, &Mlp, &Block) -> Values,
    ) -> Result<Encoded> {
        let state = self.layers(&encoder.state, now, apply)?;
        let next = self.layers(&encoder.state, next, apply)?[LAYERS - 1];
        let (rows, width, row) = (now.rows, encoder.width, self.scene.row);
        let embedded: Buf<Embedded> = self.zeros(rows * (width + row.act_dim))?;
        let embed = Embed {
            members: self.members(),
            rows,
            width,
            z: self.read(&state[LAYERS - 1]),
            actions,
            row,
        };
        let (to, batch) = (embedded.clone(), from.clone());
        self.launch(move |c| {
            embed.launch(EmbedBuffers {
                embedded: &to,
                acts: &c.ws.acts,
                batch: &batch,
            })
        });
        let block = Block::of(&embedded, [rows, width + row.act_dim], self.latest());
        Ok(Encoded {
            state,
            state_action: self.layers(&encoder.state_action, &block, apply)?,
            next,
        })
    }

    /// The sums of each of `layers`, with ELUs between them.
    fn layers(
        &mut self,
        layers: &[Mlp; LAYERS],
        block: &Block,
        apply: fn(&mut Self, &Mlp, &Block) -> Values,
    ) -> Result<[Values; LAYERS]> {
        let mut all = [apply(self, &layers[0], block); LAYERS];
        for n in 1..LAYERS {
            let width = layers[n].layers[0].inputs;
            let hidden = self.elu(&all[n - 1], width)?;
            all[n] = apply(self, &layers[n], &hidden);
        }
        Ok(all)
    }

    /// ELU of a layer's sums.
    fn elu(&mut self, sums: &Values, width: usize) -> Result<Block> {
        let len = sums.rows * width;
        let hidden: Buf<Activated> = self.zeros(len)?;
        let elu = Elu {
            members: self.members(),
            len,
            x: self.read(sums),
        };
        let to = hidden.clone();
        self.launch(move |c| {
            elu.launch(EluBuffers {
                hidden: &to,
                acts: &c.ws.acts,
            })
        });
        Ok(Block::of(&hidden, [sums.rows, width], self.latest()))
    }

    /// The way back from g's outputs through both networks, layer by layer.
    fn encoder_backward(&mut self, encoder: &Encoder, at: &Encoded) {
        let (members, rows, width) = (self.members(), at.next.rows, encoder.width);
        let mut above = None;
        let layers = [at.state, at.state_action].concat();
        for (n, sums) in layers.iter().enumerate().rev() {
            // What the layer reads has a gradient where a layer lies below it; actions and states need none.
            let input = (n > 0).then(|| {
                let pass = &self.passes[sums.pass].0;
                self.plan.input_grad(pass, width)
            });
            let gradient = Gradient {
                pass: sums.pass,
                weights: true,
                input: input.map(|at| (0, width, at)),
            };
            let place = self.read(sums);
            match above {
                None => self.gradients.push(gradient),
                Some(d) => {
                    let launch: Launch = if n + 1 == LAYERS {
                        let embed = EmbedGrad {
                            members,
                            rows,
                            width,
                            z: place,
                            d_unit: d,
                        };
                        Box::new(move |c| {
                            embed.launch(EmbedGradBuffers {
                                deltas: &c.ws.act_grads,
                                acts: &c.ws.acts,
                            })
                        })
                    } else {
                        let elu = EluGrad {
                            members,
                            len: rows * width,
                            x: place,
                            d_y: d,
                        };
                        Box::new(move |c| {
                            elu.launch(EluGradBuffers {
                                deltas: &c.ws.act_grads,
                                acts: &c.ws.acts,
                            })
                        })
                    };
                    self.through.push(Through {
                        launches: vec![launch],
                        gradient,
                    });
                }
            }
            above = input;
        }
    }
}
