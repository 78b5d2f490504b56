// Remembers the constraint rows of every evaluation, for comparisons with another engine.
#define_import_path shared::trace
#import shared::work::{touching, exceeded, pressed}

// Rows of the evaluations so far; the kernel gives the place of the environment's first.
@group(0) @binding(6) var<storage, read_write> trace: array<u32>;
var<private> trace_at: u32;

fn record() {
    trace[trace_at] = touching.x;
    trace[trace_at + 1u] = touching.y;
    trace[trace_at + 2u] = exceeded;
    trace[trace_at + 3u] = pressed;
    trace_at += 4u;
}
