//! Buffers by what they hold, and named places in them.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use candle_core::Tensor;

use crate::kernel::cpu::Shared;

/// What a buffer holds: a type of its own, so that one is not taken for another.
pub trait Kind: Copy + Send + Sync + 'static {
    /// How a member's floats are laid out. Buffers of one layout share their places, as activations and their
    /// gradients do.
    type Layout: Copy + Send + Sync + 'static;
    /// Whether all members read one buffer; else each has its own part, one after another.
    const SHARED: bool = false;
}

macro_rules! kinds {
    ($($(#[$meta:meta])* $kind:ident as $layout:ident $(($shared:literal))?,)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub enum $kind {}

        impl Kind for $kind {
            type Layout = $layout;
            $(const SHARED: bool = $shared;)?
        }
    )+};
}

kinds! {
    /// Activations of every pass.
    Acts as Acts,
    /// Gradients with respect to them.
    Deltas as Acts,
    /// Parameters.
    Theta as Theta,
    /// Their gradient.
    Grad as Theta,
    /// One of Adam's moments.
    Moment as Theta,
    /// Smoothed copies of some parameters.
    Smoothed as Smoothed,
    /// Which members are frozen.
    Health as Health,
    /// Losses and means.
    Stats as Stats,
    /// Rows drawn from a replay.
    Rows as Rows,
    /// All rows of a replay.
    ReplayRows as ReplayRows (true),
    /// Targets y of the critics.
    Y as Y,
    /// Weights w of the critics' squared errors.
    W as W,
    /// log π of fresh actions.
    LogPi as LogPi,
    /// States beside fresh actions.
    StateActions as StateActions,
    /// Outputs of a hidden layer behind its ELU.
    Activated as Activated,
    /// Representations of states beside actions.
    Embedded as Embedded,
    /// Actions alone.
    Actions as Actions,
    /// Log-densities of actions among which a critic is held down.
    Density as Density,
    /// log ω of the simulated rows.
    LogOmega as LogOmega,
    /// What is added to next states.
    Steps as Steps,
    /// Deviations of the columns of states.
    Deviations as Deviations,
    /// Means of the states, then 1/σ.
    StateScale as StateScale,
    /// Standard normals.
    Normals as Normals,
    /// Uniforms on [−1, 1).
    Uniforms as Uniforms,
    /// Whatever random numbers are drawn for.
    Drawn as Drawn,
}

/// A buffer on the device, `[members, …]`, which holds a `K`.
#[derive(Clone, Debug)]
pub struct Buf<K>(Tensor, PhantomData<K>);

impl<K> From<Tensor> for Buf<K> {
    fn from(tensor: Tensor) -> Self {
        Self(tensor, PhantomData)
    }
}

impl<K> Deref for Buf<K> {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        &self.0
    }
}

impl<K> DerefMut for Buf<K> {
    fn deref_mut(&mut self) -> &mut Tensor {
        &mut self.0
    }
}

impl<K> Buf<K> {
    /// The same buffer, to be filled with random numbers.
    pub fn to_draw(&self) -> Buf<Drawn> {
        self.0.clone().into()
    }
}

/// Where something begins within a member's part of a buffer that is laid out as `L`.
pub struct Slot<L> {
    at: usize,
    layout: PhantomData<L>,
}

impl<L> Slot<L> {
    /// Floats before it. For whoever lays a buffer out; others are handed their slots.
    pub const fn new(at: usize) -> Self {
        Self {
            at,
            layout: PhantomData,
        }
    }

    /// Row `row` of the matrix that begins here, whose rows are `width` floats.
    pub(crate) fn row(self, row: usize, width: usize) -> Self {
        Self::new(self.at + row * width)
    }

    /// Floats before it.
    pub fn offset(self) -> usize {
        self.at
    }
}

impl<L> Clone for Slot<L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for Slot<L> {}

impl<L> std::fmt::Debug for Slot<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slot({})", self.at)
    }
}

impl<L> PartialEq for Slot<L> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<L> Eq for Slot<L> {}

// ---- as a launch sees them ----

/// From where a launch's buffers are seen: [`OnDevice`] by who launches, [`OnHost`] by the CPU's twin.
pub trait Seen {
    /// A buffer that is written.
    type Out<K: Kind>;
    /// A buffer that is read.
    type In<K: Kind>;
}

/// Buffers as they are handed to a launch.
#[derive(Clone, Copy, Debug)]
pub struct OnDevice<'a>(PhantomData<&'a ()>);

impl<'a> Seen for OnDevice<'a> {
    type Out<K: Kind> = &'a Buf<K>;
    type In<K: Kind> = &'a Buf<K>;
}

/// Buffers as slices, a member's part at a time.
#[derive(Clone, Copy, Debug)]
pub struct OnHost<'a>(PhantomData<&'a ()>);

impl<'a> Seen for OnHost<'a> {
    type Out<K: Kind> = Out<K>;
    type In<K: Kind> = In<'a, K>;
}

/// A buffer that is read.
#[derive(Clone, Copy)]
pub struct In<'a, K> {
    all: &'a [f32],
    stride: usize,
    kind: PhantomData<K>,
}

impl<'a, K: Kind> In<'a, K> {
    pub(crate) fn new(all: &'a [f32], members: usize) -> Self {
        Self {
            all,
            stride: all.len() / if K::SHARED { 1 } else { members },
            kind: PhantomData,
        }
    }

    /// The part of `member`.
    pub fn of(&self, member: usize) -> &'a [f32] {
        let member = if K::SHARED { 0 } else { member };
        &self.all[member * self.stride..][..self.stride]
    }

    /// The floats of `member` from `slot` on.
    pub fn from(&self, member: usize, slot: Slot<K::Layout>) -> &'a [f32] {
        &self.of(member)[slot.at..]
    }

    /// The `len` floats of `member` from `slot` on.
    pub fn at(&self, member: usize, slot: Slot<K::Layout>, len: usize) -> &'a [f32] {
        &self.from(member, slot)[..len]
    }
}

/// A buffer that is written, by tasks at disjoint places.
#[derive(Clone, Copy)]
pub struct Out<K> {
    all: Shared,
    stride: usize,
    kind: PhantomData<K>,
}

impl<K: Kind> Out<K> {
    pub(crate) fn new(all: &mut [f32], members: usize) -> Self {
        Self {
            stride: all.len() / members,
            all: Shared::new(all),
            kind: PhantomData,
        }
    }

    /// The part of `member`.
    ///
    /// # Safety
    /// No two tasks may hold overlapping places, and none outlives the launch.
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub unsafe fn of(&self, member: usize) -> &mut [f32] {
        // SAFETY: as promised by the caller.
        unsafe { self.all.at(member * self.stride, self.stride) }
    }

    /// The `len` floats of `member` from `slot` on.
    ///
    /// # Safety
    /// As for [`of`](Self::of).
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub unsafe fn at(&self, member: usize, slot: Slot<K::Layout>, len: usize) -> &mut [f32] {
        assert!(slot.at + len <= self.stride, "within a member");
        // SAFETY: as promised by the caller.
        unsafe { self.all.at(member * self.stride + slot.at, len) }
    }

    /// The `len` floats of `member` from its float `first` on.
    ///
    /// # Safety
    /// As for [`of`](Self::of).
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub unsafe fn part(&self, member: usize, first: usize, len: usize) -> &mut [f32] {
        // SAFETY: as promised by the caller.
        unsafe { self.at(member, Slot::new(first), len) }
    }
}
