//! PAR's encoder.

use h2oplus::kernel::elu::{Elu, EluGrad};
use h2oplus::kernel::encoder::{Embed, EmbedGrad, EncoderLoss, EncoderReward};
use h2oplus::kernel::launch::Kernel;
use h2oplus::kernel::{RowLayout, Slot};

use super::{A, Case, P, ROW, S, poison, random, scale};
use crate::cuda_host::Host;

/// More than a block's warps; a width of no whole warps.
const ROWS: usize = 21;
const WIDTH: usize = 40;
const LEN: usize = ROWS * WIDTH;
const STRIDE: usize = 3 * LEN;

fn case<K: Kernel<O, I> + Clone, const O: usize, const I: usize>(
    kernel: K,
    out: [Vec<f32>; O],
    input: [Vec<f32>; I],
) -> Case<K, O, I> {
    Case {
        kernel,
        out,
        input,
        scratch: false,
        compared: usize::MAX,
    }
}

pub fn encoder(host: &Host) {
    let (row, acts) = (RowLayout::new(S, A), random(80, P * STRIDE));
    let (x, above) = (Slot::new(5), Slot::new(LEN + 5));
    let elu = Elu {
        members: P,
        len: LEN,
        x,
    };
    case(elu, [poison(P * LEN)], [acts.clone()]).check(host, |c| scale(&mut c.input[0]));
    let back = EluGrad {
        members: P,
        len: LEN,
        x,
        d_y: above,
    };
    case(back, [random(81, P * STRIDE)], [acts.clone()]).check(host, |c| scale(&mut c.out[0]));
    let embed = Embed {
        members: P,
        rows: ROWS,
        width: WIDTH,
        z: x,
        actions: [2, ROW],
        row,
    };
    let input = [acts.clone(), random(82, P * (ROWS + 2) * ROW)];
    case(embed, [poison(P * ROWS * (WIDTH + A))], input).check(host, |c| scale(&mut c.input[1]));
    let back = EmbedGrad {
        members: P,
        rows: ROWS,
        width: WIDTH,
        z: x,
        d_unit: above,
    };
    case(back, [random(83, P * STRIDE)], [acts.clone()]).check(host, |c| scale(&mut c.out[0]));
    let [g, next] = [LEN, 2 * LEN].map(Slot::new);
    let loss = EncoderLoss {
        members: P,
        rows: ROWS,
        width: WIDTH,
        g,
        next,
        stats_at: Slot::new(1),
    };
    let out = [poison(P * STRIDE), poison(P * 4)];
    case(loss, out, [acts.clone()]).check(host, |c| scale(&mut c.input[0]));
    let reward = EncoderReward {
        members: P,
        rows: 3..3 + ROWS,
        width: WIDTH,
        g,
        next,
        row,
        stats_at: Slot::new(1),
        beta: vec![0.1, 1.0, 2.0].into(),
    };
    let out = [random(84, P * (ROWS + 5) * ROW), poison(P * 4)];
    case(reward, out, [acts]).check(host, |c| c.kernel.beta = c.kernel.beta.map(|x| 1.01 * x));
}
