//! Settings that several methods share, each declared once, and what two settings must be to each other.

use crate::error::{Error, Result};

/// Settings of every method.
macro_rules! networks {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// Widths of the hidden layers of every network.
            hidden: Vec<usize> = vec![256, 256] => SOME,
            /// γ.
            discount: f64 = 0.99 => UNIT,
            /// Factor of the reward in the target.
            reward_scale: f64 = 1.0 => POSITIVE,
            /// Adam's rate for the policy.
            policy_lr: f64 = 3e-4 => NOT_NEGATIVE,
            /// Adam's rate for the critics.
            qf_lr: f64 = 3e-4 => NOT_NEGATIVE,
            /// Updates over which the rates of policy, temperature, critics and V fall to 0 along half a cosine (0: they stay).
            lr_updates: u64 = 0 => COUNT,
            /// Polyak rate of the target critics.
            polyak: f64 = 0.005 => UNIT,
            /// What is done to the critics' hidden layers before the ReLU.
            critic_norm: crate::kernel::norm::Norm = crate::kernel::norm::Norm::None,
        } $($then)* }
    };
}

/// Settings of the methods that know the data set.
macro_rules! scaled {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// Whether states are seen on the data set's scale, each number less its mean and over its deviation.
            standardise: bool = false,
        } $($then)* }
    };
}

/// Settings of a temperature that is learned.
macro_rules! temperature {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// Adam's rate for log α, α being the temperature (β in H2O+'s paper).
            alpha_lr: f64 = 3e-4 => NOT_NEGATIVE,
            /// α before the first update.
            initial_alpha: f64 = 1.0 => POSITIVE,
            /// H̄; none: −(length of an action).
            target_entropy: Option<f64> = None => FINITE,
        } $($then)* }
    };
}

/// Settings of a temperature that stays.
macro_rules! fixed_temperature {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// α, the temperature, which stays.
            alpha: f64 = 0.2 => POSITIVE,
        } $($then)* }
    };
}

/// Settings of SAC's target.
macro_rules! exploring {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// The exploration term of the target.
            exploration: crate::kernel::target::Exploration =
                crate::kernel::target::Exploration::Entropy,
            /// κ of the exploration term `optimism`.
            optimism: f64 = 1.0 => NOT_NEGATIVE,
        } $($then)* }
    };
}

/// Settings of the classifiers of the dynamics ratio.
macro_rules! classifiers {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// Real, and as many simulated, transitions on which the classifiers train per update.
            ratio_batch: usize = 256 => SOME,
            /// σ of the normals added to the classifiers' inputs.
            ratio_noise: f64 = 0.1 => NOT_NEGATIVE,
            /// Adam's rate for the classifiers.
            ratio_lr: f64 = 3e-4 => NOT_NEGATIVE,
            /// Updates per step of the classifiers: 10 as in ODRL's code.
            ratio_every: u64 = 1 => SOME,
            /// Which of the classifiers' heads are bounded.
            ratio_heads: crate::kernel::ratio::RatioHeads =
                crate::kernel::ratio::RatioHeads::Published,
            /// What is done to the classifiers' hidden layers before the ReLU.
            ratio_norm: crate::kernel::norm::Norm = crate::kernel::norm::Norm::None,
        } $($then)* }
    };
}

/// Settings of the methods that learn from real and simulated transitions.
macro_rules! halves {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// Real transitions per update.
            real_batch: usize = 128 => SOME,
            /// Simulated transitions per update.
            sim_batch: usize = 128 => SOME,
        } $($then)* }
    };
}

/// Settings of the methods that weight simulated transitions by the ratio.
macro_rules! weighted {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// Whether the simulated half is weighted by the dynamics ratio.
            use_ratio: bool = true,
            /// Whether the simulated half's weights are divided by their mean over the batch.
            ratio_normalise: bool = false,
            /// Smallest weight.
            ratio_min: f64 = 1e-5 => NOT_NEGATIVE,
            /// Largest weight.
            ratio_max: f64 = 1.0 => POSITIVE,
        } $($then)* }
    };
}

/// Settings of a conservative term.
macro_rules! penalty {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// w, the weight of the conservative term.
            penalty_weight: f64 = 2.0 => NOT_NEGATIVE,
            /// T of the conservative term's T·logsumexp(·/T).
            penalty_temperature: f64 = 1.0 => POSITIVE,
        } $($then)* }
    };
}

/// Settings of CQL's actions.
macro_rules! candidates {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// Actions of each kind at a state: uniform, of the policy at s, of the policy at s'.
            penalty_actions: usize = 10 => SOME,
            /// Whether log-densities of the actions are subtracted, which leaves the data's action out of the logsumexp.
            importance: bool = true,
        } $($then)* }
    };
}

/// Settings of behaviour cloning beside SAC's loss of the policy.
macro_rules! cloning {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// w of the policy's loss w/mean|min Q|·(SAC's) + (a' − a)².
            bc_weight: f64 = 5.0 => POSITIVE,
        } $($then)* }
    };
}

/// Settings of IQL's losses.
macro_rules! in_sample {
    ($($then:tt)*) => {
        h2oplus_base::settings! { @add {
            /// τ of the expectile.
            expectile: f64 = 0.7 => INSIDE_UNIT,
            /// β of the advantage weights, exp(β(min Q̂ − V)).
            beta: f64 = 3.0 => NOT_NEGATIVE,
            /// Largest advantage weight.
            weight_max: f64 = 100.0 => POSITIVE,
            /// Updates over which the policy's rate, which does not go by `lr_updates`, falls to 0 along half a cosine (0: it
            /// stays).
            policy_lr_updates: u64 = 1_000_000 => COUNT,
            /// What is done to V's hidden layers before the ReLU.
            value_norm: crate::kernel::norm::Norm = crate::kernel::norm::Norm::None,
            /// Adam's rate for V.
            vf_lr: f64 = 3e-4 => NOT_NEGATIVE,
        } $($then)* }
    };
}

pub(crate) use {
    candidates, classifiers, cloning, exploring, fixed_temperature, halves, in_sample, networks,
    penalty, scaled, temperature, weighted,
};

/// Refuses a clip whose bounds, the settings of these keys, are the wrong way round.
pub(crate) fn ordered(keys: [&str; 2], [low, high]: [f64; 2]) -> Result<()> {
    if low <= high {
        return Ok(());
    }
    let problem = format!("is {low}, and `{}` is {high}", keys[1]);
    Err(Error::input(keys[0], problem, "give the lower one first"))
}
