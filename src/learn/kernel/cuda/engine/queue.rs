//! Launches with their places resolved, and the bytes of their arguments.

use crate::kernel::cuda::{Product, ProductShape, Program, Step};

/// Arguments begin at multiples of this many bytes.
const ALIGN: usize = 16;

/// A launch with its places resolved; equal lists of them can share a graph.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Run {
        name: &'static str,
        grid: [u32; 3],
        threads: u32,
        buffers: Vec<u64>,
        /// Byte in the arena.
        arguments: usize,
    },
    Product(Batch),
}

/// Matrix products of one shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    pub shape: ProductShape,
    pub count: usize,
    /// Byte in the arena: pointers to every A, then every B, then every C.
    pub pointers: usize,
    /// Whether every matrix begins at a multiple of 16 bytes.
    pub aligned: bool,
}

#[derive(Default)]
pub(super) struct Queue {
    pub commands: Vec<Command>,
    pub arena: Vec<u8>,
}

impl Queue {
    /// Adds `program` on the buffers at these addresses.
    pub fn push(&mut self, program: &Program, buffers: &[u64]) {
        for step in &program.steps {
            let command = match step {
                Step::Run(run) => Command::Run {
                    name: run.entry.name,
                    grid: run.grid,
                    threads: run.threads,
                    buffers: match &run.buffers {
                        Some(which) => which.iter().map(|b| buffers[*b]).collect(),
                        None => buffers.to_vec(),
                    },
                    arguments: self.place(&run.arguments),
                },
                Step::Product(product) => {
                    let addresses = addresses(product, buffers);
                    Command::Product(Batch {
                        shape: product.shape,
                        count: product.members * product.blocks.len(),
                        pointers: self.place(bytemuck::cast_slice(&addresses)),
                        aligned: addresses.iter().all(|a| a.is_multiple_of(16)),
                    })
                }
            };
            self.commands.push(command);
        }
    }

    fn place(&mut self, bytes: &[u8]) -> usize {
        let at = self.arena.len();
        self.arena.extend_from_slice(bytes);
        self.arena
            .resize(self.arena.len().next_multiple_of(ALIGN), 0);
        at
    }
}

/// Addresses of every A, then every B, then every C.
fn addresses(product: &Product, buffers: &[u64]) -> Vec<u64> {
    let mut all = Vec::with_capacity(3 * product.members * product.blocks.len());
    for operand in 0..3 {
        for blocks in &product.blocks {
            let block = blocks[operand];
            all.extend((0..product.members).map(|member| {
                buffers[block.buffer] + 4 * (block.offset + member * block.stride) as u64
            }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::cuda::Operand;
    use crate::kernel::launch::Kernel;
    use crate::kernel::noise::{Draw, Noise};
    use crate::rng::Stream;

    #[test]
    fn equal_launches_make_equal_commands_whatever_their_arguments() {
        let noise = |update| Noise {
            members: 2,
            draw: Draw::Normal,
            update,
            stream: Stream::Update,
            len: 100,
            seed: vec![1, 2].into(),
        };
        let queue = |update, pointer| {
            let mut queue = Queue::default();
            queue.push(&noise(update).cuda(&[200]), &[pointer]);
            queue
        };
        let (one, two) = (queue(1, 64), queue(2, 64));
        assert_eq!(one.commands, two.commands);
        assert_ne!(one.arena, two.arena);
        assert_ne!(one.commands, queue(1, 128).commands);
    }

    #[test]
    fn a_matrix_off_its_16_bytes_is_seen_in_any_member() {
        let aligned = |stride| {
            let block = |buffer| Operand {
                buffer,
                offset: 4,
                stride: if buffer == 1 { stride } else { 64 },
            };
            let product = Product {
                members: 2,
                shape: ProductShape {
                    size: [4; 3],
                    transposed: [false; 2],
                    ld: [4; 3],
                },
                blocks: vec![[0, 1, 2].map(block)],
            };
            let steps = vec![Step::Product(product)];
            let mut queue = Queue::default();
            queue.push(&Program { steps }, &[1024, 2048, 4096]);
            matches!(&queue.commands[0], Command::Product(batch) if batch.aligned)
        };
        assert!(aligned(64) && !aligned(66));
    }
}
