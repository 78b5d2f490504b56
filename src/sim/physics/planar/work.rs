//! What the stages of one block leave for each other.

use crate::physics::planar::profile::Laps;
use crate::physics::planar::real::{Mask, Real};
use crate::physics::planar::topology::{MAX_BODIES, MAX_DOFS, MAX_ENTRIES, MAX_PAIRS, MAX_POINTS};

/// Per degree of freedom.
pub type Dofs<R> = [R; MAX_DOFS];
/// Per body.
pub type Bodies<R> = [R; MAX_BODIES];

/// Per body a planar vector at its anchor: a velocity, acceleration (x, z, about +y) or wrench.
#[derive(Clone)]
pub struct Spatial<R> {
    /// World x.
    pub x: Bodies<R>,
    /// World z.
    pub z: Bodies<R>,
    /// About +y.
    pub w: Bodies<R>,
}

/// Floor contacts of this evaluation: entry `c` is the `c`-th end sphere that touches in any lane.
#[derive(Clone)]
pub struct Contacts<R: Real> {
    /// Number of entries.
    pub len: usize,
    /// End sphere that touches.
    pub point: [usize; MAX_POINTS],
    /// Its body.
    pub body: [usize; MAX_POINTS],
    /// Anchor → contact point, world x, m.
    pub x: [R; MAX_POINTS],
    /// Anchor → contact point, world z, m.
    pub z: [R; MAX_POINTS],
    /// Sliding friction μ.
    pub friction: [R; MAX_POINTS],
    /// D, the rows' inverse regularisation.
    pub weight: [R; MAX_POINTS],
    /// Tangential reference acceleration.
    pub reference_t: [R; MAX_POINTS],
    /// Normal reference acceleration; hugely negative in lanes that do not touch, whose rows are
    /// therefore never active.
    pub reference_n: [R; MAX_POINTS],
    /// Residual of the pure normal rows at the pass's x.
    pub residual_n: [R; MAX_POINTS],
    /// Tangential residual × μ.
    pub residual_t: [R; MAX_POINTS],
    /// Rows n + μt, n − μt, n (twice): active at the latest pass.
    pub active: [[R::Mask; 3]; MAX_POINTS],
}

/// Joint limits of this evaluation, as [`Contacts`].
#[derive(Clone)]
pub struct Limits<R: Real> {
    /// Number of entries.
    pub len: usize,
    /// Degree of freedom.
    pub dof: [usize; MAX_DOFS],
    /// +1 at the lower limit, −1 at the upper.
    pub jacobian: Dofs<R>,
    /// D.
    pub weight: Dofs<R>,
    /// Reference acceleration; hugely negative where no limit is exceeded.
    pub reference: Dofs<R>,
    /// Residual at the pass's x.
    pub residual: Dofs<R>,
    /// Active at the latest pass.
    pub active: [R::Mask; MAX_DOFS],
}

/// Contacts between limbs of this evaluation, as [`Contacts`].
#[derive(Clone)]
pub struct Pairs<R: Real> {
    /// Number of entries.
    pub len: usize,
    /// Root's anchor → anchor, world x, m.
    pub anchor_x: Bodies<R>,
    /// World z.
    pub anchor_z: Bodies<R>,
    /// Which pair it is.
    pub pair: [usize; MAX_PAIRS],
    /// J of the pair's levers, in their order.
    pub jacobian: [Bodies<R>; MAX_PAIRS],
    /// D.
    pub weight: [R; MAX_PAIRS],
    /// Reference acceleration; hugely negative in lanes that do not touch.
    pub reference: [R; MAX_PAIRS],
    /// Residual at the pass's x.
    pub residual: [R; MAX_PAIRS],
    /// Active at the latest pass.
    pub active: [R::Mask; MAX_PAIRS],
}

