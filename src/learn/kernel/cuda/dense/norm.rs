//! Normalised hidden layers on a GPU: a warp a row, after the layer's products and before what reads them.

use super::{ACTS, BACK_ACTS, BANKS, COLUMNS, DELTAS, GRAD, PARAMETERS, longest, run, summing};
use crate::kernel::cuda::{Step, THREADS, arguments, word};
use crate::kernel::dense::{Apply, Base, Layer};
use crate::kernel::dense_grad::Back;
use crate::kernel::norm::LayerNorm;

arguments! { "dense_norm",
    struct DenseNormArgs { banks: [u32; 2], stride: u32 }
    struct DenseNormJob {
        rows: u32, outputs: u32, y: u32, unit: u32, inverse: u32,
        bank: u32, bias: u32, affine: u32, gain: u32, shift: u32, per: u32, shared_part: u32,
    }
}

arguments! { "dense_grad_norm",
    struct DenseGradNormArgs { param_stride: u32, act_stride: u32 }
    struct DenseGradNormJob {
        rows: u32, outputs: u32, y: u32, unit: u32, inverse: u32, kept: u32, affine: u32, gain: u32,
    }
}

arguments! { "dense_grad_affine",
    struct DenseGradAffineArgs { param_stride: u32, act_stride: u32 }
    struct DenseGradAffineJob { rows: u32, columns: u32, unit: u32, gain: u32, shift: u32 }
}

/// Blocks that give each of so many rows a warp.
fn warps(rows: u32) -> usize {
    rows.div_ceil(THREADS / 32) as usize
}

pub(super) fn forward_job(
    job: &Apply,
    layer: &Layer,
    norm: LayerNorm,
    base: Option<Base>,
) -> DenseNormJob {
    let [gain, shift] = norm.affine.unwrap_or_default();
    DenseNormJob {
        rows: word(job.rows),
        outputs: word(layer.outputs),
        y: word(layer.out),
        unit: word(norm.unit),
        inverse: word(norm.inverse),
        bank: word(job.bank),
        bias: word(layer.bias),
        affine: u32::from(norm.affine.is_some()),
        gain: word(gain),
        shift: word(shift),
        per: base.map_or(0, |base| word(base.per)),
        shared_part: base.map_or(0, |base| word(base.out)),
    }
}

pub(super) fn forward(
    banks: [u32; 2],
    stride: u32,
    jobs: &[DenseNormJob],
    members: usize,
) -> Option<Step> {
    let blocks = longest(jobs, |job| warps(job.rows));
    let args = DenseNormArgs { banks, stride };
    run(&args, jobs, &[ACTS, BANKS, BANKS + 1], [blocks, members])
}

pub(super) fn backward_job(job: &Back, layer: &Layer, norm: LayerNorm) -> DenseGradNormJob {
    DenseGradNormJob {
        rows: word(job.rows),
        outputs: word(layer.outputs),
        y: word(layer.out),
        unit: word(norm.unit),
        inverse: word(norm.inverse),
        kept: u32::from(job.weights && norm.affine.is_some()),
        affine: u32::from(norm.affine.is_some()),
        gain: word(norm.affine.map_or(0, |[gain, _]| gain)),
    }
}

/// The gradients of gain and shift, where the layer has them and they are wanted.
pub(super) fn affine_job(job: &Back, layer: &Layer) -> Option<DenseGradAffineJob> {
    let norm = layer.norm.filter(|_| job.weights)?;
    let [gain, shift] = norm.affine?;
    Some(DenseGradAffineJob {
        rows: word(job.rows),
        columns: word(layer.outputs),
        unit: word(norm.unit),
        gain: word(gain),
        shift: word(shift),
    })
}

pub(super) fn backward(
    [param_stride, act_stride]: [u32; 2],
    jobs: &[DenseGradNormJob],
    affine: &[DenseGradAffineJob],
    members: usize,
) -> impl Iterator<Item = Step> {
    let args = DenseGradNormArgs {
        param_stride,
        act_stride,
    };
    let blocks = longest(jobs, |job| warps(job.rows));
    let rows = run(
        &args,
        jobs,
        &[DELTAS, PARAMETERS, BACK_ACTS],
        [blocks, members],
    );
    let args = DenseGradAffineArgs {
        param_stride,
        act_stride,
    };
    let blocks = longest(affine, |job| (job.columns as usize).div_ceil(COLUMNS));
    let columns = run(&args, affine, &[DELTAS, GRAD, BACK_ACTS], [blocks, members]);
    rows.into_iter().chain(summing(columns))
}
