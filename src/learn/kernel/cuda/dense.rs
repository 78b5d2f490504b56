//! Networks on a GPU: batched products layer by layer over all passes, members and networks of one shape; biases,
//! ReLUs, their gradients and narrow last layers in kernels between them, one launch for all passes.

use super::{
    Arguments, Entry, KernelCall, Operand, Product, ProductShape, Program, Step, arguments, table,
    word,
};
use crate::kernel::dense::{Apply, Layer, View};
use crate::kernel::dense_grad::Back;

mod norm;

/// A last layer of at most this many outputs is no matrix product here: V, Q, classifiers, most policies.
pub const NARROW: usize = 16;
/// Threads of a block that sums over rows: 16 warps take a row each.
const SUM_THREADS: u32 = 512;
/// Columns that such a block takes.
const COLUMNS: usize = 32;

/// These, as the CUDA sources know them.
pub(super) const CONSTANTS: [(&str, u32); 2] =
    [("NARROW", NARROW as u32), ("SUM_THREADS", SUM_THREADS)];

arguments! { "dense_bias",
    struct DenseBiasArgs { banks: [u32; 2], stride: u32 }
    struct DenseBiasJob {
        rows: u32, outputs: u32, y: u32, bank: u32, bias: u32, hidden: u32, per: u32, shared_part: u32,
    }
}

arguments! { "dense_narrow",
    struct DenseNarrowArgs { banks: [u32; 2], stride: u32 }
    struct DenseNarrowJob {
        rows: u32, inputs: u32, outputs: u32, h: u32, y: u32,
        bank: u32, weight: u32, bias: u32, below: u32, activated: u32, save_for_backward: u32,
    }
}

arguments! { "dense_grad_narrow",
    struct DenseGradNarrowArgs { param_stride: u32, act_stride: u32 }
    struct DenseGradNarrowJob {
        rows: u32, inputs: u32, outputs: u32, dy: u32, h: u32,
        weight: u32, bias: u32, below: u32, weights: u32, below_weights: u32,
    }
}

arguments! { "dense_grad_mask",
    struct DenseGradMaskArgs { param_stride: u32, act_stride: u32 }
    struct DenseGradMaskJob { rows: u32, columns: u32, at: u32, bias: u32, masked: u32, weights: u32 }
}

arguments! { "dense_grad_group",
    struct DenseGradGroupArgs { act_stride: u32 }
    struct DenseGradGroupJob { groups: u32, columns: u32, at: u32, per: u32, shared_part: u32 }
}

pub(super) fn entries() -> [Entry; 8] {
    [
        DenseGradGroupArgs::ENTRY,
        DenseBiasArgs::ENTRY,
        DenseNarrowArgs::ENTRY,
        DenseGradNarrowArgs::ENTRY,
        DenseGradMaskArgs::ENTRY,
        norm::DenseNormArgs::ENTRY,
        norm::DenseGradNormArgs::ENTRY,
        norm::DenseGradAffineArgs::ENTRY,
    ]
}

/// Whether the last layer is computed from the one below, which then leaves it its bias and ReLU.
fn narrow(layers: &[Layer]) -> bool {
    layers.len() > 1 && layers[layers.len() - 1].outputs <= NARROW
}

/// Collects products, those of one shape together.
struct Products {
    members: usize,
    all: Vec<Product>,
}

impl Products {
    fn new(members: usize) -> Self {
        Self {
            members,
            all: Vec::new(),
        }
    }

    fn push(&mut self, shape: ProductShape, blocks: [Operand; 3]) {
        match self.all.iter_mut().find(|p| p.shape == shape) {
            Some(product) => product.blocks.push(blocks),
            None => self.all.push(Product {
                members: self.members,
                shape,
                blocks: vec![blocks],
            }),
        }
    }

    fn steps(self) -> impl Iterator<Item = Step> {
        self.all.into_iter().map(Step::Product)
    }
}

/// A launch over jobs, `blocks` of them along the longest.
fn run<A: Arguments, J: bytemuck::Pod>(
    arguments: &A,
    jobs: &[J],
    buffers: &[usize],
    [blocks, members]: [usize; 2],
) -> Option<Step> {
    let grid = [blocks, jobs.len(), members];
    let run = KernelCall {
        buffers: Some(buffers.to_vec()),
        ..KernelCall::new(arguments, &table(jobs), grid)
    };
    (!jobs.is_empty()).then_some(Step::Run(run))
}

fn summing(step: Option<Step>) -> Option<Step> {
    step.map(|step| match step {
        Step::Run(run) => Step::Run(KernelCall {
            threads: SUM_THREADS,
            ..run
        }),
        product => product,
    })
}

fn longest<T>(of: &[T], len: impl Fn(&T) -> usize) -> usize {
    of.iter().map(len).max().unwrap_or(0)
}

// ---- forward ----

/// Buffers of a forward launch: activations, parameters, targets, inputs.
const ACTS: usize = 0;
const BANKS: usize = 1;
const INPUTS: usize = 3;

