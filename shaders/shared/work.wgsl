// What the stages of one environment leave for each other, as `Work` on the CPU. Every array is
// indexed by constants once the loops are unrolled, so that it lives in registers.
#define_import_path shared::work
#import shared::topology::{NB, NV, ENTRIES, POINT_ROOM, PAIR_ROOM, LEVER_ROOM}

// Where the acceleration is evaluated: positions and velocities, hinges about +y.
var<private> qpos: array<f32, NV>;
var<private> qvel: array<f32, NV>;
// Warm start, then the constrained acceleration.
var<private> qacc: array<f32, NV>;
// Motors' torques.
var<private> qfrc_actuator: array<f32, NV>;

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
// Velocities of the anchors, then their accelerations at `qacc`.
var<private> cvel_x: array<f32, NB>;
var<private> cvel_z: array<f32, NB>;
var<private> cvel_w: array<f32, NB>;
// Wrenches on the way to the root.
var<private> cfrc_int_x: array<f32, NB>;
var<private> cfrc_int_z: array<f32, NB>;
var<private> cfrc_int_w: array<f32, NB>;
// Motors + passive - bias.
var<private> qfrc_smooth: array<f32, NV>;
// Gradient of the objective at `qacc`.
var<private> grad: array<f32, NV>;
// Newton step: `qacc` moves against it.
var<private> Mgrad: array<f32, NV>;
// The Hessian, `qM` with the stiffness of active rows, then its LDL factor; rows as in `Topology`.
var<private> qLD: array<f32, ENTRIES>;

// Floor contacts by end sphere: anchor -> contact point, D, reference accelerations.
var<private> contact_x: array<f32, POINT_ROOM>;
var<private> contact_z: array<f32, POINT_ROOM>;
var<private> contact_efc_D: array<f32, POINT_ROOM>;
var<private> contact_efc_aref_t: array<f32, POINT_ROOM>;
var<private> contact_efc_aref_n: array<f32, POINT_ROOM>;
// Rows of rolling by end sphere: reference acceleration.
var<private> roll_efc_aref: array<f32, POINT_ROOM>;
// Which end spheres touch: bit i of word i / 32.
var<private> touching: vec2<u32>;
// Rows n + mu t, n - mu t, n of the end spheres: those active when the Hessian was made.
var<private> active_plus: vec2<u32>;
var<private> active_minus: vec2<u32>;
var<private> active_normal: vec2<u32>;
// Rows n + mu w, n - mu w of those that roll.
var<private> active_roll_plus: vec2<u32>;
var<private> active_roll_minus: vec2<u32>;
// Joint limits by degree of freedom: +1 at the lower, -1 at the upper; D; reference acceleration.
var<private> limit_efc_J: array<f32, NV>;
var<private> limit_efc_D: array<f32, NV>;
var<private> limit_efc_aref: array<f32, NV>;
// Which limits are exceeded, and whose rows are active: bit i is degree of freedom i.
var<private> exceeded: u32;
var<private> active_limits: u32;

// Root's anchor -> anchors, world axes, m; only where limbs may touch.
var<private> pair_xanchor_x: array<f32, NB>;
var<private> pair_xanchor_z: array<f32, NB>;
// Contacts between limbs, by pair: J of the levers of all pairs, D, reference acceleration.
var<private> pair_efc_J: array<f32, LEVER_ROOM>;
var<private> pair_efc_D: array<f32, PAIR_ROOM>;
var<private> pair_efc_aref: array<f32, PAIR_ROOM>;
// Which pairs touch, and whose rows are active: bit i is pair i.
var<private> pressed: u32;
var<private> active_pairs: u32;

// Rows active at the latest gradient; those above are the factor's.
var<private> now_plus: vec2<u32>;
var<private> now_minus: vec2<u32>;
var<private> now_normal: vec2<u32>;
var<private> now_roll_plus: vec2<u32>;
var<private> now_roll_minus: vec2<u32>;
var<private> now_limits: u32;
var<private> now_pairs: u32;