/// Scratch of one block. Every field is written before it is read; it starts as NaN so that a
/// slip would show.
#[derive(Clone)]
pub struct Work<R: Real> {
    /// Cosines of the bodies' angles.
    pub cos: Bodies<R>,
    /// Sines.
    pub sin: Bodies<R>,
    /// Parent's anchor → own anchor, world x, m.
    pub rx: Bodies<R>,
    /// World z.
    pub rz: Bodies<R>,
    /// Height of the anchors, m.
    pub height: Bodies<R>,
    /// First mass moment about the anchor, world x, kg m.
    pub hx: Bodies<R>,
    /// World z.
    pub hz: Bodies<R>,
    /// Velocities of the anchors.
    pub velocity: Spatial<R>,
    /// Anchor accelerations at zero joint acceleration, gravity included (x and z).
    pub bias: Spatial<R>,
    /// Wrenches on the way to the root.
    pub wrench: Spatial<R>,
    /// `qfrc_smooth`: motors + passive − bias.
    pub smooth: Dofs<R>,
    /// Motors' torques.
    pub torque: Dofs<R>,
    /// Gradient, then the Newton step.
    pub step: Dofs<R>,
    /// Floor contacts.
    pub contacts: Contacts<R>,
    /// Joint limits.
    pub limits: Limits<R>,
    /// Composite inertia per body: xx, xz, zz, xω, zω, ωω at the anchor.
    pub composite: [[R; 6]; MAX_BODIES],
    /// Hessian, then its LᵀDL factor, rows as in `Topology`.
    pub factor: [R; MAX_ENTRIES],
    /// Contacts between limbs. In a box: between the arrays that every robot uses it would spread
    /// them over more of the cache.
    pub pairs: Box<Pairs<R>>,
    /// Stage times, where they are measured.
    pub laps: Laps,
}

impl<R: Real> Work<R> {
    /// All NaN.
    pub fn poisoned() -> Box<Self> {
        let nan = R::splat(f64::NAN);
        let none = R::Mask::none();
        let spatial = Spatial {
            x: [nan; MAX_BODIES],
            z: [nan; MAX_BODIES],
            w: [nan; MAX_BODIES],
        };
        Box::new(Self {
            cos: [nan; MAX_BODIES],
            sin: [nan; MAX_BODIES],
            rx: [nan; MAX_BODIES],
            rz: [nan; MAX_BODIES],
            height: [nan; MAX_BODIES],
            hx: [nan; MAX_BODIES],
            hz: [nan; MAX_BODIES],
            velocity: spatial.clone(),
            bias: spatial.clone(),
            wrench: spatial,
            smooth: [nan; MAX_DOFS],
            torque: [nan; MAX_DOFS],
            step: [nan; MAX_DOFS],
            contacts: Contacts {
                len: 0,
                point: [0; MAX_POINTS],
                body: [0; MAX_POINTS],
                x: [nan; MAX_POINTS],
                z: [nan; MAX_POINTS],
                friction: [nan; MAX_POINTS],
                weight: [nan; MAX_POINTS],
                reference_t: [nan; MAX_POINTS],
                reference_n: [nan; MAX_POINTS],
                residual_n: [nan; MAX_POINTS],
                residual_t: [nan; MAX_POINTS],
                active: [[none; 3]; MAX_POINTS],
            },
            limits: Limits {
                len: 0,
                dof: [0; MAX_DOFS],
                jacobian: [nan; MAX_DOFS],
                weight: [nan; MAX_DOFS],
                reference: [nan; MAX_DOFS],
                residual: [nan; MAX_DOFS],
                active: [none; MAX_DOFS],
            },
            composite: [[nan; 6]; MAX_BODIES],
            factor: [nan; MAX_ENTRIES],
            pairs: Box::new(Pairs {
                len: 0,
                anchor_x: [nan; MAX_BODIES],
                anchor_z: [nan; MAX_BODIES],
                pair: [0; MAX_PAIRS],
                jacobian: [[nan; MAX_BODIES]; MAX_PAIRS],
                weight: [nan; MAX_PAIRS],
                reference: [nan; MAX_PAIRS],
                residual: [nan; MAX_PAIRS],
                active: [none; MAX_PAIRS],
            }),
            laps: Laps::default(),
        })
    }
}
