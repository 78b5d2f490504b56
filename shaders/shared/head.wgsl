// The tanh-Gaussian head: an action from the policy's raw outputs, as `sample_row` on the CPU.
#define_import_path shared::head
#import shared::math::{exponential, tangent}

const LOG_STD_LOW = -20.0;
const LOG_STD_HIGH = 2.0;

fn sample(mean: f32, raw_log_std: f32, draw: f32) -> f32 {
    let log_std = clamp(raw_log_std, LOG_STD_LOW, LOG_STD_HIGH);
    return tangent(fma(exponential(log_std), draw, mean));
}