/// See [`Dense`](crate::kernel::dense::Dense).
pub(crate) fn forward(members: usize, stride: usize, jobs: &[Apply]) -> Program {
    let mut steps = Vec::new();
    let mut banks = [0; 2];
    for job in jobs {
        banks[job.bank] = word(job.bank_stride);
    }
    for l in 0..longest(jobs, |job| job.layers.len()) {
        let mut products = Products::new(members);
        let (mut biases, mut narrows, mut norms) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs.iter().filter(|job| l < job.layers.len()) {
            let (layer, last) = (&job.layers[l], l + 1 == job.layers.len());
            if last && narrow(&job.layers) {
                let below = &job.layers[l - 1];
                narrows.push(DenseNarrowJob {
                    rows: word(job.rows),
                    inputs: word(layer.inputs),
                    outputs: word(layer.outputs),
                    h: word(below.out),
                    y: word(layer.out),
                    bank: word(job.bank),
                    weight: word(layer.weight),
                    bias: word(layer.bias),
                    below: word(below.bias),
                    activated: u32::from(below.norm.is_some() || l == 1 && job.base.is_some()),
                    save_for_backward: u32::from(job.save_for_backward),
                });
                continue;
            }
            let (x, ld) = input(&job.x, &job.layers, l, [ACTS, INPUTS], stride);
            let shape = ProductShape {
                size: [job.rows, layer.outputs, layer.inputs],
                transposed: [false, false],
                ld: [ld, layer.outputs, layer.outputs],
            };
            let weight = Operand {
                buffer: BANKS + job.bank,
                offset: layer.weight,
                stride: job.bank_stride,
            };
            products.push(shape, [x, weight, place(ACTS, layer.out, stride)]);
            // A narrow layer above adds this one's bias as it reads.
            let base = job.base.filter(|_| l == 0);
            if let Some(norm) = layer.norm {
                norms.push(norm::forward_job(job, layer, norm, base));
            } else if base.is_some() || l + 2 != job.layers.len() || !narrow(&job.layers) {
                biases.push(DenseBiasJob {
                    rows: word(job.rows),
                    outputs: word(layer.outputs),
                    y: word(layer.out),
                    bank: word(job.bank),
                    bias: word(layer.bias),
                    hidden: u32::from(!last),
                    per: base.map_or(0, |base| word(base.per)),
                    shared_part: base.map_or(0, |base| word(base.out)),
                });
            }
        }
        steps.extend(products.steps());
        let stride = word(stride);
        let buffers = [ACTS, BANKS, BANKS + 1];
        let blocks = longest(&biases, |j| (j.rows * j.outputs).div_ceil(1024) as usize);
        let args = DenseBiasArgs { banks, stride };
        steps.extend(run(&args, &biases, &buffers, [blocks, members]));
        steps.extend(norm::forward(banks, stride, &norms, members));
        let blocks = longest(&narrows, |j| j.rows.div_ceil(super::THREADS / 32) as usize);
        let args = DenseNarrowArgs { banks, stride };
        steps.extend(run(&args, &narrows, &buffers, [blocks, members]));
    }
    Program { steps }
}

fn place(buffer: usize, offset: usize, stride: usize) -> Operand {
    Operand {
        buffer,
        offset,
        stride,
    }
}

/// What layer `l` reads, and its rows' distance: the pass's input, or the layer below.
fn input(
    x: &View,
    layers: &[Layer],
    l: usize,
    [acts, inputs]: [usize; 2],
    stride: usize,
) -> (Operand, usize) {
    match l {
        0 => (place(inputs + x.buffer, x.offset, x.stride), x.ld),
        l => (place(acts, layers[l - 1].out, stride), layers[l].inputs),
    }
}

// ---- backward ----

/// Buffers of a backward launch: deltas, gradient, transposed weights (which the CPU alone needs), parameters,
/// activations, inputs.
const DELTAS: usize = 0;
const GRAD: usize = 1;
const PARAMETERS: usize = 3;
const BACK_ACTS: usize = 4;
const BACK_INPUTS: usize = 5;

/// Whether the gradient of layer `l`'s bias is this pass's to give: groups of rows leave the first one to what they share.
fn bias(job: &Back, l: usize) -> bool {
    job.weights && (l > 0 || job.base.is_none())
}

/// What groups of rows share takes the sums of their gradients.
fn groups(members: usize, act_stride: usize, jobs: &[Back]) -> Option<Step> {
    let group = |job: &Back| {
        let (base, layer) = (job.base.filter(|_| job.weights)?, &job.layers[0]);
        Some(DenseGradGroupJob {
            groups: word(job.rows / base.per),
            columns: word(layer.outputs),
            at: word(layer.out),
            per: word(base.per),
            shared_part: word(base.out),
        })
    };
    let jobs: Vec<_> = jobs.iter().filter_map(group).collect();
    let blocks = longest(&jobs, |j| {
        (j.groups * j.columns).div_ceil(super::THREADS) as usize
    });
    let args = DenseGradGroupArgs {
        act_stride: word(act_stride),
    };
    run(&args, &jobs, &[DELTAS], [blocks, members])
}

