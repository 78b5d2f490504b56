// What the stages of one environment leave for each other, as `Work` on the CPU. Every array is
// indexed by constants once the loops are unrolled, so that it lives in registers.
#define_import_path shared::work
#import shared::topology::{NB, NV, ENTRIES, POINT_ROOM, PAIR_ROOM, LEVER_ROOM}

// Where the acceleration is evaluated: positions and velocities, hinges about +y.
var<private> q: array<f32, NV>;
var<private> v: array<f32, NV>;
// Warm start, then the constrained acceleration.
var<private> x: array<f32, NV>;
// Motors' torques.
var<private> torque: array<f32, NV>;

// Sines and cosines of the bodies' angles.
var<private> sine: array<f32, NB>;
var<private> cosine: array<f32, NB>;
// Parent's anchor -> own anchor, world axes, m.
var<private> rx: array<f32, NB>;
var<private> rz: array<f32, NB>;
// Height of the anchors, m.
var<private> height: array<f32, NB>;
// First mass moment about the anchor, world axes, kg m.
var<private> hx: array<f32, NB>;
var<private> hz: array<f32, NB>;
// Velocities of the anchors, then their accelerations at `x`.
var<private> anchor_x: array<f32, NB>;
var<private> anchor_z: array<f32, NB>;
var<private> anchor_w: array<f32, NB>;
// Wrenches on the way to the root.
var<private> wrench_x: array<f32, NB>;
var<private> wrench_z: array<f32, NB>;
var<private> wrench_w: array<f32, NB>;
// `qfrc_smooth`: motors + passive - bias.
var<private> smooth_part: array<f32, NV>;
// Gradient of the objective at `x`.
var<private> slope: array<f32, NV>;
// Newton step: `x` moves against it.
var<private> direction: array<f32, NV>;
// Hessian, then its LDL factor; rows as in `Topology`.
var<private> hessian: array<f32, ENTRIES>;

// Floor contacts by end sphere: anchor -> contact point, D, reference accelerations.
var<private> contact_x: array<f32, POINT_ROOM>;
var<private> contact_z: array<f32, POINT_ROOM>;
var<private> contact_weight: array<f32, POINT_ROOM>;
var<private> reference_t: array<f32, POINT_ROOM>;
var<private> reference_n: array<f32, POINT_ROOM>;
// Which end spheres touch: bit i of word i / 32.
var<private> touching: vec2<u32>;
// Rows n + mu t, n - mu t, n of the end spheres: those active when the Hessian was made.
var<private> active_plus: vec2<u32>;
var<private> active_minus: vec2<u32>;
var<private> active_normal: vec2<u32>;
// Joint limits by degree of freedom: +1 at the lower, -1 at the upper; D; reference acceleration.
var<private> limit_side: array<f32, NV>;
var<private> limit_weight: array<f32, NV>;
var<private> limit_reference: array<f32, NV>;
// Which limits are exceeded, and whose rows are active: bit i is degree of freedom i.
var<private> exceeded: u32;
var<private> active_limits: u32;

// Root's anchor -> anchors, world axes, m; only where limbs may touch.
var<private> place_x: array<f32, NB>;
var<private> place_z: array<f32, NB>;
// Contacts between limbs, by pair: J of the levers of all pairs, D, reference acceleration.
var<private> pair_jacobian: array<f32, LEVER_ROOM>;
var<private> pair_weight: array<f32, PAIR_ROOM>;
var<private> pair_reference: array<f32, PAIR_ROOM>;
// Which pairs touch, and whose rows are active: bit i is pair i.
var<private> pressed: u32;
var<private> active_pairs: u32;

// Rows active at the latest gradient; those above are the factor's.
var<private> now_plus: vec2<u32>;
var<private> now_minus: vec2<u32>;
var<private> now_normal: vec2<u32>;
var<private> now_limits: u32;
var<private> now_pairs: u32;
