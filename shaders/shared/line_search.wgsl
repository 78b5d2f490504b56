// How far to go along a Newton step (DYNAMICS.md 5): a zero of the exact piecewise-linear slope.
//
// The CPU evaluates the slope from residuals. Here each trial is another gradient, whose product
// with the step is the same slope: one loop body does both, so that the rare search costs neither
// registers nor, where branches are masks, time. The zero is bracketed and approached by secants.
#define_import_path shared::line_search
#import shared::topology::NV
#import shared::work::{grad, Mgrad}

// Slope evaluations after the first.
const MOST_EVALUATIONS = 3u;
// A slope below this share of the first one counts as zero.
const SLOPE_TOLERANCE = 1e-3;

struct Search {
    // Share of the step taken so far, and the lengths between which the zero lies.
    length: f32,
    low: f32,
    high: f32,
    // Slopes at them, and the slope that counts as zero.
    slope_now: f32,
    slope_low: f32,
    slope_high: f32,
    enough: f32,
    // Trials at a shorter length.
    trials: u32,
}

// The full step is taken; `form` is g' H^-1 g, so that the slope at its start is -form.
fn search_from(form: f32) -> Search {
    return Search(1.0, 0.0, 1.0, 0.0, -form, 0.0, SLOPE_TOLERANCE * abs(form), 0u);
}

// Measures the slope at the present length: must the search go on?
fn overshoots(search: ptr<function, Search>) -> bool {
    var along = 0.0;
    for (var i = 0u; i < NV; i++) {
        along = fma(-grad[i], Mgrad[i], along);
    }
    (*search).slope_now = along;
    // A full step that falls short stands.
    let off = select(abs(along), along, (*search).trials == 0u);
    return off > (*search).enough && (*search).trials < MOST_EVALUATIONS;
}

// Chooses the next length; returns how much of the step to take back.
fn shorten(search: ptr<function, Search>) -> f32 {
    let length = (*search).length;
    if ((*search).slope_now > 0.0) {
        (*search).high = length;
        (*search).slope_high = (*search).slope_now;
    } else {
        (*search).low = length;
        (*search).slope_low = (*search).slope_now;
    }
    let share = (*search).slope_low / ((*search).slope_low - (*search).slope_high);
    let next = fma(share, (*search).high - (*search).low, (*search).low);
    (*search).length = next;
    (*search).trials++;
    return length - next;
}
