//! Networks applied to rows, and the gradients that losses leave at them.

use std::ops::Range;

use candle_core::Tensor;

use super::program::{Launch, Work};
use super::{Block, Tape, Twin};
use crate::kernel::{Acts, Slot};
use crate::net::spec::Mlp;
use crate::net::workspace::{Backprop, Bank, Pass};

/// What a network gives for some rows, `[rows, outputs]`; a loss writes its gradient at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// The pass, by its number.
    pub(super) pass: usize,
    pub(super) out: Slot<Acts>,
    /// Rows.
    pub rows: usize,
    /// Rows of which one alone counts, in each half of a batch: the first of so many.
    pub(super) steps: [usize; 2],
    stage: usize,
}

/// A gradient of a pass that is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gradient {
    pub pass: usize,
    pub weights: bool,
    /// Of its input: first column, columns, where.
    pub input: Option<(usize, usize, Slot<Acts>)>,
}

impl Gradient {
    /// That of its parameters alone.
    pub fn of_weights(pass: usize) -> Self {
        Self {
            pass,
            weights: true,
            input: None,
        }
    }
}

/// A network that a loss reaches through another one: the launches that take the gradient of what that one reads to this
/// one's outputs, and where it goes from there.
pub(super) struct Through {
    pub launches: Vec<Launch>,
    pub gradient: Gradient,
}

impl Tape {
    /// `mlp` at the rows of `block`.
    pub fn at(&mut self, mlp: &Mlp, block: &Block) -> Values {
        let pass = self.plan.pass(mlp, Bank::Trained, block.view, block.rows);
        self.forward(pass, block, block.after)
    }

    /// Both critics at the rows of `block`.
    pub fn twin_at(&mut self, twin: &Twin, block: &Block) -> [Values; 2] {
        twin.q.each_ref().map(|q| self.at(q, block))
    }

    /// The targets of both critics there.
    pub fn target_at(&mut self, twin: &Twin, block: &Block) -> [Values; 2] {
        twin.q.each_ref().map(|q| self.target_of(q, block))
    }

    /// The target of `mlp` there.
    pub(super) fn target_of(&mut self, mlp: &Mlp, block: &Block) -> Values {
        let params = self.params.as_ref().expect("rows come after networks");
        let target = params.target_of(mlp);
        let pass = self
            .plan
            .pass(&target, Bank::Target, block.view, block.rows);
        self.forward(pass, block, block.after)
    }

    /// `mlp` at `per` rows for each row of `common`, from which they differ in `columns` of the input: these are those of
    /// `own`, `[common·per, columns]`. The product with what they have in common is computed once. Where `common` has
    /// those columns too, the rows' own are added to them, and no gradient may be wanted.
    pub(super) fn grouped(
        &mut self,
        mlp: &Mlp,
        common: (&Block, Range<usize>),
        own: (&Block, Range<usize>),
        per: usize,
    ) -> [Values; 2] {
        let (block, columns) = common;
        let shared = self.plan.shared(mlp, block.view, columns, block.rows);
        let shared_values = self.forward(shared, block, block.after);
        let (block, columns) = own;
        let shared = &self.passes[shared_values.pass].0;
        let pass = self.plan.grouped(mlp, shared, block.view, columns, per);
        let after = self
            .items
            .iter()
            .rposition(|item| item.runs(shared_values.pass));
        let mut values = self.forward(pass, block, after.max(block.after));
        values.steps = [per; 2];
        [shared_values, values]
    }

    /// Records `pass` in the stage's first forward launch behind item `after`.
    fn forward(&mut self, pass: Pass, block: &Block, after: Option<usize>) -> Values {
        let (number, out, rows) = (self.passes.len(), pass.out(), pass.rows());
        self.passes.push((pass, block.from.clone()));
        let first = after.map_or(0, |item| item + 1).max(self.stage);
        let mut later = self.items[first..].iter_mut();
        let joined = later.find_map(|item| match &mut item.work {
            Work::Forward(passes) => Some(passes),
            _ => None,
        });
        match joined {
            Some(passes) => passes.push(number),
            None => self.work(Work::Forward(vec![number])),
        }
        Values {
            pass: number,
            out,
            rows,
            steps: [1; 2],
            stage: self.stage,
        }
    }

    /// Where `values` lie, to be read by what is recorded next.
    pub(super) fn read(&self, values: &Values) -> Slot<Acts> {
        assert_eq!(values.stage, self.stage, "a step has been taken since");
        values.out
    }

    /// Where those of both critics lie.
    pub(super) fn read_both(&self, values: &[Values; 2]) -> [Slot<Acts>; 2] {
        values.each_ref().map(|values| self.read(values))
    }

    /// A loss has written the gradient of `values`: the network's parameters step along it.
    pub(super) fn trains(&mut self, values: &[Values]) {
        for values in values {
            let known = self.gradients.iter().any(|g| g.pass == values.pass);
            if !known {
                self.gradients.push(Gradient::of_weights(values.pass));
            }
        }
    }

    /// A loss has written the gradient of `values`: it goes on to `columns` of the input, and stays away from the
    /// parameters. Where it goes.
    pub(super) fn descends(&mut self, values: &Values, columns: Range<usize>) -> Slot<Acts> {
        let pass = &self.passes[values.pass].0;
        let at = self.plan.input_grad(pass, columns.len());
        self.gradients.push(Gradient {
            pass: values.pass,
            weights: false,
            input: Some((columns.start, columns.len(), at)),
        });
        at
    }

    /// The backward pass of each of `gradients`.
    pub(super) fn backprops<'a>(
        passes: &'a [(Pass, Tensor)],
        gradients: &[Gradient],
    ) -> Vec<Backprop<'a>> {
        let of = |g: &Gradient| Backprop {
            pass: &passes[g.pass].0,
            weights: g.weights,
            input: g.input,
        };
        gradients.iter().map(of).collect()
    }
}
