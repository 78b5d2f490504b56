// The policy's head: an action from its raw outputs, as either `sample_row` on the CPU.
#define_import_path shared::head
#import shared::math::{exponential, tangent}

const LOG_STD_LOW = -20.0;
const LOG_STD_HIGH = 2.0;

fn sample(mean: f32, raw_log_std: f32, draw: f32) -> f32 {
    let spread = exponential(clamp(raw_log_std, LOG_STD_LOW, LOG_STD_HIGH));
#ifdef CLIPPED
    return clamp(fma(spread, draw, tangent(mean)), -1.0, 1.0);
#else
    return tangent(fma(spread, draw, mean));
#endif
}
