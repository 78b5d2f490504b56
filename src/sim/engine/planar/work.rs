//! What the stages of one block leave for each other.

use crate::engine::planar::profile::StageTimes;
use crate::engine::planar::real::{Mask, Real};
use crate::engine::planar::topology::{MAX_BODIES, MAX_DOFS, MAX_ENTRIES, MAX_PAIRS, MAX_POINTS};

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
    /// D, the rows' inverse regularisation: how hard they push where they are violated.
    pub efc_D: [R; MAX_POINTS],
    /// Tangential reference acceleration.
    pub efc_aref_t: [R; MAX_POINTS],
    /// Normal reference acceleration; hugely negative in lanes that do not touch, whose rows are
    /// therefore never active.
    pub efc_aref_n: [R; MAX_POINTS],
    /// Residual of the pure normal rows at the pass's `qacc`.
    pub efc_Jaref_n: [R; MAX_POINTS],
    /// Tangential residual × μ.
    pub efc_Jaref_t: [R; MAX_POINTS],
    /// Rows n + μt, n − μt, n (twice): active at the latest pass.
    pub active: [[R::Mask; 3]; MAX_POINTS],
}

/// Rows of rolling about y of [`Contacts`]: entry `c` is that of its entry `c`.
#[derive(Clone)]
pub struct Rolls<R: Real> {
    /// Rolling friction, m.
    pub friction: [R; MAX_POINTS],
    /// Reference acceleration, rad/s².
    pub efc_aref: [R; MAX_POINTS],
    /// Residual × friction at the pass's `qacc`.
    pub efc_Jaref: [R; MAX_POINTS],
    /// Rows n + μω, n − μω: active at the latest pass.
    pub active: [[R::Mask; 2]; MAX_POINTS],
}

/// Joint limits of this evaluation, as [`Contacts`].
#[derive(Clone)]
pub struct Limits<R: Real> {
    /// Number of entries.
    pub len: usize,
    /// Degree of freedom.
    pub dof: [usize; MAX_DOFS],
    /// +1 at the lower limit, −1 at the upper.
    pub efc_J: Dofs<R>,
    /// D.
    pub efc_D: Dofs<R>,
    /// Reference acceleration; hugely negative where no limit is exceeded.
    pub efc_aref: Dofs<R>,
    /// Residual at the pass's `qacc`.
    pub efc_Jaref: Dofs<R>,
    /// Active at the latest pass.
    pub active: [R::Mask; MAX_DOFS],
}

/// Contacts between limbs of this evaluation, as [`Contacts`].
#[derive(Clone)]
pub struct Pairs<R: Real> {
    /// Number of entries.
    pub len: usize,
    /// Root's anchor → anchor, world x, m.
    pub xanchor_x: Bodies<R>,
    /// World z.
    pub xanchor_z: Bodies<R>,
    /// Which pair it is.
    pub pair: [usize; MAX_PAIRS],
    /// J of the pair's levers, in their order.
    pub efc_J: [Bodies<R>; MAX_PAIRS],
    /// D.
    pub efc_D: [R; MAX_PAIRS],
    /// Reference acceleration; hugely negative in lanes that do not touch.
    pub efc_aref: [R; MAX_PAIRS],
    /// Residual at the pass's `qacc`.
    pub efc_Jaref: [R; MAX_PAIRS],
    /// Active at the latest pass.
    pub active: [R::Mask; MAX_PAIRS],
}

/// Scratch of one block. Every field is written before it is read; it starts as NaN so that a
/// slip would show.
#[derive(Clone)]
pub struct Work<R: Real> {
    /// Cosines of the bodies' angles.
    pub cosine: Bodies<R>,
    /// Sines.
    pub sine: Bodies<R>,
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
    /// Velocities of the anchors, then their accelerations at `qacc`.
    pub cvel: Spatial<R>,
    /// Anchor accelerations at zero joint acceleration, gravity included (x and z).
    pub cacc: Spatial<R>,
    /// Wrenches on the way to the root.
    pub cfrc_int: Spatial<R>,
    /// Motors + passive − bias.
    pub qfrc_smooth: Dofs<R>,
    /// Motors' torques.
    pub qfrc_actuator: Dofs<R>,
    /// Gradient of the objective at `qacc`, then the Newton step: `qacc` moves against it.
    pub grad: Dofs<R>,
    /// Floor contacts.
    pub contacts: Contacts<R>,
    /// Joint limits.
    pub limits: Limits<R>,
    /// Composite inertia per body: xx, xz, zz, xω, zω, ωω at the anchor.
    pub crb: [[R; 6]; MAX_BODIES],
    /// The Hessian, `qM` with the stiffness of active rows, then its LᵀDL factor, rows as in `Topology`.
    pub qLD: [R; MAX_ENTRIES],
    /// Contacts between limbs. In a box: between the arrays that every robot uses it would spread
    /// them over more of the cache.
    pub pairs: Box<Pairs<R>>,
    /// Rows of rolling of the floor contacts; in a box likewise.
    pub rolls: Box<Rolls<R>>,
    /// Stage times, where they are measured.
    pub stage_times: StageTimes,
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
            cosine: [nan; MAX_BODIES],
            sine: [nan; MAX_BODIES],
            rx: [nan; MAX_BODIES],
            rz: [nan; MAX_BODIES],
            height: [nan; MAX_BODIES],
            hx: [nan; MAX_BODIES],
            hz: [nan; MAX_BODIES],
            cvel: spatial.clone(),
            cacc: spatial.clone(),
            cfrc_int: spatial,
            qfrc_smooth: [nan; MAX_DOFS],
            qfrc_actuator: [nan; MAX_DOFS],
            grad: [nan; MAX_DOFS],
            contacts: Contacts {
                len: 0,
                point: [0; MAX_POINTS],
                body: [0; MAX_POINTS],
                x: [nan; MAX_POINTS],
                z: [nan; MAX_POINTS],
                friction: [nan; MAX_POINTS],
                efc_D: [nan; MAX_POINTS],
                efc_aref_t: [nan; MAX_POINTS],
                efc_aref_n: [nan; MAX_POINTS],
                efc_Jaref_n: [nan; MAX_POINTS],
                efc_Jaref_t: [nan; MAX_POINTS],
                active: [[none; 3]; MAX_POINTS],
            },
            limits: Limits {
                len: 0,
                dof: [0; MAX_DOFS],
                efc_J: [nan; MAX_DOFS],
                efc_D: [nan; MAX_DOFS],
                efc_aref: [nan; MAX_DOFS],
                efc_Jaref: [nan; MAX_DOFS],
                active: [none; MAX_DOFS],
            },
            crb: [[nan; 6]; MAX_BODIES],
            qLD: [nan; MAX_ENTRIES],
            pairs: Box::new(Pairs {
                len: 0,
                xanchor_x: [nan; MAX_BODIES],
                xanchor_z: [nan; MAX_BODIES],
                pair: [0; MAX_PAIRS],
                efc_J: [[nan; MAX_BODIES]; MAX_PAIRS],
                efc_D: [nan; MAX_PAIRS],
                efc_aref: [nan; MAX_PAIRS],
                efc_Jaref: [nan; MAX_PAIRS],
                active: [none; MAX_PAIRS],
            }),
            rolls: Box::new(Rolls {
                friction: [nan; MAX_POINTS],
                efc_aref: [nan; MAX_POINTS],
                efc_Jaref: [nan; MAX_POINTS],
                active: [[none; 2]; MAX_POINTS],
            }),
            stage_times: StageTimes::default(),
        })
    }
}