/// See [`DenseGrad`](crate::kernel::dense_grad::DenseGrad).
pub(crate) fn backward(
    members: usize,
    [param_stride, act_stride]: [usize; 2],
    jobs: &[Back],
) -> Program {
    let mut steps = Vec::new();
    let delta = |layer: &Layer| place(DELTAS, layer.out, act_stride);
    let weight = |offset: usize| place(PARAMETERS, offset, param_stride);
    let sum = |job: &Back, l: usize, masked: bool| DenseGradMaskJob {
        rows: word(job.rows),
        columns: word(job.layers[l].outputs),
        at: word(job.layers[l].out),
        bias: word(job.layers[l].bias),
        masked: u32::from(masked),
        weights: u32::from(bias(job, l)),
    };
    // Wide last layers: their biases' gradients are sums of what the losses wrote, or, of one layer, of a group's rows.
    let last = |job: &&Back| job.weights && !narrow(&job.layers);
    let (single, deep): (Vec<_>, Vec<_>) = jobs
        .iter()
        .filter(last)
        .partition(|job| job.layers.len() == 1);
    let mut sums: Vec<_> = deep
        .iter()
        .map(|job| sum(job, job.layers.len() - 1, false))
        .collect();
    let mut weights = Products::new(members);
    for l in (0..longest(jobs, |job| job.layers.len())).rev() {
        if l == 0 {
            steps.extend(groups(members, act_stride, jobs));
            sums.extend(single.iter().map(|job| sum(job, 0, false)));
        }
        let mut products = Products::new(members);
        let (mut narrows, mut norms) = (Vec::new(), Vec::new());
        for job in jobs.iter().filter(|job| l < job.layers.len()) {
            let (layer, last) = (&job.layers[l], l + 1 == job.layers.len());
            if l > 0
                && let Some(norm) = job.layers[l - 1].norm
            {
                norms.push(norm::backward_job(job, &job.layers[l - 1], norm));
                sums.push(sum(job, l - 1, false));
            }
            if last && narrow(&job.layers) {
                let below = &job.layers[l - 1];
                narrows.push(DenseGradNarrowJob {
                    rows: word(job.rows),
                    inputs: word(layer.inputs),
                    outputs: word(layer.outputs),
                    dy: word(layer.out),
                    h: word(below.out),
                    weight: word(layer.weight),
                    bias: word(layer.bias),
                    below: word(below.bias),
                    weights: u32::from(job.weights),
                    below_weights: u32::from(below.norm.is_none() && bias(job, l - 1)),
                });
                continue;
            }
            if job.weights {
                let views = [BACK_ACTS, BACK_INPUTS];
                let (x, ld) = input(&job.x, &job.layers, l, views, act_stride);
                let shape = ProductShape {
                    size: [layer.inputs, layer.outputs, job.rows],
                    transposed: [true, false],
                    ld: [ld, layer.outputs, layer.outputs],
                };
                let to = place(GRAD, layer.weight, param_stride);
                weights.push(shape, [x, delta(layer), to]);
            }
            let (columns, from, to) = match (l, job.input) {
                (0, None) => continue,
                (0, Some((column, columns, at))) => {
                    let from = layer.weight + column * layer.outputs;
                    (columns, from, place(DELTAS, at, act_stride))
                }
                (l, _) => {
                    let below = &job.layers[l - 1];
                    if below.norm.is_none() {
                        sums.push(sum(job, l - 1, true));
                    }
                    (layer.inputs, layer.weight, delta(below))
                }
            };
            let shape = ProductShape {
                size: [job.rows, columns, layer.outputs],
                transposed: [false, true],
                ld: [layer.outputs, layer.outputs, columns],
            };
            products.push(shape, [delta(layer), weight(from), to]);
        }
        let (param_stride, act_stride) = (word(param_stride), word(act_stride));
        let blocks = longest(&narrows, |j| (j.inputs as usize).div_ceil(COLUMNS));
        let args = DenseGradNarrowArgs {
            param_stride,
            act_stride,
        };
        let buffers = [DELTAS, GRAD, PARAMETERS, BACK_ACTS];
        steps.extend(summing(run(&args, &narrows, &buffers, [blocks, members])));
        steps.extend(products.steps());
        let affine = jobs.iter().filter(|job| l > 0 && l < job.layers.len());
        let affine = affine.filter_map(|job| norm::affine_job(job, &job.layers[l - 1]));
        let strides = [param_stride, act_stride];
        steps.extend(norm::backward(
            strides,
            &norms,
            &affine.collect::<Vec<_>>(),
            members,
        ));
        let blocks = longest(&sums, |j| (j.columns as usize).div_ceil(COLUMNS));
        let args = DenseGradMaskArgs {
            param_stride,
            act_stride,
        };
        let buffers = [DELTAS, GRAD, BACK_ACTS];
        steps.extend(summing(run(&args, &sums, &buffers, [blocks, members])));
        sums.clear();
    }
    steps.extend(weights.steps());
    Program { steps }
}
